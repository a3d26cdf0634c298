//! Filters between a session's bytes and the user's: none for a shell, one for a port, and the runner of
//! `--command`.

use super::channel::Ending;
use crate::error::Error;
use bytes::{BufMut, BytesMut};
use std::time::{Duration, Instant};

pub use crate::error::Stop;

/// The output of a filter.
#[derive(Debug, Default)]
pub struct Flow {
    /// Bytes for the user.
    pub user: BytesMut,
    /// Bytes for the user's standard error.
    pub errors: BytesMut,
    /// Bytes for the remote side.
    pub remote: BytesMut,
    /// Set when the filter knows that the session is over.
    pub ending: Option<Ending>,
}

/// Turns the session's bytes into the user's and back, by default as they are. Total over any bytes.
pub trait Filter {
    /// Bytes from the remote side.
    fn output(&mut self, _now: Instant, bytes: &[u8], flow: &mut Flow) {
        flow.user.put_slice(bytes);
    }

    /// Bytes from the user.
    fn input(&mut self, bytes: &[u8], flow: &mut Flow) {
        flow.remote.put_slice(bytes);
    }

    /// The user's input has ended.
    fn input_end(&mut self, _flow: &mut Flow) {}

    /// True if the user's input should be read now.
    fn wants_input(&self) -> bool {
        true
    }

    /// True if the remote side has shown that it is what this filter expects. Until then the time for opening
    /// a session runs on.
    fn is_ready(&self) -> bool {
        true
    }

    /// The remote side has not become ready within `limit`: what the session ends with.
    fn overdue(&mut self, limit: Duration) -> Error {
        let what = tr!("the answer of the remote side");
        Error::AgentTimeout { what, limit }
    }

    /// The user's side stops the session. Returns how long the remote side, which was told, may take to
    /// end by itself; `None` where it can't be told.
    fn stop(&mut self, _now: Instant, _stop: Stop, _flow: &mut Flow) -> Option<Duration> {
        None
    }

    /// The time to call [`Filter::wake`] if nothing happens before.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Time has passed.
    fn wake(&mut self, _now: Instant, _flow: &mut Flow) {}

    /// The remote side has ended the session; what that means here.
    fn ended(&mut self, ending: Ending, _flow: &mut Flow) -> Ending {
        ending
    }
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Sent when the user's input ends: a terminal's end-of-file character, or nothing.
    pub end_of_file: &'static [u8],
}

impl Filter for Plain {
    fn input_end(&mut self, flow: &mut Flow) {
        flow.remote.put_slice(self.end_of_file);
    }
}
