//! Counts system calls by strace and allocations by valgrind, where they are installed.

use super::world::{ECHO, World};
use axt::emulator::agent::Guest;
use std::fs;

/// Keys, and messages of output: of a short run and of a long one. Their difference counts, so that starting
/// and ending do not.
const SHORT: usize = 200;
const LONG: usize = 1200;

/// The payload of an agent's Output, in bytes.
const MESSAGE: usize = 1024;

/// The system calls of axt for one key and its echo.
pub(crate) fn system_calls_a_key() -> Option<f64> {
    let world = World::new(Guest::Echo);
    each(|keys, report| {
        let strace = ["strace", "-f", "-c", "-o", report];
        let mut program = world.axt_under(&strace, ECHO)?;
        program.type_and_read(b'a', keys);
        program.leave();
        // The last line is the sum: `100.00 SECONDS USECS CALLS [ERRORS] total`.
        let sum = fs::read_to_string(report).ok()?;
        sum.lines().last()?.split_whitespace().nth(3)?.parse().ok()
    })
}

/// The allocations of axt for one message of output.
pub(crate) fn allocations_a_message() -> Option<f64> {
    let world = World::new(Guest::Pty);
    let text = tempfile::NamedTempFile::new().ok()?;
    each(|messages, report| {
        let log = format!("--log-file={report}");
        let shown = messages * MESSAGE;
        fs::write(text.path(), vec![b'x'; shown]).ok()?;
        let command = format!("sh -c \"read go; cat {}; read end\"", text.path().display());
        let mut program = world.axt_under(&["valgrind", &log], Some(&command))?;
        program.type_and_read(b'a', 1);
        program.type_and_read(b'\r', 1);
        program.read(1 + shown);
        program.leave();
        // `==PID==   total heap usage: 12,345 allocs, …`.
        let report = fs::read_to_string(report).ok()?;
        let (_, usage) = report.split_once("total heap usage: ")?;
        usage.split_once(" allocs")?.0.replace(',', "").parse().ok()
    })
}

/// The costs of one more of something: `count` gets the number of them, and a file for its report.
fn each(count: impl Fn(usize, &str) -> Option<u64>) -> Option<f64> {
    let report = tempfile::NamedTempFile::new().ok()?;
    let report = report.path().to_str()?;
    let (short, long) = (count(SHORT, report)?, count(LONG, report)?);
    Some((long as f64 - short as f64) / (LONG - SHORT) as f64)
}
