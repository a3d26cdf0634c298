//! A server on loopback that answers as it is told, a home directory, and a clock that does not run. What is
//! logged meanwhile is searched for secrets.

use crate::config::credentials::{Credentials, CredentialsProvider as _};
use crate::config::settings::{Flags, Settings};
use crate::config::source::{CredentialSource, Sts};
use crate::error::{Error, Result};
use crate::net::{Network, NetworkOptions};
use crate::providers::{Clock, Provider, Reread, World};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, advance};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

pub(in crate::providers) const ROLE: &str = "acs:ram::1000000000000001:role/dev";

/// When every test begins.
pub(in crate::providers) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(in crate::providers) struct Seen {
    pub(in crate::providers) method: String,
    pub(in crate::providers) path: String,
    /// In lower case.
    pub(in crate::providers) head: String,
    pub(in crate::providers) body: String,
}

impl Seen {
    /// A parameter of a form.
    pub(in crate::providers) fn param(&self, name: &str) -> Option<String> {
        let mut form = url::form_urlencoded::parse(self.body.as_bytes());
        form.find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    pub(in crate::providers) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A server on loopback.
pub(in crate::providers) struct Server {
    pub(in crate::providers) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers every request with a status and a body; status 0 stands for no answer at all, 302 for
    /// a redirect to the body.
    pub(in crate::providers) async fn new(
        answer: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        search_the_log();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, &noted, &*answer).await });
            }
        });
        Self { address, seen }
    }

    pub(in crate::providers) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(in crate::providers) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often an action of STS was asked for.
    pub(in crate::providers) fn calls(&self, action: &str) -> usize {
        let seen = self.seen();
        let asked = seen
            .iter()
            .filter(|seen| seen.param("Action").as_deref() == Some(action));
        asked.count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let leaked = LEAKED.lock().expect("no panic");
        assert!(
            std::thread::panicking() || leaked.is_empty(),
            "a secret was logged: {leaked:?}"
        );
    }
}

/// The events of the log with a secret in them: all secrets of these tests have `hush` in them.
static LEAKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Looks at each event that `-vvv` would show.
fn search_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let axt_only = Targets::new().with_target("axt", LevelFilter::TRACE);
        let lines = fmt::layer().with_writer(|| Searched);
        let lines = lines.with_filter(axt_only);
        tracing_subscriber::registry().with(lines).init();
    });
}

struct Searched;

impl io::Write for Searched {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        if text.contains("hush") {
            LEAKED.lock().expect("no panic").push(text.into_owned());
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn serve(
    mut stream: TcpStream,
    noted: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(&Seen) -> (u16, String) + Send + Sync),
) {
    while let Some(request) = request(&mut stream).await {
        noted.lock().expect("no panic").push(request.clone());
        let (status, body) = answer(&request);
        if status == 0 {
            return std::future::pending().await;
        }
        let location = match status {
            302 => format!("Location: {body}\r\n"),
            _ => String::new(),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\n{location}Content-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<Seen> {
    let mut read = vec![];
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let mut words = head.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = read[end..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Seen {
        method,
        path,
        head,
        body,
    })
}

/// Keeps tokio's paused time from running ahead while a server is waited for.
pub(in crate::providers) struct StandStill(
    #[expect(dead_code, reason = "dropping it ends the wait")] std::sync::mpsc::Sender<()>,
);

impl StandStill {
    pub(in crate::providers) fn new() -> Self {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || receiver.recv());
        Self(sender)
    }
}

/// A home directory with a configuration file.
pub(in crate::providers) struct Home(tempfile::TempDir);

impl Home {
    /// `fields` are those of the only profile, `p`.
    pub(in crate::providers) fn new(fields: &str) -> Self {
        Self::with(&format!(
            r#"{{"current":"p","profiles":[{{"name":"p",{fields}}}]}}"#
        ))
    }

    pub(in crate::providers) fn with(config: &str) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(home.path().join(".aliyun")).expect("a directory");
        let home = Self(home);
        std::fs::write(home.config(), config).expect("a file");
        home
    }

    pub(in crate::providers) fn config(&self) -> PathBuf {
        self.0.path().join(".aliyun").join("config.json")
    }

    /// The configuration file as it is now.
    pub(in crate::providers) fn profile(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.config()).expect("a file");
        let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        file["profiles"][0].clone()
    }

    pub(in crate::providers) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// A provider of the only profile, which it reads again when its credentials are refused.
    pub(in crate::providers) fn provider(&self, world: World) -> Provider {
        let home = self.path();
        let reread = Box::new(move || read_source(&home, &[]));
        Provider::new(world, self.source(&[]), reread)
    }

    pub(in crate::providers) fn source(&self, vars: &[(&str, &str)]) -> CredentialSource {
        source_in(self.0.path(), vars)
    }
}

/// The source that a home directory and further variables describe.
pub(in crate::providers) fn source_in(home: &Path, vars: &[(&str, &str)]) -> CredentialSource {
    read_source(home, vars).expect("a source")
}

fn read_source(home: &Path, vars: &[(&str, &str)]) -> Result<CredentialSource> {
    let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let home = (name, home.to_str().expect("UTF-8"));
    let env = |name: &str| {
        let mut all = vars.iter().chain([&home]);
        all.find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    };
    Settings::resolve(&Flags::default(), &env)?.credential_source(&env)
}

/// A source that is not read again.
pub(in crate::providers) fn unchanged() -> Reread {
    Box::new(|| panic!("nothing has been refused"))
}

/// A world whose STS and OAuth are this server, at a clock that follows tokio's.
pub(in crate::providers) fn world(server: &Server) -> World {
    world_at(&server.url())
}

/// The same with a server somewhere else.
pub(in crate::providers) fn world_at(url: &str) -> World {
    let begun = Instant::now();
    let options = NetworkOptions {
        connect_timeout: Duration::from_secs(5),
        ..NetworkOptions::default()
    };
    World {
        network: Network::new(options),
        loopback: Some(url.parse().expect("a URL")),
        region: None,
        vpc: false,
        sts: Sts::default(),
        limit: Duration::from_secs(15),
        signature: crate::config::settings::Signature::V1,
        cache: None,
        clock: Clock(Arc::new(move || start() + begun.elapsed())),
    }
}

/// Id, secret and token that the source gives.
pub(in crate::providers) async fn obtained(
    world: &World,
    source: CredentialSource,
) -> Result<String> {
    let provider = Provider::new(world.clone(), source, unchanged());
    provider.credentials().await.map(|keys| told(&keys))
}

pub(in crate::providers) fn told(keys: &Credentials) -> String {
    let token = keys.security_token.as_ref();
    let token = token.map_or("", |token| token.expose_secret());
    let secret = keys.access_key_secret.expose_secret();
    format!("{} {secret} {token}", keys.access_key_id)
}

/// The error of a source that gives no credentials; it must hold no secret, all of which have `hush` in
/// them.
pub(in crate::providers) async fn refused(world: &World, source: CredentialSource) -> String {
    match obtained(world, source).await {
        Err(Error::Credentials { problem, remedy }) => {
            let told = format!("{problem} | {remedy}");
            assert!(!told.contains("hush"), "{told}");
            told
        }
        other => panic!("no such error but {other:?}"),
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Lets so much time pass at once, as for a machine that slept.
pub(in crate::providers) async fn pass(minutes: u32) {
    advance(MINUTE * minutes).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Waits, while no time passes, until a request that is on its way has been answered.
pub(in crate::providers) async fn until_is(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..100_000 {
        if is_so().await {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_micros(100));
    }
    panic!("waited in vain: {what}");
}

/// The id that the provider gives, or its error.
pub(in crate::providers) async fn id(provider: &Provider) -> String {
    match provider.credentials().await {
        Ok(keys) => keys.access_key_id,
        Err(error) => error.to_string(),
    }
}

/// Temporary credentials as services write them, good for an hour from the start.
pub(in crate::providers) fn temporary(id: &str) -> String {
    until(id, "2026-01-01T01:00:00Z")
}

pub(in crate::providers) fn until(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","AccessKeySecret":"hush-{id}","SecurityToken":"hush-token","Expiration":"{expiration}","LastUpdated":"2025-12-31T23:00:00Z"}}"#
    )
}
