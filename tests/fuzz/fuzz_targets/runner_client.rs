//! The client of a runner takes anything at any time: what it sends is frames, a command ends once,
//! nothing follows a failure, and noise is never output.
#![no_main]

use axt::remote::codec::RunnerFrame;
use axt::remote::{RemoteCommand, RunnerClient, RunnerEvent, RunnerOptions, Signal, What, Yield};
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

/// The text between these two in a text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect("it is there");
    rest.split_once(after).expect("it has an end").0
}

fn command() -> RemoteCommand {
    RemoteCommand {
        what: What::Line(b"true".to_vec()),
        ..RemoteCommand::default()
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else {
        return;
    };
    let several = choice & 1 == 1;
    let compress = choice & 2 == 2;
    let mut client = RunnerClient::new(RunnerOptions { compress, several });
    let (mut now, mut out) = (Instant::now(), Yield::default());
    client.start(command(), &mut out);
    let nonce = between(client.command_line(), "_m=", ";").to_owned();
    let hello = format!("{nonce}? stty dd id base64 -w full gzip setsid;");
    client.receive(now, hello.as_bytes(), &mut out);
    let text = String::from_utf8(out.remote.split().to_vec()).expect("a text");
    let mark = between(&text, "_m=", "\n").to_owned();
    let (mut running, mut failed, mut marked) = (true, false, false);
    out.events.clear();
    while let [what, len, tail @ ..] = rest {
        let (part, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        match what % 8 {
            0 => client.input(part, &mut out),
            1 => client.input_end(&mut out),
            2 => drop(client.signal(Signal::Term, &mut out)),
            3 => {
                now += Duration::from_millis(u64::from(*len) * 20);
                client.wake(now, &mut out);
            }
            4 if several => client.start(command(), &mut out),
            5 => client.receive(now, part, &mut out),
            _ => {
                marked = true;
                let line = [mark.as_bytes(), part, b"\n"].concat();
                client.receive(now, &line, &mut out);
            }
        }
        assert!(marked || out.stdout.is_empty() && out.stderr.is_empty());
        for event in std::mem::take(&mut out.events) {
            assert!(!failed, "{event:?} after a failure");
            match event {
                RunnerEvent::Ended(_) => assert!(std::mem::take(&mut running), "it ended twice"),
                RunnerEvent::Idle => running = true,
                RunnerEvent::Failed(_) => failed = true,
                RunnerEvent::Ready | RunnerEvent::Note(_) => {}
            }
        }
        if failed {
            out.stdout.clear();
            out.stderr.clear();
            marked = false;
        }
        let mut sent = &out.remote.split()[..];
        while !sent.is_empty() {
            let (_, len) = RunnerFrame::decode(sent).expect("it sends frames");
            sent = &sent[RunnerFrame::HEADER + len..];
        }
    }
});
