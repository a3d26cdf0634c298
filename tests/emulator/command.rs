//! `axt emulator` as a process of its own.

#[path = "../support/need.rs"]
mod need;
#[path = "../support/signals.rs"]
mod signals;

use need::need;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// axt with nothing configured.
fn axt(args: &[&str]) -> Command {
    signals::heed();
    let mut command = Command::new(env!("CARGO_BIN_EXE_axt"));
    command
        .env_clear()
        .env("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE")
        .stdin(Stdio::null())
        .args(args);
    command
}

/// A running emulator, with what it exports.
struct Running {
    child: Child,
    said: String,
    exports: HashMap<String, String>,
}

impl Running {
    fn new(args: &[&str]) -> Self {
        Self::from(axt(&[&["emulator"], args].concat()))
    }

    fn from(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        // The address, then six variables, while it runs.
        let lines: Vec<String> = lines.take(7).map(Result::unwrap).collect();
        assert!(
            lines[0].starts_with("# axt emulator on http://127.0.0.1:"),
            "{lines:?}"
        );
        let export = |line: &String| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        let exports = lines[1..]
            .iter()
            .map(|line| export(line).unwrap())
            .collect();
        let said = lines.join("\n");
        Self {
            child,
            said,
            exports,
        }
    }

    fn connect(&self, id: &str) -> Output {
        let mut connect = axt(&["connect", id, "--command", "echo over there; exit 7"]);
        connect.envs(&self.exports).output().unwrap()
    }

    /// Sends a signal and gives the exit status.
    fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves it running, and with it the pipe that its own runner reads.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_client_in_another_process_finds_it() {
    let emulator = Running::new(&["--instance", "i-off:stopped", "--region", "cn-beijing"]);
    assert_eq!(emulator.exports["ALIBABA_CLOUD_REGION_ID"], "cn-beijing");
    let output = emulator.connect("i-one");
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(7), &b"over there\n"[..])
    );
    assert_eq!(emulator.connect("i-off").status.code(), Some(255));
    assert_eq!(emulator.end("-TERM"), Some(0));
}

#[test]
fn every_shell_reads_what_it_prints() {
    let emulator = Running::new(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("emulator.env");
    std::fs::write(&file, &emulator.said).unwrap();
    for shell in ["sh", "zsh", "fish"] {
        let Some(shell) = need(shell) else {
            continue;
        };
        let mut command = Command::new(&shell);
        command
            .env_clear()
            .env("HOME", folder.path())
            .env("AXT", env!("CARGO_BIN_EXE_axt"))
            .env("FILE", &file)
            // What would be used in place of the emulator's.
            .env("ALIBABA_CLOUD_SECURITY_TOKEN", "of-another-account")
            .env("AXT_PROFILE", "another")
            .args(["-c", r#". "$FILE"; "$AXT" connect i-one -n echo there"#]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{}", shell.display());
        assert_eq!(output.stdout, b"there\n", "{}", shell.display());
    }
    assert_eq!(emulator.end("-TERM"), Some(0));
}

#[test]
fn signals_that_its_parent_ignores_are_not_ignored_by_its_programs() {
    // As under nohup, or in a job in the background of a script.
    let mut command = Command::new("sh");
    let line = r#"trap "" INT QUIT HUP; exec "$0" emulator"#;
    command
        .env_clear()
        .args(["-c", line, env!("CARGO_BIN_EXE_axt")]);
    let emulator = Running::from(command);
    for signal in ["INT", "QUIT", "HUP"] {
        let line = format!("sh -c 'ulimit -c 0; kill -{signal} $$; echo ignored'");
        let mut connect = axt(&["connect", "i-one", "--raw-command", "--command", &line]);
        let output = connect.envs(&emulator.exports).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains("ignored"), "{signal}: {said}");
    }
    assert_eq!(emulator.end("-TERM"), Some(0));
}

#[test]
fn it_is_set_up_from_the_command_line() {
    let emulator = Running::new(&["--deny", "ecs:StartTerminalSession", "--guest", "echo"]);
    let said = String::from_utf8(emulator.connect("i-one").stderr).unwrap();
    assert!(said.contains("Forbidden.RAM"), "{said}");
    assert_eq!(emulator.end("-INT"), Some(0));
    let emulator = Running::new(&["--no-session-manager"]);
    let said = String::from_utf8(emulator.connect("i-one").stderr).unwrap();
    assert!(said.contains("SessionManagerDisabled"), "{said}");
    assert_eq!(emulator.end("-HUP"), Some(0));
}

/// What `aliyun ecs DescribeInstances --pager` prints is such a file.
#[test]
fn it_has_the_instances_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("instances.json");
    let record = |n: usize| {
        serde_json::json!({
            "InstanceId": format!("i-{n}"), "InstanceName": format!("web-{n}"), "Status": "Running",
            "VpcAttributes": {"PrivateIpAddress": {"IpAddress": [format!("10.0.{}.{}", n / 250, n % 250)]}},
            "Tags": {"Tag": [{"TagKey": "n", "TagValue": n.to_string()}]},
        })
    };
    let records: Vec<_> = (0..10_000).map(record).collect();
    let content = serde_json::json!({"Instances": {"Instance": records}});
    std::fs::write(&file, content.to_string()).unwrap();
    let path = file.to_str().unwrap();
    let emulator = Running::new(&["--instances", path, "--instance", "mi-1:name=desk"]);
    let axt = |args: &[&str]| {
        let mut command = axt(args);
        command.envs(&emulator.exports).env("HOME", folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    for target in ["web-9876", "10.0.39.126", "tag:n=9876"] {
        let said = axt(&["connect", target, "-v", "-n", "-c", "echo there"]);
        assert_eq!(said, "there\n", "{target}");
    }
    assert_eq!(axt(&["instances", "web-999*"]).lines().count(), 11);
    assert_eq!(axt(&["instances", "desk"]).lines().count(), 1);
    assert_eq!(emulator.end("-TERM"), Some(0));

    for (content, said) in [
        ("{", "not JSON"),
        (r#"[{"InstanceId":"x"}]"#, "instance 1: "),
    ] {
        std::fs::write(&file, content).unwrap();
        let output = self::axt(&["emulator", "--instances", path])
            .output()
            .unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains(said) && text.contains("instances.json"),
            "{text}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for args in [
        ["--limit", "idel=5s"],
        ["--fault", "delay"],
        ["--instance", "i-1:asleep"],
        ["--deny", "ecs:"],
        ["--listen", "0.0.0.0:0"],
    ] {
        let output = axt(&[&["emulator"], &args[..]].concat()).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{args:?}"
        );
        assert!(output.stderr.starts_with(b"axt: "), "{args:?}");
    }
}
