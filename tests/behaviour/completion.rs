//! Completion of targets: the scripts, sourced in real shells, complete what an earlier run has remembered.

use crate::support::axt::{AXT, Cloud, run};
use crate::support::need;
use crate::support::screen::Screen;
use axt::emulator::Options;
use std::path::Path;
use std::process::Command;

const FLEET: [&str; 8] = [
    "i-web:name=web-1:tag=role=front",
    "i-web2:name=web-2",
    "i-api:name=api.v2",
    "i-zh:name=数据 库:tag=role=db",
    "i-odd:name=it's $5 (new)",
    "i-like:name=i-name",
    "mi-lab:name=lab",
    "i-far:name=far:region=cn-beijing",
];

/// Keys that go back to the begin of the line and have it print its words instead of running it.
const SHOW: &str = "\x01printf '<%s>|' \r";

/// An emulator whose instances are remembered, and a configuration with a host block.
struct World {
    cloud: Cloud,
    home: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let instances = FLEET.iter().map(|text| text.parse().unwrap());
        let cloud = Cloud::with(Options {
            instances: instances.collect(),
            ..Options::default()
        });
        for words in [
            "instances --all-regions",
            "connect tag:role=db --command true",
        ] {
            let done = run(cloud.axt(words.split(' ')), b"");
            assert_eq!(done.status, 0, "{}", done.stderr);
        }
        let home = tempfile::tempdir().unwrap();
        let hosts = "[host.frontdoor]\ninstance = 'tag:role=front'\n[host.'x*']\nuser = 'x'\n";
        std::fs::write(home.path().join("config.toml"), hosts).unwrap();
        Self { cloud, home }
    }

    /// A program with axt on its PATH.
    fn program(&self, path: &Path) -> Command {
        let mut command = self.cloud.outside(path);
        let own = Path::new(AXT).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::split_paths(&path);
        let paths = std::env::join_paths(std::iter::once(own.to_owned()).chain(paths));
        command.env("PATH", paths.unwrap());
        command.env("HOME", self.home.path());
        command.env("AXT_CONFIG_DIR", self.home.path());
        command.env("LC_ALL", "C.UTF-8").env_remove("EDITOR");
        command.env_remove("VISUAL");
        command
    }

    /// What axt answers to the script of zsh or fish, a line each.
    fn answers(&self, words: &[&str]) -> Vec<String> {
        let mut command = self.program(Path::new(AXT));
        command.args(["completion", "zsh", "--"]).args(words);
        let done = run(command, b"");
        assert_eq!((done.status, &*done.stderr), (0, ""), "{words:?}");
        done.text().lines().map(str::to_owned).collect()
    }
}

/// Starts a shell that reads its script as a user's start file would have it do.
fn start(world: &World, shell: &str) -> Option<Screen> {
    let path = need(shell)?;
    let mut command = world.program(&path);
    let setup = match shell {
        "bash" => {
            command.args(["--noprofile", "--norc", "-i"]);
            "source <(axt completion bash)"
        }
        "zsh" => {
            command.args(["-f", "-i"]);
            "bindkey -e; autoload -U compinit; compinit -D; source <(axt completion zsh)"
        }
        _ => {
            command.args(["--no-config", "-i"]);
            "axt completion fish | source"
        }
    };
    let screen = Screen::start(&command, 24, 150);
    screen.type_text(&format!("{setup}; echo rea''dy\r"));
    screen.wait_text("ready");
    Some(screen)
}

/// What the shell runs when TAB follows what was typed.
fn completed(screen: &Screen, typed: &str, expected: &[&str]) {
    screen.type_text(&format!("\x15\x0b clear\r{typed}\t{SHOW}"));
    let shown: String = expected.iter().map(|word| format!("<{word}>|")).collect();
    screen.wait_text(&shown);
}

fn targets_are_completed(shell: &str) {
    let world = World::new();
    let Some(screen) = start(&world, shell) else {
        return;
    };
    for (typed, expected) in [
        ("axt connect ap", &["axt", "connect", "api.v2"][..]),
        ("axt connect 数", &["axt", "connect", "数据 库"]),
        ("axt connect 数据\\ ", &["axt", "connect", "数据 库"]),
        ("axt connect \"数据 ", &["axt", "connect", "数据 库"]),
        ("axt connect '数据 ", &["axt", "connect", "数据 库"]),
        ("axt connect it", &["axt", "connect", "it's $5 (new)"]),
        ("axt connect root@ap", &["axt", "connect", "root@api.v2"]),
        ("axt connect front", &["axt", "connect", "frontdoor"]),
        ("axt connect fa", &["axt", "connect", "far.cn-beijing"]),
        ("axt connect tag:ro", &["axt", "connect", "tag:role=db"]),
        ("axt connect name:i", &["axt", "connect", "name:i-name"]),
        ("axt forward i-z", &["axt", "forward", "i-zh"]),
        ("axt proxy la", &["axt", "proxy", "lab"]),
        ("axt cp ap\t/tmp x", &["axt", "cp", "api.v2:/tmp", "x"]),
        ("axt doctor la", &["axt", "doctor", "lab"]),
        ("axt ssh -l root la", &["axt", "ssh", "-l", "root", "lab"]),
        ("axt-ssh la", &["axt-ssh", "lab"]),
        (
            "axt sessions list --instance=la",
            &["axt", "sessions", "list", "--instance=lab"],
        ),
        ("axt sessions li", &["axt", "sessions", "list"]),
    ] {
        completed(&screen, typed, expected);
    }
    screen.type_text("\x15\x0b clear\raxt connect web-\t\t");
    screen.wait("both names", |screen| {
        let shown = screen.contents();
        ["web-1", "web-2"].iter().all(|name| shown.contains(name))
    });
    // What is broken or hostile says nothing.
    for file in world.cloud.name_files() {
        std::fs::write(file, "{\"names\": [broken").unwrap();
    }
    completed(&screen, "axt connect ap", &["axt", "connect", "ap"]);
    let shown = screen.contents();
    assert!(!shown.contains("axt: "), "{shown}");
    screen.type_text("\x15exit\r");
    screen.end();
}

#[test]
fn bash_completes_targets() {
    targets_are_completed("bash");
}

#[test]
fn zsh_completes_targets() {
    targets_are_completed("zsh");
}

#[test]
fn fish_completes_targets() {
    targets_are_completed("fish");
}

#[test]
fn completion_makes_no_call_and_tells_what_names_are() {
    let world = World::new();
    let calls = world.cloud.emulator.calls("DescribeInstances");
    let all = world.answers(&["axt", "connect", ""]);
    for line in [
        "api.v2\ti-api",
        "frontdoor\thost block",
        "web-1\ti-web",
        "数据 库\ti-zh",
        "far.cn-beijing\ti-far",
    ] {
        assert!(
            all.iter().any(|own| own == line),
            "{line:?} is not in {all:?}"
        );
    }
    assert!(!all.iter().any(|line| line.starts_with("x*")), "{all:?}");
    assert_eq!(
        world.answers(&["axt", "connect", "i-ap"]),
        ["i-api\tapi.v2"]
    );
    let there = ["axt", "--region", "cn-beijing", "connect", "fa"];
    assert_eq!(world.answers(&there), ["far\ti-far"]);
    let everywhere = ["axt", "connect", "--all-regions", "fa"];
    assert_eq!(world.answers(&everywhere), ["far\ti-far"]);
    assert_eq!(
        world.answers(&["axt", "connect", "--no-cache", "ap"]),
        [""; 0]
    );
    // A configuration that is broken is no reason to print anything into the user's line.
    std::fs::write(world.home.path().join("config.toml"), "bogus = 1\n").unwrap();
    assert_eq!(world.answers(&["axt", "connect", "ap"]), ["api.v2\ti-api"]);
    assert_eq!(world.cloud.emulator.calls("DescribeInstances"), calls);
}
