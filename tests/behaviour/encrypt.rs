//! Encrypted sessions with the real binary: what works, what the gateway reads, what is refused.

use crate::support::axt::{Cloud, axt, run};
use crate::support::screen::Screen;
use crate::support::tap::Tap;
use ::axt::emulator::Options;
use ::axt::protocol::frame::Kind;

const MODES: [&str; 2] = ["auto", "kms:key-1"];

fn cloud(faults: &[(&str, &str)]) -> Cloud {
    let mut options = Options::default();
    options.agent.shell = Some("/bin/sh".into());
    for (name, value) in faults {
        options.faults.set(name, value).unwrap();
    }
    Cloud::with(options)
}

#[test]
fn commands_keep_their_bytes_and_status() {
    let cloud = cloud(&[]);
    for mode in MODES {
        let args = ["--encrypt", mode, "--command", "tr a-z A-Z; exit 7"];
        let done = cloud.connect(args, b"some input");
        assert_eq!((done.status, &*done.stderr), (7, ""));
        assert_eq!(done.text(), "SOME INPUT");
    }
    cloud.assert_all_ended();
}

#[test]
fn shells_show_their_prompt_and_take_sizes() {
    let cloud = cloud(&[]);
    for mode in MODES {
        let axt = cloud.axt(["connect", "i-test", "--default-shell", "--encrypt", mode]);
        let screen = Screen::start(&axt, 24, 80);
        screen.wait("a prompt", |s| {
            s.contents().trim_end().ends_with(['$', '#', '>'])
        });
        screen.type_text("stty size\r");
        screen.wait("the size", |s| s.contents().contains("24 80"));
        screen.resize(30, 100);
        // The size may be overtaken by what is typed after it.
        screen.type_text("until stty size | grep 30; do sleep 0.1; done; echo re''sized\r");
        screen.wait("the new size", |s| s.contents().contains("resized"));
        screen.type_text("\r~s");
        screen.wait("its state", |s| {
            s.contents().contains("0 resumes, encrypted")
        });
        screen.type_text("\r");
        screen.type_text("exit\r");
        assert!(screen.end().success());
    }
}

#[test]
fn the_gateway_reads_nothing_of_an_encrypted_session() {
    let cloud = cloud(&[]);
    let typed = b"echo shown-$((40 + 2)) # typed-by-hand\nexit\n";
    for mode in [None, Some(MODES[0]), Some(MODES[1])] {
        let tap = Tap::before(cloud.emulator.address());
        let mut command = cloud.axt(["connect", "i-test", "--default-shell", "--tty"]);
        command.env("AXT_ENDPOINT", format!("http://{}", tap.address));
        command.args(mode.map(|mode| ["--encrypt", mode]).iter().flatten());
        let done = run(command, typed);
        assert!(done.text().contains("shown-42"), "{done:?}");
        // What is looked for is there to be found in a plain session.
        let plain = mode.is_none();
        assert_eq!(tap.has_read("typed-by-hand"), plain, "{mode:?}");
        assert_eq!(tap.has_read("shown-42"), plain, "{mode:?}");
        for kind in [Kind::Input, Kind::Output] {
            let payloads = tap.payloads(kind);
            assert!(!payloads.is_empty());
            let blocks = payloads.iter().all(|payload| payload.len() % 16 == 0);
            assert!(plain || blocks, "{mode:?} {kind:?}");
        }
        let exchange = if plain { 0 } else { 4 };
        assert_eq!(tap.payloads(Kind::KeyExchange).len(), exchange);
    }
}

#[test]
fn a_cut_connection_costs_an_encrypted_session_nothing() {
    let input: String = (0..6000).map(|n| format!("line {n}\n")).collect();
    for mode in MODES {
        let cloud = cloud(&[("drop-after-out", "20KiB:1"), ("drop-after-in", "30KiB:1")]);
        let done = cloud.connect(["--encrypt", mode, "--command", "cat"], input.as_bytes());
        assert_eq!(done.status, 0, "{}", done.stderr);
        assert!(done.text() == input);
        assert_eq!(cloud.emulator.counts().connections, 2);
    }
}

#[test]
fn without_a_data_key_no_session_is_started() {
    let (ours, other) = (cloud(&[]), cloud(&[]));
    let kms = other.emulator.api_url();
    let args = [
        "--encrypt",
        "kms:key-1",
        "--kms-endpoint",
        &kms,
        "--command",
        "true",
    ];
    let done = ours.connect(args, b"");
    assert_eq!(done.status, 255);
    let wanted = "GenerateDataKey: InvalidAccessKeyId.NotFound";
    assert!(done.stderr.contains(wanted), "{}", done.stderr);
    assert_eq!(ours.emulator.counts().created, 0);
}

#[test]
fn an_agent_that_can_not_encrypt_gets_no_plain_session() {
    let cloud = cloud(&[("old-agent", "true")]);
    let done = cloud.connect(["--encrypt", "auto", "--command", "true"], b"");
    assert_eq!(done.status, 255);
    let wanted = "UnsupportedAgentVersion.Encryption";
    assert!(done.stderr.contains(wanted), "{}", done.stderr);
    assert_eq!(cloud.emulator.counts().connections, 0);
}

#[test]
fn what_names_no_way_to_a_key_is_a_usage_error() {
    for text in ["", "yes", "kms:"] {
        let done = run(axt(["connect", "i-test", "--encrypt", text]), b"");
        assert_eq!(done.status, 255);
        assert!(done.stderr.contains("--encrypt"), "{}", done.stderr);
    }
}
