//! A proxy on loopback (CONNECT, over TLS too, or SOCKS5) that asks for a password, counts, and can misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What the proxy does with a CONNECT.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Tunnels if `Proxy-Authorization` is exactly this, else answers 407.
    Password(&'static str),
    /// Sends this and hangs up.
    Say(&'static [u8]),
    /// Accepts and never answers.
    Mute,
    /// Speaks SOCKS5 and lets in the user `user` with the password `p@ss:word`.
    Socks,
}

/// A running proxy; it stops when dropped.
pub(crate) struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    tunnels: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy on a free port.
    pub(crate) async fn start(manner: Manner) -> Self {
        Self::start_with(manner, None).await
    }

    /// Starts a proxy on a free port that speaks TLS itself.
    pub(crate) async fn start_tls(manner: Manner, config: Arc<ServerConfig>) -> Self {
        Self::start_with(manner, Some(config.into())).await
    }

    async fn start_with(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (tunnels, asked) = (Arc::default(), Arc::default());
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(
            listener,
            manner,
            tls,
            Arc::clone(&tunnels),
            Arc::clone(&asked),
        ));
        Self {
            address,
            tunnels,
            asked,
            task,
        }
    }

    /// How many tunnels were opened.
    pub(crate) fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }

    /// How many connections were made to it.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    manner: Manner,
    tls: Option<TlsAcceptor>,
    tunnels: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        asked.fetch_add(1, Ordering::SeqCst);
        let (manner, tunnels) = (manner.clone(), Arc::clone(&tunnels));
        match tls.clone() {
            None => tokio::spawn(serve(client, manner, tunnels)),
            Some(tls) => tokio::spawn(async move {
                serve(tls.accept(client).await.unwrap(), manner, tunnels).await;
            }),
        };
    }
}

/// A client's connection, plain or TLS.
trait Client: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Client for T {}

async fn serve(mut client: impl Client, manner: Manner, tunnels: Arc<AtomicUsize>) {
    if matches!(manner, Manner::Socks) {
        return socks(client, tunnels).await;
    }
    let Some(head) = head(&mut client).await else {
        return;
    };
    let password = match manner {
        Manner::Password(password) => password,
        Manner::Say(answer) => {
            let _ = client.write_all(answer).await;
            return;
        }
        Manner::Mute | Manner::Socks => return std::future::pending().await,
    };
    let allowed = head.lines().any(|line| {
        line.split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authorization") && value == password
        })
    });
    if !allowed {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        let _ = client.write_all(refusal).await;
        return;
    }
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap();
    let server = TcpStream::connect(target).await.unwrap();
    tunnels.fetch_add(1, Ordering::SeqCst);
    let established = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    client.write_all(established).await.unwrap();
    join(client, server).await;
}

async fn join(mut client: impl Client, mut server: TcpStream) {
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// RFC 1928 and RFC 1929, as far as a test needs them: one password, one IPv4 target.
async fn socks(mut client: impl Client, tunnels: Arc<AtomicUsize>) {
    let mut greeting = [0; 3];
    client.read_exact(&mut greeting).await.unwrap();
    assert_eq!(greeting, [5, 1, 2], "user and password offered");
    client.write_all(&[5, 2]).await.unwrap();
    let expected = b"\x01\x04user\x09p@ss:word";
    let mut login = [0; 16];
    client.read_exact(&mut login).await.unwrap();
    client
        .write_all(&[1, u8::from(login != *expected)])
        .await
        .unwrap();
    let mut request = [0; 10];
    if client.read_exact(&mut request).await.is_err() {
        return;
    }
    let [5, 1, 0, 1, a, b, c, d, high, low] = request else {
        panic!("not a request for an IPv4 address: {request:?}");
    };
    let target = ([a, b, c, d], u16::from_be_bytes([high, low]));
    let server = TcpStream::connect(SocketAddr::from(target)).await.unwrap();
    tunnels.fetch_add(1, Ordering::SeqCst);
    client
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    join(client, server).await;
}

async fn head(client: &mut impl Client) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
