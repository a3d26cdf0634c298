//! The parts of the program that providers use: network, clock, settings.

use crate::config::settings::Signature;
use crate::config::source::Sts;
use crate::net::Network;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The parts of the program that providers use.
#[derive(Clone)]
pub(crate) struct World {
    /// The way to every server but the metadata service.
    pub(crate) network: Network,
    /// The value of `--endpoint`, if it is a loopback address: it then holds for STS and OAuth too.
    pub(crate) loopback: Option<Url>,
    /// The region, where one is configured.
    pub(crate) region: Option<String>,
    /// True if the hosts inside the VPC are to be used.
    pub(crate) vpc: bool,
    /// The STS to call for a source without a role that names one.
    pub(crate) sts: Sts,
    /// The time limit for one request.
    pub(crate) limit: Duration,
    /// The algorithm that signs calls.
    pub(crate) signature: Signature,
    /// The folder of cached role credentials, if there is one.
    pub(crate) cache: Option<PathBuf>,
    /// The time of day.
    pub(crate) clock: Clock,
}

/// The time of day; another one in tests.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub(crate) fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// The time that is left until then; none if it has passed.
    pub(crate) fn until(&self, then: Timestamp) -> Duration {
        Duration::try_from(then.duration_since(self.now())).unwrap_or_default()
    }
}

/// The occasion on which credentials are obtained.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// At the start of the run: the user may be asked something.
    Start,
    /// While a session may have the terminal: nobody can be asked.
    Renewal,
    /// The service refuses those that are held as expired, whatever is known of their expiry.
    Refusal,
}

impl Occasion {
    /// The least time that cached credentials must still be valid to be used.
    pub(super) fn least(self) -> Duration {
        match self {
            Self::Start => Duration::from_secs(60),
            Self::Renewal => Duration::from_secs(15 * 60),
            Self::Refusal => Duration::MAX,
        }
    }
}
