//! Shells in a terminal: what a user types, sees and gets back.

use crate::support::axt::{Cloud, unlimited};
use crate::support::need;
use crate::support::screen::Screen;
use axt::emulator::Options;
use rustix::process::Signal;
use rustix::termios::LocalModes;

/// An emulator whose shells greet with a prompt that no configuration changes.
fn cloud() -> Cloud {
    Cloud::with(options())
}

fn options() -> Options {
    let mut options = Options::default();
    options.agent.shell = Some("/bin/sh".into());
    options
}

/// A user at a terminal of 24 rows and 80 columns, with the remote prompt before them.
fn connect(cloud: &Cloud, args: &[&str]) -> Screen {
    let mut axt = cloud.axt(["connect", "i-test", "--default-shell"]);
    axt.args(args);
    let screen = Screen::start(&axt, 24, 80);
    screen.wait("a prompt", at_prompt);
    screen
}

fn at_prompt(screen: &vt100::Screen) -> bool {
    screen.contents().trim_end().ends_with(['$', '#', '>'])
}

fn is_raw(screen: &Screen) -> bool {
    !screen.termios().local_modes.contains(LocalModes::ICANON)
}

#[test]
fn a_shell_takes_keys_and_sizes_and_ends() {
    let cloud = cloud();
    let screen = connect(&cloud, &[]);
    assert!(is_raw(&screen));
    screen.type_text("stty size\r");
    screen.wait_text("24 80");
    screen.resize(50, 132);
    // The new size is on its way beside the keys, and may come a moment later.
    screen.type_text("until stty size | grep -q '50 132'; do :; done; echo re''sized\r");
    screen.wait_text("resized");
    screen.type_text("echo 你好, wörld\r");
    screen.wait_times("你好, wörld", 2);
    screen.type_text("cat\rline\r");
    screen.wait_times("line", 2);
    screen.type_text("\x04");
    screen.type_text("exit 3\r");
    let ended = screen.end();
    assert_eq!(
        ended.code(),
        Some(0),
        "the service tells no status of its default shell"
    );
    cloud.assert_all_ended();
}

#[test]
fn each_line_of_the_log_begins_at_the_left_edge_in_raw_mode_too() {
    let cloud = cloud();
    let mut axt = cloud.axt(["connect", "i-test", "--default-shell", "-v"]);
    let screen = Screen::start(axt.env_remove("AXT_LOG_FILE"), 24, 80);
    screen.wait("a prompt", at_prompt);
    assert!(is_raw(&screen));
    let seen = screen.contents();
    // This one comes in raw mode, where a newline alone would leave the cursor in its column.
    assert!(seen.contains("axt: INFO the session is open"), "{seen}");
    for line in seen.lines().filter(|line| line.contains("axt: ")) {
        assert!(line.starts_with("axt: INFO "), "{seen}");
    }
    screen.type_text("exit\r");
    let _ = screen.end();
}

#[test]
fn control_characters_reach_the_program() {
    let cloud = cloud();
    let screen = connect(&cloud, &[]);
    // Only what cat has answered shows that it, not the shell, has the terminal.
    screen.type_text("cat; echo \"was $?\"\rfirst\r");
    screen.wait_times("first", 2);
    screen.type_text("\x03");
    screen.wait_text("^C");
    screen.type_text("\rsh -mi\rcat\rsecond\r");
    screen.wait_times("second", 2);
    screen.type_text("\x1a\rjobs\r");
    screen.wait_text("Stopped");
    screen.type_text("\r~.");
    let _ = screen.end();
}

#[test]
fn a_full_screen_program_opens_and_leaves() {
    let Some(less) = need("less") else { return };
    let cloud = cloud();
    let screen = connect(&cloud, &[]);
    screen.type_text(&format!("seq 1 500 | {}\r", less.display()));
    screen.wait("less' first page", |s| {
        s.contents().starts_with("1\n2\n") && s.alternate_screen()
    });
    screen.type_text("G");
    screen.wait("the last page", |s| s.contents().contains("500"));
    screen.type_text("q");
    screen.wait("the shell's screen", |s| !s.alternate_screen());
    screen.type_text("exit\r");
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn a_large_paste_arrives_whole() {
    // Not a shell that edits lines: it would take the terminal out of raw mode in mid-paste.
    let mut options = unlimited();
    options.agent.shell = Some("/bin/sh".into());
    let cloud = Cloud::with(options);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pasted");
    let screen = connect(&cloud, &[]);
    screen.type_text(&format!(
        "stty -echo; cat >{}; stty echo; echo all''here\r",
        file.display()
    ));
    screen.wait_text("stty echo");
    let line = "0123456789 the quick brown fox jumps over the lazy dog\r";
    screen.type_text(&line.repeat(1024 * 1024 / line.len()));
    screen.type_text("\x04");
    screen.wait_text("allhere");
    let pasted = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        pasted,
        line.replace('\r', "\n").repeat(1024 * 1024 / line.len())
    );
}

#[test]
fn the_terminal_is_given_back_after_each_signal() {
    for (signal, status) in [
        (Signal::TERM, 143),
        (Signal::HUP, 129),
        (Signal::INT, 130),
        (Signal::QUIT, 131),
    ] {
        let cloud = cloud();
        let screen = connect(&cloud, &[]);
        assert!(is_raw(&screen));
        screen.signal(signal);
        let pty = Keep::of(&screen);
        assert_eq!(screen.end().code(), Some(status));
        assert!(pty.is_cooked());
        cloud.assert_all_ended();
    }
}

#[test]
fn a_gateway_that_dies_under_a_full_screen_program_leaves_a_clean_terminal() {
    let Some(less) = need("less") else { return };
    let cloud = cloud();
    let screen = connect(&cloud, &["--no-resume"]);
    screen.type_text(&format!("seq 1 500 | {}\r", less.display()));
    screen.wait("less", |s| s.alternate_screen());
    let pty = Keep::of(&screen);
    cloud.emulator.cut_connections(axt::emulator::Cut::Reset);
    screen.wait("the shell's screen", |s| !s.alternate_screen());
    screen.wait_text("axt: the connection was lost");
    assert_eq!(screen.end().code(), Some(255));
    assert!(pty.is_cooked());
}

#[test]
fn escapes_work_at_the_start_of_a_line() {
    let cloud = cloud();
    let screen = connect(&cloud, &[]);
    screen.type_text("echo a~.b\r");
    screen.wait_times("a~.b", 2);
    screen.type_text("~?");
    screen.wait_text("axt:  ~.   end the session");
    screen.type_text("~s");
    screen.wait_text("0 resumes");
    let session = &cloud.emulator.sessions()[0].session_id;
    screen.wait_text(&format!("\naxt: i-test, session {session}, since "));
    screen.wait_text("axt: round trip ");
    screen.type_text("~.");
    screen.wait_text("axt: session ended");
    assert_eq!(screen.end().code(), Some(255));
    cloud.assert_all_ended();
}

/// Continues axt, which stops itself only after it has given the terminal back: a signal that comes before
/// continues nothing.
fn go_on(screen: &Screen, pty: &Keep) {
    while pty.is_cooked() {
        screen.signal(Signal::CONT);
        std::thread::yield_now();
    }
}

#[test]
fn suspending_gives_the_terminal_back_and_takes_it_again() {
    let cloud = cloud();
    let screen = connect(&cloud, &[]);
    screen.type_text("~\x1a");
    let pty = Keep::of(&screen);
    while !pty.is_cooked() {
        std::thread::yield_now();
    }
    screen.wait_text("axt: suspended: the service ends a session that is silent for 3 minutes");
    screen.resize(30, 100);
    go_on(&screen, &pty);
    screen.type_text("stty size\r");
    screen.wait_text("30 100");
    screen.type_text("exit\r");
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn a_full_screen_program_is_drawn_again_after_a_stop() {
    let Some(less) = need("less") else { return };
    let cloud = cloud();
    let screen = connect(&cloud, &[]);
    screen.type_text(&format!("seq 1 500 | {}\r", less.display()));
    let first = |screen: &vt100::Screen| {
        screen.alternate_screen() && screen.contents().starts_with("2\n3\n")
    };
    screen.wait("less", |s| s.alternate_screen());
    screen.type_text("\r");
    screen.wait("a page", first);
    let pty = Keep::of(&screen);
    screen.type_text("~\x1a");
    screen.wait("the caller's screen", |s| !s.alternate_screen());
    while !pty.is_cooked() {
        std::thread::yield_now();
    }
    go_on(&screen, &pty);
    screen.wait("the page again", first);
    screen.type_text("q");
    screen.wait("the shell's screen", |s| !s.alternate_screen());
    screen.type_text("exit\r");
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn the_log_begins_each_line_at_the_left_edge_of_a_raw_terminal() {
    let cloud = cloud();
    let mut axt = cloud.axt(["connect", "i-test", "--default-shell"]);
    axt.env_remove("AXT_LOG_FILE");
    let screen = Screen::start(&axt, 24, 80);
    screen.wait("a prompt", |s| {
        s.contents().contains("$ ") || s.contents().contains("# ")
    });
    screen.type_text("exit\r");
    let (_, text) = screen.end_seen();
    // The second of these comes in raw mode.
    let told = text.lines().filter(|line| line.starts_with("axt: INFO "));
    assert!(told.count() > 1, "{text}");
}

#[test]
fn a_shell_whose_output_goes_elsewhere_is_explained() {
    let cloud = cloud();
    let mut shell = cloud.outside("sh");
    shell.args([
        "-c",
        &format!("{} connect i-test | cat", crate::support::axt::AXT),
    ]);
    let screen = Screen::start(&shell, 24, 120);
    screen.wait_text("axt: hint: standard output is not a terminal");
    screen.wait_text("-t makes a terminal session");
    screen.type_text("echo typ''ed\r\x04");
    screen.wait_text("typed");
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn a_forced_terminal_needs_none_here() {
    let done = cloud().connect(["-t", "--command", "tty -s && echo terminal"], b"");
    assert_eq!((done.status, done.text().trim()), (0, "terminal"));
}

/// The terminal itself, which outlives the program in it.
struct Keep(std::os::fd::OwnedFd);

impl Keep {
    fn of(screen: &Screen) -> Self {
        Self(screen.terminal())
    }

    fn is_cooked(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.0).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

#[test]
fn a_shell_is_the_users_login_shell_with_their_locale_and_its_own_status() {
    let cloud = Cloud::new();
    let mut axt = cloud.axt(["connect", "i-test"]);
    axt.env("LC_PAPER", "C.UTF-8")
        .env("COLORTERM", "some where");
    let screen = Screen::start(&axt, 24, 80);
    screen.type_text("cd; echo \"$PWD=${HOME}, $COLORTERM, $LC_PAPER, $LOGNAME.\"\r");
    screen.wait_text(", some where, C.UTF-8, ");
    // The text in a list of processes is not the end.
    screen.type_text("cat /proc/*/cmdline | tr '\\0' ' ' | grep -c VARI''ABLES; ps axww | grep -c 'trap :'; echo mid''dle\r");
    screen.wait_text("middle");
    screen.type_text("echo sl''eeping; sleep 1000\r");
    screen.wait_text("sleeping");
    // The terminal throws away what it has when this comes.
    screen.type_text("\x03");
    screen.wait_text("^C");
    screen.type_text("echo inter''rupted\r");
    screen.wait_text("interrupted");
    screen.type_text("exit 12\r");
    assert_eq!(screen.end().code(), Some(12));
    cloud.assert_all_ended();
}
