//! The one way out to the network: proxy choice, TCP and TLS, for the API and the WebSocket alike.

mod fault;
mod proxy;
mod tls;

use crate::error::{Error, Result};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use proxy::{Hop, Proxies};
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tls::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

/// A connection to the target, whatever it is made of: TCP, TLS, or TLS through a proxy's tunnel.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What decides about proxies and trust, as the environment gave it.
///
/// Proxy URLs may hold a password, which is why this type has no `Debug`.
#[derive(Default)]
pub struct NetworkOptions {
    /// How long a connection may take to be made, proxy and TLS handshake included.
    pub connect_timeout: Duration,
    /// `HTTPS_PROXY`, or else `ALL_PROXY`: `http`, `https`, `socks5` or `socks5h`.
    pub proxy: Option<String>,
    /// `NO_PROXY`: names (and what is below them), addresses, networks, `*`; each with `:PORT` or without.
    pub no_proxy: String,
    /// `SSL_CERT_FILE`: the PEM file that replaces the system's trust store.
    pub cert_file: Option<OsString>,
    /// `SSL_CERT_DIR`: directories with PEM files that replace the system's trust store.
    pub cert_dir: Option<OsString>,
}

impl NetworkOptions {
    /// Takes the variables from `lookup`; an empty variable counts as unset, upper case beats lower case.
    #[must_use]
    pub fn from_lookup(
        connect_timeout: Duration,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let first = |names: &[&str]| {
            let values = names.iter().filter_map(|name| lookup(name));
            values.into_iter().find(|value| !value.is_empty())
        };
        let text = |names| first(names).map(|value| value.to_string_lossy().into_owned());
        Self {
            connect_timeout,
            proxy: text(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            no_proxy: text(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
            cert_file: first(&["SSL_CERT_FILE"]),
            cert_dir: first(&["SSL_CERT_DIR"]),
        }
    }
}

/// The network as the environment describes it. Cheap to clone; certificates are read at first need.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

struct Inner {
    connect_timeout: Duration,
    proxies: Arc<Proxies>,
    tls: Tls,
}

/// The way a target would be reached, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Host and port of the target.
    pub target: String,
    /// The proxy without its credentials, such as `http://10.0.0.1:3128`; `None` if dialled directly.
    pub proxy: Option<String>,
    /// Where the trusted certificates come from; `None` for a plain connection.
    pub trust: Option<String>,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target)?;
        match &self.proxy {
            Some(proxy) => write!(f, " through the proxy {proxy}")?,
            None => f.write_str(" directly")?,
        }
        match &self.trust {
            Some(trust) => write!(f, ", trusting {trust}"),
            None => f.write_str(", without TLS"),
        }
    }
}

impl Network {
    /// The network as this process's environment describes it. Reads variables only, no files.
    #[must_use]
    pub fn from_env(connect_timeout: Duration) -> Self {
        Self::new(NetworkOptions::from_lookup(connect_timeout, |name| {
            std::env::var_os(name)
        }))
    }

    /// The network as `options` describe it.
    #[must_use]
    pub fn new(options: NetworkOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                connect_timeout: options.connect_timeout,
                proxies: Arc::new(Proxies::new(options.proxy, options.no_proxy)),
                tls: Tls::new(options.cert_file, options.cert_dir),
            }),
        }
    }

    /// A pooled HTTP/1.1 client on the same proxies and the same trust as [`dial`](Self::dial).
    ///
    /// It follows no redirects. The connect timeout bounds each new connection; the time of a whole
    /// request is the caller's to bound. Call [`check`](Self::check) on a URL before it is requested,
    /// and [`explain`](Self::explain) on an error.
    ///
    /// # Errors
    /// [`Error::Usage`] if no client can be made of this configuration.
    pub fn http_client(&self) -> Result<reqwest::Client> {
        let proxies = Arc::clone(&self.inner.proxies);
        let proxy = reqwest::Proxy::custom(move |url| {
            let hop = target(url).and_then(|target| proxies.hop(&target));
            match hop {
                Ok(hop) => hop.map(|hop| hop.url.to_string()),
                // `check` has the words for it; here a request that skipped it must not get out.
                Err(_) => Some("http://proxy.invalid".into()),
            }
        });
        let loopback = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
        ];
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.inner.tls.config()?.as_ref().clone())
            .no_proxy()
            .proxy(proxy)
            .resolve_to_addrs("localhost", &loopback)
            .user_agent(concat!("axt/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(self.inner.connect_timeout)
            .build()
            .map_err(|error| Error::Usage(format!("no HTTP client: {}", fault::words(&error))))
    }

    /// Connects to the host of a `ws`, `wss`, `http` or `https` URL and shakes hands down to TLS.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that must not be dialled, [`Error::Config`] for trusted certificates
    /// that can't be read, [`Error::Timeout`] after the connect timeout, else [`Error::Connect`].
    /// They name host and port, never the rest of the URL.
    pub async fn dial(&self, url: &Url) -> Result<Box<dyn Stream>> {
        let (target, hop) = self.way(url)?;
        let limit = self.inner.connect_timeout;
        if target.tls {
            self.inner.tls.load()?;
        }
        let what = match &hop {
            Some(hop) => format!("the connection to {target} through the proxy {hop}"),
            None => format!("the connection to {target}"),
        };
        tokio::time::timeout(limit, self.reach(&target, hop))
            .await
            .map_err(|_| Error::Timeout { what, limit })?
    }

    /// Whether a URL may be used at all.
    ///
    /// # Errors
    /// [`Error::Usage`] for another scheme than http(s) and ws(s), for a URL without a host, and for one
    /// without TLS that leaves this machine; also if a proxy is due and its variable makes no sense.
    pub fn check(&self, url: &Url) -> Result<()> {
        self.way(url).map(drop)
    }

    /// How the target of `url` would be reached.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`Error::Config`] for trusted certificates that can't be read.
    pub fn describe(&self, url: &Url) -> Result<Route> {
        let (target, hop) = self.way(url)?;
        if target.tls {
            self.inner.tls.load()?;
        }
        Ok(Route {
            proxy: hop.map(|hop| format!("{}://{hop}", hop.url.scheme())),
            trust: target.tls.then(|| self.inner.tls.describe()),
            target: target.to_string(),
        })
    }

    /// What an error of the [`http_client`](Self::http_client) means: the same words as `dial` has for it.
    ///
    /// A timeout is taken for that of connecting; time a whole request with a timer of your own.
    #[must_use]
    pub fn explain(&self, error: &reqwest::Error, url: &Url) -> Error {
        let (target, hop) = match self.way(url) {
            Ok(way) => way,
            Err(error) => return error,
        };
        let via = hop.map_or_else(String::new, |hop| format!(" through the proxy {hop}"));
        if error.is_timeout() {
            return Error::Timeout {
                what: format!("the connection to {target}{via}"),
                limit: self.inner.connect_timeout,
            };
        }
        Error::Connect {
            to: format!("{target}{via}"),
            cause: fault::words(error),
        }
    }

    fn way(&self, url: &Url) -> Result<(Target, Option<Hop>)> {
        let target = target(url)?;
        let hop = self.inner.proxies.hop(&target)?;
        Ok((target, hop))
    }

    async fn reach(&self, target: &Target, hop: Option<Hop>) -> Result<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match hop {
            Some(hop) => proxy::tunnel(&hop, target, &self.inner.tls).await?,
            None => {
                let stream = connect(target.uri()?, &target.to_string()).await?;
                target.require_loopback(&stream)?;
                if !target.tls {
                    return Ok(Box::new(stream));
                }
                Box::new(stream)
            }
        };
        let host = target.host.to_string();
        self.inner
            .tls
            .handshake(&host, &target.to_string(), stream)
            .await
    }
}

/// The part of a URL the network cares about. Displayed as `host:port`.
struct Target {
    host: Host<String>,
    port: u16,
    tls: bool,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Target {
    fn uri(&self) -> Result<Uri> {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{self}/")
            .parse()
            .map_err(|_| Error::Usage(format!("{self} is not a host that can be dialled")))
    }

    fn names_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// A hosts file may send `localhost` elsewhere: what counts is where the plain connection ended.
    fn require_loopback(&self, stream: &TcpStream) -> Result<()> {
        let peer = stream.peer_addr().map(|address| address.ip());
        if self.tls || peer.as_ref().is_ok_and(IpAddr::is_loopback) {
            return Ok(());
        }
        Err(Error::Connect {
            to: self.to_string(),
            cause: "the name leads off this machine, which needs TLS".into(),
        })
    }
}

fn target(url: &Url) -> Result<Target> {
    let tls = match url.scheme() {
        "https" | "wss" => true,
        "http" | "ws" => false,
        other => {
            return Err(Error::Usage(format!(
                "a URL must begin with https, wss, http or ws, not {other}"
            )));
        }
    };
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(Error::Usage("a URL without a host".into()));
    };
    let target = Target {
        host: host.to_owned(),
        port,
        tls,
    };
    if !tls && !target.names_loopback() {
        return Err(Error::Usage(format!(
            "{target} is not on this machine, so TLS is required: use https or wss"
        )));
    }
    Ok(target)
}

/// Plain TCP to the URI's host, addresses of both families tried in a staggered race.
async fn connect(uri: Uri, to: &str) -> Result<TcpStream> {
    let connected = connector().call(uri).await;
    connected
        .map(TokioIo::into_inner)
        .map_err(|error| Error::Connect {
            to: to.to_owned(),
            cause: fault::words(&error),
        })
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}
