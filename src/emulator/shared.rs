//! What the emulator's parts have in common.

use super::agent::options::AgentOptions;
use super::api::codes;
use super::api::reply::Refusal;
use super::api::request::Credentials;
use super::clock::Clock;
use super::faults::ApiFault;
use super::options::Options;
use super::random::random_text;
use super::sae::Tickets;
use super::store::Store;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the emulator's parts have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) agent_options: AgentOptions,
    pub(crate) credentials: Credentials,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    /// Connections and agents on their way out.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the emulator stops.
    pub(crate) stopping: CancellationToken,
    /// The tokens of web shells.
    pub(crate) tickets: Tickets,
    api_faults: Mutex<Vec<ApiFault>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        let credentials = Credentials {
            access_key_id: format!("LTAI{}", &random_text()[..20]),
            access_key_secret: random_text(),
        };
        Self {
            agent_options: options.agent_options(),
            api_faults: Mutex::new(options.faults.api_errors.clone()),
            options,
            credentials,
            clock: Clock::default(),
            store: Store::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            tickets: Tickets::default(),
        }
    }

    /// The error the next call meets by the faults' will.
    pub(crate) fn next_api_fault(&self) -> Option<Refusal> {
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
