//! Keeps what a source gave, and renews it in the background before it expires.

use super::http::problem;
use super::obtain::obtain;
use super::sts;
use super::world::{Occasion, World};
use crate::backoff::Backoff;
use crate::config::credentials::{Credentials, CredentialsProvider};
use crate::config::source::{CredentialSource, Mode};
use crate::error::{Error, Result};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::sleep;

/// The time before the expiry at which the first attempt to renew is made.
const AHEAD: Duration = Duration::from_secs(15 * 60);

/// Credentials that expire within this time are no longer used: a request takes its time.
const MARGIN: Duration = Duration::from_secs(10);

/// The longest sleep in one piece. A machine that slept itself has missed the time in between.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The first and the longest pause after a renewal that failed.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));

/// Reads the source again, which the user may have changed since: a profile has other keys.
pub(crate) type Reread = Box<dyn Fn() -> Result<CredentialSource> + Send + Sync>;

/// Provides the credentials of one source for a whole run.
pub(crate) struct Provider {
    inner: Arc<RenewalInner>,
}

struct RenewalInner {
    world: World,
    source: Mutex<Arc<CredentialSource>>,
    reread: Reread,
    held: Mutex<Option<HeldCredentials>>,
    /// Held while the source is asked, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
    /// The identity of the first credentials, from the first renewal on.
    pinned: Mutex<Option<String>>,
}

/// Credentials, and when to renew them.
#[derive(Clone)]
struct HeldCredentials {
    credentials: Credentials,
    renew_at: Option<Timestamp>,
    /// The service calls them expired.
    refused: bool,
}

impl HeldCredentials {
    fn has_expired(&self, world: &World) -> bool {
        let expires = self.credentials.expires;
        self.refused || expires.is_some_and(|then| world.clock.until(then).is_zero())
    }
}

impl Provider {
    /// A provider that asks its source at first need.
    pub(crate) fn new(world: World, source: CredentialSource, reread: Reread) -> Self {
        Self::over(world, source, reread, None)
    }

    /// A provider of these credentials, which another process has obtained from the same source. It renews
    /// them in time.
    pub(crate) fn holding(
        world: World,
        source: CredentialSource,
        reread: Reread,
        credentials: Credentials,
    ) -> Self {
        let provider = Self::over(world, source, reread, Some(credentials));
        tokio::spawn(renew_in_time(Arc::downgrade(&provider.inner)));
        provider
    }

    fn over(
        world: World,
        source: CredentialSource,
        reread: Reread,
        credentials: Option<Credentials>,
    ) -> Self {
        let inner = RenewalInner {
            world,
            source: Mutex::new(Arc::new(source)),
            reread,
            held: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            pinned: Mutex::default(),
        };
        if let Some(credentials) = credentials {
            let mut held = inner.held.lock().unwrap_or_else(PoisonError::into_inner);
            *held = Some(inner.holding(credentials));
        }
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl CredentialsProvider for Provider {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials>> {
        Box::pin(async {
            if let Some(credentials) = self.inner.usable() {
                return Ok(credentials);
            }
            let _once = self.inner.asking.lock().await;
            if let Some(credentials) = self.inner.usable() {
                return Ok(credentials);
            }
            let is_first = self.inner.held().is_none();
            let held = self.inner.ask().await?;
            if is_first && held.renew_at.is_some() {
                tokio::spawn(renew_in_time(Arc::downgrade(&self.inner)));
            }
            Ok(held.credentials)
        })
    }

    fn are_refused(&self, credentials: &Credentials) -> bool {
        // Keys are in a file or a variable: they differ only after the user has changed the file.
        if let Mode::Keys(now) = &self.inner.read_again().mode
            && keys(now) == keys(credentials)
        {
            return false;
        }
        let mut held = self
            .inner
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut()
            && keys(&held.credentials) == keys(credentials)
        {
            held.refused = true;
        }
        true
    }
}

impl RenewalInner {
    fn source(&self) -> Arc<CredentialSource> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&source)
    }

    /// The source as it is configured now. Another source never takes its place.
    fn read_again(&self) -> Arc<CredentialSource> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.reread)() {
            Ok(now) if now.name == source.name => *source = Arc::new(now),
            Ok(now) => tracing::debug!(now = now.name, "the credentials are of another source now"),
            Err(error) => tracing::debug!(%error, "the credentials' source can't be read again"),
        }
        Arc::clone(&source)
    }

    fn held(&self) -> Option<HeldCredentials> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// The held credentials, unless they have expired.
    fn usable(&self) -> Option<Credentials> {
        let held = self.held()?;
        let expires = held.credentials.expires;
        let fresh = expires.is_none_or(|then| self.world.clock.until(then) > MARGIN);
        (fresh && !held.refused).then_some(held.credentials)
    }

    /// Asks the source and holds what it gives. A renewal must be of the same identity.
    async fn ask(&self) -> Result<HeldCredentials> {
        let before = self.held();
        let occasion = match &before {
            None => Occasion::Start,
            Some(before) if before.refused => Occasion::Refusal,
            Some(_) => Occasion::Renewal,
        };
        let source = self.source();
        let credentials = obtain(&self.world, &source, occasion).await?;
        if let Some(before) = before {
            let pinned = self.pin(&source, &before, &credentials).await;
            pinned.map_err(|error| source.failed(&error))?;
        }
        tracing::debug!(
            source = credentials.source,
            expires = credentials.expires.map(tracing::field::display),
            renewal = occasion != Occasion::Start,
            "credentials obtained"
        );
        let held = self.holding(credentials);
        let mut slot = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(held.clone());
        Ok(held)
    }

    fn holding(&self, credentials: Credentials) -> HeldCredentials {
        let renew_at = credentials.expires.map(|then| self.renew_at(then));
        HeldCredentials {
            credentials,
            renew_at,
            refused: false,
        }
    }

    /// Some time before the expiry; of short-lived credentials, when half their time is over.
    fn renew_at(&self, expires: Timestamp) -> Timestamp {
        let left = self.world.clock.until(expires);
        expires - AHEAD.min(left / 2)
    }

    /// Makes sure that the new credentials are of the identity that the run began with.
    async fn pin(
        &self,
        source: &CredentialSource,
        before: &HeldCredentials,
        new: &Credentials,
    ) -> Result<()> {
        let known = self
            .pinned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let ask = |credentials| sts::identity(&self.world, source, credentials);
        let now = match ask(new).await {
            Ok(now) => now,
            // Some networks reach ECS but not STS: there the identity is never known.
            Err(Error::Connect { .. } | Error::Timeout { .. }) if known.is_none() => {
                tracing::debug!("the identity is not known: STS can't be reached");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let known = match known {
            Some(known) => known,
            None => match ask(&before.credentials).await {
                Ok(known) => known,
                // Only of credentials that have expired it can't be looked up any more. Else it is asked again
                // with the next attempt to renew them.
                Err(error) if !before.has_expired(&self.world) => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "the identity so far is not known");
                    tracing::info!("the credentials are of {now} from now on");
                    now.clone()
                }
            },
        };
        if known != now {
            let what = tr!(
                "the renewed credentials belong to {now}, and this run began as {known}",
                now,
                known
            );
            return Err(problem(&what));
        }
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        *pinned = Some(known);
        Ok(())
    }
}

/// Id, secret and token, to be compared.
fn keys(credentials: &Credentials) -> (&str, &str, Option<&str>) {
    let token = credentials.security_token.as_ref();
    (
        &credentials.access_key_id,
        credentials.access_key_secret.expose_secret(),
        token.map(ExposeSecret::expose_secret),
    )
}

/// Renews the credentials whenever it is time, as long as somebody has the provider.
async fn renew_in_time(provider: Weak<RenewalInner>) {
    let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
    loop {
        let Some(inner) = provider.upgrade() else {
            return;
        };
        // A provider whose credentials no longer expire has nothing to renew.
        let Some(due) = inner.held().and_then(|held| held.renew_at) else {
            return;
        };
        let left = inner.world.clock.until(due);
        if !left.is_zero() {
            drop(inner);
            sleep(left.min(LONGEST_SLEEP)).await;
            continue;
        }
        let once = inner.asking.lock().await;
        let still_due = inner.held().and_then(|held| held.renew_at) == Some(due);
        if !still_due {
            continue;
        }
        let renewed = inner.ask().await;
        drop(once);
        drop(inner);
        match renewed {
            Ok(_) => backoff.restart(),
            Err(error) => {
                let pause = backoff.next();
                tracing::debug!(%error, ?pause, "the credentials could not be renewed");
                sleep(pause).await;
            }
        }
    }
}
