//! Connections to any host: the choice of proxy, TCP, TLS and time limits, decided once for the
//! API and the WebSocket.

mod early;
mod fault;
mod metadata;
mod proxy;
mod target;
mod tcp;
mod tls;

pub(crate) use early::Early;
pub use tcp::Stream;

use crate::error::{Error, Result};
use fault::Cause;
use proxy::{Proxies, Proxy};
use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use target::Destination;
use tls::Tls;
use url::Url;

/// The settings of the network: proxies, trusted certificates and the time to connect.
///
/// Proxy URLs may hold a password, which is why this type has no `Debug`.
#[derive(Default)]
pub struct NetworkOptions {
    /// The time that a connection has to be made, proxy and TLS handshake included.
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
    fn from_lookup(connect_timeout: Duration, lookup: impl Fn(&str) -> Option<OsString>) -> Self {
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
    inner: Arc<NetworkInner>,
}

struct NetworkInner {
    connect_timeout: Duration,
    proxies: Arc<Proxies>,
    tls: Tls,
    http: OnceLock<reqwest::Client>,
}

/// The way to a target, in words when displayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Host and port of the target.
    pub target: String,
    /// The proxy without its credentials, such as `http://10.0.0.1:3128`; `None` if dialled directly.
    pub proxy: Option<String>,
    /// The source of the trusted certificates; `None` for a plain connection.
    pub trust: Option<String>,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target)?;
        match &self.proxy {
            Some(proxy) => f.write_str(&tr!(" through the proxy {proxy}", proxy))?,
            None => f.write_str(tr!(" directly"))?,
        }
        match &self.trust {
            Some(trust) => f.write_str(&tr!(", trusting {trust}", trust)),
            None => f.write_str(tr!(", without TLS")),
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
            inner: Arc::new(NetworkInner {
                connect_timeout: options.connect_timeout,
                proxies: Arc::new(Proxies::new(options.proxy, options.no_proxy)),
                tls: Tls::new(options.cert_file, options.cert_dir),
                http: OnceLock::new(),
            }),
        }
    }

    /// The HTTP/1.1 client, which uses the proxies and the trust of [`dial`](Self::dial). All callers have
    /// the same one, so that a connection that one call has made serves the next.
    ///
    /// It follows no redirects. The connect timeout bounds each new connection; the caller bounds
    /// the time of a whole request. Call [`check`](Self::check) on a URL before it is requested,
    /// and [`explain`](Self::explain) on an error.
    pub fn http_client(&self) -> Result<reqwest::Client> {
        if let Some(client) = self.inner.http.get() {
            return Ok(client.clone());
        }
        let client = self.new_http_client()?;
        Ok(self.inner.http.get_or_init(|| client).clone())
    }

    fn new_http_client(&self) -> Result<reqwest::Client> {
        let proxies = Arc::clone(&self.inner.proxies);
        let proxy = reqwest::Proxy::custom(move |url| {
            let proxy = Destination::of(url).and_then(|target| proxies.towards(&target));
            match proxy {
                Ok(proxy) => proxy.map(|proxy| proxy.url.to_string()),
                // `check` reports this; a request that skipped `check` must not be sent directly.
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
            .map_err(|error| {
                Error::Usage(tr!(
                    "no HTTP client: {error}",
                    error = Cause::of(&error).text
                ))
            })
    }

    /// Connects to the host of a `ws`, `wss`, `http` or `https` URL, the TLS handshake included.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that must not be dialled, [`Error::Config`] for trusted certificates
    /// that can't be read, [`Error::Timeout`] after the connect timeout, else [`Error::Connect`].
    /// They name host and port, never the rest of the URL.
    pub async fn dial(&self, url: &Url) -> Result<Box<dyn Stream>> {
        let (target, proxy) = self.way(url)?;
        let limit = self.inner.connect_timeout;
        if target.tls {
            self.inner.tls.load()?;
        }
        let what = tr!(
            "the connection to {target}{proxy}",
            target,
            proxy = through(proxy.as_ref())
        );
        tokio::time::timeout(limit, self.reach(&target, proxy))
            .await
            .map_err(|_| Error::Timeout { what, limit })?
    }

    /// Checks that a URL may be used at all.
    ///
    /// # Errors
    /// [`Error::Usage`] for another scheme than http(s) and ws(s), for a URL without a host, and for one
    /// without TLS that leaves this machine; also if a proxy is due and its variable makes no sense.
    pub fn check(&self, url: &Url) -> Result<()> {
        self.way(url).map(drop)
    }

    /// The route to the target of `url`.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`Error::Config`] for trusted certificates that can't be read.
    pub fn describe(&self, url: &Url) -> Result<Route> {
        let (target, proxy) = self.way(url)?;
        if target.tls {
            self.inner.tls.load()?;
        }
        Ok(Route {
            proxy: proxy.map(|proxy| format!("{}://{proxy}", proxy.url.scheme())),
            trust: target.tls.then(|| self.inner.tls.describe()),
            target: target.to_string(),
        })
    }

    /// Explains an error of the [`http_client`](Self::http_client) in the words that `dial` uses for
    /// the same fault.
    ///
    /// A time-out counts as one of connecting: the client has no other.
    pub async fn explain(&self, error: &reqwest::Error, url: &Url) -> Error {
        let (target, proxy) = match self.way(url) {
            Ok(way) => way,
            Err(error) => return error,
        };
        let to = format!("{target}{}", through(proxy.as_ref()));
        if error.is_timeout() {
            return Error::Timeout {
                what: tr!("the connection to {to}", to),
                limit: self.inner.connect_timeout,
            };
        }
        if !error.is_connect() {
            return Error::Lost(format!("{to}: {}", Cause::of(error).text));
        }
        // The HTTP client doesn't tell what a proxy answered, so ask the proxy once more.
        if proxy.is_some()
            && let Err(error) = self.dial(url).await
        {
            return error;
        }
        Cause::of(error).connecting_to(to)
    }

    fn way(&self, url: &Url) -> Result<(Destination, Option<Proxy>)> {
        let target = Destination::of(url)?;
        let proxy = self.inner.proxies.towards(&target)?;
        Ok((target, proxy))
    }

    async fn reach(&self, target: &Destination, proxy: Option<Proxy>) -> Result<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match proxy {
            Some(proxy) => proxy::tunnel(&proxy, target, &self.inner.tls).await?,
            None => {
                let stream = tcp::connect(target.uri()?, target).await?;
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

fn through(proxy: Option<&Proxy>) -> String {
    proxy.map_or_else(String::new, |proxy| {
        tr!(" through the proxy {proxy}", proxy)
    })
}
