//! The options of an emulator: limits, faults, agents, instances.

pub(super) mod faults;
mod settings;

use super::agent::options::{AgentOptions, Generation};
use super::fleet::instance::Instance;
use super::sae::Sae;
use crate::error::{Error, Result};
use faults::Faults;
use settings::{Setting, bytes, number, time};
use std::time::Duration;

/// The behaviour of an emulator. The default is the service as its documents describe it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Limits and delays.
    pub limits: Limits,
    /// The faults to inject.
    pub faults: Faults,
    /// The behaviour of the agents; `limits` decides their delays.
    pub agent: AgentOptions,
    /// SAE, and its web shells.
    pub sae: Sae,
    /// Instances with names, states and addresses of their own. Every other id `i-…` or `mi-…` is a
    /// running instance in every region, which no list shows.
    pub instances: Vec<Instance>,
    /// Actions that RAM denies the caller, such as `StartTerminalSession`.
    pub denied: Vec<String>,
    /// True if the account has Session Manager switched off.
    pub session_manager_off: bool,
    /// The region that [`super::Emulator::exports`] names, and where instances are that name no region;
    /// `cn-hangzhou` when `None`.
    pub region: Option<String>,
    /// True if the emulator may listen on an address that other machines can reach. Its credentials then give
    /// a shell as the user who runs it.
    pub allow_remote: bool,
    /// The start of WebSocket URLs, such as `wss://gateway.test:8443`, if a proxy is in front of the
    /// emulator; `ws://` and the request's `Host` when `None`.
    pub websocket_base: Option<String>,
}

/// Limits and delays; `None` lifts a limit. Those without a source below are this emulator's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The time that a WebSocket URL is good for: 10 minutes (StartTerminalSession page).
    pub url_validity: Option<Duration>,
    /// A session ends without a message from the client for this long: 180 s (same page, agent).
    pub idle: Option<Duration>,
    /// No session lasts longer: 3 hours (agent).
    pub session_length: Option<Duration>,
    /// The time that an agent waits for its client to come back: 5 minutes.
    pub resume_window: Option<Duration>,
    /// Connected sessions of one instance: 20 (StartTerminalSession page).
    pub per_instance: Option<u64>,
    /// Active sessions of one region: 100 (same page).
    pub per_region: Option<u64>,
    /// Bytes a second a client may send, whole messages counted: 200,000 (same page, `200 KB/s`).
    pub rate_bytes: Option<u64>,
    /// Bytes that a client may send at once on top of that: 400,000, the bytes of two seconds.
    pub burst_bytes: Option<u64>,
    /// The limit that Status Stream names, in bit/s: 1,600,000; `None` sends no such status.
    pub stream_bits: Option<u64>,
    /// Calls of one action in one region in each `call_window`: 1000 (StartTerminalSession page, for
    /// that action; the others' are inferred from it).
    pub calls: Option<u64>,
    /// The time over which `calls` are counted: 60 s (same page).
    pub call_window: Option<Duration>,
    /// The most that a request's clock may be off: 15 minutes.
    pub clock_skew: Option<Duration>,
    /// The time that an agent takes until its terminal or its TCP target is ready.
    pub start_delay: Option<Duration>,
    /// The time that an agent waits before it reads its program's output.
    pub output_delay: Option<Duration>,
    /// The rate at which an agent sends output, in bit/s (the official agent starts at 200,000).
    pub output_bits: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |n: u64| Some(Duration::from_secs(n * 60));
        Self {
            url_validity: minutes(10),
            idle: minutes(3),
            session_length: minutes(180),
            resume_window: minutes(5),
            per_instance: Some(20),
            per_region: Some(100),
            rate_bytes: Some(200_000),
            burst_bytes: Some(400_000),
            stream_bits: Some(1_600_000),
            calls: Some(1000),
            call_window: minutes(1),
            clock_skew: minutes(15),
            start_delay: None,
            output_delay: None,
            output_bits: None,
        }
    }
}

#[rustfmt::skip]
const LIMITS: &[Setting<Limits>] = &[
    ("url-validity", "how long a WebSocket URL is good for (10m)", |l, text| time(&mut l.url_validity, text)),
    ("idle", "end a session without a client message for this long (180s)", |l, text| time(&mut l.idle, text)),
    ("session-length", "the longest that a session lasts (3h)", |l, text| time(&mut l.session_length, text)),
    ("resume-window", "how long an agent waits for its client to come back (5m)", |l, text| time(&mut l.resume_window, text)),
    ("per-instance", "connected sessions of one instance (20)", |l, text| number(&mut l.per_instance, text)),
    ("per-region", "active sessions of one region (100)", |l, text| number(&mut l.per_region, text)),
    ("rate-bytes", "bytes a second a client may send (200000)", |l, text| bytes(&mut l.rate_bytes, text)),
    ("burst-bytes", "bytes it may send at once on top of that (400000)", |l, text| bytes(&mut l.burst_bytes, text)),
    ("stream-bits", "the bit/s in Status Stream (1600000); none: not sent", |l, text| number(&mut l.stream_bits, text)),
    ("calls", "calls of one action in one region in each call-window (1000)", |l, text| number(&mut l.calls, text)),
    ("call-window", "the time over which calls are counted (60s)", |l, text| time(&mut l.call_window, text)),
    ("clock-skew", "how far the clock of a request may be off (15m)", |l, text| time(&mut l.clock_skew, text)),
    ("start-delay", "how long an agent takes until it starts the program or connects (none)", |l, text| time(&mut l.start_delay, text)),
    ("output-delay", "how long an agent waits before it reads the program's output (none)", |l, text| time(&mut l.output_delay, text)),
    ("output-bits", "bit/s at which an agent sends output (none)", |l, text| number(&mut l.output_bits, text)),
];

impl Limits {
    /// Sets one limit, as `--limit NAME=VALUE` does: durations `500ms`, `90s`, `5m`; sizes `64K`; numbers;
    /// `none`.
    ///
    /// # Errors
    /// [`Error::Usage`] listing the valid names, or saying what is wrong with the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        settings::set(LIMITS, self, name, value)
    }

    /// The limits there are, one a line, for a help text.
    #[must_use]
    pub fn help() -> String {
        settings::help(LIMITS)
    }
}

impl Options {
    /// The beginning of WebSocket URLs, for a client that called the API at `host`.
    pub(crate) fn websocket_base(&self, host: &str) -> String {
        match &self.websocket_base {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => format!("ws://{host}"),
        }
    }

    /// The agents' options with the limits' delays in them.
    #[must_use]
    pub(crate) fn agent_options(&self) -> AgentOptions {
        AgentOptions {
            generation: match (self.faults.old_agent, self.faults.newest_agent) {
                (true, _) => Generation::Old,
                (false, true) => Generation::Newest,
                (false, false) => self.agent.generation,
            },
            start_delay: self.limits.start_delay.unwrap_or(self.agent.start_delay),
            output_delay: self.limits.output_delay.unwrap_or(self.agent.output_delay),
            rate_bits: self
                .limits
                .output_bits
                .map_or(self.agent.rate_bits, |bits| {
                    Some(u32::try_from(bits).unwrap_or(u32::MAX))
                }),
            ..self.agent.clone()
        }
    }

    /// The region that its exports name, and where instances are that name no region.
    #[must_use]
    pub(crate) fn own_region(&self) -> &str {
        self.region.as_deref().unwrap_or("cn-hangzhou")
    }

    /// Makes RAM deny an action: `StartTerminalSession`, or `ecs:StartTerminalSession`.
    ///
    /// # Errors
    /// [`Error::Usage`] for a text that can't be an action's name.
    pub fn deny(&mut self, action: &str) -> Result<()> {
        let name = action.rsplit_once(':').map_or(action, |(_, name)| name);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            let what = tr!("an action has the form ecs:StartTerminalSession");
            return Err(Error::Usage(what.to_owned()));
        }
        self.denied.push(name.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_set_by_name() {
        let mut limits = Limits::default();
        limits.set("idle", "500ms").unwrap();
        limits.set("per-region", "none").unwrap();
        limits.set("rate-bytes", "64K").unwrap();
        assert_eq!(limits.rate_bytes, Some(65_536));
        assert_eq!(limits.idle, Some(Duration::from_millis(500)));
        assert_eq!(limits.per_region, None);
    }

    #[test]
    fn a_wrong_limit_says_what_is_right() {
        let mut limits = Limits::default();
        let message = limits.set("idel", "1s").unwrap_err().to_string();
        assert!(
            message.contains("url-validity, idle, session-length"),
            "{message}"
        );
        for (name, value) in [
            ("idle", "-1s"),
            ("idle", "5"),
            ("per-region", "many"),
            ("per-region", ""),
            ("per-region", "1K"),
            ("rate-bytes", "64X"),
        ] {
            let message = limits.set(name, value).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("{name}={value}: ")),
                "{message}"
            );
        }
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn the_help_names_every_limit() {
        assert_eq!(Limits::help().lines().count(), LIMITS.len());
    }
}
