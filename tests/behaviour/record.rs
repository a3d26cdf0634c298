//! Recordings of terminal sessions: what they hold, whether others can read them, and when there is none.

use crate::support::axt::{Cloud, run, success, until};
use crate::support::screen::Screen;
use crate::support::{need, need_python};
use axt::emulator::Options;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// An emulator whose shells greet with a prompt that no configuration changes, and a folder.
fn cloud() -> (Cloud, TempDir) {
    let mut options = Options::default();
    options.agent.shell = Some("/bin/sh".into());
    (Cloud::with(options), tempfile::tempdir().unwrap())
}

/// `axt connect i-test` with a shell that a user has at a terminal, before the prompt.
fn shell(command: &Command) -> Screen {
    let screen = Screen::start(command, 24, 80);
    screen.wait("a prompt", |s| {
        s.contents().trim_end().ends_with(['$', '#', '>'])
    });
    screen
}

fn recorded(cloud: &Cloud, file: &Path, args: &[&str]) -> Command {
    let mut axt = cloud.axt(["connect", "--record"]);
    axt.arg(file).args(args).arg("i-test");
    axt
}

/// A recording, read.
struct Cast {
    header: serde_json::Value,
    /// Time, code and data.
    events: Vec<(f64, String, String)>,
}

impl Cast {
    /// Reads the file, all of whose lines have to be whole.
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.ends_with('\n'), "{text}");
        let mut lines = text.lines();
        let header = serde_json::from_str(lines.next().unwrap()).unwrap();
        let events = lines.map(|line| serde_json::from_str(line).unwrap());
        let events = events.collect();
        Self { header, events }
    }

    fn all(&self, code: &str) -> String {
        let events = self.events.iter().filter(|(_, c, _)| c == code);
        events.map(|(_, _, data)| data.as_str()).collect()
    }

    /// The screen on which it is played back.
    fn play(&self) -> vt100::Parser {
        let size = |name: &str| self.header[name].as_u64().unwrap().try_into().unwrap();
        let mut parser = vt100::Parser::new(size("height"), size("width"), 1000);
        for (_, code, data) in &self.events {
            match code.as_str() {
                "o" => parser.process(data.as_bytes()),
                "r" => {
                    let (cols, rows) = data.split_once('x').unwrap();
                    let (rows, cols) = (rows.parse().unwrap(), cols.parse().unwrap());
                    parser.screen_mut().set_size(rows, cols);
                }
                "i" | "x" => {}
                _ => panic!("{code}: {data:?}"),
            }
        }
        parser
    }
}

/// What a screen looks like: characters, colours, modes and cursor.
fn look(screen: &vt100::Screen) -> String {
    let state = screen.state_formatted();
    format!("{:?}\n{}", screen.size(), String::from_utf8_lossy(&state))
}

#[test]
fn a_recording_plays_back_to_the_screen_that_was_seen() {
    let (cloud, dir) = cloud();
    let file = dir.path().join("a.cast");
    let screen = shell(&recorded(&cloud, &file, &[]));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    screen.type_text(
        "printf '\\033[1;31mred\\033[m \\344\\275'; sleep 0.1; printf '\\240 \\377.\\n'\r",
    );
    // The terminal of this test leaves out what is not UTF-8, and so it does with U+FFFD.
    screen.wait_text("red 你 .");
    // What axt itself draws is a part of what the user sees.
    screen.type_text("~?");
    screen.wait_text("suspend axt");
    screen.type_text("\r");
    screen.resize(30, 100);
    screen.type_text("until stty size | grep -q '30 100'; do :; done; echo re''sized\r");
    screen.wait_text("resized");
    screen.type_text("printf '\\033[?1049h\\033[5;5Hmiddle\\033[7m'\r");
    screen.wait("the alternate screen", |s| {
        s.alternate_screen() && s.contents().trim_end().ends_with(['$', '#'])
    });
    // What is shown is recorded a moment later.
    let seen = screen.look(look);
    until("the recording has what is seen", || {
        look(Cast::read(&file).play().screen()) == seen
    });
    screen.type_text("exit 3\r");
    let (status, seen) = screen.end_seen();
    assert_eq!(status.code(), Some(3));
    let cast = Cast::read(&file);
    assert_eq!(cast.play().screen().contents(), seen);
    assert_eq!(cast.header["version"], 2);
    assert_eq!(cast.header["title"], "i-test");
    assert_eq!(cast.header["env"]["TERM"], "xterm-256color");
    let times: Vec<f64> = cast.events.iter().map(|(time, ..)| *time).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn asciinema_shows_what_was_recorded() {
    let Some(asciinema) = need("asciinema") else {
        return;
    };
    let (cloud, dir) = cloud();
    let file = dir.path().join("a.cast");
    let screen = shell(&recorded(&cloud, &file, &["--record-input"]));
    screen.type_text("seq 300; echo 你好, '\"wörld\"\\'\r");
    screen.wait_text("300\n你好, \"wörld\"\\");
    screen.type_text("exit\r");
    assert_eq!(screen.end().code(), Some(0));
    let mut cat = Command::new(asciinema);
    cat.arg("cat").arg(&file).env("HOME", dir.path());
    let shown = String::from_utf8(success(cat)).unwrap();
    assert_eq!(shown, Cast::read(&file).all("o"));
}

/// Both readers are programs of others: showreel knows version 3, which asciinema 2.4 does not.
#[test]
fn another_reader_of_version_3_finds_in_it_what_the_screen_showed() {
    let (Some(asciinema), Some(showreel)) = (need("asciinema"), need("showreel")) else {
        return;
    };
    let (cloud, dir) = cloud();
    let file = dir.path().join("a.cast");
    let options = ["--record-format", "v3", "--record-input"];
    let screen = shell(&recorded(&cloud, &file, &options));
    screen.resize(30, 100);
    screen.type_text("until stty size | grep -q '30 100'; do :; done; echo re''sized\r");
    screen.wait_text("resized");
    screen.type_text("printf '\\033[1;31m你好\\033[m \"\\\\ \\377'; sleep 0.2; exit 7\r");
    let (status, seen) = screen.end_seen();
    assert_eq!(status.code(), Some(7));
    let told = |mut reader: Command| {
        let done = reader.env("HOME", dir.path()).output().unwrap();
        // It would warn of a line that it does not know.
        assert_eq!((done.status.code(), &*done.stderr), (Some(0), &b""[..]));
        done.stdout
    };
    let mut info = Command::new(&showreel);
    info.arg("info").arg(&file);
    let info: serde_json::Value = serde_json::from_slice(&told(info)).unwrap();
    assert_eq!(info["asciicast_version"], 3);
    assert_eq!(info["title"], "i-test");
    let terminal = serde_json::json!({"cols": 80, "rows": 24, "type": "xterm-256color"});
    assert_eq!(info["terminal"], terminal);
    // As version 2, with times from the start in place of intervals, it is played and shown by others.
    let second = dir.path().join("b.cast");
    let mut convert = Command::new(&showreel);
    convert.arg("convert").arg(&file).args(["--to", "v2", "-o"]);
    convert.arg(&second);
    told(convert);
    let cast = Cast::read(&second);
    assert_eq!(
        (cast.all("r"), cast.all("x")),
        ("100x30".into(), "7".into())
    );
    assert!(cast.all("i").ends_with("exit 7\r"), "{}", cast.all("i"));
    let times: Vec<f64> = cast.events.iter().map(|(time, ..)| *time).collect();
    assert!(times.is_sorted(), "{times:?}");
    let output = cast.all("o");
    let mut shown = Command::new(asciinema);
    shown.arg("cat").arg(&second);
    assert_eq!(String::from_utf8(told(shown)).unwrap(), output);
    // The warning came before the recording.
    let played = cast.play().screen().contents();
    assert!(seen.ends_with(&played), "{played:?} and {seen:?}");
}

#[test]
fn version_3_has_the_status_and_a_command_with_a_terminal_is_recorded() {
    let (cloud, dir) = cloud();
    let file = dir.path().join("a.cast");
    let mut axt = recorded(&cloud, &file, &["--record-format", "v3", "-t"]);
    axt.args(["--command", "stty size; echo shown; exit 7"]);
    let done = run(axt, b"");
    assert_eq!(done.status, 7, "{}", done.stderr);
    let cast = Cast::read(&file);
    assert_eq!(cast.header["version"], 3);
    assert_eq!(cast.all("o"), done.text());
    assert!(done.text().contains("shown"));
    assert_eq!(cast.all("x"), "7");
}

#[test]
fn keys_are_recorded_only_if_that_is_asked_for_and_with_a_warning() {
    for with_input in [false, true] {
        let (cloud, dir) = cloud();
        let file = dir.path().join("a.cast");
        let args: &[&str] = if with_input { &["--record-input"] } else { &[] };
        let screen = shell(&recorded(&cloud, &file, args));
        screen.type_text("stty -echo; echo re''ady; read word; stty echo\r");
        screen.wait_text("ready");
        // Typed, and shown nowhere.
        screen.type_text("swordfish\r");
        screen.type_text("exit\r");
        let (_, seen) = screen.end_seen();
        let warned = seen.contains("passwords included");
        let keys = Cast::read(&file).all("i");
        assert_eq!(
            (warned, keys.contains("swordfish\r")),
            (with_input, with_input)
        );
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.contains("swordfish"), with_input);
    }
}

#[test]
fn a_file_that_exists_and_names_that_are_none_are_refused_before_the_session() {
    let (cloud, dir) = cloud();
    let there = dir.path().join("there");
    fs::write(&there, "kept").unwrap();
    let missing = dir.path().join("missing/a.cast");
    for (name, says) in [
        (there.to_str().unwrap(), "exists already"),
        ("-", "not to standard output"),
        ("a%q", "unknown placeholder %q"),
        (missing.to_str().unwrap(), "the recording can't be written"),
    ] {
        let mut axt = recorded(&cloud, Path::new(name), &["-t"]);
        axt.current_dir(dir.path());
        let done = run(axt, b"");
        assert_eq!(done.status, 255, "{name}");
        assert!(done.stderr.contains(says), "{name}: {}", done.stderr);
    }
    for (args, says) in [
        (&["--record", "new"][..], "-t makes it one"),
        (&["-t", "--record-input"], "needs --record"),
    ] {
        let done = cloud.connect(args, b"");
        assert_eq!(done.status, 255);
        assert!(done.stderr.contains(says), "{}", done.stderr);
    }
    assert_eq!(cloud.emulator.sessions().len(), 0);
    assert_eq!(fs::read(&there).unwrap(), b"kept");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_session_that_does_not_start_leaves_no_file() {
    let (cloud, dir) = cloud();
    let mut axt = recorded(&cloud, &dir.path().join("a.cast"), &["-t"]);
    axt.env("AXT_ENDPOINT", "http://127.0.0.1:1");
    assert_eq!(run(axt, b"").status, 255);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_variable_or_the_file_gives_every_session_a_file_of_its_own() {
    let (cloud, dir) = cloud();
    let config = dir.path().join("config");
    fs::create_dir(&config).unwrap();
    let set = |record: &Path| {
        let text = format!(
            "record = {:?}\nrecord-format = \"v3\"\n",
            record.to_str().unwrap()
        );
        fs::write(config.join("config.toml"), text).unwrap();
    };
    let axt = |args: &[&str]| {
        let mut axt = cloud.axt(["connect", "i-test"]);
        axt.args(args).env("AXT_CONFIG_DIR", &config);
        axt
    };
    set(&dir.path().join("%h.cast"));
    let done = run(axt(&["-t", "-c", "true"]), b"");
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("config.toml:1"), "{}", done.stderr);
    let mut variable = axt(&["-t", "-c", "true"]);
    variable.env("AXT_RECORD", "one.cast");
    let done = run(variable, b"");
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("AXT_RECORD"), "{}", done.stderr);

    set(&dir.path().join("%h-%s.cast"));
    for _ in 0..2 {
        assert_eq!(run(axt(&["-t", "-c", "echo hi"]), b"").status, 0);
    }
    // It is no terminal session, and nobody has asked for this one's recording.
    assert_eq!(run(axt(&["-c", "echo hi"]), b"").status, 0);
    let names = cloud.emulator.sessions().into_iter();
    let names = names.map(|session| {
        dir.path()
            .join(format!("i-test-{}.cast", session.session_id))
    });
    let files: Vec<PathBuf> = names.filter(|path| path.exists()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(Cast::read(&file).all("o"), "hi\r\n");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn the_picture_of_the_readme_is_made_of_its_recording() {
    let Some(python) = need_python("pyte") else {
        return;
    };
    let github = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github");
    let mut picture = Command::new(python);
    picture
        .arg(github.join("picture"))
        .arg(github.join("demo.cast"));
    picture.args(["--title", "axt connect i-demo --emulator"]);
    let made = String::from_utf8(success(picture)).unwrap();
    let kept = fs::read_to_string(github.join("demo.svg")).unwrap();
    assert_eq!(made, kept);
    assert!(kept.contains("0 resumes"), "{kept}");
}

#[test]
fn a_killed_axt_leaves_a_whole_recording() {
    let (cloud, dir) = cloud();
    let file = dir.path().join("a.cast");
    let screen = shell(&recorded(&cloud, &file, &[]));
    screen.type_text("echo last'' words\r");
    screen.wait_text("last words");
    // While the session runs, the file has what was shown a moment ago.
    until("the words are recorded", || {
        fs::read_to_string(&file).unwrap().contains("last words")
    });
    screen.signal(Signal::KILL);
    let _ = screen.end();
    assert!(Cast::read(&file).all("o").contains("last words"));
}

#[test]
fn a_full_disk_costs_the_recording_and_not_the_session() {
    let (cloud, dir) = cloud();
    let file = dir.path().join("a.cast");
    let axt = recorded(&cloud, &file, &[]);
    // Files may have a block, and who would exceed that gets an error.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
    limited.arg(axt.get_program()).args(axt.get_args());
    for (name, value) in axt.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    // The log would be long.
    limited.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    let screen = shell(&limited);
    // More than a block, and less than a screen, from which the message would scroll away.
    screen.type_text("seq -s ' ' 300\r");
    screen.wait_text("the recording ends here, and the session goes on");
    screen.type_text("clear; echo still'' here\r");
    screen.wait_text("still here");
    assert!(!screen.contents().contains("recording"));
    screen.type_text("exit 5\r");
    let (status, seen) = screen.end_seen();
    assert_eq!(status.code(), Some(5));
    assert!(!seen.contains("recording"));
    assert!(!Cast::read(&file).events.is_empty());
}

#[test]
fn a_web_shell_is_recorded_too() {
    let (cloud, dir) = cloud();
    let mut axt = cloud.axt(["webshell", "--app-id", "app", "--pod", "pod-1"]);
    axt.arg("--record").arg(dir.path().join("%h-%s.cast"));
    let screen = shell(&axt);
    screen.type_text("echo in the'' pod; exit\r");
    assert_eq!(screen.end().code(), Some(0));
    let file = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    assert!(file.file_name().to_str().unwrap().starts_with("pod-1-"));
    until("the end is recorded", || {
        Cast::read(&file.path()).all("o").contains("in the pod")
    });
}
