//! Stops of the process, and attempts of its own that come back to it late.

use super::*;

/// The text of a session that the gateway ends with `reason`.
async fn end(rig: Rig, peer: &Peer, reason: &str) -> String {
    let closed = Status::Closed(reason.into()).encode();
    peer.send(Kind::Status, 0, closed).await;
    rig.failure().await
}

/// Answers pings for so long.
async fn stay(peer: &mut Peer, span: Duration) {
    let answering = async {
        loop {
            peer.next().await;
        }
    };
    let answered: Result<(), _> = tokio::time::timeout(span, answering).await;
    assert!(answered.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_process_reads_before_it_judges_the_silence() {
    let mut rig = Rig::open([]).await;
    let mut peer = rig.peer.take().unwrap();
    for _ in 0..20 {
        tokio::time::advance(300 * SECOND).await;
        // A ping is answered, and output follows.
        let quiet = tokio::time::timeout(SECOND, peer.next()).await;
        assert!(quiet.is_err());
        peer.print("on").await;
        rig.read("on").await;
    }
    assert_eq!(rig.notices(), [Notice::Opened]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_names_the_stop_that_led_to_it() {
    let mut rig = Rig::open([]).await;
    let peer = rig.peer.take().unwrap();
    tokio::time::advance(400 * SECOND).await;
    let text = end(rig, &peer, "IdleTimeout").await;
    assert!(text.contains("(IdleTimeout)"), "{text}");
    assert!(text.ends_with(" (axt had been stopped for 370s)"), "{text}");
    // Long after it, it explains nothing.
    let mut rig = Rig::open([]).await;
    let mut peer = rig.peer.take().unwrap();
    tokio::time::advance(400 * SECOND).await;
    stay(&mut peer, 100 * SECOND).await;
    let text = end(rig, &peer, "IdleTimeout").await;
    assert!(text.ends_with("(IdleTimeout)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_gone_after_an_attempt_that_was_given_up_may_come_back() {
    let gone = || Attempt::Refused(404);
    let mut rig = Rig::open([Attempt::Fails, gone(), gone(), Attempt::Connects]).await;
    rig.cut();
    let mut peer = rig.reconnected().await;
    peer.outputs = 1;
    peer.print("on").await;
    rig.read("on").await;
    assert_eq!(rig.notices().last(), Some(&Notice::Resumed));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_stays_gone_is_given_up() {
    let gone = (0..20).map(|_| Attempt::Refused(404));
    let mut rig = Rig::open(std::iter::once(Attempt::Fails).chain(gone)).await;
    rig.cut();
    let record = Arc::clone(&rig.record);
    let text = rig.failure().await;
    assert!(text.contains("HTTP 404"), "{text}");
    let attempts = record.lock().unwrap().attempts.clone();
    // The failed one, the first that was refused, and five more; within a minute.
    assert!((5..=7).contains(&attempts.len()), "{attempts:?}");
    let (first, last) = (attempts[1].0, attempts[attempts.len() - 1].0);
    assert!(last - first <= 80 * SECOND, "{attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_that_takes_the_session_gives_it_back() {
    let mut rig = Rig::open([Attempt::Fails, Attempt::Connects, Attempt::Connects]).await;
    rig.cut();
    let mut peer = rig.reconnected().await;
    peer.outputs = 1;
    peer.print("on").await;
    rig.read("on").await;
    let taken = Status::Closed("SessionIdDuplicate".into()).encode();
    peer.send(Kind::Status, 0, taken).await;
    let mut peer = rig.reconnected().await;
    peer.outputs = 2;
    peer.print(" and on").await;
    rig.read(" and on").await;
    // Much later, it is somebody else's.
    stay(&mut peer, 200 * SECOND).await;
    let text = end(rig, &peer, "SessionIdDuplicate").await;
    assert!(text.contains("(SessionIdDuplicate)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn who_has_given_nothing_up_has_lost_the_session_to_somebody_else() {
    let mut rig = Rig::open([Attempt::Connects]).await;
    let peer = rig.peer.take().unwrap();
    let text = end(rig, &peer, "SessionIdDuplicate").await;
    assert!(text.contains("(SessionIdDuplicate)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_says_nothing_is_waited_for_and_that_is_said_once() {
    let plain = Plain { end_of_file: b"" };
    let mut rig = Rig::opening([], 1024, plain, Some(15 * SECOND));
    let mut peer = rig.peer.take().unwrap();
    let opened = Status::Opened.encode();
    peer.send(Kind::Status, 0, opened).await;
    rig.type_in("ls\n").await;
    let quiet = tokio::time::timeout(100 * SECOND, peer.next()).await;
    assert!(quiet.is_err());
    let within = 15 * SECOND;
    let expected = [Notice::Opened, Notice::NothingCame { within }];
    assert_eq!(rig.notices(), expected);
    peer.print("$ ").await;
    assert_eq!(peer.next().await.payload, "ls\n");
}
