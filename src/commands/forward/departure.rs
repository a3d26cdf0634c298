//! Whether a local client that has ended its side of a connection still reads the other one.
//!
//! TCP tells a server the same of a client that only stops sending and of one that is gone. Where the
//! client runs on this machine, Linux tells them apart: a socket that no process holds has no inode.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::sleep;

/// The pauses between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Waits until the client's end of a connection is gone; for ever where that can't be known.
pub(crate) async fn departure(client: SocketAddr, here: SocketAddr) {
    let mut pause = FIRST_PAUSE;
    while !is_gone(client, here) {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_gone(client: SocketAddr, here: SocketAddr) -> bool {
    let table = match client.ip().to_canonical() {
        IpAddr::V4(_) => "/proc/net/tcp",
        IpAddr::V6(_) => "/proc/net/tcp6",
    };
    // Only a loopback address is surely this machine's.
    let local = client.ip().to_canonical().is_loopback();
    let sockets = local.then(|| std::fs::read_to_string(table).ok()).flatten();
    sockets.is_some_and(|sockets| !is_held(&sockets, client, here))
}

/// Whether a process holds the socket at `client` that is connected to `here`.
fn is_held(sockets: &str, client: SocketAddr, here: SocketAddr) -> bool {
    let (client, here) = (written(client), written(here));
    let mut rows = sockets.lines().skip(1);
    rows.any(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let ends = columns.get(1).zip(columns.get(2));
        let inode = columns.get(9).copied().unwrap_or("0");
        ends == Some((&client.as_str(), &here.as_str())) && inode != "0"
    })
}

/// An address as the kernel writes it: words of 32 bits in this machine's byte order.
fn written(address: SocketAddr) -> String {
    let octets = match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(bytes))
    };
    let words: String = octets.chunks(4).map(word).collect();
    format!("{words}:{:04X}", address.port())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{Shutdown, TcpListener, TcpStream};

    #[test]
    fn a_client_that_reads_on_is_told_from_one_that_is_gone() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(at) else {
                continue;
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            let here = accepted.local_addr().unwrap();
            assert!(!is_gone(peer, here), "{at}");
            client.shutdown(Shutdown::Write).unwrap();
            assert!(!is_gone(peer, here), "{at}");
            drop(client);
            assert!(is_gone(peer, here), "{at}");
        }
    }

    #[test]
    fn of_other_machines_nothing_is_known() {
        let far = "192.0.2.1:4000".parse().unwrap();
        assert!(!is_gone(far, "192.0.2.2:22".parse().unwrap()));
    }
}
