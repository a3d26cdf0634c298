//! A RAM role to assume, and the STS that gives its credentials.

use super::super::env::{Env, either, is_on, set};
use url::Url;

/// The shortest time that a role can be assumed for, in seconds.
const SHORTEST: u64 = 900;
/// The longest time, in seconds: what RAM lets a role's owner set.
const LONGEST: u64 = 43_200;

/// A role to assume.
#[derive(Clone)]
pub(crate) struct Role {
    /// `acs:ram::<account>:role/<name>`.
    pub(crate) arn: String,
    /// The session name that ActionTrail shows for this use of the role.
    pub(crate) session_name: String,
    /// The time that the credentials are to hold, in seconds; STS decides where it is not given.
    pub(crate) seconds: Option<u64>,
    /// A policy that narrows what the role may do.
    pub(crate) policy: Option<String>,
    /// The external id that the role's trust policy may require.
    pub(crate) external_id: Option<String>,
    /// The STS to call.
    pub(crate) sts: Sts,
}

/// The STS to call, as far as it is configured.
#[derive(Clone, Default)]
pub(crate) struct Sts {
    /// Host or base URL.
    pub(crate) endpoint: Option<String>,
    /// The region whose STS is asked.
    pub(crate) region: Option<String>,
    /// True to use the host inside the VPC.
    pub(crate) vpc: bool,
}

impl Sts {
    /// The role that the environment describes.
    pub(crate) fn from_env(env: Env<'_>) -> Self {
        Self {
            endpoint: set(env, "ALIBABA_CLOUD_STS_ENDPOINT"),
            region: set(env, "ALIBABA_CLOUD_STS_REGION"),
            vpc: is_on(env, "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"),
        }
    }
}

impl Role {
    /// The role that the environment's variables describe, where they name one.
    pub(super) fn from_env(env: Env<'_>) -> Option<Self> {
        Some(Self {
            arn: either(env, "ROLE_ARN")?,
            session_name: session_name(env),
            seconds: None,
            policy: None,
            external_id: either(env, "EXTERNAL_ID"),
            sts: Sts::from_env(env),
        })
    }

    /// Finds a value that STS would refuse, before STS is asked: its name, and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if account_of(&self.arn, "role").is_none() {
            let what = tr!(
                "{arn:?} is not acs:ram::<account>:role/<name>",
                arn = self.arn
            );
            return Err((tr!("the role's ARN"), what));
        }
        let name = &self.session_name;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".@-_".contains(c);
        if !(2..=64).contains(&name.len()) || !name.chars().all(fits) {
            let what = tr!("{name:?} is not 2 to 64 letters, digits, and . @ - _", name);
            return Err((tr!("the role session's name"), what));
        }
        match self.seconds {
            Some(seconds) if !(SHORTEST..=LONGEST).contains(&seconds) => {
                let what = tr!(
                    "{seconds} is not {shortest} to {longest} seconds",
                    seconds,
                    shortest = SHORTEST,
                    longest = LONGEST
                );
                Err((tr!("the duration"), what))
            }
            _ => Ok(()),
        }
    }
}

/// The session name where none is configured.
pub(super) fn session_name(env: Env<'_>) -> String {
    set(env, "ALIBABA_CLOUD_ROLE_SESSION_NAME").unwrap_or_else(|| "axt".into())
}

/// The account in `acs:ram::<account>:<kind>/<name>`; `None` for anything else.
pub(super) fn account_of<'a>(arn: &'a str, kind: &str) -> Option<&'a str> {
    let (account, name) = arn.strip_prefix("acs:ram::")?.split_once(':')?;
    let name = name.strip_prefix(kind)?.strip_prefix('/')?;
    let fits = |c: char| c.is_ascii_graphic();
    let is_account = !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit());
    (is_account && !name.is_empty() && name.chars().all(fits)).then_some(account)
}

/// True if a URL may carry credentials: https, or http to this machine by its address.
pub(super) fn may_carry(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => loopback,
        _ => false,
    }
}
