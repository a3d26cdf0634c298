//! The local sockets: binds them, and accepts connections whatever happens.

use super::events::{Accepted, Events};
use crate::backoff::Backoff;
use crate::cli::Listen;
use crate::error::{Error, Result};
use crate::process;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of attempts to find a port that is free on both loopback addresses.
const ATTEMPTS: usize = 16;

/// The pauses after a failure to accept, such as too many open files.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Open files that are no connection's: standard streams, the log, signals, the runtime's own.
const OTHER_FILES: usize = 24;

/// Open files of a connection: its own socket, that of its session, and for a moment that of a call.
const FILES_EACH: usize = 3;

/// Places for connections: so many that no session lacks a file.
#[derive(Clone)]
pub(crate) struct ConnectionPlaces {
    free: Arc<Semaphore>,
    most: usize,
}

impl ConnectionPlaces {
    /// The places beside so many listeners.
    pub(crate) fn beside(listeners: usize) -> Self {
        let most = most_connections(process::most_open_files(), listeners);
        Self {
            free: Arc::new(Semaphore::new(most)),
            most,
        }
    }

    /// Waits for a place, which is given back when it is dropped.
    pub(crate) async fn take(
        &self,
        name: &Accepted,
        events: &Events,
    ) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            return Some(place);
        }
        events.waiting_for_files(name, self.most);
        // Nobody closes the semaphore.
        self.free.clone().acquire_owned().await.ok()
    }
}

/// Binds what one `-L` or `-D` asks for; all sockets have the same port.
pub(crate) async fn bind(listen: &Listen) -> Result<Vec<TcpListener>> {
    let port = listen.port;
    let bound = match listen.bind.as_deref() {
        None => loopback(port).await,
        Some("*") => everywhere(port).await,
        Some(host) => named(host, port).await,
    };
    let at = match listen.bind.as_deref() {
        Some(host) => format!("{host}:{port}"),
        None => tr!("port {port} of this machine", port),
    };
    bound.map_err(|error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let why = match port {
            1..1024 if denied => tr!("; ports below 1024 are for privileged users"),
            _ => "",
        };
        Error::Io {
            what: tr!("can't listen"),
            source: io::Error::new(error.kind(), format!("{at}: {error}{why}")),
        }
    })
}

/// Accepts the next connection. A failure is reported once, and the attempt is repeated: the listener
/// stays.
pub(crate) async fn accept(
    listener: &TcpListener,
    at: SocketAddr,
    events: &Events,
) -> (TcpStream, SocketAddr) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client gave up before its connection was accepted.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if backoff.is_fresh() {
                    events.accept_failed(at, &error);
                }
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// The number of connections that may be open at once, beside so many listeners, where so many files may be.
fn most_connections(files: Option<usize>, listeners: usize) -> usize {
    let Some(files) = files else {
        return Semaphore::MAX_PERMITS;
    };
    // A listener has accepted one more when it waits.
    let left = files.saturating_sub(OTHER_FILES + listeners * 2);
    (left / FILES_EACH).clamp(1, Semaphore::MAX_PERMITS)
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// Binds 127.0.0.1 and, where there is IPv6, ::1, because `localhost` may mean either.
async fn loopback(port: u16) -> io::Result<Vec<TcpListener>> {
    let mut attempts = ATTEMPTS;
    loop {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let chosen = four.local_addr()?.port();
        attempts -= 1;
        match TcpListener::bind((Ipv6Addr::LOCALHOST, chosen)).await {
            Ok(six) => return Ok(vec![four, six]),
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Ok(vec![four]),
            Err(_) if port == 0 && attempts > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// Binds every interface: by one socket for both address families where the system allows that.
async fn everywhere(port: u16) -> io::Result<Vec<TcpListener>> {
    let Ok(six) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await else {
        return Ok(vec![
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?,
        ]);
    };
    let chosen = six.local_addr()?.port();
    let four = TcpListener::bind((Ipv4Addr::UNSPECIFIED, chosen)).await;
    Ok(std::iter::once(six).chain(four.ok()).collect())
}

async fn named(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let mut bound: Vec<TcpListener> = Vec::new();
    for mut address in lookup_host((host, port)).await? {
        if let Some(first) = bound.first() {
            address.set_port(first.local_addr()?.port());
        }
        bound.push(TcpListener::bind(address).await?);
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_files_for_every_connection_and_always_for_one() {
        assert_eq!(most_connections(Some(1024), 2), 332);
        assert_eq!(most_connections(Some(40), 2), 4);
        assert_eq!(most_connections(Some(8), 2), 1);
        assert_eq!(most_connections(None, 2), Semaphore::MAX_PERMITS);
    }
}
