//! A line of limited speed that takes its time: a relay on loopback.

use axt::protocol::frame::Frame;
use bytes::Bytes;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The line; it serves until the process ends.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    /// The beginning of what the last session sent to its client.
    beginning: Arc<Mutex<Vec<u8>>>,
    /// Bytes that passed to the instance, and from there.
    passed: [Arc<AtomicUsize>; 2],
}

/// What is looked at for a message, in bytes.
const BEGINNING: usize = 16 * 1024;

/// How late a thread may wake without a gap on the line.
const LATE: Duration = Duration::from_millis(20);

impl Line {
    /// Relays to `target`, each way at `rate` bytes a second and `delay` later. What a client sends first
    /// also waits for the time that TCP's handshake would take: on loopback it takes none.
    pub(crate) fn before(target: SocketAddr, rate: f64, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let beginning = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&beginning);
        let passed = <[Arc<AtomicUsize>; 2]>::default();
        let counts = passed.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a connection");
                let server = TcpStream::connect(target).expect("the emulator listens");
                let connected = Instant::now() + 2 * delay;
                for (from, to, note, count) in [
                    (&client, &server, None, &counts[0]),
                    (&server, &client, Some(Arc::clone(&noted)), &counts[1]),
                ] {
                    let count = Arc::clone(count);
                    to.set_nodelay(true).expect("a TCP socket");
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let ends = (from.expect("a socket"), to.expect("a socket"));
                    let note = move |seen: usize, bytes: &[u8]| {
                        count.fetch_add(bytes.len(), Ordering::Relaxed);
                        if let Some(note) = note.as_deref().filter(|_| seen < BEGINNING) {
                            let mut note = note.lock().expect("no panic before");
                            if seen == 0 && bytes.starts_with(b"HTTP/1.1 101") {
                                note.clear();
                            }
                            note.extend_from_slice(bytes);
                        }
                    };
                    thread::spawn(move || relay(ends, connected, (rate, delay), note));
                }
            }
        });
        Self {
            address,
            beginning,
            passed,
        }
    }

    /// Bytes that have passed to the instance, and from there.
    pub(crate) fn passed(&self) -> [usize; 2] {
        self.passed
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed))
    }

    /// Bytes of a message that are not its payload.
    pub(crate) fn header(&self) -> f64 {
        let bytes = self.beginning.lock().expect("no panic before").clone();
        let head = bytes.windows(4).position(|part| part == b"\r\n\r\n");
        let mut rest = bytes
            .get(head.expect("an HTTP head") + 4..)
            .unwrap_or_default();
        while let [0x82, len, tail @ ..] = rest {
            let (len, tail) = match (len, tail) {
                (126, [a, b, tail @ ..]) => (usize::from(*a) << 8 | usize::from(*b), tail),
                (len, tail) => (usize::from(*len), tail),
            };
            let (message, tail) = tail.split_at_checked(len).expect("a whole message");
            let frame = Frame::decode(&Bytes::copy_from_slice(message))
                .expect("a message")
                .frame;
            // The WebSocket's own, which the service doesn't count, is left out.
            if !frame.channel_id.is_empty() {
                return (message.len() - frame.payload.len()) as f64;
            }
            rest = tail;
        }
        panic!("no message with a channel");
    }
}

/// Passes bytes on until their end, none of them before the connection counts as made.
fn relay(
    (mut from, mut to): (TcpStream, TcpStream),
    connected: Instant,
    (rate, delay): (f64, Duration),
    note: impl Fn(usize, &[u8]),
) {
    let (queue, queued) = channel::<(Instant, Vec<u8>)>();
    let writing = thread::spawn(move || {
        for (at, bytes) in queued {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut free = connected;
    let mut buffer = [0; 2048];
    let mut seen = 0;
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..n).unwrap_or_default();
        note(seen, bytes);
        seen += n;
        // The bytes leave one after the other, and no faster than the line takes them. A line does not
        // pause because this thread woke late.
        let now = Instant::now();
        if now.saturating_duration_since(free) > LATE {
            free = now;
        }
        free += Duration::from_secs_f64(n as f64 / rate);
        if queue.send((free + delay, bytes.to_vec())).is_err() {
            return;
        }
        thread::sleep(free.saturating_duration_since(Instant::now()));
    }
    drop(queue);
    let _ = writing.join();
}
