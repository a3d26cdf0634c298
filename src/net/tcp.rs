//! TCP connections, and the trait that all connections share.

use super::fault::Cause;
use crate::error::Result;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::fmt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;

/// The bytes that wait in the system for the network. The system would let megabytes wait, and a ping behind
/// them: on a slow line its answer would come too late. This much is enough for the service's 200 KB/s over
/// half a second of round trip.
const SEND_BUFFER: usize = 128 * 1024;

/// A connection to the target: TCP, TLS, or TLS through a proxy's tunnel.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to the URI's host, addresses of both families tried in a staggered race.
pub(super) async fn connect(uri: Uri, to: impl fmt::Display) -> Result<TcpStream> {
    let connected = connector().call(uri).await;
    connected
        .map(TokioIo::into_inner)
        .map_err(|error| Cause::of(&error).connecting_to(to))
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_send_buffer_size(Some(SEND_BUFFER));
    connector
}
