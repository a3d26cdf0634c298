//! Chooses the proxy for a target, and makes the tunnel through it.

use super::fault::Cause;
use super::target::Destination;
use super::tcp::{Stream, connect};
use super::tls::Tls;
use crate::error::{Error, Result};
use http::Uri;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

/// The longest answer to CONNECT that is read, in bytes.
const MAX_ANSWER: usize = 8 * 1024;

/// The proxy variables.
pub(super) struct Proxies {
    proxy: Option<String>,
    no_proxy: String,
}

/// A proxy to go through. Displayed as `host:port`; its URL may hold a password.
pub(super) struct Proxy {
    /// The proxy's URL, credentials included.
    pub(super) url: Url,
    intercept: Intercept,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        write!(f, "{host}:{port}")
    }
}

impl Proxies {
    pub(super) fn new(proxy: Option<String>, no_proxy: String) -> Self {
        Self { proxy, no_proxy }
    }

    /// The proxy for `target`, if any. A target without TLS is on this machine and needs none.
    pub(super) fn towards(&self, target: &Destination) -> Result<Option<Proxy>> {
        let Some(proxy) = self.proxy.as_deref().filter(|_| target.tls) else {
            return Ok(None);
        };
        let uri = target.uri()?;
        let no_proxy = self.exceptions(target.port);
        // With a stand-in first: an invalid proxy URL is no error where NO_PROXY applies.
        let any = Matcher::builder().https("http://proxy").no(no_proxy);
        let relative = uri.to_string().replacen(".:", ":", 1);
        let relative = Uri::try_from(relative).map_err(|_| invalid())?;
        if any.build().intercept(&relative).is_none() {
            return Ok(None);
        }
        let url = parse(proxy)?;
        let matcher = Matcher::builder().https(url.as_str().to_owned()).build();
        let intercept = matcher.intercept(&uri).ok_or_else(invalid)?;
        Ok(Some(Proxy { url, intercept }))
    }

    /// `NO_PROXY` as the matcher takes it, separated by commas: it knows neither ports nor `*.name`
    /// nor the dot that ends an absolute name, which curl and Go do.
    fn exceptions(&self, port: u16) -> String {
        let separates = |c: char| c == ',' || c.is_whitespace();
        let kept = self.no_proxy.split(separates).filter_map(|entry| {
            let entry = entry
                .strip_prefix('*')
                .filter(|rest| !rest.is_empty())
                .unwrap_or(entry);
            match entry.rsplit_once(':') {
                Some((host, number)) if !host.contains(':') || host.ends_with(']') => {
                    (number.parse() == Ok(port)).then_some(host)
                }
                _ => Some(entry),
            }
        });
        let kept = kept.map(|host| host.trim_matches(['[', ']']).trim_end_matches('.'));
        kept.collect::<Vec<_>>().join(",")
    }
}

fn invalid() -> Error {
    // Without the value: it may hold a password.
    Error::Usage(
        tr!(
            "HTTPS_PROXY or ALL_PROXY is not a proxy's URL: http, https, socks5 or socks5h, as http://USER:PASSWORD@HOST:PORT"
        ).into(),
    )
}

fn parse(text: &str) -> Result<Url> {
    let text = text.trim();
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let mut url = Url::parse(&with_scheme).map_err(|_| invalid())?;
    let default_port = match url.scheme() {
        "http" => 80,
        "https" => 443,
        "socks5" | "socks5h" => 1080,
        _ => return Err(invalid()),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Err(invalid());
    }
    if url.port_or_known_default().is_none() {
        url.set_port(Some(default_port)).map_err(|()| invalid())?;
    }
    Ok(url)
}

/// A connection to `target` through the proxy, not yet TLS with the target.
pub(super) async fn tunnel(
    proxy: &Proxy,
    target: &Destination,
    tls: &Tls,
) -> Result<Box<dyn Stream>> {
    let refused = |cause: Cause| {
        cause.connecting_to(tr!("{target} through the proxy {proxy}", target, proxy))
    };
    let to = tr!("the proxy {proxy}", proxy);
    let stream = connect(proxy.intercept.uri().clone(), &to).await?;
    if proxy.url.scheme().starts_with("socks") {
        return socks(stream, proxy, target).await.map_err(refused);
    }
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if proxy.url.scheme() == "https" {
        let host = proxy.url.host_str().unwrap_or_default();
        stream = tls.handshake(host, &to, stream).await?;
    }
    connect_method(&mut stream, proxy, target)
        .await
        .map_err(refused)?;
    Ok(stream)
}

/// Asks for the tunnel by CONNECT (RFC 9110, section 9.3.6) and reads the answer.
///
/// By hand, because hyper-util's `Tunnel` doesn't tell with what status a proxy refused.
async fn connect_method(
    stream: &mut Box<dyn Stream>,
    proxy: &Proxy,
    target: &Destination,
) -> Result<(), Cause> {
    let io = |error: std::io::Error| Cause::of(&error);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    request.extend_from_slice(
        concat!("User-Agent: axt/", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes(),
    );
    if let Some(credentials) = proxy.intercept.basic_auth() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(credentials.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(io)?;
    stream.flush().await.map_err(io)?;

    let mut answer = Vec::with_capacity(512);
    let head = loop {
        let mut read = (&mut *stream).take((MAX_ANSWER - answer.len()) as u64);
        if read.read_buf(&mut answer).await.map_err(io)? == 0 {
            return Err(Cause::passing(match answer.len() {
                MAX_ANSWER => tr!("the proxy's answer is too long"),
                _ => tr!("the proxy closed the connection without an answer"),
            }));
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    match status(&answer) {
        // The target doesn't speak before the TLS client does.
        Some(200..=299) if answer.len() > head => {
            Err(Cause::lasting(tr!("the proxy sent data after its answer")))
        }
        Some(200..=299) => Ok(()),
        Some(407) => Err(Cause::lasting(tr!(
            "the proxy asks for credentials (HTTP 407): check user and password in HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT"
        ))),
        Some(status @ 400..=499) => Err(Cause::lasting(refusal(status))),
        Some(status) => Err(Cause::passing(refusal(status))),
        None => Err(Cause::lasting(tr!(
            "the proxy did not answer as an HTTP proxy does"
        ))),
    }
}

fn refusal(status: u16) -> String {
    tr!("the proxy refused the tunnel: HTTP {status}", status)
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.")?.get(1..5)?;
    let digits = line.strip_prefix(b" ")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

async fn socks(
    stream: TcpStream,
    proxy: &Proxy,
    target: &Destination,
) -> Result<Box<dyn Stream>, Cause> {
    let unfit = || Cause::lasting(tr!("the target's name is not valid for a SOCKS proxy"));
    let mut uri = target.uri().map_err(|_| unfit())?;
    // By curl's convention `socks5` has this side resolve the name and `socks5h` the proxy.
    if let (Host::Domain(name), "socks5") = (&target.host, proxy.url.scheme()) {
        let found = tokio::net::lookup_host((name.as_str(), target.port)).await;
        let address = found.map_err(|error| Cause::of(&error))?.next();
        let address = address.ok_or_else(|| Cause::passing(tr!("the name has no address")))?;
        uri = Uri::try_from(format!("https://{address}/")).map_err(|_| unfit())?;
    }
    let mut service = SocksV5::new(proxy.intercept.uri().clone(), Connected(Some(stream)));
    if let Some((user, password)) = proxy.intercept.raw_auth() {
        service = service.with_auth(user.to_owned(), password.to_owned());
    }
    let stream = service.call(uri).await;
    let stream = stream.map_err(|error| Cause::of(&error))?;
    Ok(Box::new(TokioIo::into_inner(stream)))
}

/// A connector for the one connection that is there already: hyper-util's SOCKS would not tell why it
/// could not make one.
struct Connected(Option<TcpStream>);

impl Service<Uri> for Connected {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().map(TokioIo::new);
        ready(stream.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(no_proxy: &str, url: &str) -> bool {
        let proxies = Proxies::new(Some("http://proxy:3128".into()), no_proxy.into());
        let target = Destination::of(&url.parse().unwrap()).unwrap();
        proxies.towards(&target).unwrap().is_some()
    }

    #[test]
    fn no_proxy_knows_names_networks_ports_and_the_star() {
        for (no_proxy, url, expected) in [
            ("", "https://a.example.com", true),
            ("*", "https://a.example.com", false),
            ("example.com", "wss://a.example.com/x", false),
            (".example.com", "https://a.example.com", false),
            ("*.example.com", "https://a.example.com", false),
            ("example.com", "https://anexample.com", true),
            ("other, example.com:443", "https://example.com", false),
            ("other example.com\tlast", "https://example.com", false),
            ("example.com.", "https://a.example.com", false),
            (".example.com.:443 ", "https://a.example.com", false),
            ("example.com.:8443", "https://example.com", true),
            ("example.com", "https://example.com.", false),
            ("example.com:443", "https://example.com:8443", true),
            ("10.0.0.0/8", "https://10.1.2.3", false),
            ("10.0.0.0/8", "https://11.1.2.3", true),
            ("[fd00::1]:443,fd00::2", "https://[fd00::1]", false),
            ("[fd00::1]:443,fd00::2", "https://[fd00::2]", false),
            ("fd00::/8", "https://[fd00::3]", false),
            ("", "https://127.0.0.1", true),
            ("", "http://127.0.0.1", false),
        ] {
            assert_eq!(proxied(no_proxy, url), expected, "{no_proxy} for {url}");
        }
    }

    #[test]
    fn a_proxy_that_makes_no_sense_is_refused_without_being_quoted() {
        for text in [
            "ftp://u:secret@h",
            "http://",
            "http://u:secret@:1",
            "socks4://h",
            "h:port:secret",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.contains("HTTPS_PROXY") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_proxy_without_scheme_or_port_gets_the_usual_ones() {
        for (text, expected) in [
            ("h", "h:80"),
            ("h:3128", "h:3128"),
            ("https://h", "h:443"),
            ("socks5h://h", "h:1080"),
        ] {
            let proxies = Proxies::new(Some(text.into()), String::new());
            let target = Destination::of(&"https://t".parse().unwrap()).unwrap();
            assert_eq!(
                proxies.towards(&target).unwrap().unwrap().to_string(),
                expected
            );
        }
    }

    #[test]
    fn only_an_http_1_status_line_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407"), Some(407));
        for bad in [
            &b""[..],
            b"HTTP/1.1",
            b"HTTP/1.1 2x0 ",
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 20",
        ] {
            assert_eq!(status(bad), None);
        }
    }
}
