//! What a runner sends as lines of base64 comes out as it was, however the lines are cut on the way.
#![no_main]

use axt::remote::codec::{Data, LINE, Line, OutputStream};
use axt::remote::{RemoteCommand, RunnerClient, RunnerEvent, RunnerOptions, What, Yield};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use std::time::Instant;

/// The text between these two in a text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect("it is there");
    rest.split_once(after).expect("it has an end").0
}

fuzz_target!(|data: &[u8]| {
    let Some((&[piece, times], data)) = data.split_first_chunk() else {
        return;
    };
    let data = data.repeat(1 + usize::from(times % 16));
    let (mut client, mut out) = (
        RunnerClient::new(RunnerOptions {
            compress: false,
            several: false,
        }),
        Yield::default(),
    );
    let command = RemoteCommand {
        what: What::Line(b"true".to_vec()),
        ..RemoteCommand::default()
    };
    client.start(command, &mut out);
    let nonce = between(client.command_line(), "_m=", ";").to_owned();
    let (now, hello) = (
        Instant::now(),
        format!("{nonce}? stty dd id base64 -w full setsid;"),
    );
    client.receive(now, hello.as_bytes(), &mut out);
    let text = String::from_utf8(out.remote.split().to_vec()).expect("a text");
    let mark = between(&text, "_m=", "\n").to_owned();

    let parts: Vec<_> = data.chunks(LINE / 4 * 3).collect();
    let mut stream = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let text = STANDARD.encode(part);
        let line = Line::Data(Data {
            stream: OutputStream::Output,
            number: index + 1,
            compressed: false,
            lines: parts.len() - index,
            text: text.as_bytes(),
        });
        stream.extend_from_slice(mark.as_bytes());
        stream.extend(line.encode());
        stream.push(b'\n');
    }
    for piece in stream.chunks(usize::from(piece).max(1)) {
        client.receive(now, piece, &mut out);
    }
    let failed = |event: &RunnerEvent| matches!(event, RunnerEvent::Failed(_));
    assert!(!out.events.iter().any(failed), "{:?}", out.events);
    // The end may be held back, as it could be the stream's last line.
    assert!(data.starts_with(&out.stdout), "{:?}", out.events);
    assert!(data.len() - out.stdout.len() < 200, "{:?}", out.events);
});
