//! The emulator seen from outside: a bare HTTP client and a bare WebSocket client.
#![cfg(feature = "emulator")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod api;
#[cfg(unix)]
mod command;
mod gateway;
mod sts;
mod support;

use axt::emulator::{Emulator, Options};
use support::emulator;

#[test]
fn other_machines_are_let_in_on_request_only() {
    let listener = || std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let refused = Emulator::start(Options::default(), listener()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("can be reached from other machines"),
        "{refused}"
    );
    let options = Options {
        allow_remote: true,
        ..Options::default()
    };
    assert!(!Emulator::start(options, listener()).unwrap().is_loopback());
}

#[test]
fn secrets_are_random_and_not_shown() {
    let (one, other) = (emulator(&[], &[]), emulator(&[], &[]));
    let secret = &one.credentials().access_key_secret;
    assert_ne!(secret, &other.credentials().access_key_secret);
    assert!(!format!("{one:?}").contains(secret));
}
