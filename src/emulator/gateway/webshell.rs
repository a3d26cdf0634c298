//! The WebSockets of SAE's web shells: a PTY's bytes as they are, and a Kubernetes status at the end.
//!
//! From `devsapp/saectl`: the token in the URL, the `Origin` header, bytes without a header, the
//! status as the last message. Inferred: the origin is checked, and the HTTP statuses.

use super::socket::{self, Refused, Socket};
use crate::emulator::agent::pty;
use crate::emulator::agent::spec::SessionSpec;
use crate::emulator::sae::{Frames, IssuedToken, Sae};
use crate::emulator::state::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use bytes::{Buf as _, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The origin of the console's web page.
const ORIGIN: &str = "https://sae.console.aliyun.com";

/// The most bytes of input that wait for the PTY.
const MAX_QUEUED: usize = 64 * 1024;

/// Answers a request for a web shell's WebSocket.
pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Response<Body> {
    let tasks = shared.tasks.clone();
    socket::answer(&tasks, request, |request| {
        let token = admit(&shared, request)?;
        Ok(|socket| enter(shared, token, socket))
    })
}

fn admit(shared: &Shared, request: &Request<Body>) -> Result<IssuedToken, Refused> {
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_none_or(|origin| origin != ORIGIN) {
        return Err((StatusCode::FORBIDDEN, "the origin is not the console's"));
    }
    let query = request.uri().query().unwrap_or_default();
    let token = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "tokenId").then_some(value))
        .ok_or((StatusCode::UNAUTHORIZED, "tokenId is missing"))?;
    shared
        .webshell_tokens
        .redeem(&token, shared.clock.now())
        .ok_or((StatusCode::FORBIDDEN, "the token is unknown or has expired"))
}

async fn enter(shared: Arc<Shared>, token: IssuedToken, mut socket: Socket) {
    let sae = &shared.options.sae;
    let spec = SessionSpec::default();
    let status = match pty::open(&spec, &shared.agent_options, token.size) {
        Ok(program) => {
            let pty::PtyProgram {
                output,
                input,
                mut child,
            } = program;
            let end = tokio::select! {
                end = relay(&mut socket, sae, output, input) => end,
                () = shared.stopping.cancelled() => RelayEnd::ClientLeft,
            };
            let ended = match end {
                RelayEnd::ProgramEnded => child.wait().await.ok(),
                RelayEnd::ClientLeft => None,
            };
            match ended {
                Some(ended) => closing_status(ended),
                None => {
                    pty::end((), child).await;
                    return socket::close(socket, CloseCode::Away).await;
                }
            }
        }
        Err(failure) => failure_status(&failure.to_string(), "InternalError", r#","code":500"#),
    };
    let sent = send_status(&mut socket, sae, &status).await;
    if sent.is_ok() && sae.stay_open {
        tokio::select! {
            () = async { while let Some(Ok(_)) = socket.next().await {} } => {}
            () = shared.stopping.cancelled() => {}
        }
    }
    socket::close(socket, CloseCode::Normal).await;
}

/// The reason why a relay ended.
enum RelayEnd {
    /// The program has ended.
    ProgramEnded,
    /// The client is gone.
    ClientLeft,
}

/// Passes bytes both ways.
async fn relay(
    socket: &mut Socket,
    sae: &Sae,
    mut output: pty_process::OwnedReadPty,
    mut input: pty_process::OwnedWritePty,
) -> RelayEnd {
    let mut queue = BytesMut::new();
    let mut unsent = BytesMut::new();
    loop {
        tokio::select! {
            read = output.read_buf(&mut unsent) => match read {
                Ok(1..) => {
                    while let Some(message) = next_message(sae.frames, &mut unsent) {
                        if socket.send(message).await.is_err() {
                            return RelayEnd::ClientLeft;
                        }
                    }
                }
                Ok(0) | Err(_) => return send_rest(socket, sae.frames, unsent).await,
            },
            message = socket.next(), if queue.len() < MAX_QUEUED => match message {
                Some(Ok(Message::Text(text))) => queue.extend_from_slice(text.as_bytes()),
                Some(Ok(Message::Binary(bytes))) => queue.extend_from_slice(&bytes),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return RelayEnd::ClientLeft,
                Some(Ok(_)) => {}
            },
            written = input.write(&queue), if !queue.is_empty() => match written {
                Ok(count) => queue.advance(count),
                // Reading will show the end.
                Err(_) => queue.clear(),
            },
        }
    }
}

/// Sends the rest, a character that is not complete.
async fn send_rest(socket: &mut Socket, frames: Frames, unsent: BytesMut) -> RelayEnd {
    let rest = match frames {
        _ if unsent.is_empty() => return RelayEnd::ProgramEnded,
        Frames::Text => text(unsent),
        Frames::Either | Frames::Binary => Message::binary(unsent.freeze()),
    };
    match socket.send(rest).await {
        Ok(()) => RelayEnd::ProgramEnded,
        Err(_) => RelayEnd::ClientLeft,
    }
}

/// The next frame of `unsent`. In text frames an incomplete character waits for its rest.
fn next_message(frames: Frames, unsent: &mut BytesMut) -> Option<Message> {
    if unsent.is_empty() {
        return None;
    }
    let error = std::str::from_utf8(unsent).err();
    let unfinished = error.is_some_and(|error| error.error_len().is_none());
    let valid = error.map_or(unsent.len(), |error| error.valid_up_to());
    match frames {
        Frames::Either if error.is_none() => Some(text(unsent.split())),
        Frames::Either | Frames::Binary => Some(Message::binary(unsent.split().freeze())),
        Frames::Text if unfinished => Some(unsent.split_to(valid))
            .filter(|whole| !whole.is_empty())
            .map(text),
        Frames::Text => Some(text(unsent.split())),
    }
}

fn text(bytes: BytesMut) -> Message {
    Message::text(String::from_utf8_lossy(&bytes).into_owned())
}

async fn send_status(
    socket: &mut Socket,
    sae: &Sae,
    status: &str,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let cut = sae.cut_status.unwrap_or(0);
    let (first, second) = status.split_at_checked(cut).unwrap_or(("", status));
    for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
        let message = match sae.frames {
            Frames::Binary => Message::binary(part.as_bytes().to_vec()),
            Frames::Either | Frames::Text => Message::text(part),
        };
        socket.send(message).await?;
    }
    Ok(())
}

/// The Kubernetes status for a program that has ended.
fn closing_status(ended: ExitStatus) -> String {
    if ended.success() {
        return r#"{"metadata":{},"status":"Success"}"#.into();
    }
    let by_signal = || 128 + ended.signal().unwrap_or(0);
    let code = ended.code().unwrap_or_else(by_signal);
    let message = format!("command terminated with non-zero exit code: exit code {code}");
    let causes = format!(r#","details":{{"causes":[{{"reason":"ExitCode","message":"{code}"}}]}}"#);
    failure_status(&message, "NonZeroExitCode", &causes)
}

/// A status with its members in the order of Kubernetes; `more` comes last.
fn failure_status(message: &str, reason: &str, more: &str) -> String {
    let message = Value::from(message);
    format!(
        r#"{{"metadata":{{}},"status":"Failure","message":{message},"reason":"{reason}"{more}}}"#
    )
}
