//! The floor: the least a client can do. Raw mode, one WebSocket, bytes copied; no API, no pacing,
//! no acknowledgements, no resume, no signals, no errors worth reading.
//!
//! It says that it is a client of version 1.01, which need not number anything, and runs in this
//! benchmark's own binary, started again with `floor` as its first argument.

use axt::protocol::frame::{Frame, Kind, Version};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use std::fs::File;
use std::io::{Write as _, stdout};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// The first argument that makes this binary the floor client.
pub(crate) const ROLE: &str = "floor";

/// How an Output begins.
const OUTPUT: [u8; 4] = 1_u32.to_le_bytes();

/// The offset of an Output's payload: the header without its two ids.
const HEADER: usize = 30;

/// The official agent drops a client that is silent for three minutes.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Runs the client if the arguments ask for it: `floor URL TOKEN`.
pub(crate) fn role() -> Option<ExitCode> {
    let args: Vec<String> = std::env::args().collect();
    let [_, role, url, token] = args.as_slice() else {
        return None;
    };
    (role == ROLE).then(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system has an epoll");
        runtime.block_on(copy(url, token));
        runtime.shutdown_background();
        ExitCode::SUCCESS
    })
}

async fn copy(url: &str, token: &str) {
    let mut request = url.into_client_request().expect("the emulator's URL");
    let token = token.parse().expect("the emulator's token");
    request.headers_mut().insert("x-acs-session-token", token);
    let host = request.uri().authority().expect("a host").as_str();
    let stream = TcpStream::connect(host).await.expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let (socket, _) = client_async(request, stream).await.expect("it lets us in");
    let (mut sink, mut stream) = socket.split();
    crossterm::terminal::enable_raw_mode().expect("a terminal");

    let mut stdin = tokio::io::stdin();
    // Straight to the terminal: no thread between, and nothing else is served while it is full.
    let mut stdout = File::from(stdout().as_fd().try_clone_to_owned().expect("stdout"));
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let mut typed = vec![0; 2048];
    loop {
        tokio::select! {
            read = stdin.read(&mut typed) => match read {
                Ok(n) if n > 0 => {
                    let input = Bytes::copy_from_slice(typed.get(..n).unwrap_or_default());
                    if sink.send(message(input)).await.is_err() { return }
                }
                _ => return,
            },
            received = stream.next() => match received {
                Some(Ok(Message::Binary(bytes))) => {
                    let written = output(&bytes).map(|output| stdout.write_all(output));
                    if written.is_some_and(|written| written.is_err()) { return }
                }
                Some(Ok(_)) => {}
                _ => return,
            },
            _ = heartbeat.tick() => {
                if sink.send(message(Bytes::new())).await.is_err() { return }
            }
        }
    }
}

fn message(input: Bytes) -> Message {
    Message::Binary(Frame::new(Kind::Input, Version::V1_01, 1, input).encode())
}

/// The payload of an Output; `None` for everything else.
fn output(message: &[u8]) -> Option<&[u8]> {
    let channel = usize::from(*message.get(8)?);
    let instance = usize::from(*message.get(9 + channel)?);
    let is_output = message.get(..4)? == OUTPUT;
    message
        .get(HEADER + channel + instance..)
        .filter(|_| is_output)
}
