//! However a web shell's output is cut, the same of it is shown, and it ends the same.
#![no_main]

use axt::protocol::channel::{Channel as _, Ending, Event, Incoming, Now};
use axt::protocol::webshell::{Webshell, WebshellOptions};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::time::Instant;

const STATUSES: [&[u8]; 3] = [
    br#"{"metadata":{},"status":"Success"}"#,
    br#"{"metadata":{},"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#,
    br#"{"metadata":{},"status":"Failure","message":"gone","reason":"InternalError"}"#,
];

/// What is shown of a stream that comes in such pieces and then ends, and how it ended.
fn told(stream: &[u8], piece: usize) -> (Vec<u8>, String) {
    let now = Now {
        at: Instant::now(),
        unix_ms: 1_700_000_000_000,
    };
    let mut shell = Webshell::new(&WebshellOptions::default(), now);
    shell.connected(now);
    for part in stream.chunks(piece.max(1)) {
        shell.receive(now, Incoming::Binary(Bytes::copy_from_slice(part)));
    }
    shell.receive(now, Incoming::Closed(Some(1000)));
    let (mut shown, mut ended) = (Vec::new(), String::new());
    while let Some(event) = shell.poll_event() {
        match event {
            Event::Output(bytes) => shown.extend_from_slice(&bytes),
            Event::Ended(Ending::Failed(error)) => ended = error.to_string(),
            Event::Ended(ending) => ended = format!("{ending:?}"),
            _ => {}
        }
    }
    (shown, ended)
}

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, piece], data)) = data.split_first_chunk() else {
        return;
    };
    let status = STATUSES[usize::from(choice) % STATUSES.len()];
    let (mut before, mut after) = data.split_at(data.len() / 2);
    if choice & 64 == 0 {
        (before, after) = (data, b"");
    }
    let stream = [before, status, after].concat();
    let whole = told(&stream, stream.len());
    assert_eq!(whole, told(&stream, 1));
    assert_eq!(whole, told(&stream, usize::from(piece)));
    // Nothing is lost but a status at the very end.
    assert!(stream.starts_with(&whole.0));
    let lost = &stream[whole.0.len()..];
    assert!(lost.is_empty() || (lost.starts_with(b"{") && lost.ends_with(b"}")));
});
