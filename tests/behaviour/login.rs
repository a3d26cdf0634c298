//! The user's login shell: its home, its environment and its status, whatever shells the instance has.

use crate::support::axt::Cloud;
use crate::support::need;
use crate::support::screen::Screen;
use axt::emulator::Options;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use tempfile::TempDir;

/// An instance with this `sh`, whose user database names this login shell.
struct Instance {
    cloud: Cloud,
    dir: TempDir,
}

impl Instance {
    /// `None` if this machine lacks one of the shells.
    fn new(sh: &str, login: &str) -> Option<Self> {
        Self::with(sh, &need(login)?)
    }

    fn with(sh: &str, login: &Path) -> Option<Self> {
        let sh = need(sh)?;
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        let home = dir.path().join("home");
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&home).unwrap();
        symlink(sh, bin.join("sh")).unwrap();
        for profile in [".profile", ".bash_profile", ".zprofile", ".login"] {
            fs::write(home.join(profile), "echo pro''file read\n").unwrap();
        }
        // Without it zsh asks a new user questions.
        fs::write(home.join(".zshrc"), "").unwrap();
        let entry = format!("me:x:0:0::{}:{}", home.display(), login.display());
        executable(&bin.join("getent"), &format!("echo '{entry}'"));
        let mut options = Options::default();
        let mut path = bin.into_os_string();
        path.push(":/usr/bin:/bin");
        options.agent.path = Some(path);
        let cloud = Cloud::with(options);
        Some(Self { cloud, dir })
    }

    fn connect(&self) -> Screen {
        let mut axt = self.cloud.axt(["connect", "i-test"]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LC_") {
                axt.env_remove(name);
            }
        }
        axt.env("LANG", "C.UTF-8").env("LC_TIME", "POSIX");
        let screen = Screen::start(&axt, 24, 100);
        screen.wait_text("profile read");
        screen.wait("a prompt", |screen| {
            screen.contents().trim_end().ends_with(['$', '#', '%', '>'])
        });
        screen
    }
}

fn executable(file: &Path, text: &str) {
    fs::write(file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Does the same for each pair of `sh` and login shell.
fn for_all(pairs: &[(&str, &str)], test: impl Fn(&Instance, &str) + Sync) {
    std::thread::scope(|scope| {
        for (sh, login) in pairs {
            let test = &test;
            scope.spawn(move || {
                if let Some(instance) = Instance::new(sh, login) {
                    test(&instance, &format!("{login} under {sh}"));
                }
            });
        }
    });
}

const PAIRS: [(&str, &str); 10] = [
    ("dash", "bash"),
    ("bash", "zsh"),
    ("busybox", "bash"),
    ("mksh", "dash"),
    ("ksh93", "bash"),
    ("zsh", "bash"),
    ("dash", "tcsh"),
    ("bash", "bsd-csh"),
    ("ksh93", "mksh"),
    ("dash", "ksh93"),
];

#[test]
fn it_is_the_users_shell_at_home_with_their_terminal_and_its_status() {
    for_all(&PAIRS, |instance, what| {
        let screen = instance.connect();
        let home = instance.dir.path().join("home");
        screen.type_text(
            "echo a,$TERM,$LANG,$LC_TIME,$USER,; test `pwd` = $HOME && echo at ho''me\r",
        );
        screen.wait_text("a,xterm-256color,C.UTF-8,POSIX,me,");
        screen.wait_text("at home");
        assert!(home.is_dir());
        screen.type_text("exit 3\r");
        let (status, seen) = screen.end_seen();
        assert_eq!(status.code(), Some(3), "{what}");
        assert!(!seen.contains('\u{1e}'), "{what}: {seen:?}");
        instance.cloud.assert_all_ended();
    });
}

#[test]
fn one_that_lets_nobody_in_is_replaced_and_named_on_request() {
    for shell in ["/usr/sbin/nologin", "/no/such/shell"] {
        let Some(instance) = Instance::with("dash", Path::new(shell)) else {
            return;
        };
        let log = instance.dir.path().join("log");
        let mut axt = instance.cloud.axt(["connect", "i-test"]);
        axt.env("AXT_LOG_FILE", &log);
        let screen = Screen::start(&axt, 24, 100);
        screen.type_text("echo a $SHELL; exit 3\r");
        let (status, seen) = screen.end_seen();
        assert!(seen.contains("a /bin/sh"), "{seen}");
        assert!(!seen.contains(shell), "{seen}");
        assert_eq!(status.code(), Some(3));
        let told = fs::read_to_string(&log).unwrap();
        let note = format!("the user's shell \"{shell}\" runs no commands");
        assert!(told.contains(&note), "{told}");
    }
}

#[test]
fn a_shell_that_is_killed_ends_with_the_signals_status() {
    for_all(&PAIRS, |instance, what| {
        let screen = instance.connect();
        screen.type_text("kill -9 $$\r");
        assert_eq!(screen.end().code(), Some(137), "{what}");
    });
}

#[test]
fn the_arguments_of_processes_do_not_look_like_its_end() {
    for_all(&[("dash", "bash"), ("mksh", "bash")], |instance, what| {
        let screen = instance.connect();
        screen.type_text("ps axww; cat /proc/[0-9]*/cmdline 2>/dev/null; clear; echo ov''er\r");
        screen.wait_text("over");
        screen.type_text("exit 4\r");
        assert_eq!(screen.end().code(), Some(4), "{what}");
    });
}

#[test]
fn an_end_without_a_status_is_a_normal_one() {
    let Some(instance) = Instance::new("dash", "bash") else {
        return;
    };
    let screen = instance.connect();
    screen.type_text("kill -KILL $PPID\r");
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn an_instance_without_sh_gets_the_services_shell_and_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.agent.shell = Some("/bin/sh".into());
    options.agent.path = Some(dir.path().as_os_str().to_owned());
    let cloud = Cloud::with(options);
    let log = dir.path().join("log");
    let connect = |args: &[&str]| {
        let mut axt = cloud.axt(["connect", "i-test"]);
        axt.args(args).env("XDG_CACHE_HOME", dir.path());
        axt.env("AXT_LOG_FILE", &log);
        let screen = Screen::start(&axt, 24, 80);
        // Typed before anything has answered.
        screen.type_text("echo typ''ed; exit 3\r");
        let (status, seen) = screen.end_seen();
        assert!(seen.contains("typed"), "{seen}");
        assert_eq!(status.code(), Some(0), "the service tells no status");
        cloud.emulator.sessions().len()
    };
    assert_eq!(connect(&[]), 2);
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("has no POSIX shell"), "{told}");
    let list = dir.path().join("axt").join("plain-shells");
    assert_eq!(fs::read_to_string(list).unwrap(), "i-test\n");
    assert_eq!(connect(&[]), 3);
    assert_eq!(connect(&["--login"]), 5);
    assert_eq!(connect(&["--no-cache"]), 7);
    assert_eq!(connect(&["--default-shell"]), 8);
    cloud.assert_all_ended();
}
