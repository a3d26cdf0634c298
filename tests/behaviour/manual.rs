//! The manual pages and the long help: what they have, and whether programs that read manual pages take them.

use crate::support::need;
use std::process::{Command, Stdio};

const AXT: &str = env!("CARGO_BIN_EXE_axt");

fn axt(words: &str) -> String {
    let mut command = Command::new(AXT);
    command.args(words.split_whitespace());
    command.env_clear().env("AXT_CONFIG_DIR", "/nowhere");
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "axt {words}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// The commands that a page names in a list, such as `axt-connect(1)`.
fn named(page: &str, above: &str) -> Vec<String> {
    let prefix = format!("{}\\-", above.replace('-', "\\-"));
    let lines = page.lines().filter_map(|line| line.strip_prefix(&prefix));
    let names = lines.filter_map(|line| line.strip_suffix("(1)"));
    names.map(|name| name.replace("\\-", "-")).collect()
}

/// The words after `axt man` of every page, with the page.
fn pages() -> Vec<(String, String)> {
    let axt_page = axt("man");
    let mut pages = Vec::new();
    for command in named(&axt_page, "axt") {
        let page = axt(&format!("man {command}"));
        for below in named(&page, &format!("axt-{command}")) {
            let words = format!("{command} {below}");
            pages.push((words.clone(), axt(&format!("man {words}"))));
        }
        pages.push((command, page));
    }
    assert!(pages.len() > 15, "{}", pages.len());
    pages.push((String::new(), axt_page));
    pages
}

/// What a program says of a page that it reads from its standard input.
fn read(program: &mut Command, page: &str) -> String {
    program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let page = page.to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut pipe, page.as_bytes()));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let (out, err) = (done.stdout, done.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(&err)
    )
}

#[test]
fn every_page_has_its_sections() {
    for (words, page) in pages() {
        for section in ["EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES"] {
            let heading = format!(".SH \"{section}\"\n");
            assert_eq!(page.matches(&heading).count(), 1, "{words}: {section}");
        }
        let has_shells = ["", "connect", "ssh", "webshell"].contains(&words.as_str());
        assert_eq!(page.contains("\"ESCAPES\""), has_shells, "{words}");
    }
}

#[test]
fn mandoc_finds_nothing_wrong_with_any_page() {
    let Some(mandoc) = need("mandoc") else { return };
    for (words, page) in pages() {
        let mut lint = Command::new(&mandoc);
        let said = read(lint.args(["-T", "lint", "-W", "warning"]), &page);
        assert_eq!(said, "", "axt man {words}");
    }
}

#[test]
fn man_shows_every_page() {
    let Some(man) = need("man") else { return };
    for (words, page) in pages() {
        let mut show = Command::new(&man);
        show.args(["--warnings=w", "-l", "-"])
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8");
        show.env("PAGER", "cat").env_remove("MANPAGER");
        let shown = read(&mut show, &page);
        let name = format!("axt {words}").trim().replace(' ', "-");
        let title = format!("{}(1)", name.to_uppercase());
        assert!(shown.contains(&title), "{words}: {shown}");
        assert!(!shown.contains("warning"), "{words}: {shown}");
        assert!(shown.contains("EXIT STATUS"), "{words}: {shown}");
    }
}

#[test]
fn the_long_help_has_examples_escapes_and_statuses() {
    let help = axt("connect --help");
    for part in [
        "\nExamples:\n",
        "\nEscapes:\n",
        "  ~.\n",
        "\nExit status:\n",
        "  255\n",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    assert!(!axt("connect -h").contains("Examples:"));
    let ssh = axt("ssh --help");
    assert!(
        ssh.contains("\nOptions of ssh:\n") && ssh.contains("\nExamples:\n"),
        "{ssh}"
    );
}
