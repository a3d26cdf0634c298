//! The gateway: who gets in, what ends a session, faults and resuming.

use crate::support::*;
use axt::emulator::{Cut, Emulator, Instance, InstanceState, Options};
use axt::protocol::frame::{Frame, Kind, Version, resize_payload};
use axt::protocol::status::Status;
use bytes::Bytes;
use futures_util::SinkExt as _;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn what_is_typed_comes_back() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    let mut statuses = Vec::new();
    while statuses.len() < 3 {
        let frame = client.next().await.unwrap();
        assert_eq!(frame.kind, Kind::Status);
        statuses.push(Status::decode(&frame.payload));
    }
    assert_eq!(
        statuses,
        [Status::Opening, Status::Opened, Status::Stream(1_600_000)]
    );
    assert!(!client.channel_id.is_empty());
    client.type_in("hello").await;
    let frame = client.next().await.unwrap();
    assert_eq!(
        (
            frame.kind,
            &frame.payload[..],
            frame.output_seq,
            frame.input_seq
        ),
        (Kind::Output, &b"hello"[..], 1, 1)
    );
    client.taken = 1;
    let close = client.frame(Kind::Close, Bytes::from("1"));
    client.send(&close).await;
    assert!(matches!(
        client.last_status().await,
        Some(Status::Closed(_))
    ));
    let record = &emulator.sessions()[0];
    assert_eq!(record.session_id, session.id);
    assert_eq!(
        (
            record.connections[0].status,
            record.connections[0].closed_reason
        ),
        ("Terminated", Some("ClientClosed"))
    );
    assert_eq!(emulator.counts().leaked, 1);
}

#[tokio::test]
async fn ending_a_session_closes_its_socket() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("x").await;
    client.output(1).await;
    assert_eq!(
        code(&emulator, end(&emulator, "s-nothing")).await,
        "404 InvalidSessionId.NotFound"
    );
    assert_eq!(code(&emulator, end(&emulator, &session.id)).await, "200 ");
    assert_eq!(client.last_status().await, closed("Notified"));
    assert_eq!(code(&emulator, end(&emulator, &session.id)).await, "200 ");
    assert_eq!(
        dial(&session.url, Some(&session.token)).await.err(),
        Some(403)
    );
    assert_eq!(emulator.counts().leaked, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn the_newest_agents_announce_what_ends_a_session() {
    let options = |limits: &[(&str, &str)]| {
        let mut options = Options::default();
        options.agent.shell = Some("/bin/sh".into());
        options.faults.set("newest-agent", "").unwrap();
        for (name, value) in limits {
            options.limits.set(name, value).unwrap();
        }
        options
    };
    for (limits, reason) in [
        (&[][..], "Notified"),
        (&[("idle", "300ms")], "IdleTimeout"),
        (&[("session-length", "300ms")], "SessionTimeout"),
    ] {
        let emulator = Emulator::on_loopback(options(limits)).unwrap();
        let session = started_with(&emulator, &[("CommandLine", "sh -c 'echo go; read x'")]).await;
        let mut client = Client::open(&session).await;
        assert_eq!(client.output(4).await, "go\r\n");
        if reason == "Notified" {
            assert_eq!(code(&emulator, end(&emulator, &session.id)).await, "200 ");
        }
        let notice = client.next_data().await.unwrap();
        assert_eq!((notice.version, notice.output_seq), (Version::V1_01, 0));
        let text = String::from_utf8(notice.payload.to_vec()).unwrap();
        let start = format!("The session has terminated. {reason}");
        assert!(text.starts_with(&start) && text.ends_with('\n'), "{text}");
        assert_eq!(client.last_status().await, closed(reason));
    }
}

#[tokio::test]
async fn a_socket_opens_for_its_token_only() {
    let emulator = emulator(&[], &[]);
    let (session, other) = (started(&emulator).await, started(&emulator).await);
    let url = &session.url;
    let cases = [
        (url.clone(), Some("sécret"), 403),
        (url.clone(), Some(&other.token[..]), 403),
        (
            url.replace(&session.token, &other.token),
            Some(&session.token),
            403,
        ),
        (
            url.replace(&session.id, "s-nothing"),
            Some(&session.token),
            403,
        ),
        (url.replace(&session.token, &other.token), None, 403),
        (url.replace("token=", "tokin="), Some(&session.token), 401),
        (
            format!("{url}&channelId=nothing"),
            Some(&session.token),
            404,
        ),
        (url.replace("/session", "/"), Some(&session.token), 400),
    ];
    for (url, token, status) in cases {
        let shown = url.replace(&session.token, "T");
        assert_eq!(dial(&url, token).await.err(), Some(status), "{shown}");
    }
    // A browser has the URL alone, and the official client sends the header empty.
    for token in [None, Some("")] {
        dial(&started(&emulator).await.url, token).await.unwrap();
    }
    // A busy machine takes some of the ten minutes for the test itself.
    let fresh = started(&emulator).await;
    emulator.clock().advance(Duration::from_secs(585));
    Client::open(&fresh).await;
    emulator.clock().advance(Duration::from_secs(16));
    assert_eq!(dial(&fresh.url, Some(&fresh.token)).await.err(), Some(403));
}

#[tokio::test]
async fn what_no_client_may_send_ends_the_session() {
    let emulator = emulator(&[], &[]);
    let input = |change: fn(&mut Frame)| {
        let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, Bytes::from("x"));
        frame.input_seq = 1;
        change(&mut frame);
        Message::Binary(frame.encode())
    };
    for (message, reason) in [
        (
            Message::Text("hello".into()),
            "ProcessDataError: a text frame",
        ),
        (
            Message::Binary(Bytes::from("short")),
            "ProcessDataError: the frame of 5 bytes ends inside its header (8 bytes)",
        ),
        (
            input(|frame| frame.timestamp = 0),
            "ProcessDataError: the frame's timestamp is 0",
        ),
        (
            input(|frame| frame.version = Version(*b"9.99")),
            "ProcessDataError: protocol version 9.99",
        ),
        (
            input(|frame| frame.input_seq = 0),
            "ProcessDataError: a message without its inputSeq",
        ),
        (
            input(|frame| frame.channel_id = "other".into()),
            "ProcessDataError: the channelId of another session",
        ),
    ] {
        let mut client = Client::open(&started(&emulator).await).await;
        client.socket.send(message).await.unwrap();
        assert_eq!(client.last_status().await, closed(reason));
    }
    let mut client = Client::open(&started(&emulator).await).await;
    let too_long = Message::Binary(vec![0; 1_000_000].into());
    client.socket.send(too_long).await.unwrap();
    // What the gateway left unread must not destroy the last status.
    let status = client.last_status().await;
    assert!(
        matches!(&status, Some(Status::Closed(reason)) if reason.starts_with("ProcessDataError")),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_of_websockets_is_closed() {
    let emulator = emulator(&[], &[]);
    for (bytes, words) in [
        (&[0x82, 0x01, b'x'][..], "unmasked"),
        (&[0xc2, 0x80, 0, 0, 0, 0], "Reserved bits"),
        (&[0x80, 0x80, 0, 0, 0, 0], "Continue frame"),
        (&[0x83, 0x80, 0, 0, 0, 0], "opcode: 3"),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], "not UTF-8"),
    ] {
        let mut client = Client::open(&started(&emulator).await).await;
        client.socket.get_mut().write_all(bytes).await.unwrap();
        let status = client.last_status().await;
        let Some(Status::Closed(reason)) = &status else {
            panic!("{words}: {status:?}");
        };
        assert!(
            reason.starts_with("ProcessDataError: ") && reason.contains(words),
            "{reason}"
        );
    }
    assert_eq!(emulator.counts().connected, 0);
}

#[tokio::test]
async fn a_client_that_sends_too_fast_is_closed() {
    let emulator = emulator(&[("rate-bytes", "1000"), ("burst-bytes", "3000")], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.type_in(&"x".repeat(1000)).await;
    client.type_in(&"x".repeat(1000)).await;
    client.output(2000).await;
    client.type_in(&"x".repeat(5000)).await;
    assert_eq!(client.last_status().await, closed("FlowExceedLimit"));
}

#[tokio::test]
async fn silence_ends_a_session() {
    let emulator = emulator(&[("idle", "30ms")], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    assert_eq!(client.last_status().await, closed("IdleTimeout"));
    let emulator = crate::support::emulator(&[("session-length", "30ms")], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    assert_eq!(client.last_status().await, closed("SessionTimeout"));
}

#[tokio::test]
async fn a_gap_is_asked_to_be_filled_and_a_duplicate_dropped() {
    let emulator = emulator(&[], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.type_in("a").await;
    assert_eq!(client.output(1).await, "a");
    let (second, third) = (client.input("b"), client.input("c"));
    client.send(&third).await;
    let sync = client.next_data().await.unwrap();
    assert_eq!((sync.kind, sync.input_seq), (Kind::Sync, 2));
    for frame in [&second, &second, &third, &second] {
        client.send(frame).await;
    }
    client.type_in("d").await;
    assert_eq!(client.output(3).await, "bcd");
}

#[tokio::test]
async fn old_clients_need_no_numbers() {
    let emulator = emulator(&[], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.version = Version::V1_01;
    let resize = client.frame(Kind::Resize, resize_payload(24, 80));
    client.send(&resize).await;
    for text in ["a", "b"] {
        let frame = client.frame(Kind::Input, Bytes::from(text));
        client.send(&frame).await;
    }
    assert_eq!(client.output(2).await, "ab");
}

#[tokio::test]
async fn connected_sessions_of_an_instance_are_limited() {
    let emulator = emulator(&[("per-instance", "1")], &[]);
    let mut first = Client::open(&started(&emulator).await).await;
    let mut second = Client::open(&started(&emulator).await).await;
    assert_eq!(
        second.last_status().await,
        Some(Status::Aborted("ConnectionCountExceedLimit".into()))
    );
    let elsewhere = started_with(&emulator, &[("InstanceId.1", "i-other")]).await;
    Client::open(&elsewhere).await.type_in("x").await;
    first.type_in("y").await;
    assert_eq!(first.output(1).await, "y");
}

#[tokio::test]
async fn a_session_has_one_client() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut first = Client::open(&session).await;
    let mut second = Client::open(&session).await;
    assert_eq!(second.last_status().await, closed("SessionIdDuplicate"));
    first.type_in("y").await;
    assert_eq!(first.output(1).await, "y");
}

/// Opens the session again as the client that it was.
async fn resume(session: &Started, mut client: Client) -> Client {
    let channel_id = String::from_utf8(client.channel_id.to_vec()).unwrap();
    let url = format!("{}&channelId={channel_id}", session.url);
    client.socket = dial(&url, Some(&session.token)).await.unwrap();
    let sync = client.frame(Kind::Sync, Bytes::new());
    client.send(&sync).await;
    client
}

#[tokio::test]
async fn a_dropped_session_is_resumed_where_it_was() {
    let emulator = emulator(&[], &[("drop-after-out", "2:1"), ("swallow", "2")]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    assert_eq!(client.output(1).await, "a");
    client.type_in("b").await;
    assert!(client.next_data().await.is_none());
    let mut client = resume(&session, client).await;
    assert_eq!(client.output(1).await, "b");
    client.type_in("c").await;
    assert_eq!(client.output(1).await, "c");
    assert_eq!(emulator.counts().connections, 2);
}

#[cfg(unix)]
#[tokio::test]
async fn the_last_output_waits_for_a_client_that_was_cut_off() {
    let mut options = Options::default();
    options.faults.set("drop-after-out", "1:1").unwrap();
    options.faults.set("swallow", "1").unwrap();
    options.agent.shell = Some("/bin/sh".into());
    let emulator = Emulator::on_loopback(options).unwrap();
    let session = started_with(&emulator, &[("CommandLine", "echo 'so long'")]).await;
    let mut client = Client::open(&session).await;
    assert!(client.next_data().await.is_none());
    let mut client = resume(&session, client).await;
    assert_eq!(client.output(9).await, "so long\r\n");
    assert_eq!(client.last_status().await, closed("Ok"));
    assert_eq!(emulator.counts().agents, 0);
}

#[tokio::test]
async fn a_resuming_client_takes_the_session_over() {
    let emulator = emulator(&[], &[("blackhole-after", "1:1")]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    let mut client = resume(&session, client).await;
    client.type_in("b").await;
    assert_eq!(client.output(1).await, "b");
    // A client whose connection is still up, as far as the gateway knows, is replaced as well.
    let again = Client::over(dial(&session.url, Some(&session.token)).await.unwrap());
    drop(again);
    let mut client = resume(&session, client).await;
    client.type_in("c").await;
    assert_eq!(client.output(1).await, "c");
}

#[tokio::test]
async fn an_attempt_that_was_given_up_in_a_stall_displaces_the_live_one() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    assert_eq!(client.output(1).await, "a");
    emulator.cut_connections(Cut::Reset);
    assert!(client.next_data().await.is_none());
    let stall = emulator.stall();
    let path = session.url.strip_prefix("ws://").unwrap();
    let path = path.split_once('/').unwrap().1;
    let channel_id = String::from_utf8(client.channel_id.to_vec()).unwrap();
    let request = format!(
        "GET /{path}&channelId={channel_id} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    let mut given_up = TcpStream::connect(emulator.address()).await.unwrap();
    given_up.write_all(request.as_bytes()).await.unwrap();
    drop(given_up);
    let release = async {
        tokio::task::yield_now().await;
        stall.release();
    };
    let (mut client, ()) = tokio::join!(resume(&session, client), release);
    let input = client.input("b");
    client.send(&input).await;
    until("the third connection", || {
        emulator.counts().connections == 3
    })
    .await;
    // The live one is displaced, unless it came last; nothing is lost either way.
    loop {
        match client.next_data().await {
            None => client = resume(&session, client).await,
            Some(frame) if frame.kind == Kind::Sync => client.send(&input).await,
            Some(frame) => break assert_eq!(&frame.payload[..], b"b"),
        }
    }
}

#[tokio::test]
async fn a_restarting_gateway_says_so() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    emulator.restart_gateway();
    assert_eq!(client.last_status().await, Some(Status::Frozen));
    let mut client = resume(&session, client).await;
    client.type_in("b").await;
    assert_eq!(client.output(1).await, "b");
}

#[tokio::test]
async fn an_unknown_channel_is_refused_and_the_session_goes_on() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    let wrong = format!("{}&channelId=0123456789abcdef", session.url);
    for _ in 0..2 {
        assert_eq!(dial(&wrong, Some(&session.token)).await.err(), Some(404));
    }
    client.type_in("b").await;
    assert_eq!(client.output(1).await, "b");
    assert_eq!(emulator.counts().connections, 1);
    let mut client = resume(&session, client).await;
    client.channel_id = Bytes::from("0123456789abcdef");
    let frame = client.input("c");
    client.send(&frame).await;
    let status = client.last_status().await;
    assert!(
        matches!(&status, Some(Status::Closed(reason)) if reason.starts_with("ProcessDataError")),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_lost_message_of_the_client_is_asked_for() {
    let emulator = emulator(&[], &[("swallow-in", "2")]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.type_in("a").await;
    assert_eq!(client.output(1).await, "a");
    let lost = client.input("b");
    client.send(&lost).await;
    let next = client.input("c");
    client.send(&next).await;
    let sync = client.next_data().await.unwrap();
    assert_eq!((sync.kind, sync.input_seq), (Kind::Sync, 2));
    client.send(&lost).await;
    client.send(&next).await;
    assert_eq!(client.output(2).await, "bc");
}

#[tokio::test]
async fn an_expired_url_resumes_nothing() {
    for (fault, words) in [("expire-url", 403), ("refuse-resume", 403)] {
        let emulator = emulator(&[], &[(fault, ""), ("reset-after-in", "1")]);
        let session = started(&emulator).await;
        let mut client = Client::open(&session).await;
        client.next().await.unwrap();
        client.type_in("a").await;
        assert!(client.next_data().await.is_none());
        let id = String::from_utf8_lossy(&client.channel_id).into_owned();
        let url = format!("{}&channelId={id}", session.url);
        assert_eq!(dial(&url, Some(&session.token)).await.err(), Some(words));
    }
}

#[tokio::test]
async fn a_refused_resume_is_http_403() {
    let emulator = emulator(&[], &[("refuse-resume", ""), ("reset-after", "1")]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    assert!(client.next_data().await.is_none());
    let url = format!(
        "{}&channelId={}",
        session.url,
        String::from_utf8_lossy(&client.channel_id)
    );
    assert_eq!(dial(&url, Some(&session.token)).await.err(), Some(403));
}

#[cfg(unix)]
#[tokio::test]
async fn a_shell_answers_and_ends() {
    let mut options = Options::default();
    options.agent.shell = Some("/bin/sh".into());
    let emulator = Emulator::on_loopback(options).unwrap();
    let mut client = Client::open(&started(&emulator).await).await;
    client.sent += 1;
    let resize = client.frame(Kind::Resize, resize_payload(33, 77));
    client.send(&resize).await;
    client.type_in("stty size; exit\n").await;
    let mut text = String::new();
    let mut last = None;
    while let Some(frame) = client.next().await {
        match frame.kind {
            Kind::Output => text.push_str(&String::from_utf8_lossy(&frame.payload)),
            Kind::Status => last = Some(Status::decode(&frame.payload)),
            _ => {}
        }
    }
    assert!(text.contains("33 77"), "{text}");
    assert_eq!(last, closed("Ok"));
    assert_eq!(
        emulator.sessions()[0].connections[0].closed_reason,
        Some("AgentSocketClosed")
    );
}

#[cfg(unix)]
#[test]
fn stopping_ends_what_the_sessions_started() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let emulator = Emulator::on_loopback(Options::default()).unwrap();
    let pid: u32 = runtime.block_on(async {
        let command = [("CommandLine", "sh -c 'echo $$; exec sleep 1000'")];
        let session = started_with(&emulator, &command).await;
        let mut client = Client::open(&session).await;
        let mut text = String::new();
        while !text.ends_with('\n') {
            text.push_str(&client.output(1).await);
        }
        text.trim().parse().unwrap()
    });
    let alive = || {
        std::process::Command::new("kill")
            .args(["-0", &pid.to_string()])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    assert!(alive());
    drop(emulator);
    assert!(!alive());
}

#[tokio::test]
async fn an_instance_without_a_running_agent_aborts_the_session() {
    let states = [
        InstanceState::NotRunning,
        InstanceState::AgentNotOnline,
        InstanceState::AgentNeedUpgrade,
    ];
    let instance = |state: InstanceState| Instance::new(format!("i-{state:?}"), state);
    let options = Options {
        instances: states.map(instance).into(),
        ..Options::default()
    };
    let emulator = Emulator::on_loopback(options).unwrap();
    for state in states {
        let id = format!("i-{state:?}");
        let mut client =
            Client::open(&started_with(&emulator, &[("InstanceId.1", &id)]).await).await;
        let reason = state.closed_reason().unwrap();
        assert_eq!(
            client.last_status().await,
            Some(Status::Aborted(reason.into()))
        );
    }
    let recorded = emulator
        .sessions()
        .into_iter()
        .map(|session| session.connections[0].status);
    assert_eq!(recorded.collect::<Vec<_>>(), ["Failed"; 3]);
}

#[tokio::test]
async fn outputs_that_are_doubled_or_reordered_keep_their_numbers() {
    for (name, expected) in [("duplicate", [1, 2, 2, 3]), ("reorder", [1, 3, 2, 4])] {
        let emulator = emulator(&[], &[(name, "2")]);
        let mut client = Client::open(&started(&emulator).await).await;
        for text in ["a", "b", "c", "d"] {
            client.type_in(text).await;
        }
        let mut seqs = Vec::new();
        while seqs.len() < expected.len() {
            seqs.push(client.next_data().await.unwrap().output_seq);
        }
        assert_eq!(seqs, expected, "{name}");
    }
}

#[tokio::test]
async fn a_delayed_link_keeps_everything_in_order() {
    let emulator = emulator(&[], &[("delay", "5ms")]);
    let mut client = Client::open(&started(&emulator).await).await;
    let text: String = (0..100).map(|n| format!("{n} ")).collect();
    for word in text.split_inclusive(' ') {
        client.type_in(word).await;
    }
    assert_eq!(client.output(text.len()).await, text);
}

#[cfg(unix)]
#[tokio::test]
async fn old_agents_speak_1_01_and_are_not_resumed() {
    let mut options = Options::default();
    for (name, value) in [
        ("old-agent", ""),
        ("no-status", ""),
        ("drop-after-out", "1"),
    ] {
        options.faults.set(name, value).unwrap();
    }
    let emulator = Emulator::on_loopback(options).unwrap();
    let session = started_with(
        &emulator,
        &[("CommandLine", "sh -c 'echo a; exec sleep 1000'")],
    )
    .await;
    let mut client = Client::open(&session).await;
    let frame = client.next().await.unwrap();
    assert_eq!(
        (frame.kind, frame.version, frame.output_seq),
        (Kind::Output, Version::V1_01, 0)
    );
    assert!(client.next().await.is_none());
    let url = format!(
        "{}&channelId={}",
        session.url,
        String::from_utf8_lossy(&client.channel_id)
    );
    assert_eq!(dial(&url, Some(&session.token)).await.err(), Some(404));
    let encrypted = [("EncryptionOptions", r#"{"Enabled":true}"#)];
    let met = code(&emulator, with(start(&emulator), &encrypted)).await;
    assert_eq!(met, "403 UnsupportedAgentVersion.Encryption");
}

#[tokio::test]
async fn connections_are_cut_on_demand() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    for (cut, last) in [
        (Cut::Drop, None),
        (Cut::Reset, None),
        (Cut::Freeze, Some(Status::Frozen)),
    ] {
        client.type_in("a").await;
        assert_eq!(client.output(1).await, "a");
        emulator.cut_connections(cut);
        assert_eq!(client.last_status().await, last, "{cut:?}");
        client = resume(&session, client).await;
    }
    client.type_in("b").await;
    assert_eq!(client.output(1).await, "b");
    let record = &emulator.sessions()[0];
    let ended: Vec<_> = record
        .connections
        .iter()
        .map(|connection| connection.status)
        .collect();
    assert_eq!(
        ended,
        ["Disconnected", "Disconnected", "Disconnected", "Connected"]
    );
}
