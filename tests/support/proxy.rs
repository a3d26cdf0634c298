//! A CONNECT proxy on loopback that asks for a password, counts, and can misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the proxy does with a CONNECT.
#[derive(Clone)]
pub enum Manner {
    /// Tunnels if `Proxy-Authorization` is exactly this, else answers 407.
    Password(&'static str),
    /// Sends this and hangs up.
    Say(&'static [u8]),
    /// Accepts and never answers.
    Mute,
}

/// A running proxy; it stops when dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    tunnels: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy on a free port.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (tunnels, asked) = (Arc::default(), Arc::default());
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(
            listener,
            manner,
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
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }

    /// How many connections were made to it.
    pub fn asked(&self) -> usize {
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
    tunnels: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        asked.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(serve(client, manner.clone(), Arc::clone(&tunnels)));
    }
}

async fn serve(mut client: TcpStream, manner: Manner, tunnels: Arc<AtomicUsize>) {
    let Some(head) = head(&mut client).await else {
        return;
    };
    let password = match manner {
        Manner::Password(password) => password,
        Manner::Say(answer) => {
            let _ = client.write_all(answer).await;
            return;
        }
        Manner::Mute => return std::future::pending().await,
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
    let mut server = TcpStream::connect(target).await.unwrap();
    tunnels.fetch_add(1, Ordering::SeqCst);
    let established = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    client.write_all(established).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

async fn head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
