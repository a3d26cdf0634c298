//! Counts round trips: API and gateway are behind TLS and a line that takes its time.

use super::line::Line;
use super::share::resident;
use axt::emulator::{Emulator, Options};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const AXT: &str = env!("CARGO_BIN_EXE_axt");

/// From one end of the line to the other; what is spent at both ends is the same for each.
const DELAYS: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(120)];

/// How often a measurement is repeated; the smallest counts, the others were disturbed.
const ROUNDS: usize = 5;

/// The line is not to be what takes time.
pub(crate) const RATE: f64 = 1e9;

/// Where Debian has the certificates of the authorities that the system trusts.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A session is idle that long after its first output.
const SETTLED: Duration = Duration::from_secs(5);

/// How the instance is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// By its id.
    Id,
    /// By a name that is remembered, but has to be made sure of.
    Remembered,
    /// By a name that has to be looked up.
    New,
}

/// The round trips of a shell from its start to its first output, and from `exit` to axt's own end.
pub(crate) fn of_a_shell(target: Target) -> (f64, f64) {
    let [near, far] = DELAYS.map(|delay| Shell::best(delay, target));
    let trip = 2.0 * (DELAYS[1] - DELAYS[0]).as_secs_f64();
    let trips = |near: Duration, far: Duration| (far.as_secs_f64() - near.as_secs_f64()) / trip;
    (trips(near.0, far.0), trips(near.1, far.1))
}

/// The memory of an idle shell over TLS that knows the system's authorities, in bytes: (all of it, what is its own
/// and not a file's).
pub(crate) fn memory_of_an_idle_shell() -> (u64, u64) {
    let mut world = World::new(Duration::ZERO);
    if let Ok(authorities) = std::fs::read(SYSTEM_AUTHORITIES) {
        let file = world.authority.as_file_mut();
        file.write_all(&authorities).expect("room for it");
    }
    let mut shell = world.shell(Target::Id);
    let mut output = shell.stdout.take().expect("it is a pipe");
    assert_eq!(output.read(&mut [0]).expect("the shell answers"), 1);
    thread::sleep(SETTLED);
    let memory = resident(shell.id());
    let _ = shell.kill();
    let _ = shell.wait();
    memory
}

/// An emulator behind TLS and a line.
pub(crate) struct World {
    emulator: Emulator,
    line: SocketAddr,
    authority: tempfile::NamedTempFile,
    /// What the runs remember.
    cache: tempfile::TempDir,
}

impl World {
    /// A line that takes so long each way.
    pub(crate) fn new(delay: Duration) -> Self {
        let (config, authority) = certificate();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let front = listener.local_addr().expect("it listens");
        let line = Line::before(front, RATE, delay).address;
        let names = (1..=500).map(|n| format!("i-{n}:name=other-{n}"));
        let instances = names.chain(["i-bench:name=bench".to_owned()]);
        let instances = instances.map(|text| text.parse().expect("an instance"));
        let options = Options {
            websocket_base: Some(format!("wss://localhost:{}", line.port())),
            instances: instances.collect(),
            ..Options::default()
        };
        let emulator = Emulator::on_loopback(options).expect("a free port");
        let target = emulator.address();
        thread::spawn(move || serve(listener, target, config));
        Self {
            emulator,
            line,
            authority,
            cache: tempfile::tempdir().expect("a place for it"),
        }
    }

    /// `axt ARGS…` at the other end of the line.
    pub(crate) fn axt(&self, args: &[&str]) -> Command {
        let mut command = Command::new(AXT);
        command.args(args).envs(self.emulator.exports());
        command.env("XDG_CACHE_HOME", self.cache.path());
        command.env(
            "AXT_ENDPOINT",
            format!("https://localhost:{}", self.line.port()),
        );
        command.env("SSL_CERT_FILE", self.authority.path());
        command
    }

    fn shell(&self, target: Target) -> Child {
        if target == Target::New {
            let names = self.cache.path().join("axt").join("names");
            // Before the first one there are none.
            let _ = std::fs::remove_dir_all(names);
        }
        let name = if target == Target::Id {
            "i-bench"
        } else {
            "bench"
        };
        let mut command = self.axt(&[
            "connect",
            name,
            "--default-shell",
            "-t",
            "--name-cache",
            "0",
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("the program is there")
    }
}

struct Shell;

impl Shell {
    /// The shortest time to the first output, and to the end.
    fn best(delay: Duration, target: Target) -> (Duration, Duration) {
        let world = World::new(delay);
        let rounds = (0..ROUNDS).map(|_| Self::round(&world, target));
        let start = (Duration::MAX, Duration::MAX);
        rounds.fold(start, |least, round| {
            (least.0.min(round.0), least.1.min(round.1))
        })
    }

    fn round(world: &World, target: Target) -> (Duration, Duration) {
        let started = Instant::now();
        let mut shell = world.shell(target);
        let mut output = shell.stdout.take().expect("it is a pipe");
        assert_eq!(output.read(&mut [0]).expect("the shell answers"), 1);
        let first = started.elapsed();
        let mut input = shell.stdin.take().expect("it is a pipe");
        let leaving = Instant::now();
        input.write_all(b"exit\r").expect("axt reads");
        let reading = thread::spawn(move || output.read_to_end(&mut Vec::new()));
        shell.wait().expect("it ends");
        let end = leaving.elapsed();
        let _ = reading.join();
        (first, end)
    }
}

/// A certificate for localhost, and the file of who signed it.
fn certificate() -> (Arc<ServerConfig>, tempfile::NamedTempFile) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = || KeyPair::generate().expect("ring makes keys");
    let issuer = CertifiedIssuer::self_signed(params, key()).expect("it can sign");
    let key = key();
    let params = CertificateParams::new(vec!["localhost".into()]).expect("a name");
    let signed = params.signed_by(&key, &issuer).expect("it can sign");
    let der = key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], der)
        .expect("the key fits");
    let mut file = tempfile::NamedTempFile::new().expect("a place for it");
    file.write_all(issuer.pem().as_bytes())
        .expect("room for it");
    (Arc::new(config), file)
}

/// Takes TLS off each connection and passes it on.
fn serve(listener: std::net::TcpListener, target: SocketAddr, config: Arc<ServerConfig>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let serving = async move {
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let acceptor = TlsAcceptor::from(config);
        loop {
            let (client, _) = listener.accept().await.expect("a connection");
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(target).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                let mut client = acceptor.accept(client).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    };
    runtime.expect("the system has an epoll").block_on(serving)
}
