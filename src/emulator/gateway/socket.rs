//! Opens and closes the WebSocket of a client.

use crate::emulator::stall::StallStream;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use futures_util::StreamExt as _;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_util::task::TaskTracker;

/// The WebSocket of a client.
pub(crate) type Socket = WebSocketStream<StallStream>;

/// The largest message taken from a client, in bytes.
const MAX_MESSAGE: usize = 128 * 1024;
/// The most bytes that wait for a client that doesn't read. Without a limit, a client could fill the
/// memory with pongs by sending pings.
const MAX_UNSENT: usize = 1024 * 1024;
/// The time that a client has to answer a close. Megabytes of the last output can be in the buffers of both
/// systems, which a slow line needs long for.
pub(super) const CLOSING: Duration = Duration::from_secs(60);

/// The HTTP status and the reason of a WebSocket request that is refused.
pub(crate) type Refused = (StatusCode, &'static str);

/// Answers a request for a WebSocket. `admit` checks it, and returns the function that serves the socket as
/// one of `tasks`.
pub(crate) fn answer<F, E>(
    tasks: &TaskTracker,
    mut request: Request<Body>,
    admit: impl FnOnce(&Request<Body>) -> Result<E, Refused>,
) -> Response<Body>
where
    E: FnOnce(Socket) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let upgrade = hyper::upgrade::on(&mut request);
    let no_websocket = (StatusCode::BAD_REQUEST, "this is not a WebSocket request");
    let accept = accept_key(request.headers()).ok_or(no_websocket);
    match accept.and_then(|accept| Ok((accept, admit(&request)?))) {
        Ok((accept, enter)) => {
            tasks.spawn(async move {
                if let Some(socket) = upgraded(upgrade).await {
                    enter(socket).await;
                }
            });
            switching_protocols(accept)
        }
        Err(refused) => refuse(refused),
    }
}

/// The answer to a WebSocket request that is refused.
fn refuse((status, reason): Refused) -> Response<Body> {
    tracing::debug!(%status, reason, "refused a WebSocket");
    let mut response = Response::new(Body::from(reason));
    *response.status_mut() = status;
    response
}

/// The answer that turns the connection into a WebSocket.
fn switching_protocols(accept: header::HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    let word = header::HeaderValue::from_static;
    headers.insert(header::CONNECTION, word("upgrade"));
    headers.insert(header::UPGRADE, word("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The Sec-WebSocket-Accept of a WebSocket request; `None` for any other request.
fn accept_key(headers: &HeaderMap) -> Option<header::HeaderValue> {
    let has = |name, word: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let whole = has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| whole)?;
    derive_accept_key(key.as_bytes()).try_into().ok()
}

/// The WebSocket after the upgrade.
async fn upgraded(upgrade: OnUpgrade) -> Option<Socket> {
    let upgraded: Upgraded = upgrade
        .await
        .inspect_err(|error| tracing::debug!(%error, "no upgrade"))
        .ok()?;
    // The connection was accepted by a StallListener, so it is a StallStream.
    let parts = upgraded.downcast::<TokioIo<StallStream>>().ok()?;
    let stream = parts.io.into_inner();
    if let Err(error) = stream.tcp().set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MAX_MESSAGE);
    config.max_frame_size = Some(MAX_MESSAGE);
    config.max_write_buffer_size = MAX_UNSENT;
    config.read_buffer_size = 16 * 1024;
    Some(
        WebSocketStream::from_partially_read(
            stream,
            parts.read_buf.to_vec(),
            Role::Server,
            Some(config),
        )
        .await,
    )
}

/// Closes a WebSocket and waits for the client to do the same, at most [`CLOSING`]. A socket that is
/// dropped with unread bytes is reset, which can destroy the last messages under way.
pub(crate) async fn close(mut socket: Socket, code: CloseCode) {
    let closing = async {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(message) = socket.next().await {
                if message.is_err() {
                    // After a broken frame no other frame can be recognised.
                    return discard(socket.get_mut()).await;
                }
            }
        }
    };
    // A client that takes longer is not waited for.
    let _ = timeout(CLOSING, closing).await;
}

/// Reads and discards what still comes.
async fn discard(stream: &mut StallStream) {
    let mut bytes = [0; 4096];
    if stream.shutdown().await.is_ok() {
        while let Ok(1..) = stream.read(&mut bytes).await {}
    }
}
