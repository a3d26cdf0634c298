//! The target of a connection: the host and port of a URL, and whether it needs TLS.

use super::fault::Cause;
use crate::error::{Error, Result};
use http::Uri;
use std::fmt;
use std::net::IpAddr;
use tokio::net::TcpStream;
use url::{Host, Url};

/// The target of a connection. It is displayed as `host:port`.
#[derive(PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: Host<String>,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Destination {
    /// The target of a URL; without TLS it has to be on this machine.
    pub(super) fn of(url: &Url) -> Result<Self> {
        let tls = match url.scheme() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            other => {
                return Err(Error::Usage(tr!(
                    "a URL must begin with https, wss, http or ws, not {other}",
                    other
                )));
            }
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Error::Usage(tr!("a URL without a host").into()));
        };
        let target = Self {
            host: host.to_owned(),
            port,
            tls,
        };
        if !tls && !target.names_loopback() {
            return Err(Error::Usage(tr!(
                "{target} is not on this machine, so TLS is required: use https or wss",
                target
            )));
        }
        Ok(target)
    }

    /// The target as connectors take it.
    pub(super) fn uri(&self) -> Result<Uri> {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{self}/")
            .parse()
            .map_err(|_| Error::Usage(tr!("{target} is not a valid host", target = self)))
    }

    /// Refuses a plain connection to another machine: a hosts file may give `localhost` any address.
    pub(super) fn require_loopback(&self, stream: &TcpStream) -> Result<()> {
        let peer = stream.peer_addr().map(|address| address.ip());
        if self.tls || peer.as_ref().is_ok_and(IpAddr::is_loopback) {
            return Ok(());
        }
        let cause = Cause::lasting(tr!(
            "the name resolves to another machine, and connections there need TLS"
        ));
        Err(cause.connecting_to(self))
    }

    fn names_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }
}
