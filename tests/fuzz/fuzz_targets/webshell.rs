//! A web shell takes anything at any time: it tells nothing after its end, gives out what it was given
//! in order, and sends what was typed.
#![no_main]

use axt::protocol::channel::{Channel as _, Event, Incoming, Now, Outgoing};
use axt::protocol::webshell::{Webshell, WebshellOptions};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

fuzz_target!(|data: &[u8]| {
    let mut now = Now {
        at: Instant::now(),
        unix_ms: 1_700_000_000_000,
    };
    let mut shell = Webshell::new(&WebshellOptions::default(), now);
    shell.connected(now);
    let (mut given, mut shown) = (Vec::new(), Vec::new());
    let (mut typed, mut sent) = (Vec::new(), Vec::new());
    let mut ended = false;
    let mut rest = data;
    while let [what, len, tail @ ..] = rest {
        let (part, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        match what % 8 {
            0 => {
                typed.extend_from_slice(part);
                shell.write(now, part);
            }
            1 => {
                now.at += Duration::from_millis(u64::from(*len) * 10);
                now.unix_ms += u64::from(*len) * 10;
            }
            2 => shell.receive(now, Incoming::Closed(Some(1000 + u16::from(*len % 2)))),
            3 => shell.receive(now, Incoming::Failed("cut".into())),
            4 => shell.stalled(now, Duration::from_secs(1)),
            _ => {
                if !ended {
                    given.extend_from_slice(part);
                }
                let part = Bytes::copy_from_slice(part);
                shell.receive(now, Incoming::Binary(part));
            }
        }
        if shell.deadline(now).is_some_and(|at| at <= now.at) {
            shell.wake(now);
        }
        while let Some(event) = shell.poll_event() {
            assert!(!ended, "{event:?} after the end");
            match event {
                Event::Output(bytes) => shown.extend_from_slice(&bytes),
                Event::Ended(_) | Event::Broken { .. } => ended = true,
                Event::Opened | Event::Resumed | Event::Displaced(_) | Event::ReportsEnd => {}
            }
        }
        while let Some(message) = shell.poll_send(now) {
            match message {
                Outgoing::Text(bytes) => {
                    assert!(std::str::from_utf8(&bytes).is_ok());
                    sent.extend_from_slice(&bytes);
                }
                Outgoing::Binary(bytes) => sent.extend_from_slice(&bytes),
                Outgoing::Ping(_) | Outgoing::Close => {}
            }
        }
        assert!(given.starts_with(&shown) && typed.starts_with(&sent));
    }
});
