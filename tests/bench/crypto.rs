//! What encryption costs: messages of the size that agents send, encrypted and decrypted again.
//!
//! `cargo bench --bench crypto` prints a line and fails below the budget; one run is a few seconds.
#![allow(clippy::print_stdout, reason = "a benchmark prints its numbers")]

use axt::protocol::crypto::{BLOCK, Cipher, KEY};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Agents send terminal output in pieces of this size, in bytes.
const MESSAGE: usize = 1024;

/// How long one round takes, at least.
const ROUND: Duration = Duration::from_millis(500);

/// The fastest round counts: the others were disturbed.
const ROUNDS: usize = 5;

/// Both ways together, in million bytes of plain text a second.
const BUDGET: f64 = 150.0;

fn main() -> ExitCode {
    // `cargo test --all-targets` runs this too, without the argument.
    if !std::env::args().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let rate = (0..ROUNDS).map(|_| round()).fold(0.0, f64::max);
    let holds = rate >= BUDGET;
    let verdict = if holds { "yes" } else { "NO" };
    println!("encrypt + decrypt: {rate:.0} MB/s, at least {BUDGET:.0} MB/s: {verdict}");
    ExitCode::from(u8::from(!holds))
}

/// Million bytes a second.
fn round() -> f64 {
    let cipher = Cipher::new(&[1; KEY], [2; BLOCK]);
    let plain = [b'x'; MESSAGE];
    let start = Instant::now();
    let mut bytes = 0.0;
    while start.elapsed() < ROUND {
        for _ in 0..100 {
            let sealed = cipher.seal(black_box(&plain));
            let unsealed = cipher.unseal(black_box(&sealed));
            assert!(unsealed.is_ok_and(|unsealed| *unsealed == plain));
        }
        bytes += 100.0 * MESSAGE as f64;
    }
    bytes / start.elapsed().as_secs_f64() / 1e6
}
