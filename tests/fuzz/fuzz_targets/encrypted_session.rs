//! An encrypted session shows only what was encrypted, and sends nothing in clear that was typed,
//! whatever else comes from the gateway.
#![no_main]

use axt::protocol::channel::{Channel as _, Event, Incoming, Now, Outgoing};
use axt::protocol::crypto::{BLOCK, Cipher, Exchange, KEY, KeySource};
use axt::protocol::frame::{Frame, Kind, Version};
use axt::protocol::session::{Session, SessionOptions};
use axt::protocol::status::Status;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

const IV: [u8; BLOCK] = [3; BLOCK];

fn frame(kind: Kind, seq: u32, payload: impl Into<Bytes>) -> Incoming {
    let mut frame = Frame::new(kind, Version::V1_02, 1, payload.into());
    frame.channel_id = Bytes::from_static(b"ch-1");
    frame.output_seq = seq;
    Incoming::Binary(frame.encode())
}

fuzz_target!(|data: &[u8]| {
    let mut now = Now {
        at: Instant::now(),
        unix_ms: 1_700_000_000_000,
    };
    let source = KeySource::Kms {
        key: Zeroizing::new([5; KEY]),
        ciphertext: "blob".into(),
    };
    let cipher = Cipher::new(&[5; KEY], IV);
    let mut session =
        Session::new(SessionOptions::default(), now).encrypted(Exchange::new(IV, source));
    session.connected(now);
    let (mut sealed, mut shown) = (Vec::new(), Vec::new());
    let (mut typed, mut sent) = (Vec::new(), Vec::new());
    let (mut seq, mut rest) = (0, data);
    while let [what, len, tail @ ..] = rest {
        let (part, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        match what % 10 {
            0 => {
                typed.extend_from_slice(part);
                session.write(now, part);
            }
            1 => session.receive(now, frame(Kind::Status, 0, Status::Opened.encode())),
            2 => session.receive(
                now,
                frame(
                    Kind::KeyExchange,
                    0,
                    &b"\x01{\"clientCertificate\":false}"[..],
                ),
            ),
            3 => session.receive(now, frame(Kind::KeyExchange, 0, &b"\x03{}"[..])),
            4 => session.receive(now, frame(Kind::KeyExchange, 0, part.to_vec())),
            5 => {
                let span = Duration::from_millis(u64::from(*len) * 100);
                now.at += span;
                session.wake(now);
            }
            // In clear: nothing, or the announcement of the end. The cipher does not authenticate, so that
            // whole blocks may decrypt by chance.
            6 => {
                seq += 1;
                sealed.extend(cipher.unseal(part).unwrap_or_default());
                session.receive(now, frame(Kind::Output, seq, part.to_vec()));
            }
            7 => {
                seq += 1;
                let notice = [b"The session has terminated. X: ", part, b"\n"].concat();
                session.receive(now, frame(Kind::Output, seq, notice));
            }
            _ => {
                seq += 1;
                sealed.extend_from_slice(part);
                session.receive(now, frame(Kind::Output, seq, cipher.seal(part)));
            }
        }
        while let Some(event) = session.poll_event() {
            if let Event::Output(bytes) = event {
                shown.extend_from_slice(&bytes);
            }
        }
        for _ in 0..1000 {
            let Some(Outgoing::Binary(bytes)) = session.poll_send(now) else {
                break;
            };
            let frame = Frame::decode(&bytes).expect("a session sends frames").frame;
            if frame.kind == Kind::Input && !frame.payload.is_empty() {
                let plain = cipher.unseal(&frame.payload).expect("it is encrypted");
                sent.extend_from_slice(&plain);
            }
        }
        assert!(sealed.starts_with(&shown), "{shown:?} of {sealed:?}");
        assert!(typed.starts_with(&sent));
    }
});
