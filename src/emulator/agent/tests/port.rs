//! Port sessions against local listeners.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn target() -> (TcpListener, SessionSpec) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let spec = SessionSpec {
        port: Some(listener.local_addr().unwrap().port()),
        target_server: Some("127.0.0.1".into()),
        ..SessionSpec::default()
    };
    (listener, spec)
}

async fn read(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_target_may_speak_first_or_wait_and_its_close_ends_the_session() {
    let (listener, spec) = target().await;
    let mut client = Client::new(spec, &AgentOptions::default());
    client.input("question").await;
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"banner ").await.unwrap();
    client.wait_for("banner ").await;
    assert_eq!(read(&mut stream, 8).await, "question");
    stream.write_all(&[b'x'; 5000]).await.unwrap();
    let target = stream.local_addr().unwrap();
    drop(stream);
    let expected = format!(
        "ReadFromTargetPortFailed: An error occurred while reading from the target port {target}. EOF."
    );
    assert_eq!(client.ended().await, expected);
    assert_eq!(client.screen.len(), 5007);
}

#[tokio::test]
async fn a_target_that_refuses_says_so() {
    let (listener, spec) = target().await;
    let target = listener.local_addr().unwrap();
    drop(listener);
    let reason = Client::new(spec.clone(), &AgentOptions::default())
        .ended()
        .await;
    let expected = format!(
        "OpenTargetPortFailed: An error occurred while opening the target port {target}. dial tcp {target}: connect: connection refused."
    );
    assert_eq!(reason, expected);
    assert_eq!(Client::new(spec, &old()).ended().await, "Open_port_failed");
}

#[tokio::test]
async fn a_target_that_resets_says_so() {
    let (listener, spec) = target().await;
    let mut client = Client::new(spec, &AgentOptions::default());
    let (mut stream, peer) = listener.accept().await.unwrap();
    client.input("go").await;
    assert_eq!(read(&mut stream, 2).await, "go");
    stream.set_zero_linger().unwrap();
    let target = stream.local_addr().unwrap();
    drop(stream);
    let expected = format!(
        "ReadFromTargetPortFailed: An error occurred while reading from the target port {target}. read tcp {peer}->{target}: read: connection reset by peer."
    );
    assert_eq!(client.ended().await, expected);
}

#[tokio::test]
async fn the_clients_close_closes_the_connection() {
    let (listener, spec) = target().await;
    let mut client = Client::new(spec, &AgentOptions::default());
    let (mut stream, _) = listener.accept().await.unwrap();
    client.input("bye").await;
    assert_eq!(read(&mut stream, 3).await, "bye");
    client.send(Kind::Close, "1").await;
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(client.agent.ended.await.unwrap(), "Ok");
}

#[tokio::test]
async fn an_old_agent_connects_anew_with_any_message() {
    for (kind, payload) in [
        (Kind::Input, "two"),
        // A heartbeat.
        (Kind::Input, ""),
        (Kind::Resize, "{}"),
    ] {
        let (listener, spec) = target().await;
        let mut client = Client::new(spec, &old());
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"one").await.unwrap();
        drop(stream);
        client.wait_for("one").await;
        // Until the agent has seen the close, a message goes where it went; then it connects again.
        let mut stream = loop {
            client.send(kind, payload).await;
            tokio::select! {
                accepted = listener.accept() => break accepted.unwrap().0,
                () = tokio::task::yield_now() => {}
            }
        };
        stream.write_all(b"greeting").await.unwrap();
        client.wait_for("onegreeting").await;
        if payload == "two" {
            assert_eq!(read(&mut stream, 3).await, "two");
        }
        // The next time the target is gone.
        drop((listener, stream));
        let reason = loop {
            client.send(kind, payload).await;
            tokio::select! {
                reason = &mut client.agent.ended => break reason.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(reason, "Read_port_failed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_agent_keeps_early_input_for_ten_seconds() {
    for (delay, taken) in [(9, "earlylate"), (11, "late")] {
        let (listener, spec) = target().await;
        let options = AgentOptions {
            start_delay: Duration::from_secs(delay),
            ..AgentOptions::default()
        };
        let mut client = Client::new(spec, &options);
        client.input("early").await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        client.input("late").await;
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(read(&mut stream, taken.len()).await, taken);
    }
}

#[tokio::test]
async fn a_slow_target_holds_the_client_up() {
    let (listener, spec) = target().await;
    let client = Client::new(spec, &AgentOptions::default());
    let (mut stream, _) = listener.accept().await.unwrap();
    let sender = client.agent.to_agent.clone();
    let total = 20_000u32;
    let sending = tokio::spawn(async move {
        for number in 1..=total {
            let payload = Bytes::from(vec![b'x'; 2000]);
            let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, payload);
            frame.input_seq = number;
            sender.send(frame).await.unwrap();
        }
    });
    // 40 MB don't fit into the sockets: the sender waits with its channel full.
    while client.agent.to_agent.capacity() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(!sending.is_finished());
    let mut buffer = vec![0; 1 << 16];
    let mut got = 0;
    while got < 40_000_000 {
        got += stream.read(&mut buffer).await.unwrap();
    }
    sending.await.unwrap();
}
