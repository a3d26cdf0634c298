//! The checks that need no signed call: settings, credentials, the clock.

use super::finding::Finding;
use crate::commands::common::context::Context;
use crate::config::settings::{ConnectionType, Settings, Source, Sourced};
use crate::error::Error;
use crate::openapi::client::clock::ClockSkew;
use crate::openapi::client::reply::shortened;
use crate::openapi::endpoint;

/// A clock that differs by more seconds than this gets a warning.
const NOTABLE_SKEW: i64 = 60;
/// The service refuses requests from clocks that differ by more seconds than this, as its documents say.
const WORST_SKEW: i64 = 15 * 60;

/// Tells which file and profile the settings come from.
pub(crate) fn configuration(settings: &Settings) -> Finding {
    if let Some(why) = &settings.ignored {
        return Finding::warn(
            tr!("configuration file ignored: {why}", why),
            tr!("correct the file; the environment has everything that is needed"),
        );
    }
    match (&settings.profile, &settings.config_file) {
        (Some(profile), _) if profile.is_exposed() => {
            let (name, path) = (profile.name(), profile.path().display());
            Finding::warn(
                tr!(
                    "profile {name} of {path}: other users of this machine can read its secrets",
                    name,
                    path
                ),
                tr!("run `chmod 600 {path}`", path),
            )
        }
        (Some(profile), _) => Finding::ok(tr!(
            "profile {name} of {path}",
            name = profile.name(),
            path = profile.path().display()
        )),
        (None, Some(file)) => Finding::ok(tr!("no profile in {file}", file = file.value.display())),
        (None, None) => Finding::ok(tr!("no configuration file")),
    }
}

/// Tells each setting with its source.
pub(crate) fn region_and_endpoint(settings: &Settings) -> Finding {
    fn shown<T>(value: &Sourced<T>, text: &str) -> String {
        let source = match &value.source {
            Source::Default => tr!("default").to_owned(),
            source => source.to_string(),
        };
        tr!("{what} ({more})", what = text, more = source)
    }
    let Some(region) = &settings.region else {
        return Finding::of(&Error::NoRegion);
    };
    let network = &settings.connection_type;
    let mut text = tr!("region {region}", region = shown(region, &region.value));
    if let Some(given) = &settings.endpoint {
        // It is not parsed yet, and might hold a password.
        let safe = endpoint::parse(&given.value);
        match safe {
            Ok(url) => text += &tr!(", endpoint {url}", url = shown(given, url.as_str())),
            Err(error) => return Finding::of(&error),
        }
    }
    let kind = match network.value {
        ConnectionType::Internet => tr!("Internet"),
        ConnectionType::Intranet => tr!("Intranet"),
    };
    text += &tr!(", {network}", network = shown(network, kind));
    Finding::ok(text)
}

/// Tells where the credentials come from and of what kind they are.
pub(crate) async fn credentials(context: &Context) -> Finding {
    let provider = match context.credentials() {
        Ok(provider) => provider,
        Err(error) => return Finding::of(&error),
    };
    // It has time limits of its own.
    match provider.credentials().await {
        Ok(keys) => {
            let kind = match (&keys.security_token, keys.expires) {
                (None, _) => tr!("lasting").to_owned(),
                (Some(_), None) => tr!("temporary").to_owned(),
                (Some(_), Some(expires)) => tr!("temporary until {expires}", expires),
            };
            let id = shortened(&keys.access_key_id);
            Finding::ok(tr!(
                "{id}, {kind}, from {source}",
                id,
                kind,
                source = keys.source
            ))
        }
        Err(error) => Finding::of(&error),
    }
}

/// Compares this machine's clock with the API's.
pub(crate) fn clock(clock: Option<ClockSkew>) -> Finding {
    let remedy = tr!("set this machine's clock, for instance by NTP");
    match clock {
        None => Finding::warn(tr!("the API's answer has no time to compare with"), remedy),
        Some(clock) if clock.ahead.abs() >= WORST_SKEW => Finding::fail(clock.to_string(), remedy),
        Some(clock) if clock.ahead.abs() >= NOTABLE_SKEW => {
            Finding::warn(clock.to_string(), remedy)
        }
        Some(_) => Finding::ok(tr!("agrees with the server's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Verdict;

    #[test]
    fn clocks_may_differ_a_little() {
        let verdict = |ahead| clock(Some(ClockSkew { ahead })).verdict;
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
