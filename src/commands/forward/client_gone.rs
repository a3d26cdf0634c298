//! Finds out whether a local client that has ended its side of a connection still reads the other one.
//!
//! TCP gives a server the same signal for a client that only stops sending and for one that is gone. Where
//! the client runs on this machine, Linux distinguishes the two: a socket that no process holds has no
//! inode.

use crate::backoff::Backoff;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::sleep;

/// The pauses between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Waits until the client's end of a connection is gone; for ever where that can't be known.
pub(crate) async fn client_gone(client: SocketAddr, here: SocketAddr) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while !is_gone(client, here) {
        sleep(backoff.next()).await;
    }
}

/// True if the kernel lists the client's socket as one that no process holds. A socket that it does not list,
/// as in another network namespace, is no proof that the client is gone.
fn is_gone(client: SocketAddr, here: SocketAddr) -> bool {
    // Only a loopback address is surely this machine's.
    if !client.ip().to_canonical().is_loopback() {
        return false;
    }
    // A client's IPv6 socket may be connected to an IPv4 address: it is listed with the mapped address.
    let spellings = [SocketAddr::ip, mapped].map(|ip| {
        let written = |address: SocketAddr| written(ip(&address), address.port());
        (written(client), written(here))
    });
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    tables.iter().any(|table| {
        let sockets = std::fs::read_to_string(table).unwrap_or_default();
        let mut rows = sockets.lines().skip(1);
        rows.any(|row| {
            let columns: Vec<&str> = row.split_whitespace().collect();
            let [_, local, remote, .., inode] = columns.get(..10).unwrap_or_default() else {
                return false;
            };
            let listed = |(client, here): &(String, String)| local == client && remote == here;
            *inode == "0" && spellings.iter().any(listed)
        })
    })
}

/// The address as an IPv6 socket has it.
fn mapped(address: &SocketAddr) -> IpAddr {
    match address.ip() {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        ip => ip,
    }
}

/// An address as the kernel writes it: words of 32 bits in this machine's byte order.
fn written(ip: IpAddr, port: u16) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(bytes))
    };
    let words: String = octets.chunks(4).map(word).collect();
    format!("{words}:{port:04X}")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{Shutdown, TcpListener, TcpStream};

    #[test]
    fn a_client_that_reads_on_is_told_from_one_that_is_gone() {
        for (at, to) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::1]:0", "::1"),
            ("127.0.0.1:0", "::ffff:127.0.0.1"),
        ] {
            let Ok(listener) = TcpListener::bind(at) else {
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect((to, port)).unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            let here = accepted.local_addr().unwrap();
            assert!(!is_gone(peer, here), "{at}");
            client.shutdown(Shutdown::Write).unwrap();
            assert!(!is_gone(peer, here), "{at}");
            drop(client);
            // A table that changes while it is read may miss a row.
            assert!((0..100).any(|_| is_gone(peer, here)), "{at}");
        }
    }

    #[test]
    fn of_other_machines_nothing_is_known() {
        let far = "192.0.2.1:4000".parse().unwrap();
        assert!(!is_gone(far, "192.0.2.2:22".parse().unwrap()));
    }
}
