//! The WebSocket: the opening handshake, then one task that reads and one that writes.

use crate::error::{Error, Obstacle, Result};
use crate::protocol::channel::{Incoming, Outgoing};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

/// The most messages that wait between the tasks and the pump, in each direction.
const QUEUE: usize = 64;

/// The most bytes read at once. The decoder asks for no more than what it lacks of a message.
const READ: usize = 32 * 1024;

/// The largest message taken from the gateway; the service sends 2 KiB at most.
const MAX_MESSAGE: usize = 1024 * 1024;

/// The most bytes kept for a gateway that doesn't read: without a limit, the answers to a flood of pings
/// would fill the memory.
const MAX_UNSENT: usize = 1024 * 1024;

/// The number of characters that are enough to know a secret by.
const SECRET_BEGINNING: usize = 8;

/// The time that the gateway has to answer the closing frame.
const CLOSING: Duration = Duration::from_secs(1);

/// The URL of a session, parsed, with its token. `Debug` shows the host alone, as the rest is secret.
#[derive(Clone)]
pub(crate) struct SessionUrl {
    url: Url,
    /// Sent as `x-acs-session-token`.
    token: Option<SecretString>,
    /// Sent as `Origin`.
    origin: Option<&'static str>,
    /// The URL names a channel to go on with.
    resuming: bool,
}

impl std::fmt::Debug for SessionUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionUrl({}, redacted)", self.host())
    }
}

impl SessionUrl {
    /// A session's URL and its token. The key `sessionid` of some old URLs becomes `sessionId`, as in the
    /// official client.
    ///
    /// # Errors
    /// [`Error::Usage`] if the URL can't be read or is not a WebSocket's; it is not repeated.
    pub(crate) fn session(url: &SecretString, token: Option<SecretString>) -> Result<Self> {
        let mut url = parse(url)?;
        if let Some(query) = url.query() {
            let query = query.replacen("sessionid=", "sessionId=", 1);
            url.set_query(Some(&query));
        }
        Ok(Self {
            url,
            token,
            origin: None,
            resuming: false,
        })
    }

    /// A web shell's URL, which carries its token itself.
    pub(crate) fn webshell(url: &SecretString, origin: &'static str) -> Result<Self> {
        Ok(Self {
            url: parse(url)?,
            token: None,
            origin: Some(origin),
            resuming: false,
        })
    }

    /// The URL, for dialling.
    #[must_use]
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// This target with the request to resume the channel `id`.
    #[must_use]
    pub(crate) fn resuming(&self, id: &str) -> Self {
        let mut target = self.clone();
        target.url.query_pairs_mut().append_pair("channelId", id);
        target.resuming = true;
        target
    }

    /// The gateway's host name or address.
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// True if a text repeats a secret of the target, or the beginning of one. Ids are no secrets.
    fn is_repeated_in(&self, text: &str) -> bool {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        let raw = self.url.query().unwrap_or_default().split('&');
        let raw = raw.map(|pair| pair.split_once('=').unwrap_or(("", pair)));
        let raw = raw.map(|(key, value)| (key.into(), value.into()));
        let token = self.token.iter();
        let token = token.map(|token| ("".into(), token.expose_secret().into()));
        self.url
            .query_pairs()
            .chain(raw)
            .chain(token)
            .filter(|(key, value): &(Cow<'_, str>, Cow<'_, str>)| {
                !matches!(key.as_ref(), "sessionId" | "channelId") && !value.is_empty()
            })
            .any(|(_, value)| {
                let beginning: String = value.chars().take(SECRET_BEGINNING).collect();
                text.contains(&beginning) || decoded.contains(&beginning)
            })
    }

    fn request(&self) -> Result<Request> {
        let unfit = |what: &str| Error::Usage(tr!("the {what} can't be sent in a request", what));
        let request = self.url.as_str().into_client_request();
        let mut request = request.map_err(|_| unfit(tr!("WebSocket URL")))?;
        let headers = request.headers_mut();
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(token.expose_secret());
            let mut value = value.map_err(|_| unfit(tr!("session token")))?;
            value.set_sensitive(true);
            headers.insert("x-acs-session-token", value);
        }
        if let Some(origin) = self.origin {
            headers.insert("origin", HeaderValue::from_static(origin));
        }
        Ok(request)
    }
}

fn parse(text: &SecretString) -> Result<Url> {
    let url = Url::parse(text.expose_secret())
        .map_err(|error| Error::Usage(tr!("the WebSocket URL can't be read: {error}", error)))?;
    if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none() {
        let what = tr!(
            "the WebSocket URL must begin with wss:// (or ws:// on this machine) and name a host"
        );
        return Err(Error::Usage(what.into()));
    }
    Ok(url)
}

/// Opens the WebSocket over a connection that is already there, and starts its two tasks. They end
/// after [`Outgoing::Close`] and its answer, or when the connection does; the last thing the receiver
/// yields says how. When both ends are dropped instead, the connection just goes away: a closing frame
/// would tell the gateway that the session is over, and may arrive when another connection has it.
///
/// # Errors
/// [`Error::Refused`] when the gateway answers with another status than 101; [`Error::Connect`]
/// when it answers no HTTP at all.
pub(crate) async fn open<S>(
    target: &SessionUrl,
    stream: S,
) -> Result<(mpsc::Sender<Outgoing>, mpsc::Receiver<Incoming>)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = target.request()?;
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 4 * 1024;
    config.write_buffer_size = 16 * 1024;
    config.max_write_buffer_size = MAX_UNSENT;
    config.max_message_size = Some(MAX_MESSAGE);
    config.max_frame_size = Some(MAX_MESSAGE);
    let stream = BufReader::with_capacity(READ, stream);
    let handshake = client_async_with_config(request, stream, Some(config));
    let (socket, _) = handshake.await.map_err(|error| refusal(error, target))?;
    let (sink, stream) = socket.split();
    let (outgoing, from_pump) = mpsc::channel(QUEUE);
    let (to_pump, incoming) = mpsc::channel(QUEUE);
    let mut reader = tokio::spawn(async move {
        tokio::select! {
            () = read(stream, &to_pump) => {}
            () = to_pump.closed() => {}
        }
    });
    tokio::spawn(async move {
        let aborter = reader.abort_handle();
        tokio::select! {
            closing = write(sink, from_pump) => if closing {
                // The reader sees the answer to the closing frame, or the connection's end.
                let _ = tokio::time::timeout(CLOSING, reader).await;
            },
            // The connection has ended, or the pump is gone: a write that is stuck is of no use.
            _ = &mut reader => {}
        }
        aborter.abort();
    });
    Ok((outgoing, incoming))
}

async fn read<S>(mut stream: SplitStream<WebSocketStream<S>>, pump: &mpsc::Sender<Incoming>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let incoming = match stream.next().await {
            Some(Ok(Message::Binary(bytes))) => Incoming::Binary(bytes),
            Some(Ok(Message::Text(text))) => Incoming::Text(Bytes::from(text)),
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map(|frame| u16::from(frame.code));
                let _ = pump.send(Incoming::Closed(code)).await;
                // Sends the answer. The connection's end should follow, but nothing depends on it.
                let _ = tokio::time::timeout(CLOSING, stream.next()).await;
                return;
            }
            Some(Ok(Message::Pong(payload))) => match payload.as_ref().try_into() {
                Ok(number) => Incoming::Pong(u32::from_be_bytes(number)),
                // A gateway may send pongs that nobody asked for.
                Err(_) => Incoming::Alive,
            },
            Some(Ok(_)) => Incoming::Alive,
            Some(Err(WsError::ConnectionClosed)) | None => Incoming::Closed(None),
            Some(Err(error)) => failure(&error),
        };
        let last = !matches!(
            incoming,
            Incoming::Binary(_) | Incoming::Text(_) | Incoming::Alive | Incoming::Pong(_)
        );
        if pump.send(incoming).await.is_err() || last {
            return;
        }
    }
}

/// Writes what the pump sends. Says whether that ended with a closing frame.
async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut pump: mpsc::Receiver<Outgoing>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut batch = Vec::with_capacity(QUEUE);
    while pump.recv_many(&mut batch, QUEUE).await > 0 {
        let mut closing = false;
        for outgoing in batch.drain(..) {
            closing |= outgoing == Outgoing::Close;
            // A failure shows at the reader too, which reports it.
            if sink.feed(message(outgoing)).await.is_err() {
                return false;
            }
        }
        if sink.flush().await.is_err() || closing {
            return closing;
        }
    }
    false
}

fn message(outgoing: Outgoing) -> Message {
    match outgoing {
        Outgoing::Binary(bytes) => Message::Binary(bytes),
        Outgoing::Text(bytes) => match tungstenite::Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        },
        Outgoing::Ping(number) => Message::Ping(Bytes::copy_from_slice(&number.to_be_bytes())),
        Outgoing::Close => Message::Close(Some(CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        })),
    }
}

/// Tells a broken connection from a peer that violates the WebSocket protocol.
fn failure(error: &WsError) -> Incoming {
    let cut = ProtocolError::ResetWithoutClosingHandshake;
    match error {
        WsError::Capacity(_) | WsError::Utf8(_) | WsError::AttackAttempt => {
            Incoming::Invalid(describe(error))
        }
        WsError::Protocol(how) if *how != cut => Incoming::Invalid(describe(error)),
        _ => Incoming::Failed(describe(error)),
    }
}

fn refusal(error: WsError, target: &SessionUrl) -> Error {
    match error {
        WsError::Http(response) => Error::Refused {
            status: response.status().as_u16(),
            detail: snippet(&response, target),
            resuming: target.resuming,
        },
        error => Error::Connect {
            to: target.host().to_owned(),
            cause: tr!("no WebSocket answer: {error}", error = describe(&error)),
            obstacle: Obstacle::Passing,
        },
    }
}

/// The first line of a refusal's body, unless it is a page or repeats a secret of the request.
fn snippet(response: &Response, target: &SessionUrl) -> String {
    let body = response.body().as_deref().unwrap_or_default();
    if target.is_repeated_in(&String::from_utf8_lossy(body)) {
        return String::new();
    }
    let text = String::from_utf8_lossy(body.get(..200).unwrap_or(body)).into_owned();
    let line = text.lines().next().unwrap_or_default().trim();
    if line.starts_with('<') {
        return String::new();
    }
    line.to_owned()
}

fn describe(error: &WsError) -> String {
    match error {
        WsError::Io(error) => error.to_string(),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            tr!("the connection was cut without a closing frame").into()
        }
        WsError::Capacity(_) => tr!(
            "a message larger than {max_message} KiB",
            max_message = MAX_MESSAGE / 1024
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<SessionUrl> {
        SessionUrl::session(&SecretString::from(url), Some("tok-secret".into()))
    }

    #[test]
    fn a_target_keeps_its_secrets() {
        let shown = target("wss://gw.example/session?sessionId=s-1&token=hush").unwrap();
        assert_eq!(format!("{shown:?}"), "SessionUrl(gw.example, redacted)");
        for wrong in ["https://gw/?token=hush", "hush", "wss://?token=hush"] {
            assert!(!target(wrong).unwrap_err().to_string().contains("hush"));
        }
    }

    /// The pump's ends of a WebSocket, and the gateway.
    async fn opened() -> (
        mpsc::Sender<Outgoing>,
        mpsc::Receiver<Incoming>,
        WebSocketStream<tokio::io::DuplexStream>,
    ) {
        let (ours, theirs) = tokio::io::duplex(1024);
        let target = target("ws://gw/session?token=hush").unwrap();
        let gateway = tokio_tungstenite::accept_async(theirs);
        let (opened, gateway) = tokio::join!(open(&target, ours), gateway);
        let (outgoing, incoming) = opened.unwrap();
        (outgoing, incoming, gateway.unwrap())
    }

    #[tokio::test]
    async fn the_gateways_own_pings_and_pongs_are_not_the_answer_to_axts() {
        let (outgoing, mut incoming, mut gateway) = opened().await;
        for own in [
            Message::Ping("!".into()),
            Message::Pong("none asked".into()),
        ] {
            gateway.send(own).await.unwrap();
            assert_eq!(incoming.recv().await, Some(Incoming::Alive));
        }
        outgoing.send(Outgoing::Ping(7)).await.unwrap();
        let asked = loop {
            match gateway.next().await.unwrap().unwrap() {
                Message::Ping(asked) => break asked,
                other => assert!(other.is_pong()),
            }
        };
        assert_eq!(asked.as_ref(), [0, 0, 0, 7]);
        gateway.flush().await.unwrap();
        assert_eq!(incoming.recv().await, Some(Incoming::Pong(7)));
    }

    #[test]
    fn a_refusal_that_repeats_a_secret_is_not_shown() {
        let target =
            target("wss://gw/session?sessionId=s-12345678&token=hush%2Fhush%20word").unwrap();
        let shown = |body: &str| {
            let mut response = Response::new(Some(body.as_bytes().to_vec()));
            *response.status_mut() = tungstenite::http::StatusCode::NOT_FOUND;
            refusal(WsError::Http(Box::new(response)), &target).to_string()
        };
        for body in [
            "Cannot GET /session?sessionId=s-12345678&token=hush%2Fhush%20word",
            "no such token: hush/hush word",
            "no such token: hush%2fhush+word",
            // Cut off.
            "Cannot GET /session?sessionId=s-12345678&token=hush%2Fhu",
            "x-acs-session-token: tok-secret",
            "first line\nsecond line, tok-secret",
        ] {
            let said = shown(body);
            assert!(
                !said.contains("hush") && !said.contains("tok-") && !said.contains("line"),
                "{said}"
            );
        }
        let said = shown("there is no session s-12345678");
        assert!(said.contains("there is no session s-12345678"), "{said}");
    }

    #[test]
    fn an_old_spelling_is_mended() {
        let target = target("wss://gw/session?sessionid=s-1&x=sessionid").unwrap();
        assert_eq!(target.url().query(), Some("sessionId=s-1&x=sessionid"));
    }

    #[test]
    fn resuming_names_the_channel() {
        let target = target("wss://gw/session?sessionId=s-1&token=t").unwrap();
        let resuming = target.resuming("a&b");
        assert_eq!(
            resuming.url().query(),
            Some("sessionId=s-1&token=t&channelId=a%26b")
        );
    }
}
