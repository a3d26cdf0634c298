//! A web shell on a virtual clock.

use super::*;
use proptest::prelude::*;

const STATUS: &[u8] = br#"{"metadata":{},"status":"Success"}"#;

/// A web shell, and the time.
struct Shell {
    shell: Webshell,
    now: Now,
}

impl Shell {
    /// Connected; its prompt is there.
    fn ready(options: &WebshellOptions) -> Self {
        let now = Now {
            at: Instant::now(),
            unix_ms: 1_000_000,
        };
        let mut shell = Self {
            shell: Webshell::new(options, now),
            now,
        };
        shell.shell.connected(now);
        shell.receive(b"$ ");
        assert_eq!(shell.output(), b"$ ");
        shell
    }

    fn receive(&mut self, bytes: &[u8]) {
        let incoming = Incoming::Binary(Bytes::copy_from_slice(bytes));
        self.shell.receive(self.now, incoming);
    }

    fn pass(&mut self, span: Duration) {
        self.now.at += span;
        self.now.unix_ms += u64::try_from(span.as_millis()).unwrap();
        self.shell.wake(self.now);
    }

    fn sent(&mut self) -> Vec<Outgoing> {
        let mut sent = Vec::new();
        while self.shell.wants_send(self.now) {
            sent.push(self.shell.poll_send(self.now).unwrap());
        }
        sent
    }

    fn typed(&mut self, bytes: &[u8]) -> Vec<Outgoing> {
        self.shell.write(self.now, bytes);
        self.sent()
    }

    /// The output that the user sees; other events are dropped.
    fn output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while let Some(event) = self.shell.poll_event() {
            if let Event::Output(bytes) = event {
                output.extend(bytes);
            }
        }
        output
    }

    /// How the session ended, behind the last of its output.
    fn ending(&mut self) -> (Vec<u8>, String) {
        let mut output = Vec::new();
        while let Some(event) = self.shell.poll_event() {
            match event {
                Event::Output(bytes) => output.extend(bytes),
                Event::Ended(Ending::Normal) => return (output, "normal".to_owned()),
                Event::Ended(Ending::Status(status)) => {
                    return (output, format!("status {status}"));
                }
                Event::Ended(Ending::Failed(error)) => return (output, error.to_string()),
                Event::Broken { why, resumable, .. } => {
                    assert!(!resumable);
                    return (output, why);
                }
                _ => {}
            }
        }
        (output, "still there".into())
    }
}

fn text(bytes: &[u8]) -> Outgoing {
    Outgoing::Text(Bytes::copy_from_slice(bytes))
}

fn binary(bytes: &[u8]) -> Outgoing {
    Outgoing::Binary(Bytes::copy_from_slice(bytes))
}

#[test]
fn characters_go_as_text_and_whole() {
    let mut shell = Shell::ready(&WebshellOptions::default());
    assert_eq!(
        shell.typed("ls é\r".as_bytes()),
        [text("ls é\r".as_bytes())]
    );
    assert_eq!(shell.typed(b"a\xe4\xbd"), [text(b"a")]);
    assert_eq!(shell.typed(b"\xa0"), [text("你".as_bytes())]);
    let much = "é".repeat(MAX_MESSAGE);
    let sent = shell.typed(format!("x{much}").as_bytes());
    assert!(sent.len() >= 2);
    for message in sent {
        assert!(
            matches!(message, Outgoing::Text(ref t) if t.len() <= MAX_MESSAGE),
            "{message:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_go_as_they_are() {
    let mut shell = Shell::ready(&WebshellOptions::default());
    assert_eq!(shell.typed(b"a\xff\xfeb"), [binary(b"a\xff\xfeb")]);
    // The beginning of a character may have its rest still to come, but not for ever.
    assert_eq!(shell.typed(b"\xff\xe4"), [binary(b"\xff")]);
    let deadline = shell.shell.deadline(shell.now).unwrap();
    assert!(!shell.shell.wants_send(shell.now));
    shell.pass(deadline - shell.now.at);
    assert_eq!(shell.sent(), [binary(b"\xe4")]);
}

#[test]
fn input_waits_for_the_prompt_though_not_for_ever() {
    let now = Now {
        at: Instant::now(),
        unix_ms: 1,
    };
    let mut shell = Shell {
        shell: Webshell::new(&WebshellOptions::default(), now),
        now,
    };
    shell.shell.connected(now);
    assert_eq!(shell.typed(b"ls\r"), []);
    shell.pass(shell.shell.deadline(now).unwrap() - now.at);
    assert_eq!(shell.sent(), [text(b"ls\r")]);
}

#[test]
fn a_status_ends_the_session_whether_or_not_the_socket_is_closed() {
    for closes in [true, false] {
        for cut in 0..=STATUS.len() {
            let mut shell = Shell::ready(&WebshellOptions::default());
            shell.receive(b"bye\r\n");
            shell.receive(&STATUS[..cut]);
            shell.receive(&STATUS[cut..]);
            if closes {
                shell.shell.receive(shell.now, Incoming::Closed(None));
            } else {
                assert_eq!(shell.output(), b"bye\r\n");
                let until = shell.shell.deadline(shell.now).unwrap();
                shell.pass(until - shell.now.at);
            }
            let (output, ending) = shell.ending();
            assert_eq!(ending, "normal", "{cut}");
            assert_eq!(output, if closes { &b"bye\r\n"[..] } else { b"" });
        }
    }
}

#[test]
fn a_break_after_the_status_is_no_failure() {
    let mut shell = Shell::ready(&WebshellOptions::default());
    shell.receive(br#"{"metadata":{},"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#);
    shell
        .shell
        .receive(shell.now, Incoming::Failed("reset".into()));
    assert_eq!(shell.ending(), (vec![], "status 7".into()));
    assert!(shell.shell.poll_event().is_none());
}

#[test]
fn what_is_typed_of_a_status_is_echoed_after_a_moment() {
    let mut shell = Shell::ready(&WebshellOptions::default());
    for at in 0..STATUS.len() - 1 {
        shell.receive(&STATUS[at..=at]);
        let until = shell.shell.deadline(shell.now);
        let wait = until.map_or(Duration::ZERO, |until| until - shell.now.at);
        assert!(wait <= HOLD_PART);
        shell.pass(wait);
        assert_eq!(shell.output(), &STATUS[at..=at]);
    }
}

#[test]
fn a_status_in_the_midst_of_output_is_output() {
    let mut shell = Shell::ready(&WebshellOptions::default());
    shell.receive(STATUS);
    assert_eq!(shell.output(), b"");
    shell.pass(HOLD_WHOLE / 2);
    shell.receive(b"\r\n$ ");
    assert_eq!(shell.output(), [STATUS, b"\r\n$ "].concat());
    shell.pass(HOLD_WHOLE * 2);
    assert_eq!(shell.ending().1, "still there");
}

#[test]
fn how_the_socket_ends_without_a_status() {
    let end = |spoken: bool, incoming: Incoming| {
        let mut shell = Shell::ready(&WebshellOptions::default());
        if !spoken {
            shell.shell = Webshell::new(&WebshellOptions::default(), shell.now);
            shell.shell.connected(shell.now);
        }
        shell.receive(&STATUS[..20]);
        if !spoken {
            shell.shell.taken = 0;
        }
        shell.shell.receive(shell.now, incoming);
        let (output, ending) = shell.ending();
        assert_eq!(output, &STATUS[..20]);
        ending
    };
    assert_eq!(end(true, Incoming::Closed(Some(1000))), "normal");
    assert!(end(false, Incoming::Closed(Some(1000))).contains("before it opened"));
    assert!(end(true, Incoming::Closed(Some(1008))).contains("code 1008"));
    assert!(end(true, Incoming::Closed(None)).contains("code 1005"));
    assert_eq!(end(true, Incoming::Failed("reset".into())), "reset");
    assert!(end(true, Incoming::Invalid("masked".into())).contains("masked"));
}

#[test]
fn pings_keep_it_alive_and_find_it_dead() {
    let second = Duration::from_secs(1);
    let mut shell = Shell::ready(&WebshellOptions {
        keepalive: Some(60 * second),
        dead_after: Some(45 * second),
        rate_limit: None,
    });
    for number in 1..=3 {
        shell.pass(30 * second);
        assert_eq!(shell.sent(), [Outgoing::Ping(number)]);
        // A ping of the service's own is a sign of life, and no answer.
        shell.shell.receive(shell.now, Incoming::Alive);
    }
    assert_eq!(shell.shell.condition().round_trip, None);
    shell.pass(second);
    shell.shell.receive(shell.now, Incoming::Pong(3));
    assert_eq!(shell.shell.condition().round_trip, Some(second));
    shell.pass(45 * second);
    assert!(shell.ending().1.contains("nothing was received for"));

    let mut shell = Shell::ready(&WebshellOptions {
        keepalive: Some(60 * second),
        ..WebshellOptions::default()
    });
    shell.pass(59 * second);
    assert_eq!(shell.sent(), []);
    shell.pass(second);
    assert_eq!(shell.sent(), [Outgoing::Ping(1)]);
}

#[test]
fn a_rate_limit_is_kept() {
    let mut shell = Shell::ready(&WebshellOptions {
        rate_limit: Some(1000),
        ..WebshellOptions::default()
    });
    let first = shell.typed(&[b'x'; 40_000]).len();
    assert!(first < 10);
    let wait = shell.shell.deadline(shell.now).unwrap() - shell.now.at;
    shell.pass(wait);
    assert_eq!(shell.sent().len(), 1);
}

proptest! {
    #[test]
    fn all_bytes_arrive_in_order(
        writes in proptest::collection::vec(prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..5000),
        ], 0..6),
    ) {
        let mut shell = Shell::ready(&WebshellOptions::default());
        let mut arrived = Vec::new();
        let mut take = |sent: Vec<Outgoing>| for message in sent {
            match message {
                Outgoing::Text(text) => {
                    assert!(std::str::from_utf8(&text).is_ok());
                    arrived.extend(text);
                }
                Outgoing::Binary(bytes) => arrived.extend(bytes),
                Outgoing::Ping(_) | Outgoing::Close => {}
            }
        };
        for bytes in &writes {
            take(shell.typed(bytes));
        }
        shell.pass(REST_OF_CHARACTER);
        take(shell.sent());
        prop_assert_eq!(arrived, writes.concat());
    }
}
