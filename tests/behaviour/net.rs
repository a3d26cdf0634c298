//! The way out, on real sockets: proxies, private authorities, and peers that fail in every way.

use crate::support::proxy::{Manner, Proxy};
use crate::support::tls::{Authority, Server};
use axt::error::Error;
use axt::net::{Network, NetworkOptions};
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

/// `user` and `p@ss:word`, as the proxy gets them.
const PASSWORD: &str = "Basic dXNlcjpwQHNzOndvcmQ=";

/// Everything a target behind a private authority needs.
struct Place {
    authority: Authority,
    server: Server,
    cert_file: NamedTempFile,
}

impl Place {
    async fn new() -> Self {
        Self::with(&["127.0.0.1"], false).await
    }

    async fn with(names: &[&str], expired: bool) -> Self {
        let authority = Authority::new();
        let cert_file = NamedTempFile::new().unwrap();
        std::fs::write(cert_file.path(), authority.pem()).unwrap();
        let server = Server::start(authority.server(names, expired)).await;
        Self {
            authority,
            server,
            cert_file,
        }
    }

    fn url(&self, scheme: &str) -> Url {
        let address = self.server.address;
        format!("{scheme}://{address}/secret-path?token=secret")
            .parse()
            .unwrap()
    }

    fn options(&self) -> NetworkOptions {
        NetworkOptions {
            cert_file: Some(self.cert_file.path().into()),
            ..options()
        }
    }

    /// A network that goes through `proxy` with the right password.
    fn through(&self, proxy: &Proxy, no_proxy: &str) -> Network {
        self.through_scheme("http", proxy, no_proxy)
    }

    fn through_scheme(&self, scheme: &str, proxy: &Proxy, no_proxy: &str) -> Network {
        let address = proxy.address;
        Network::new(NetworkOptions {
            proxy: Some(format!("{scheme}://user:p%40ss%3Aword@{address}")),
            no_proxy: no_proxy.into(),
            ..self.options()
        })
    }
}

fn options() -> NetworkOptions {
    NetworkOptions {
        connect_timeout: Duration::from_secs(30),
        ..NetworkOptions::default()
    }
}

async fn get(network: &Network, url: &Url) -> Result<String, Error> {
    network.check(url)?;
    let sent = network.http_client()?.get(url.clone()).send().await;
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return Err(network.explain(&error, url).await),
    };
    Ok(answer.text().await.unwrap())
}

async fn talk(network: &Network, url: &Url) -> Result<String, Error> {
    let mut stream = network.dial(url).await?;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = [0; 43];
    stream.read_exact(&mut answer).await.unwrap();
    Ok(String::from_utf8_lossy(&answer[38..]).into_owned())
}

/// The words of a failure that both ways out report, checked to hold no secret.
async fn both_fail(network: &Network, place: &Place) -> [String; 2] {
    let dialled = talk(network, &place.url("wss")).await.unwrap_err();
    let got = get(network, &place.url("https")).await.unwrap_err();
    [dialled, got].map(|error| {
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("secret") && !text.contains("word@"),
            "{text}"
        );
        error.to_string()
    })
}

#[tokio::test]
async fn api_and_websocket_go_through_the_proxy_and_trust_the_private_authority() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Password(PASSWORD)).await;
    let network = place.through(&proxy, "");
    assert_eq!(get(&network, &place.url("https")).await.unwrap(), "hello");
    assert_eq!(proxy.tunnels(), 1);
    assert_eq!(talk(&network, &place.url("wss")).await.unwrap(), "hello");
    assert_eq!(proxy.tunnels(), 2);
}

#[tokio::test]
async fn a_proxy_may_speak_tls_itself() {
    let place = Place::new().await;
    let config = place.authority.server(&["127.0.0.1"], false);
    let proxy = Proxy::start_tls(Manner::Password(PASSWORD), config).await;
    let network = place.through_scheme("https", &proxy, "");
    assert_eq!(get(&network, &place.url("https")).await.unwrap(), "hello");
    assert_eq!(talk(&network, &place.url("wss")).await.unwrap(), "hello");
    assert_eq!(proxy.tunnels(), 2);
}

#[tokio::test]
async fn a_proxy_may_speak_socks() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Socks).await;
    for (count, scheme) in [(2, "socks5"), (4, "socks5h")] {
        let network = place.through_scheme(scheme, &proxy, "");
        assert_eq!(get(&network, &place.url("https")).await.unwrap(), "hello");
        assert_eq!(talk(&network, &place.url("wss")).await.unwrap(), "hello");
        assert_eq!(proxy.tunnels(), count);
    }
}

#[tokio::test]
async fn a_pooled_connection_is_used_again() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Password(PASSWORD)).await;
    let client = place.through(&proxy, "").http_client().unwrap();
    for _ in 0..3 {
        let answer = client.get(place.url("https")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "hello");
    }
    assert_eq!(proxy.tunnels(), 1);
}

#[tokio::test]
async fn no_proxy_goes_around_it() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Password(PASSWORD)).await;
    let port = place.server.address.port();
    for no_proxy in ["127.0.0.0/8".to_owned(), format!("x, 127.0.0.1:{port}")] {
        let network = place.through(&proxy, &no_proxy);
        assert_eq!(get(&network, &place.url("https")).await.unwrap(), "hello");
        assert_eq!(talk(&network, &place.url("wss")).await.unwrap(), "hello");
    }
    assert_eq!(proxy.asked(), 0);
}

#[tokio::test]
async fn a_wrong_proxy_password_is_told_with_the_proxys_name() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Password("Basic other")).await;
    let failures = both_fail(&place.through(&proxy, ""), &place).await;
    assert_eq!(failures[0], failures[1]);
    for failure in failures {
        assert!(failure.contains("HTTP 407"), "{failure}");
        assert!(failure.contains(&proxy.address.to_string()), "{failure}");
        assert!(failure.contains("password in HTTPS_PROXY"), "{failure}");
    }
}

#[tokio::test]
async fn a_proxy_that_answers_something_else_is_told() {
    let place = Place::new().await;
    for (answer, expected) in [
        (&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], "HTTP 403"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "as an HTTP proxy does"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "data after its answer"),
        (b"HTTP/1.1 200 OK\r\n", "without an answer"),
        (&[b'x'; 9000], "too long"),
    ] {
        let proxy = Proxy::start(Manner::Say(answer)).await;
        let network = place.through(&proxy, "");
        let [dialled, got] = both_fail(&network, &place).await;
        assert!(dialled.contains(expected), "{dialled}");
        assert_eq!(dialled, got);
    }
}

#[tokio::test]
async fn a_dead_proxy_is_told_as_the_proxy() {
    let place = Place::new().await;
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let network = Network::new(NetworkOptions {
            proxy: Some(format!("{scheme}://127.0.0.1:{}", closed_port().await)),
            ..place.options()
        });
        let failures = both_fail(&network, &place).await;
        assert_eq!(failures[0], failures[1]);
        let [failure, _] = failures;
        assert!(failure.contains("to the proxy 127.0.0.1"), "{failure}");
        assert!(failure.contains("refused"), "{failure}");
    }
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_the_remedy() {
    let (place, stranger) = (Place::new().await, Place::new().await);
    let network = Network::new(stranger.options());
    let failures = both_fail(&network, &place).await;
    assert_eq!(failures[0], failures[1]);
    for failure in failures {
        assert!(failure.contains("issuer is not trusted"), "{failure}");
        assert!(failure.contains("set SSL_CERT_FILE"), "{failure}");
    }
}

#[tokio::test]
async fn a_certificate_of_the_past_or_of_another_name_is_refused() {
    for (names, expired, expected) in [
        (["127.0.0.1"], true, "has expired"),
        (["example.com"], false, "for another name"),
    ] {
        let place = Place::with(&names, expired).await;
        for failure in both_fail(&Network::new(place.options()), &place).await {
            assert!(failure.contains(expected), "{failure}");
        }
    }
}

#[tokio::test]
async fn trust_that_can_not_be_read_names_the_variable_and_the_path() {
    let place = Place::new().await;
    let empty = NamedTempFile::new().unwrap();
    let missing = empty.path().with_extension("missing");
    for path in [empty.path(), &missing] {
        let network = Network::new(NetworkOptions {
            cert_file: Some(path.into()),
            ..options()
        });
        for failure in both_fail(&network, &place).await {
            assert!(failure.contains("SSL_CERT_FILE"), "{failure}");
            assert!(failure.contains(path.to_str().unwrap()), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_directory_of_certificates_is_trust_too() {
    let place = Place::new().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(place.cert_file.path(), dir.path().join("ca.pem")).unwrap();
    let network = Network::new(NetworkOptions {
        cert_dir: Some(dir.path().into()),
        ..options()
    });
    assert_eq!(talk(&network, &place.url("wss")).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_refused_connection_names_host_and_port_only() {
    let url = format!("wss://127.0.0.1:{}/secret", closed_port().await);
    let failure = Network::new(options()).dial(&url.parse().unwrap()).await;
    let failure = failure.err().unwrap();
    assert!(matches!(&failure, Error::Connect { to, .. } if to.starts_with("127.0.0.1:")));
    assert!(failure.to_string().contains("refused"), "{failure}");
    assert!(!failure.to_string().contains("secret"), "{failure}");
}

#[tokio::test]
async fn silence_ends_with_the_connect_timeout() {
    // The backlog takes the connection, and nobody speaks TLS.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("https://{}", mute.local_addr().unwrap())
        .parse()
        .unwrap();
    let proxy = Proxy::start(Manner::Mute).await;
    let proxied = Some(format!("http://{}", proxy.address));
    for proxy in [None, proxied] {
        let network = Network::new(NetworkOptions {
            connect_timeout: Duration::from_millis(50),
            proxy,
            ..options()
        });
        let dialled = network.dial(&url).await.err().unwrap();
        let got = get(&network, &url).await.unwrap_err();
        for failure in [dialled, got] {
            let Error::Timeout { what, .. } = &failure else {
                panic!("{failure}");
            };
            assert!(what.contains(&mute.local_addr().unwrap().to_string()));
        }
    }
}

#[tokio::test]
async fn a_peer_without_tls_is_told() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("wss://{}", plain.local_addr().unwrap())
        .parse()
        .unwrap();
    let peer = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        stream
    };
    let network = Network::new(options());
    let (dialled, _open) = tokio::join!(network.dial(&url), peer);
    let failure = dialled.err().unwrap().to_string();
    assert!(failure.contains("doesn't speak TLS"), "{failure}");
}

#[tokio::test]
async fn without_tls_nothing_leaves_this_machine() {
    let network = Network::new(options());
    for url in [
        "http://example.com/",
        "ws://10.0.0.1/",
        "ws://0.0.0.0/",
        "http://localhost.example.com/",
        "ftp://127.0.0.1/",
        "data:text/plain,x",
    ] {
        let url: Url = url.parse().unwrap();
        assert!(matches!(network.check(&url), Err(Error::Usage(_))), "{url}");
        assert!(matches!(network.dial(&url).await, Err(Error::Usage(_))));
    }
}

#[tokio::test]
async fn a_plain_target_on_loopback_avoids_the_proxy_and_reads_no_certificates() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let network = Network::new(NetworkOptions {
        proxy: Some("not a proxy".into()),
        cert_file: Some("/nonexistent".into()),
        ..options()
    });
    for url in [
        format!("ws://127.0.0.1:{port}"),
        format!("ws://localhost:{port}"),
    ] {
        let url = url.parse().unwrap();
        let (dialled, accepted) = tokio::join!(network.dial(&url), listener.accept());
        accepted.unwrap();
        dialled.unwrap();
    }
}

#[tokio::test]
async fn the_route_is_described_without_credentials() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Mute).await;
    let network = place.through(&proxy, "");
    let route = network.describe(&place.url("wss")).unwrap();
    let expected = format!(
        "{} through the proxy http://{}, trusting SSL_CERT_FILE={}",
        place.server.address,
        proxy.address,
        place.cert_file.path().display(),
    );
    assert_eq!(route.to_string(), expected);
    let plain = network.describe(&"ws://127.0.0.1:1".parse().unwrap());
    assert_eq!(
        plain.unwrap().to_string(),
        "127.0.0.1:1 directly, without TLS"
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_told_alike() {
    let network = Network::new(options());
    let dialled = talk(&network, &"wss://nowhere.invalid/".parse().unwrap()).await;
    let got = get(&network, &"https://nowhere.invalid/".parse().unwrap()).await;
    let [dialled, got] = [dialled, got].map(|failure| failure.unwrap_err().to_string());
    assert_eq!(dialled, got);
    assert!(dialled.contains("nowhere.invalid:443"), "{dialled}");
}

/// What the binary says of the same fault on the way to the API and to a session's WebSocket.
async fn both_say(place: &Place, environment: &[(&str, String)]) -> [String; 2] {
    let endpoint = format!("https://{}", place.server.address);
    let api = ["connect", "i-test", "--endpoint", &endpoint].map(str::to_owned);
    let url = place.url("wss").to_string();
    let websocket = ["connect", "i-test", "--wss-url", &url].map(str::to_owned);
    let mut said = Vec::new();
    for args in [api, websocket] {
        let mut command = crate::support::axt::axt(args);
        command.envs(environment.iter().cloned()).envs([
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "an-id"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "a-secret-key"),
            ("ALIBABA_CLOUD_REGION_ID", "cn-beijing"),
        ]);
        let run = tokio::task::spawn_blocking(move || crate::support::axt::run(command, b""));
        let done = run.await.unwrap();
        assert_eq!(done.status, 255, "{done:?}");
        assert!(!done.stderr.contains("secret"), "{done:?}");
        said.push(done.stderr.lines().next().unwrap_or_default().to_owned());
    }
    [said.remove(0), said.remove(0)]
}

#[tokio::test]
async fn the_binary_tells_of_a_proxys_407_on_the_way_to_the_api_too() {
    let place = Place::new().await;
    let proxy = Proxy::start(Manner::Password("Basic other")).await;
    let url = format!("http://user:wrong@{}", proxy.address);
    let [api, websocket] = both_say(&place, &[("HTTPS_PROXY", url)]).await;
    assert_eq!(api, websocket);
    let whole = format!(
        "axt: can't connect to {} through the proxy {}: the proxy asks for credentials (HTTP 407): check user and password in HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT",
        place.server.address, proxy.address,
    );
    assert_eq!(api, whole);
    // Twice for the API, whose client doesn't tell the status; no third time with a wrong password.
    assert_eq!(proxy.asked(), 3);
}

#[tokio::test]
async fn the_binary_tells_the_remedy_for_a_private_authority_on_the_way_to_the_api_too() {
    let (place, stranger) = (Place::new().await, Place::new().await);
    let other = stranger.cert_file.path().display().to_string();
    let [api, websocket] = both_say(&place, &[("SSL_CERT_FILE", other)]).await;
    assert_eq!(api, websocket);
    let whole = format!(
        "axt: can't connect to {}: the certificate's issuer is not trusted; if a private authority or an inspecting proxy signed it, set SSL_CERT_FILE to that authority's PEM file",
        place.server.address,
    );
    assert_eq!(api, whole);
}

async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
