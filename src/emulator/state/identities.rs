//! The callers of the API: the emulator's RAM user, and the role sessions that STS has given keys to.

use crate::emulator::random::random_text;
use crate::openapi::signature::{same, sha256_hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The account that everything in an emulator belongs to.
pub(crate) const ACCOUNT: &str = "1000000000000001";

/// The id of the RAM user whose key pair an emulator hands out.
const USER: &str = "2000000000000001";

/// The key pair that calls are signed with.
#[derive(Clone)]
pub struct AccessKey {
    /// The AccessKey id.
    pub access_key_id: String,
    /// The AccessKey secret.
    pub access_key_secret: String,
}

/// The caller, in the terms of GetCallerIdentity; empty for an unsigned call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `RAMUser` or `AssumedRoleUser`.
    pub(crate) identity_type: &'static str,
    /// The full name: `acs:ram::<account>:user/<name>`.
    pub(crate) arn: String,
    /// A user's id, or a role's id and the session's name.
    pub(crate) principal_id: String,
}

/// A key pair with its owner.
#[derive(Clone)]
pub(crate) struct IssuedKey {
    /// The key id and the secret.
    pub(crate) pair: AccessKey,
    /// The security token that has to come with it; a lasting key has none.
    pub(crate) token: Option<String>,
    /// The time when it expires, if it does.
    pub(crate) expires: Option<Timestamp>,
    /// The owner.
    pub(crate) caller: Caller,
}

/// The keys of one emulator. They are random in each run.
pub(crate) struct Identities {
    user: IssuedKey,
    roles: Mutex<BTreeMap<String, IssuedKey>>,
}

impl Identities {
    /// The identities of a new emulator: one RAM user.
    pub(crate) fn new() -> Self {
        let pair = AccessKey {
            access_key_id: format!("LTAI{}", &random_text()[..20]),
            access_key_secret: random_text(),
        };
        let caller = Caller {
            identity_type: "RAMUser",
            arn: format!("acs:ram::{ACCOUNT}:user/axt"),
            principal_id: USER.into(),
        };
        let user = IssuedKey {
            pair,
            token: None,
            expires: None,
            caller,
        };
        Self {
            user,
            roles: Mutex::default(),
        }
    }

    /// The secrets and tokens of every key.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = roles.values().chain([&self.user]);
        let secrets = keys.flat_map(|key| [Some(&key.pair.access_key_secret), key.token.as_ref()]);
        secrets.flatten().cloned().collect()
    }

    /// The RAM user's key pair.
    pub(crate) fn user(&self) -> &AccessKey {
        &self.user.pair
    }

    /// The key with this id.
    pub(crate) fn key(&self, id: &str) -> Option<IssuedKey> {
        if same(id, &self.user.pair.access_key_id) {
            return Some(self.user.clone());
        }
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        roles.get(id).cloned()
    }

    /// True if this is the security token of some key.
    pub(crate) fn has_token(&self, token: &str) -> bool {
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tokens = roles.values().filter_map(|key| key.token.as_ref());
        tokens.any(|known| same(known, token))
    }

    /// A new key of a role's session.
    pub(crate) fn assume(&self, role: &str, session: &str, expires: Timestamp) -> IssuedKey {
        let pair = AccessKey {
            access_key_id: format!("STS.{}", &random_text()[..24]),
            access_key_secret: random_text(),
        };
        // Every character that a parameter has to be encoded for, as in the tokens of the service.
        let token = format!("CAIS+/{}=", STANDARD.encode(random_text()));
        let key = IssuedKey {
            token: Some(token),
            expires: Some(expires),
            caller: Caller {
                identity_type: "AssumedRoleUser",
                arn: format!("acs:ram::{ACCOUNT}:assumed-role/{role}/{session}"),
                principal_id: format!("{}:{session}", role_id(role)),
            },
            pair,
        };
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        roles.insert(key.pair.access_key_id.clone(), key.clone());
        key
    }
}

/// A role's id: 18 digits that its name decides.
fn role_id(role: &str) -> String {
    let digest = sha256_hex(role.as_bytes());
    let digits = digest
        .bytes()
        .take(17)
        .map(|byte| char::from(b'0' + byte % 10));
    format!("3{}", digits.collect::<String>())
}
