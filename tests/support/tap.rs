//! A relay on loopback that notes down all that passes, and what a gateway would read in it.

use ::axt::protocol::frame::{Frame, Kind};
use bytes::Bytes;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What has passed in one direction of one connection.
type Note = Arc<Mutex<Vec<u8>>>;

/// The relay; it serves until the test's process ends.
pub(crate) struct Tap {
    pub address: SocketAddr,
    streams: Arc<Mutex<Vec<Note>>>,
}

impl Tap {
    /// Relays to `target`.
    pub(crate) fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let streams = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&streams);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let note = Note::default();
                    noted.lock().unwrap().push(Arc::clone(&note));
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || relay(from, to, &note));
                }
            }
        });
        Self { address, streams }
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.streams.lock().unwrap().len() / 2
    }

    /// The messages of all sessions, both ways, as the gateway reads them.
    pub(crate) fn messages(&self) -> Vec<Frame> {
        let streams = self.streams.lock().unwrap();
        let streams = streams.iter().map(|stream| stream.lock().unwrap().clone());
        let sessions = streams.filter(|bytes| {
            bytes.starts_with(b"GET /session") || bytes.starts_with(b"HTTP/1.1 101")
        });
        let payloads = sessions.flat_map(|bytes| websocket(&bytes));
        payloads
            .map(|bytes| Frame::decode(&Bytes::from(bytes)).unwrap().frame)
            .collect()
    }

    /// Whether the gateway read `text` in any message, whatever its kind.
    pub(crate) fn has_read(&self, text: &str) -> bool {
        let mut messages = self.messages().into_iter();
        messages.any(|frame| contains(&frame.payload, text))
    }

    /// The payloads of one kind that are not empty.
    pub(crate) fn payloads(&self, kind: Kind) -> Vec<Bytes> {
        let of_kind = self.messages().into_iter().filter(|f| f.kind == kind);
        let payloads = of_kind.map(|frame| frame.payload);
        payloads.filter(|payload| !payload.is_empty()).collect()
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

fn relay(mut from: TcpStream, mut to: TcpStream, note: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        note.lock().unwrap().extend_from_slice(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The binary messages behind a WebSocket's HTTP head, unmasked.
fn websocket(stream: &[u8]) -> Vec<Vec<u8>> {
    let head = stream
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let mut rest = &stream[head + 4..];
    let mut messages = Vec::new();
    while let [first, second, tail @ ..] = rest {
        let (len, tail) = match second & 0x7f {
            126 => (usize::from(tail[0]) << 8 | usize::from(tail[1]), &tail[2..]),
            127 => panic!("no message is that long"),
            len => (usize::from(len), tail),
        };
        let masked = second & 0x80 != 0;
        let (mask, tail) = tail.split_at(if masked { 4 } else { 0 });
        // A last message may be cut by the end.
        let (body, tail) = tail.split_at(len.min(tail.len()));
        assert_eq!(first & 0x80, 0x80, "no message is split");
        if first & 0xf == 2 && body.len() == len {
            let unmasked = body.iter().enumerate();
            messages.push(
                unmasked
                    .map(|(i, byte)| if masked { byte ^ mask[i % 4] } else { *byte })
                    .collect(),
            );
        }
        rest = tail;
    }
    messages
}
