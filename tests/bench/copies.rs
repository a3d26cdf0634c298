//! What `axt cp` makes of the service's rate, and what many small files take beside one file of their size.

use super::line::Line;
use super::linux::{
    AXT, INPUT, OUTPUT, RATE, WEBSOCKET, noise, report, report_most, unlimited_output,
};
use axt::emulator::Emulator;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The size of the noise that is copied, in bytes.
const NOISE: usize = 3_000_000;

/// The small files: how many, and their size in bytes.
const FILES: usize = 1000;
const SMALL: usize = 1024;

/// An emulator behind two lines, and a folder for the files of both sides.
struct Copies {
    emulator: Emulator,
    /// Towards the instance the client itself keeps to the rate.
    up: Line,
    /// From there the line does.
    down: Line,
    dir: TempDir,
}

impl Copies {
    fn new() -> Self {
        let emulator = unlimited_output();
        let line = |rate| Line::before(emulator.address(), rate, Duration::ZERO);
        let (up, down) = (line(f64::INFINITY), line(RATE));
        let dir = tempfile::tempdir().expect("a place for it");
        for folder in ["here", "there", "back", "state"] {
            fs::create_dir(dir.path().join(folder)).expect("room for it");
        }
        Self {
            emulator,
            up,
            down,
            dir,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join("here").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("room for it");
        fs::write(path, bytes).expect("room for it");
    }

    /// The times of copying this there and back, from the start of the process to its end.
    fn times(&self, name: &str) -> [f64; 2] {
        let at = |folder: &str| format!("{}/{folder}", self.dir.path().display());
        let (here, there) = (
            format!("{}/{name}", at("here")),
            format!("i-bench:{}/", at("there")),
        );
        let copied = format!("{there}{name}");
        let up = self.spent(&self.up, &[&here, &there]);
        [up, self.spent(&self.down, &[&copied, &at("back")])]
    }

    fn spent(&self, line: &Line, paths: &[&str; 2]) -> f64 {
        let mut axt = Command::new(AXT);
        axt.args(["cp", "-q", "-r"]).args(paths);
        axt.envs(self.emulator.exports());
        axt.env("AXT_ENDPOINT", format!("http://{}", line.address));
        axt.env("XDG_STATE_HOME", self.dir.path().join("state"));
        let begun = Instant::now();
        let status = axt.stdin(Stdio::null()).status().expect("axt is there");
        assert!(status.success(), "{axt:?}");
        begun.elapsed().as_secs_f64()
    }
}

/// Measures it; returns whether all is good enough.
pub(crate) fn measure() -> bool {
    let copies = Copies::new();
    copies.write("nothing", b"");
    copies.write("noise", &noise(NOISE));
    let numbers: String = (1..=800_000).map(|n| format!("{n}\n")).collect();
    copies.write("numbers", numbers.as_bytes());
    let nothing = copies.times("nothing");
    // The start of a session and the end are not the rate's matter.
    let rates = |name: &str, bytes: usize| {
        let times = copies.times(name);
        [0, 1].map(|way| bytes as f64 / (times[way] - nothing[way]))
    };
    let [up, down] = rates("noise", NOISE);
    let header = copies.up.header();
    let limit = RATE * INPUT / (INPUT + header);
    let mut good = report("noise copied there, of its rate", up / limit, "", 0.97);
    let limit = RATE * OUTPUT / (OUTPUT + header + WEBSOCKET) * 0.75;
    let what = "noise copied back, of 3/4 of its rate";
    good &= report(what, down / limit, "", 0.97);
    let [up, down] = rates("numbers", numbers.len());
    good &= report("numbers copied there, times the rate", up / RATE, "", 2.0);
    good &= report("numbers copied back, times the rate", down / RATE, "", 2.3);

    let all = noise(FILES * SMALL);
    copies.write("one", &all);
    for (n, bytes) in all.chunks(SMALL).enumerate() {
        copies.write(&format!("flat/{n}"), bytes);
        copies.write(&format!("deep/{n}/file"), bytes);
    }
    let one = copies.times("one");
    for (name, what) in [
        ("flat", "1,000 files"),
        ("deep", "1,000 files in 1,000 directories"),
    ] {
        let tree = copies.times(name);
        for (way, where_to) in ["there", "back"].into_iter().enumerate() {
            let what = format!("{what} {where_to}, times one");
            good &= report_most(&what, tree[way] / one[way], 1.3);
        }
    }
    good
}
