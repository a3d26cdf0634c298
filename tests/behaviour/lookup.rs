//! What looking a name up costs, in calls, connections and regions at once, however many instances there are.

use crate::support::axt::{Cloud, run};
use crate::support::peer;
use axt::emulator::{Instance, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;

/// 10,000 instances, of which 120 are managed.
fn many() -> Vec<Instance> {
    let ecs = (0..9_880).map(|n| {
        format!(
            "i-{n}:name=web-{n}:ip=10.0.{}.{}:tag=n={n}",
            n / 250,
            n % 250
        )
    });
    let managed = (0..120).map(|n| format!("mi-{n}:name=desk-{n}:host=pc-{n}"));
    let all = ecs.chain(managed).map(|text| text.parse().unwrap());
    all.collect()
}

#[test]
fn a_name_takes_two_calls_and_none_while_it_is_young_however_many_instances_there_are() {
    let cloud = Cloud::with(Options {
        instances: many(),
        ..Options::default()
    });
    let calls = || {
        let actions = [
            "DescribeInstances",
            "DescribeManagedInstances",
            "StartTerminalSession",
        ];
        actions.map(|action| cloud.emulator.calls(action))
    };
    let mut before = calls();
    let mut connect = |words: &str| {
        let mut command = cloud.axt(["connect", "--command", "true"]);
        command.args(words.split(' '));
        let done = run(command, b"");
        assert_eq!((done.status, &*done.stderr), (0, ""), "{words}");
        let (now, was) = (calls(), before);
        before = now;
        [0, 1, 2].map(|n| now[n] - was[n])
    };
    for target in ["web-9876", "desk-7", "tag:n=77", "10.0.1.2", "name:web-1"] {
        assert_eq!(connect(target), [1, 1, 1], "{target}");
        assert_eq!(connect(target), [0, 0, 1], "{target}");
    }
    // It is looked up beside the call that starts the session.
    assert_eq!(connect("web-9876 --name-cache 0"), [1, 1, 1]);
    assert_eq!(connect("web-9876 --no-cache"), [1, 1, 1]);
    // A file that holds no names is as good as none.
    for file in cloud.name_files() {
        std::fs::write(file, "{\"names\": [broken").unwrap();
    }
    assert_eq!(connect("web-9876"), [1, 1, 1]);
    assert_eq!(connect("web-9876"), [0, 0, 1]);
    // The API can't look for a host name: all managed instances are listed, 50 in a call.
    assert_eq!(connect("pc-7"), [1, 1 + 3, 1]);
    assert_eq!(connect("pc-7"), [0, 0, 1]);
    cloud.assert_all_ended();
}

/// A relay that lets nothing through before there have been so many connections.
struct Gate {
    address: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
    count: Arc<(Mutex<usize>, Condvar)>,
}

impl Gate {
    fn new(needed: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap(),
            target: Arc::default(),
            count: Arc::default(),
        };
        let (target, count) = (Arc::clone(&gate.target), Arc::clone(&gate.count));
        thread::spawn(move || {
            for client in listener.incoming() {
                *count.0.lock().unwrap() += 1;
                count.1.notify_all();
                let (target, count) = (Arc::clone(&target), Arc::clone(&count));
                thread::spawn(move || {
                    let waiting = count.0.lock().unwrap();
                    drop(count.1.wait_while(waiting, |count| *count < needed));
                    let server = TcpStream::connect(target.wait()).unwrap();
                    relay(&client.unwrap(), server);
                });
            }
        });
        gate
    }
}

fn relay(client: &TcpStream, server: TcpStream) {
    thread::scope(|scope| {
        for (from, to) in [(client, &server), (&server, client)] {
            scope.spawn(move || {
                let _ = std::io::copy(&mut { from }, &mut { to });
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
}

/// Two connections are those of the two calls, and the third is the gateway's: it is there before either is
/// answered, and the session uses it.
#[test]
fn the_gateway_is_connected_to_while_a_name_is_looked_up() {
    let gate = Gate::new(3);
    let cloud = Cloud::with(Options {
        instances: vec!["i-1:name=web".parse().unwrap()],
        websocket_base: Some(format!("ws://{}", gate.address)),
        ..Options::default()
    });
    gate.target.set(cloud.emulator.address()).unwrap();
    let mut command = cloud.axt(["connect", "web", "-c", "echo there"]);
    command.env("AXT_ENDPOINT", format!("http://{}", gate.address));
    let done = run(command, b"");
    assert_eq!(
        (done.status, &*done.text()),
        (0, "there\n"),
        "{}",
        done.stderr
    );
    assert_eq!(*gate.count.0.lock().unwrap(), 3);
}

/// The calls that are being answered.
#[derive(Default)]
struct Calls {
    /// By region.
    now: BTreeMap<String, usize>,
    regions: BTreeSet<String>,
    /// The most regions at once.
    most: usize,
}

/// An API that answers as the emulator does. Each call, as its text, passes `before` when the answer is due and
/// `after` when it is there. The sessions are the emulator's.
fn api(
    target: SocketAddr,
    before: impl Fn(&str) + Clone + Send + 'static,
    after: impl Fn(&str) + Clone + Send + 'static,
) -> SocketAddr {
    peer::serve_on("127.0.0.1:0", move |mut client| {
        let mut server = TcpStream::connect(target).unwrap();
        while let Some(request) = message(&mut client) {
            server.write_all(&request).unwrap();
            if request.starts_with(b"GET ") {
                return relay(&client, server);
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            before(&text);
            let answer = message(&mut server).unwrap();
            after(&text);
            if client.write_all(&answer).is_err() {
                return;
            }
        }
    })
}

/// An API that answers no call for instances before such calls have come for ten regions.
fn crowded(target: SocketAddr) -> (SocketAddr, Arc<(Mutex<Calls>, Condvar)>) {
    /// The region whose instances the call is for.
    fn region(call: &str) -> Option<String> {
        let counts = call.contains("Action=Describe") && call.contains("Instances&");
        let (_, rest) = call.split_once("RegionId=").filter(|_| counts)?;
        rest.split('&').next().map(str::to_owned)
    }
    let calls = Arc::<(Mutex<Calls>, Condvar)>::default();
    let (entered, left) = (Arc::clone(&calls), Arc::clone(&calls));
    let before = move |call: &str| {
        let Some(region) = region(call) else { return };
        let mut calls = entered.0.lock().unwrap();
        *calls.now.entry(region.clone()).or_default() += 1;
        calls.regions.insert(region);
        calls.most = calls.most.max(calls.now.len());
        entered.1.notify_all();
        drop(entered.1.wait_while(calls, |calls| calls.most < 10));
    };
    let after = move |call: &str| {
        let Some(region) = region(call) else { return };
        let mut calls = left.0.lock().unwrap();
        *calls.now.get_mut(&region).unwrap() -= 1;
        calls.now.retain(|_, count| *count > 0);
    };
    (api(target, before, after), calls)
}

/// One message of HTTP, with its body.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut byte = [0];
    while !message.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        message.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&message).to_ascii_lowercase();
    let length = head
        .split_once("content-length: ")
        .map_or("0", |(_, rest)| rest);
    let length = length.lines().next()?.trim().parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    message.extend(body);
    Some(message)
}

#[test]
fn all_regions_are_asked_ten_at_a_time() {
    let cloud = Cloud::with(Options {
        instances: vec!["i-there:name=there:region=cn-beijing".parse().unwrap()],
        ..Options::default()
    });
    for words in [
        "sessions list --instance there --all-regions",
        "instances --all-regions",
    ] {
        let (address, calls) = crowded(cloud.emulator.address());
        let mut command = cloud.axt(words.split(' '));
        command.env("AXT_ENDPOINT", format!("http://{address}"));
        let done = run(command, b"");
        assert_eq!(done.status, 0, "{words}: {}", done.stderr);
        let calls = calls.0.lock().unwrap();
        assert_eq!((calls.most, calls.regions.len()), (10, 41), "{words}");
    }
}

/// A call for instances is not answered before there is one for the session.
#[test]
fn a_remembered_name_is_looked_up_beside_the_call_that_starts_the_session() {
    let cloud = Cloud::with(Options {
        instances: vec!["i-1:name=web".parse().unwrap()],
        ..Options::default()
    });
    let asked = Arc::new((Mutex::new(true), Condvar::new()));
    let seen = Arc::clone(&asked);
    let before = move |call: &str| {
        let mut is_asked = seen.0.lock().unwrap();
        *is_asked |= call.contains("Action=StartTerminalSession&");
        seen.1.notify_all();
        if call.contains("Action=DescribeInstances&") {
            drop(seen.1.wait_while(is_asked, |is_asked| !*is_asked));
        }
    };
    let address = api(cloud.emulator.address(), before, |_| {});
    let connect = || {
        let words = ["connect", "web", "--name-cache", "0", "-c", "echo there"];
        let mut command = cloud.axt(words);
        command.env("AXT_ENDPOINT", format!("http://{address}"));
        let done = run(command, b"");
        assert_eq!(
            (done.status, &*done.text()),
            (0, "there\n"),
            "{}",
            done.stderr
        );
    };
    connect();
    *asked.0.lock().unwrap() = false;
    connect();
    assert_eq!(cloud.emulator.calls("DescribeInstances"), 2);
    cloud.assert_all_ended();
}
