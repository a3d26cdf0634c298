//! The connection of a port session.

use super::failure::SessionFailure;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// Bytes read from a target at once, at most.
pub(super) const TCP_CHUNK: usize = 2048;

/// Connects to `host` and `port` within `limit`; a failure has the code `code`.
pub(super) async fn connect(
    host: String,
    port: u16,
    limit: Duration,
    code: &'static str,
) -> Result<TcpStream, SessionFailure> {
    let connecting = TcpStream::connect((host, port));
    let stream = match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(SessionFailure::new(code, reason(&error))),
        Err(_) => return Err(SessionFailure::new(code, "connection timed out")),
    };
    // As in Go programs. Without it the connection is only slower.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn reason(error: &io::Error) -> String {
    let known = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        _ => return error.to_string(),
    };
    known.to_owned()
}
