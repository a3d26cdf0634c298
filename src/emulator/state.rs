//! The state that the API, the gateway and the web shells share.

pub(super) mod calls;
pub(super) mod clock;
pub(super) mod identities;
pub(super) mod kms;
pub(super) mod pages;
pub(super) mod store;

use super::agent::options::AgentOptions;
use super::api::codes;
use super::api::reply::ErrorReply;
use super::fleet::Fleet;
use super::options::Options;
use super::options::faults::ApiFault;
use super::sae::WebshellTokens;
use super::stall::Stalls;
use calls::Calls;
use clock::ServiceClock;
use identities::Identities;
use kms::Kms;
use pages::Pages;
use std::sync::{Arc, Mutex, PoisonError};
use store::{SessionPlace, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The state that the API, the gateway and the web shells share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) agent_options: AgentOptions,
    pub(crate) identities: Identities,
    pub(crate) clock: ServiceClock,
    pub(crate) store: Store,
    /// The pages of DescribeTerminalSessions.
    pub(crate) session_pages: Pages<SessionPlace>,
    pub(crate) fleet: Fleet,
    pub(crate) calls: Calls,
    pub(crate) stalls: Arc<Stalls>,
    pub(crate) kms: Arc<Kms>,
    /// The tasks of connections and of agents that are ending.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the emulator stops.
    pub(crate) stopping: CancellationToken,
    /// The tokens of web shells.
    pub(crate) webshell_tokens: WebshellTokens,
    api_faults: Mutex<Vec<ApiFault>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            agent_options: options.agent_options(),
            fleet: Fleet::new(options.own_region(), options.instances.clone()),
            api_faults: Mutex::new(options.faults.api_errors.clone()),
            options,
            identities: Identities::new(),
            clock: ServiceClock::default(),
            store: Store::default(),
            session_pages: Pages::default(),
            calls: Calls::default(),
            stalls: Arc::default(),
            kms: Arc::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            webshell_tokens: WebshellTokens::default(),
        }
    }

    /// The error that a fault makes the next call fail with.
    pub(crate) fn next_api_fault(&self) -> Option<ErrorReply> {
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
