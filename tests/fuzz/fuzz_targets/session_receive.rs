//! A session takes anything at any time: it tells nothing after its end, numbers what it sends one
//! by one, and gives out no more bytes than it was given.
#![no_main]

use axt::protocol::channel::{Channel as _, Event, Incoming, Now, Outgoing};
use axt::protocol::frame::{Frame, Kind, Version};
use axt::protocol::session::{Session, SessionOptions};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

/// What has been seen of the session.
#[derive(Default)]
struct Seen {
    given: usize,
    shown: usize,
    ended: bool,
    up: bool,
    reached: u32,
}

fuzz_target!(|data: &[u8]| {
    let mut now = Now {
        at: Instant::now(),
        unix_ms: 1_700_000_000_000,
    };
    let options = SessionOptions {
        port: data.first().is_some_and(|first| first & 16 > 0),
        ..SessionOptions::default()
    };
    let mut session = Session::new(options, now);
    session.connected(now);
    let mut seen = Seen {
        up: true,
        ..Seen::default()
    };
    let mut rest = data;
    while let [what, len, tail @ ..] = rest {
        let (part, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        let span = Duration::from_millis(u64::from(*len) * 100);
        match what % 16 {
            0 => session.write(now, part),
            1 => session.resize(now, u16::from(*len), 80),
            2 => session.close(now),
            3 => {
                now.at += span;
                now.unix_ms += u64::from(*len) * 100;
            }
            4 if !seen.up => {
                seen.up = true;
                session.connected(now);
            }
            5 => session.receive(now, Incoming::Text(Bytes::copy_from_slice(part))),
            6 if part.is_empty() => session.receive(now, Incoming::Alive),
            6 => session.receive(now, Incoming::Pong((*len).into())),
            7 => session.receive(now, Incoming::Closed(Some(1000 + u16::from(*len)))),
            8 => session.receive(now, Incoming::Failed("cut".into())),
            9 => session.stalled(now, span),
            10 => session.input_ended(),
            11 => {
                seen.given += part.len();
                session.receive(now, Incoming::Binary(Bytes::copy_from_slice(part)));
            }
            _ => {
                seen.given += part.len();
                session.receive(now, frame(part));
            }
        }
        look(&mut session, now, &mut seen);
    }
});

/// A whole frame: its kind, its numbers and its payload are made of `part`.
fn frame(part: &[u8]) -> Incoming {
    let (&[kind, input, output, version], payload) =
        part.split_first_chunk().unwrap_or((&[1; 4], part));
    let kind = match kind % 8 {
        0..=3 => Kind::Output,
        4 => Kind::Sync,
        5 => Kind::KeyExchange,
        _ => Kind::Status,
    };
    let version = if version % 4 == 0 {
        Version::V1_01
    } else {
        Version::V1_02
    };
    let mut frame = Frame::new(kind, version, 1, Bytes::copy_from_slice(payload));
    frame.channel_id = Bytes::from_static(b"ch-1");
    (frame.input_seq, frame.output_seq) = (input.into(), output.into());
    Incoming::Binary(frame.encode())
}

fn look(session: &mut Session, now: Now, seen: &mut Seen) {
    if session.deadline(now).is_some_and(|at| at <= now.at) {
        session.wake(now);
    }
    while let Some(event) = session.poll_event() {
        assert!(!seen.ended, "{event:?} after the end");
        match event {
            Event::Output(bytes) => seen.shown += bytes.len(),
            Event::Ended(_) => seen.ended = true,
            Event::Broken { .. } | Event::Displaced(_) => seen.up = false,
            Event::Opened | Event::Resumed | Event::ReportsEnd => {}
        }
    }
    assert!(seen.shown <= seen.given);
    // A bounded number of messages a step: nothing is sent for ever.
    for _ in 0..1000 {
        let Some(sent) = session.poll_send(now) else {
            return;
        };
        if let Outgoing::Binary(bytes) = sent {
            let frame = Frame::decode(&bytes).expect("a session sends frames").frame;
            let numbered = matches!(frame.kind, Kind::Input | Kind::Resize);
            assert!(frame.input_seq <= seen.reached + u32::from(numbered));
            seen.reached = seen.reached.max(frame.input_seq);
        }
    }
    panic!("it sends without an end");
}
