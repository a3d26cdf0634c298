//! What can be checked without a signed call: settings, credentials, the clock.

use super::finding::Finding;
use crate::commands::shared::context::Context;
use crate::config::settings::{Settings, Sourced};
use crate::error::Error;
use crate::openapi::clock::Clock;
use crate::openapi::endpoint;
use crate::openapi::reply::shortened;
use std::time::Duration;
use tokio::time::timeout;

/// How far the clocks may differ before it is worth a word, in seconds.
const NOTABLE_SKEW: i64 = 60;
/// How far they may differ before the service refuses requests, as its documents say, in seconds.
const WORST_SKEW: i64 = 15 * 60;

/// Which file and profile the settings come from.
pub(crate) fn configuration(settings: &Settings) -> Finding {
    if let Some(why) = &settings.ignored {
        return Finding::warn(
            format!("left aside: {why}"),
            "correct the file; the environment has all that was needed",
        );
    }
    match (&settings.profile, &settings.config_file) {
        (Some(profile), _) if profile.is_exposed() => {
            let (name, path) = (profile.name(), profile.path().display());
            Finding::warn(
                format!(
                    "profile {name} of {path}: other users of this machine can read its secrets"
                ),
                format!("run `chmod 600 {path}`"),
            )
        }
        (Some(profile), _) => Finding::ok(format!(
            "profile {} of {}",
            profile.name(),
            profile.path().display()
        )),
        (None, Some(file)) => Finding::ok(format!("no profile in {}", file.value.display())),
        (None, None) => Finding::ok("no configuration file"),
    }
}

/// Each setting with its source.
pub(crate) fn region_and_endpoint(settings: &Settings) -> Finding {
    fn shown<T>(value: &Sourced<T>, text: &str) -> String {
        format!("{text} ({})", value.source)
    }
    let Some(region) = &settings.region else {
        return Finding::of(&Error::NoRegion);
    };
    let network = &settings.connection_type;
    let mut text = format!("region {}", shown(region, &region.value));
    if let Some(given) = &settings.endpoint {
        // What it holds has not been looked at: it might be a password.
        let safe = endpoint::parse(&given.value);
        match safe {
            Ok(url) => text += &format!(", endpoint {}", shown(given, url.as_str())),
            Err(error) => return Finding::of(&error),
        }
    }
    text += &format!(", {}", shown(network, network.value.as_str()));
    Finding::ok(text)
}

/// Where the credentials come from and of what kind they are.
pub(crate) async fn credentials(context: &Context, limit: Duration) -> Finding {
    let provider = match context.credentials() {
        Ok(provider) => provider,
        Err(error) => return Finding::of(&error),
    };
    let Ok(asked) = timeout(limit, provider.credentials()).await else {
        return Finding::of(&Error::Timeout {
            what: "the credential provider".into(),
            limit,
        });
    };
    match asked {
        Ok(keys) => {
            let kind = match keys.security_token {
                Some(_) => "temporary",
                None => "lasting",
            };
            let id = shortened(&keys.access_key_id);
            Finding::ok(format!("{id}, {kind}, from {}", keys.source))
        }
        Err(error) => Finding::of(&error),
    }
}

/// Whether this machine's clock is right, by the API's.
pub(crate) fn clock(clock: Option<Clock>) -> Finding {
    let remedy = "set this machine's clock, for instance by NTP";
    match clock {
        None => Finding::warn("the answer did not tell its time", remedy),
        Some(clock) if clock.ahead.abs() >= WORST_SKEW => Finding::fail(clock.to_string(), remedy),
        Some(clock) if clock.ahead.abs() >= NOTABLE_SKEW => {
            Finding::warn(clock.to_string(), remedy)
        }
        Some(_) => Finding::ok("agrees with the server's"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Verdict;

    #[test]
    fn clocks_may_differ_a_little() {
        let verdict = |ahead| clock(Some(Clock { ahead })).verdict;
        for (ahead, expected) in [
            (0, Verdict::Ok),
            (-59, Verdict::Ok),
            (60, Verdict::Warn),
            (-899, Verdict::Warn),
            (900, Verdict::Fail),
            (-90_000, Verdict::Fail),
        ] {
            assert_eq!(verdict(ahead), expected, "{ahead}");
        }
        assert_eq!(clock(None).verdict, Verdict::Warn);
    }
}
