//! Connections that can be stalled: all traffic is held for a time and delivered late.
//!
//! A client that gives up an attempt during a stall closes its end, which arrives as late as the
//! attempt itself: the gateway then takes the abandoned attempt for a client.

use axum::serve::Listener;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The pause between the deliveries of the connections that were made during a stall.
const APART: Duration = Duration::from_millis(20);

/// The record of which connections are stalled.
#[derive(Debug)]
pub(crate) struct Stalls {
    /// The number of the next connection.
    next: AtomicU64,
    /// Connections with at least this number pass.
    passing_from: watch::Sender<u64>,
}

impl Default for Stalls {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(0),
            passing_from: watch::Sender::new(0),
        }
    }
}

impl Stalls {
    /// Holds all traffic of all connections, those that are made later included.
    pub(crate) fn hold(&self) -> HeldTraffic {
        self.passing_from.send_replace(u64::MAX);
        HeldTraffic {
            first: self.next.load(Ordering::Relaxed),
        }
    }

    /// Delivers what was held: first the newest connection, so that older attempts, which their
    /// clients have given up, come after the one that replaced them; last those from before the stall.
    pub(crate) async fn release(&self, held: HeldTraffic) {
        for number in (held.first..self.next.load(Ordering::Relaxed)).rev() {
            self.passing_from.send_replace(number);
            tokio::time::sleep(APART).await;
        }
        self.release_all();
    }

    /// Delivers all at once.
    pub(crate) fn release_all(&self) {
        self.passing_from.send_replace(0);
    }

    fn holds(&self, number: u64) -> bool {
        number < *self.passing_from.borrow()
    }

    async fn passes(self: Arc<Self>, number: u64) {
        let mut passing_from = self.passing_from.subscribe();
        // It fails only without a sender, which this function holds.
        let _ = passing_from.wait_for(|from| number >= *from).await;
    }
}

/// A stall under way.
#[derive(Debug)]
pub(crate) struct HeldTraffic {
    /// The first connection that was made during the stall.
    first: u64,
}

/// A listener whose connections can be stalled.
pub(crate) struct StallListener {
    pub(crate) listener: TcpListener,
    pub(crate) stalls: Arc<Stalls>,
}

impl StallListener {
    /// The next connection.
    pub(crate) async fn accept(&mut self) -> StallStream {
        // This one waits and tries again when there are too many open files.
        let (stream, _) = Listener::accept(&mut self.listener).await;
        let number = self.stalls.next.fetch_add(1, Ordering::Relaxed);
        let direction = || Direction {
            number,
            stalls: self.stalls.clone(),
            wait: None,
        };
        StallStream {
            stream,
            reading: direction(),
            writing: direction(),
        }
    }
}

/// A connection that can be stalled.
pub(crate) struct StallStream {
    stream: TcpStream,
    reading: Direction,
    writing: Direction,
}

/// One direction of a connection.
struct Direction {
    /// The connection's number.
    number: u64,
    stalls: Arc<Stalls>,
    /// The wait for the end of a stall.
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl StallStream {
    /// The connection itself.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.stream
    }
}

impl Direction {
    /// Waits while a stall holds the connection.
    fn poll_passes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.stalls.holds(self.number) {
            let (stalls, number) = (&self.stalls, self.number);
            let wait = self
                .wait
                .get_or_insert_with(|| Box::pin(stalls.clone().passes(number)));
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        self.wait = None;
        Poll::Ready(())
    }
}

impl AsyncRead for StallStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.reading.poll_passes(cx));
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for StallStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.writing.poll_passes(cx));
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.writing.poll_passes(cx));
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
