//! The client against a runner made of the codec alone, over a link that cuts, mixes, delays and
//! loses.

use super::super::codec::{Data, OutputStream};
use super::super::job::LINGER;
use super::super::output::Damage;
use super::super::scripts::What;
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;

const TOOLS: &str = "? stty dd id base64 -w full setsid gzip;";

fn client(several: bool) -> (RunnerClient, Yield) {
    let compress = true;
    (
        RunnerClient::new(RunnerOptions { compress, several }),
        Yield::default(),
    )
}

fn nonce(client: &RunnerClient) -> &str {
    match &client.phase {
        RunnerPhase::Starting(hello) => hello.nonce(),
        _ => panic!("it was said"),
    }
}

fn command() -> RemoteCommand {
    RemoteCommand {
        what: What::Line(b"true".to_vec()),
        ..RemoteCommand::default()
    }
}

/// A client whose command has started; what it has sent is taken away.
fn started(several: bool) -> (RunnerClient, Yield) {
    let (mut client, mut out) = client(several);
    client.start(command(), &mut out);
    assert!(out.remote.is_empty());
    let hello = format!("motd\r\n{}{TOOLS}", nonce(&client));
    client.receive(Instant::now(), hello.as_bytes(), &mut out);
    assert_eq!(out.events.pop_front(), Some(RunnerEvent::Ready));
    out.remote.clear();
    (client, out)
}

/// The bytes that the runner writes for these lines.
fn lines(client: &RunnerClient, lines: &[Line<'_>]) -> Vec<u8> {
    let lines = lines.iter().map(|line| {
        let mut whole = client.mark.clone().into_bytes();
        whole.extend(line.encode());
        whole.push(b'\n');
        whole
    });
    lines.collect::<Vec<_>>().concat()
}

fn receive(client: &mut RunnerClient, what: &[Line<'_>], out: &mut Yield) {
    let bytes = lines(client, what);
    client.receive(Instant::now(), &bytes, out);
}

/// A stream as the runner encodes it, chunk by chunk, its last line included.
fn encode(client: &RunnerClient, stream: OutputStream, chunks: &[(Vec<u8>, bool)]) -> Vec<Vec<u8>> {
    let (mut number, mut encoded) = (0, Vec::new());
    for (chunk, compressed) in chunks {
        let bytes = if *compressed {
            gzip(chunk)
        } else {
            chunk.clone()
        };
        let text = STANDARD.encode(&bytes);
        let pieces: Vec<_> = text.as_bytes().chunks(LINE).collect();
        for (i, text) in pieces.iter().enumerate() {
            number += 1;
            let (compressed, lines) = (*compressed, pieces.len() - i);
            let data = Data {
                stream,
                number,
                compressed,
                lines,
                text,
            };
            encoded.push(self::lines(client, &[Line::Data(data)]));
        }
    }
    number += 1;
    encoded.push(lines(client, &[Line::StreamEnd { stream, number }]));
    encoded
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sentinel(client: &RunnerClient) -> Vec<u8> {
    format!("{}\n", client.sentinel).into_bytes()
}

/// An ending of a command that has written nothing.
fn quiet_end(client: &RunnerClient) -> Vec<u8> {
    let chunks = [(sentinel(client), false)];
    let streams = [OutputStream::Output, OutputStream::Error];
    streams
        .map(|stream| encode(client, stream, &chunks).concat())
        .concat()
}

/// Bytes as commands write them.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..200),
        (1usize..30_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        (1usize..30_000, any::<u64>()).prop_map(|(len, seed)| {
            let mut random = fastrand::Rng::with_seed(seed);
            std::iter::repeat_with(|| random.u8(..)).take(len).collect()
        }),
    ]
}

fn chunks() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
    prop::collection::vec((bytes(), any::<bool>()), 0..5)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lose,
    Double,
    Shorten,
}

proptest! {
    #[test]
    fn streams_are_exact_however_they_are_mixed_and_cut(
        out_chunks in chunks(), err_chunks in chunks(), noise in "[a-z\r\n]{0,9}",
        order: u64, cut in 1usize..5_000,
    ) {
        let (mut client, mut out) = started(false);
        let end = (sentinel(&client), false);
        let with_end = |chunks: &[(Vec<u8>, bool)]| [chunks, std::slice::from_ref(&end)].concat();
        let mut streams = [
            encode(&client, OutputStream::Output, &with_end(&out_chunks)),
            encode(&client, OutputStream::Error, &with_end(&err_chunks)),
            vec![lines(&client, &[Line::Process("-123")]), lines(&client, &[Line::Status(Some(7))])],
        ];
        let mut random = fastrand::Rng::with_seed(order);
        let mut wire = Vec::new();
        while streams.iter().any(|lines| !lines.is_empty()) {
            let which = random.usize(0..3);
            if !streams[which].is_empty() {
                wire.extend(streams[which].remove(0));
                if random.u8(..) < 60 {
                    wire.extend(noise.bytes());
                }
            }
        }
        for piece in wire.chunks(cut) {
            client.receive(Instant::now(), piece, &mut out);
        }
        let clear = |chunks: &[(Vec<u8>, bool)]| chunks.iter().flat_map(|(chunk, _)| chunk.clone()).collect::<Vec<_>>();
        prop_assert!(out.stdout == clear(&out_chunks));
        prop_assert!(out.stderr == clear(&err_chunks));
        out.events.retain(|event| *event != RunnerEvent::Note(Note::Noise));
        prop_assert_eq!(out.events, [RunnerEvent::Ended(7)]);
    }

    #[test]
    fn a_fault_ends_the_command_behind_a_correct_beginning(
        chunks in prop::collection::vec((bytes(), any::<bool>()), 1..5), at: prop::sample::Index,
        fault in prop_oneof![Just(Fault::Lose), Just(Fault::Double), Just(Fault::Shorten)],
    ) {
        let (mut client, mut out) = started(false);
        let mut with_end = chunks.clone();
        with_end.push((sentinel(&client), false));
        let mut stream = encode(&client, OutputStream::Output, &with_end);
        let at = at.index(stream.len());
        match fault {
            Fault::Lose => drop(stream.remove(at)),
            Fault::Double => stream.insert(at, stream[at].clone()),
            // Not the newline alone: two lines in one are no line.
            Fault::Shorten => {
                let len = stream[at].len();
                stream[at].remove(len - 2);
            }
        }
        let other = encode(&client, OutputStream::Error, &[(sentinel(&client), false)]);
        let status = lines(&client, &[Line::Status(Some(0))]);
        for piece in stream.iter().chain(&other).chain([&status]) {
            client.receive(Instant::now(), piece, &mut out);
        }
        let clear: Vec<u8> = chunks.iter().flat_map(|(chunk, _)| chunk.clone()).collect();
        prop_assert!(clear.starts_with(&out.stdout));
        // A last line that is lost is waited for; any other fault is a failure.
        let failed = matches!(out.events.back(), Some(RunnerEvent::Failed(Failure::Damaged(_))));
        prop_assert!(failed || (fault == Fault::Lose && at == stream.len() && out.events.is_empty()));
    }

    #[test]
    fn any_bytes_are_taken_and_none_are_invented(pieces: Vec<Vec<u8>>, marked: bool) {
        let (mut client, mut out) = started(true);
        for piece in pieces {
            if marked {
                let mark = client.mark.clone();
                client.receive(Instant::now(), mark.as_bytes(), &mut out);
            }
            client.receive(Instant::now(), &piece, &mut out);
            client.wake(Instant::now(), &mut out);
        }
        if !marked {
            prop_assert!(out.stdout.is_empty() && out.stderr.is_empty());
            prop_assert!(out.events.iter().all(|event| *event == RunnerEvent::Note(Note::Noise)));
        }
    }
}

#[test]
fn the_runner_goes_when_the_other_side_is_ready_and_not_before() {
    let (mut client, mut out) = client(false);
    client.start(command(), &mut out);
    let hello = format!("{}{TOOLS}", nonce(&client));
    let (first, second) = hello.split_at(30);
    client.receive(Instant::now(), first.as_bytes(), &mut out);
    assert!(out.remote.is_empty() && !client.is_ready() && !client.wants_input());
    client.receive(Instant::now(), second.as_bytes(), &mut out);
    assert!(client.is_ready() && client.wants_input());
    let text = String::from_utf8(out.remote.to_vec()).unwrap();
    let (len, rest) = text.split_at(8);
    let (runner, frame) = rest.split_at(len.parse().unwrap());
    assert!(runner.contains(&client.mark) && runner.contains(&client.sentinel));
    let (RunnerFrame::Script, len) = RunnerFrame::decode(frame.as_bytes()).unwrap() else {
        panic!("{frame}");
    };
    assert_eq!(frame.len(), RunnerFrame::HEADER + len);
    assert!(frame.ends_with(r#"_o "$SHELL" -c 'true'"#), "{frame}");
}

#[test]
fn what_is_missing_is_named_and_what_is_no_shell_is_quoted() {
    let (mut without_dd, mut out) = client(false);
    let hello = format!("{}? stty base64 -w;", nonce(&without_dd));
    without_dd.receive(Instant::now(), hello.as_bytes(), &mut out);
    let missing = Failure::Missing("dd");
    assert_eq!(out.events, [RunnerEvent::Failed(missing)]);
    assert!(out.remote.is_empty());
    let (mut none, mut out) = client(false);
    none.receive(Instant::now(), b"sh: not found\r\n", &mut out);
    let said = "no POSIX shell answered; the output was: sh: not found";
    assert_eq!(
        none.ended().map(|failure| failure.to_string()).as_deref(),
        Some(said)
    );
    assert_eq!(none.ended(), None);
}

#[test]
fn signals_wait_for_the_process_and_end_with_it() {
    let (mut client, mut out) = started(false);
    assert!(client.signal(Signal::Int, &mut out));
    assert!(out.remote.is_empty());
    receive(&mut client, &[Line::Process("-4711")], &mut out);
    assert_eq!(out.remote.split(), "s0000010-INT -4711");
    assert!(client.signal(Signal::Kill, &mut out));
    assert_eq!(out.remote.split(), "s0000011-KILL -4711");
    receive(&mut client, &[Line::Status(Some(130))], &mut out);
    assert!(!client.signal(Signal::Kill, &mut out));
}

#[test]
fn children_that_hold_the_streams_have_a_second() {
    for several in [false, true] {
        let (mut client, mut out) = started(several);
        let start = Instant::now();
        let text = STANDARD.encode([b"done\n".to_vec(), sentinel(&client)].concat());
        let data = |stream, number, text| {
            let text = str::as_bytes(text);
            Line::Data(Data {
                stream,
                number,
                compressed: false,
                lines: 1,
                text,
            })
        };
        let error = STANDARD.encode(sentinel(&client));
        receive(
            &mut client,
            &[Line::Status(Some(4)), data(OutputStream::Output, 1, &text)],
            &mut out,
        );
        assert_eq!(out.stdout, "done\n");
        receive(
            &mut client,
            &[data(OutputStream::Error, 1, &error)],
            &mut out,
        );
        let by = client.deadline().unwrap();
        assert!(by >= start + LINGER);
        // What comes meanwhile counts.
        receive(
            &mut client,
            &[data(OutputStream::Output, 2, "bGF0ZQo=")],
            &mut out,
        );
        client.wake(by - Duration::from_millis(1), &mut out);
        assert!(out.events.is_empty());
        client.wake(by, &mut out);
        assert_eq!(
            (out.events.pop_front(), &*out.stdout),
            (Some(RunnerEvent::Ended(4)), &b"done\nlate\n"[..])
        );
        if several {
            assert_eq!(out.remote.split(), "k0000000");
            // The tools that were stuck are ended, whatever they had in hand.
            let end = |stream, number| Line::StreamEnd { stream, number };
            receive(
                &mut client,
                &[end(OutputStream::Output, 9), end(OutputStream::Error, 2)],
                &mut out,
            );
            assert_eq!(out.remote.split(), "e0000000");
            client.start(command(), &mut out);
            assert!(out.remote.is_empty() && !client.wants_input());
            receive(&mut client, &[Line::Idle], &mut out);
            assert_eq!(out.events, [RunnerEvent::Idle]);
            client.start(command(), &mut out);
            assert!(out.remote.starts_with(b"x0"));
        }
    }
}

/// A runner's command that has ended with 0, with input on its way, before the runner is ready for the next.
fn ended() -> (RunnerClient, Yield) {
    let (mut client, mut out) = started(true);
    client.input(b"for its child", &mut out);
    let end = quiet_end(&client);
    client.receive(Instant::now(), &end, &mut out);
    receive(&mut client, &[Line::Status(Some(0))], &mut out);
    assert_eq!(out.events.pop_front(), Some(RunnerEvent::Ended(0)));
    assert!(out.remote.split().ends_with(b"e0000000"));
    (client, out)
}

#[test]
fn what_is_given_early_is_the_next_commands() {
    for several in [false, true] {
        let (mut client, mut out) = if several { ended() } else { client(several) };
        client.input(b"nobody's", &mut out);
        client.start(command(), &mut out);
        client.input(b"for the next", &mut out);
        client.input_end(&mut out);
        assert!(out.remote.is_empty());
        if several {
            receive(&mut client, &[Line::Idle], &mut out);
        } else {
            let hello = format!("{}{TOOLS}", nonce(&client));
            client.receive(Instant::now(), hello.as_bytes(), &mut out);
        }
        let sent = out.remote.split();
        assert!(sent.ends_with(b"-c 'true'd0000012for the nextd0000000"));
    }
}

#[test]
fn a_runner_that_can_not_be_cleared_takes_no_other_command() {
    let (mut client, mut out) = ended();
    let by = client.deadline().unwrap();
    client.start(command(), &mut out);
    client.wake(by, &mut out);
    let held = Failure::InputHeld;
    assert_eq!(out.events.pop_front(), Some(RunnerEvent::Failed(held)));
    receive(&mut client, &[Line::Idle], &mut out);
    assert!(out.remote.is_empty() && out.events.is_empty());
    client.start(command(), &mut out);
    assert_eq!(out.events, [RunnerEvent::Failed(Failure::Cut)]);
    // The same if one of its processes was killed meanwhile.
    let (mut client, mut out) = ended();
    receive(&mut client, &[Line::Disturbed], &mut out);
    assert_eq!(out.events, [RunnerEvent::Failed(Failure::Disturbed)]);
}

#[test]
fn the_next_command_does_not_wait_for_the_runner_to_say_that_it_is_ready() {
    let (mut client, mut out) = started(true);
    client.start(command(), &mut out);
    assert!(out.remote.is_empty() && !client.is_free());
    let end = quiet_end(&client);
    client.receive(Instant::now(), &end, &mut out);
    assert!(out.remote.is_empty());
    receive(&mut client, &[Line::Status(Some(3))], &mut out);
    assert_eq!(out.events.pop_front(), Some(RunnerEvent::Ended(3)));
    let sent = out.remote.split();
    assert!(sent.starts_with(b"e0000000x0"), "{sent:?}");
    client.input(b"for the second", &mut out);
    assert_eq!(out.remote.split(), "d0000014for the second");
    // What is left to say of the first comes before anything of the second.
    receive(&mut client, &[Line::InputClosed, Line::Idle], &mut out);
    assert!(out.events.is_empty() && client.wants_input());
    receive(
        &mut client,
        &[Line::Credit, Line::Status(Some(4))],
        &mut out,
    );
    client.receive(Instant::now(), &end, &mut out);
    assert_eq!(out.events, [RunnerEvent::Ended(4)]);
    assert!(client.is_free());
    assert_eq!(out.remote.split(), "e0000000");
    receive(&mut client, &[Line::Idle], &mut out);
    assert_eq!(out.events.pop_back(), Some(RunnerEvent::Idle));
}

#[test]
fn an_end_that_is_no_end_of_the_commands_is_a_failure() {
    let killed: [(&[Line<'_>], Failure); 4] = [
        (&[Line::Status(None)], Failure::NoStatus),
        (&[Line::Disturbed], Failure::Disturbed),
        (&[Line::Idle], Failure::Disturbed),
        (
            &[Line::Credit],
            Failure::Damaged("more input was taken than was sent"),
        ),
    ];
    for (said, failure) in killed {
        let (mut client, mut out) = started(false);
        receive(&mut client, said, &mut out);
        assert_eq!(out.events, [RunnerEvent::Failed(failure)]);
        assert_eq!(client.ended(), None);
    }
    let (mut client, mut out) = started(false);
    let end = quiet_end(&client);
    client.receive(Instant::now(), &end, &mut out);
    assert_eq!(client.ended(), Some(Failure::Cut));
    // A stream that ends before its command has.
    let (mut client, mut out) = started(false);
    let end = Line::StreamEnd {
        stream: OutputStream::Output,
        number: 1,
    };
    receive(&mut client, &[end], &mut out);
    let cut: Damage = "a stream was cut";
    assert_eq!(out.events, [RunnerEvent::Failed(Failure::Damaged(cut))]);
}

#[test]
fn what_is_missing_at_the_end_is_asked_for() {
    // The status alone, one stream with it, both streams without it.
    for there in [&["s"][..], &["o", "s"], &["o", "e"]] {
        for (several, comes) in [(false, true), (true, true), (false, false), (true, false)] {
            let (mut client, mut out) = started(several);
            let chunks = [(sentinel(&client), false)];
            let part = |name: &str| match name {
                "s" => lines(&client, &[Line::Status(Some(3))]),
                "o" => encode(&client, OutputStream::Output, &chunks).concat(),
                _ => encode(&client, OutputStream::Error, &chunks).concat(),
            };
            let first: Vec<u8> = there.iter().flat_map(|name| part(name)).collect();
            let missing = ["s", "o", "e"]
                .into_iter()
                .filter(|name| !there.contains(name));
            let rest: Vec<u8> = missing.flat_map(part).collect();
            let now = Instant::now();
            client.receive(now, &first, &mut out);
            assert!(out.remote.is_empty() && client.deadline() == Some(now + LINGER));
            client.wake(now + LINGER, &mut out);
            assert_eq!(out.remote.split(), "e0000000");
            // Once, and however long the answer takes.
            assert!(out.events.is_empty() && client.deadline().is_none());
            let end = if comes {
                client.receive(now, &rest, &mut out);
                RunnerEvent::Ended(3)
            } else {
                receive(&mut client, &[Line::Idle], &mut out);
                RunnerEvent::Failed(Failure::Disturbed)
            };
            assert_eq!(out.events, [end]);
            assert!(out.remote.is_empty());
        }
    }
}

#[test]
fn children_do_not_hold_the_end_of_a_command_without_a_status() {
    for several in [false, true] {
        let (mut client, mut out) = started(several);
        let chunks = [(sentinel(&client), false)];
        let streams = [OutputStream::Output, OutputStream::Error];
        let [output, error] = streams.map(|stream| encode(&client, stream, &chunks));
        let now = Instant::now();
        client.receive(now, &[&output[0][..], &error[0]].concat(), &mut out);
        client.wake(now + LINGER, &mut out);
        assert_eq!(out.remote.split(), "e0000000k0000000");
        // A process that was just starting may have missed it.
        client.wake(now + LINGER * 2, &mut out);
        assert_eq!(out.remote.split(), "k0000000");
        client.receive(now, &[&output[1][..], &error[1]].concat(), &mut out);
        receive(&mut client, &[Line::Idle], &mut out);
        assert_eq!(out.events, [RunnerEvent::Failed(Failure::Disturbed)]);
    }
}

#[test]
fn a_window_keeps_a_slow_link_busy() {
    // 200,000 bytes a second and 80 ms there and back, in steps of a millisecond.
    const RATE: usize = 200;
    const DELAY: usize = 40;
    let (mut client, mut out) = started(false);
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(32 * 1024)
        .collect();
    let (mut there, mut back) = (VecDeque::new(), VecDeque::new());
    let (mut queue, mut arrived, mut taken) = (BytesMut::new(), BytesMut::new(), 0);
    for time in 0..10_000 {
        while client.wants_input() {
            client.input(&noise, &mut out);
        }
        queue.put_slice(&out.remote.split());
        let sent = queue.split_to(RATE.min(queue.len()));
        there.push_back((time + DELAY, sent));
        while let Some((_, bytes)) = there.pop_front_if(|(at, _)| *at <= time) {
            arrived.put_slice(&bytes);
        }
        while let Some((_, len)) = RunnerFrame::decode(&arrived) {
            if arrived.len() < RunnerFrame::HEADER + len {
                break;
            }
            let _ = arrived.split_to(RunnerFrame::HEADER + len);
            taken += len;
            back.push_back((time + DELAY, lines(&client, &[Line::Credit])));
        }
        while let Some((_, line)) = back.pop_front_if(|(at, _)| *at <= time) {
            client.receive(Instant::now(), &line, &mut out);
        }
    }
    let share = taken as f64 / (RATE * (10_000 - 2 * DELAY)) as f64;
    assert!(share > 0.97, "{share}");
}
