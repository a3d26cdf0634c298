//! Sequence numbers, sending again, and flow.

use super::*;

#[tokio::test]
async fn output_is_numbered_acknowledges_and_bears_the_instance() {
    let mut client = Client::run("cat");
    client.send(Kind::Input, "").await;
    client.input("x\n").await;
    let frame = client.recv().await;
    assert_eq!((frame.output_seq, frame.input_seq), (1, 2));
    assert_eq!(frame.version, Version::V1_02);
    assert_eq!(frame.instance_id, "i-1");
    client.input("\x04").await;
    assert_eq!(client.ended().await, "Ok");
}

#[tokio::test]
async fn much_output_arrives_whole_while_the_client_acknowledges_it() {
    let mut client = Client::run("sh -c 'stty -opost; seq 1 1000000'");
    let mut lines = 0;
    while lines < 1_000_000 {
        let frame = client.recv().await;
        assert!(frame.payload.len() <= 1024 + 3);
        lines += frame.payload.iter().filter(|b| **b == b'\n').count();
        if frame.output_seq % 1000 == 0 {
            client.send(Kind::Input, "").await;
        }
    }
    assert_eq!(client.ended().await, "Ok");
    let expected: String = (1..=1_000_000).map(|n| format!("{n}\n")).collect();
    assert!(client.screen == expected.as_bytes());
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_stops_the_guest() {
    let options = AgentOptions {
        window: 4096,
        ..AgentOptions::default()
    };
    let mut client = Client::new(
        command("sh -c 'while :; do echo 0123456789; done'"),
        &options,
    );
    while client.screen.len() < 4096 {
        client.recv().await;
    }
    // One ask for everything: what comes is what came, and nothing new goes before it.
    let first = client.screen.clone();
    (client.taken, client.screen) = (0, Vec::new());
    client.send(Kind::Sync, "").await;
    while client.screen.len() < first.len() {
        client.recv().await;
    }
    assert!(client.screen == first);
    // An acknowledgement makes room for more.
    client.send(Kind::Input, "").await;
    client.recv().await;
}

#[tokio::test]
async fn the_last_output_can_be_asked_for_after_the_end() {
    let mut client = Client::run("echo bye");
    assert_eq!(client.ended().await, "Ok");
    (client.taken, client.screen) = (0, Vec::new());
    client.send(Kind::Sync, "").await;
    client.wait_for("bye\r\n").await;
}

#[tokio::test]
async fn a_gap_is_asked_for_and_a_duplicate_dropped() {
    let mut client = Client::new(SessionSpec::default(), &echo());
    client.input("a").await;
    client.sent = 2;
    client.input("c").await;
    // The Sync may come before the echo.
    let frames = [client.recv().await, client.recv().await];
    let sync = frames.iter().find(|frame| frame.kind == Kind::Sync);
    assert_eq!(sync.unwrap().input_seq, 2);
    client.sent = 0;
    for text in ["a", "b", "c", "d"] {
        client.input(text).await;
    }
    client.wait_for("abcd").await;
    assert_eq!(client.text(), "abcd");
}

#[tokio::test]
async fn a_client_of_1_01_is_never_checked() {
    let mut client = Client::new(SessionSpec::default(), &echo());
    client.version = Version::V1_01;
    for number in [0, 0, 7, 3] {
        client.sent = u32::wrapping_sub(number, 1);
        let mut frame = Frame::new(Kind::Input, Version::V1_01, 1, Bytes::from("x"));
        frame.input_seq = number;
        client.agent.to_agent.send(frame).await.unwrap();
    }
    client.wait_for("xxxx").await;
}

#[tokio::test]
async fn a_terminal_that_is_stuck_both_ways_comes_free_with_acknowledgements() {
    // `cat` echoes: with the window full of its output it reads no more, and Input piles up behind
    // it; the acknowledgement that frees it comes behind that Input.
    let options = AgentOptions {
        window: 8192,
        ..AgentOptions::default()
    };
    let mut client = Client::new(command("sh -c 'stty raw -echo; echo go; cat'"), &options);
    client.wait_for("go").await;
    let head = client.screen.len();
    let total = 400_000;
    let mut log = vec![Bytes::from(vec![b'x'; 2000]); 200];
    let (to_agent, mut next) = (client.agent.to_agent.clone(), 0);
    while client.screen.len() < head + total {
        tokio::select! {
            biased;
            permit = to_agent.reserve(), if next < log.len() => {
                let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, log[next].clone());
                next += 1;
                frame.input_seq = u32::try_from(next).unwrap();
                frame.output_seq = client.taken;
                permit.unwrap().send(frame);
            }
            frame = client.agent.from_agent.recv() => {
                let frame = frame.unwrap();
                client.note(&frame);
                if frame.kind == Kind::Sync {
                    next = usize::try_from(frame.input_seq).unwrap() - 1;
                } else if next == log.len() {
                    log.push(Bytes::new());
                }
            }
        }
    }
    assert!(client.screen[head..].iter().all(|b| *b == b'x'));
}
