//! What the emulator's parts have in common.

use super::agent::AgentOptions;
use super::clock::Clock;
use super::codes;
use super::faults::ApiFault;
use super::options::Options;
use super::reply::Refusal;
use super::sae::Tickets;
use super::store::Store;
use super::verify::Credentials;
use super::{Result, io_error};
use std::io;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the emulator's parts have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) agent_options: AgentOptions,
    pub(super) credentials: Credentials,
    pub(super) clock: Clock,
    pub(super) store: Store,
    /// Connections and agents on their way out.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the emulator stops.
    pub(super) stopping: CancellationToken,
    /// The tokens of web shells.
    pub(super) tickets: Tickets,
    api_faults: Mutex<Vec<ApiFault>>,
}

impl Shared {
    pub(super) fn new(options: Options) -> Result<Self> {
        // The one place where randomness can be missing: later on, it was there once.
        getrandom::fill(&mut [0]).map_err(|error| io_error(io::Error::other(error.to_string())))?;
        let credentials = Credentials {
            access_key_id: format!("LTAI{}", &random_text()[..20]),
            access_key_secret: random_text(),
        };
        Ok(Self {
            agent_options: options.agent_options(),
            api_faults: Mutex::new(options.faults.api_errors.clone()),
            options,
            credentials,
            clock: Clock::default(),
            store: Store::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            tickets: Tickets::default(),
        })
    }

    /// The error the next call meets by the faults' will.
    pub(super) fn next_api_fault(&self) -> Option<Refusal> {
        let mut faults = self
            .api_faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        faults.retain(|fault| fault.count != Some(0));
        let fault = faults.first_mut()?;
        fault.count = fault.count.map(|left| left - 1);
        Some(codes::refuse(&fault.code))
    }
}

/// 64 hexadecimal digits, 244 bits of them random.
pub(super) fn random_text() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}
