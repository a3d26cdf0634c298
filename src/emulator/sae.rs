//! The options and the tokens of SAE's web shells.

use super::random::random_text;
use crate::openapi::signature::same;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The path of the web shells' socket.
pub(crate) const SOCKET_PATH: &str = "/websocket/eamWebshell";

/// The behaviour of SAE and its web shells. Every application and pod exists except for those named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sae {
    /// Applications that are not there.
    pub unknown_apps: Vec<String>,
    /// Pods that are not there.
    pub unknown_pods: Vec<String>,
    /// The time that a token is valid; for ever when `None`.
    pub token_validity: Option<Duration>,
    /// The WebSocket frames of output.
    pub frames: Frames,
    /// Sends the closing status in two messages, the first one this long.
    pub cut_status: Option<usize>,
    /// Leaves the socket open after the closing status.
    pub stay_open: bool,
}

/// The WebSocket frames of a web shell's output. Input is taken in both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frames {
    /// Text while it is UTF-8, else binary.
    #[default]
    Either,
    /// Text only: what is not UTF-8 is lost.
    Text,
    /// Binary only.
    Binary,
}

impl Default for Sae {
    fn default() -> Self {
        Self {
            unknown_apps: Vec::new(),
            unknown_pods: Vec::new(),
            token_validity: Some(Duration::from_secs(600)),
            frames: Frames::default(),
            cut_status: None,
            stay_open: false,
        }
    }
}

/// The pod, the size and the expiry that a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct IssuedToken {
    /// The time when it expires; never when `None`.
    pub(crate) expires: Option<Timestamp>,
    /// The terminal's rows and columns.
    pub(crate) size: Option<(u16, u16)>,
}

/// The tokens that were issued.
#[derive(Default)]
pub(crate) struct WebshellTokens(Mutex<HashMap<String, IssuedToken>>);

impl WebshellTokens {
    /// Issues a token.
    pub(crate) fn issue(&self, allowed: IssuedToken) -> String {
        let token = random_text();
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.clone(), allowed);
        token
    }

    /// The data of `token`, if it was issued and has not expired.
    pub(super) fn redeem(&self, token: &str, now: Timestamp) -> Option<IssuedToken> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, allowed) = tokens.iter().find(|(known, _)| same(known, token))?;
        let good = allowed.expires.is_none_or(|expires| now < expires);
        Some(allowed.clone()).filter(|_| good)
    }
}
