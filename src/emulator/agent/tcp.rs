//! The connection of a port session.

use super::failure::SessionFailure;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Bytes read from a target at once, at most.
pub(super) const TCP_CHUNK: usize = 2048;

/// The step at which an agent failed with its target, in the words of its `sessionresult.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Opening,
    Reading,
    Reopening,
}

impl Doing {
    /// The failure with what Go says of its cause.
    fn failed(self, target: impl fmt::Display, cause: impl fmt::Display) -> SessionFailure {
        let (code, doing) = match self {
            Self::Opening => ("OpenTargetPortFailed", "opening"),
            Self::Reading => ("ReadFromTargetPortFailed", "reading from"),
            Self::Reopening => ("ReopenTargetPortFailed", "reopening"),
        };
        let text = format!("An error occurred while {doing} the target port {target}. {cause}.");
        SessionFailure::new(code, text)
    }
}

/// Connects to `host` and `port` within `limit`.
pub(super) async fn connect(
    host: String,
    port: u16,
    limit: Duration,
    doing: Doing,
) -> Result<TcpStream, SessionFailure> {
    let target = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let connecting = TcpStream::connect((host.as_str(), port));
    let cause = match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(stream)) => {
            // As in Go programs. Without it the connection is only slower.
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
        Ok(Err(error)) if error.raw_os_error().is_none() => {
            format!("dial tcp: lookup {host}: no such host")
        }
        Ok(Err(error)) => format!("dial tcp {target}: connect: {}", describe(&error)),
        Err(_) => format!("dial tcp {target}: i/o timeout"),
    };
    Err(doing.failed(target, cause))
}

/// The two ends of a connection: this side's, then the target's.
pub(super) type Addresses = (SocketAddr, SocketAddr);

/// The end of the session when a read has failed, or has shown the end of the stream.
pub(super) fn read_failure(ends: Option<Addresses>, end: io::Result<usize>) -> SessionFailure {
    // A connection that was reset at once has no addresses any more.
    let target = ends.map(|(_, target)| target.to_string());
    let cause = match (end, ends) {
        (Ok(_), _) => "EOF".to_owned(),
        (Err(error), Some((own, target))) => {
            format!("read tcp {own}->{target}: read: {}", describe(&error))
        }
        (Err(error), None) => format!("read tcp: read: {}", describe(&error)),
    };
    Doing::Reading.failed(target.unwrap_or_default(), cause)
}

/// Go's text of a system's error: the system's words, without a capital.
fn describe(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
