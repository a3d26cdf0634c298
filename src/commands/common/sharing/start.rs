//! The start message of a new holder, sent over the socket that is its standard input.

use crate::cli::{Global, SessionArgs, Sharing};
use crate::commands::common::context::{Context, EnvLookup};
use crate::config::credentials::Credentials;
use crate::config::env::process_env;
use crate::error::Result;
use crate::openapi::ecs::StartTerminalSession;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The ends of the names of variables whose values are secrets.
const SECRET: [&str; 2] = ["ACCESS_KEY_SECRET", "SECURITY_TOKEN"];

/// The variables that name files and directories.
const PATHS: [&str; 10] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "ALIBABA_CLOUD_CONFIG_FILE",
    "ALIBABA_CLOUD_CONFIG_PATH",
    "ALIBABACLOUD_CONFIG_PATH",
    "ALICLOUD_CONFIG_PATH",
    "ALIBABA_CLOUD_CREDENTIALS_FILE",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    "ALIBABACLOUD_OIDC_TOKEN_FILE",
    "HOME",
];

/// The start message of a holder. It has no `Debug`, as it holds secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct StartMessage {
    /// The version of axt that wrote the message.
    pub(crate) version: String,
    /// The name of the holder's socket.
    pub(crate) key: String,
    /// The way to the service, and to the log.
    pub(crate) global: Global,
    /// The session's options.
    pub(crate) session: SessionArgs,
    /// The instance.
    pub(crate) instance: String,
    /// The time that it holds sessions after their last command.
    pub(crate) keep: Duration,
    /// Variables with secret values, which are kept out of the holder's environment.
    variables: BTreeMap<String, String>,
    /// The credentials to begin with.
    credentials: PassedCredentials,
}

/// Credentials, as they are passed on.
#[derive(Serialize, Deserialize)]
struct PassedCredentials {
    access_key_id: String,
    access_key_secret: String,
    security_token: Option<String>,
    expires: Option<String>,
    source: String,
}

impl StartMessage {
    /// The start message for a holder of the sessions that `request` asks for.
    pub(super) async fn of(
        context: &Context,
        (global, session): (&Global, &SessionArgs),
        request: &StartTerminalSession,
        key: &str,
        sharing: &Sharing,
    ) -> Result<Self> {
        let credentials = context.credentials()?.credentials().await?;
        let mut global = global.clone();
        global.config_file = global.config_file.map(|path| absolute(&path));
        global.log_file = global.log_file.map(|path| absolute(&path));
        let region = context.settings.region.as_ref();
        global.region = region.map(|region| region.value.clone());
        let mut session = session.clone();
        session.user.clone_from(&request.username);
        // Each session has one of its own.
        session.client_token = None;
        let variables = secret_variables();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            key: key.to_owned(),
            global,
            session,
            instance: request.instance_id.clone(),
            keep: sharing.keep().unwrap_or_default(),
            variables: variables.collect(),
            credentials: PassedCredentials {
                access_key_id: credentials.access_key_id,
                access_key_secret: credentials.access_key_secret.expose_secret().to_owned(),
                security_token: credentials
                    .security_token
                    .map(|token| token.expose_secret().to_owned()),
                expires: credentials.expires.map(|time| time.to_string()),
                source: credentials.source,
            },
        })
    }

    /// The way to the service, which begins with the credentials that were given.
    pub(crate) fn context(&mut self) -> Result<Context> {
        let variables = std::mem::take(&mut self.variables);
        let env: EnvLookup =
            Arc::new(move |name| variables.get(name).cloned().or_else(|| process_env(name)));
        let limit = self.session.connection.connect_timeout;
        let context = Context::with_env(&self.global, limit, env)?;
        let held = &mut self.credentials;
        context.hold(Credentials {
            access_key_id: std::mem::take(&mut held.access_key_id),
            access_key_secret: std::mem::take(&mut held.access_key_secret).into(),
            security_token: held.security_token.take().map(Into::into),
            expires: held.expires.as_deref().and_then(|time| time.parse().ok()),
            source: std::mem::take(&mut held.source),
        })?;
        Ok(context)
    }
}

/// The variables that a holder's environment lacks (`None`) or has with another value: secrets, and paths
/// that mean something else in another directory.
pub(super) fn changed_variables() -> impl Iterator<Item = (String, Option<OsString>)> {
    let paths = PATHS.iter().filter_map(|name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        let everywhere = absolute_value(name, &value);
        (everywhere != value).then(|| ((*name).to_owned(), Some(everywhere)))
    });
    paths.chain(secret_variables().map(|(name, _)| (name, None)))
}

fn secret_variables() -> impl Iterator<Item = (String, String)> {
    let all = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    all.filter(|(name, _)| SECRET.iter().any(|end| name.ends_with(end)))
}

/// A variable's value that means the same in every directory: a path, or a list of them.
pub(super) fn absolute_value(name: &str, value: &OsStr) -> OsString {
    let list = std::env::split_paths(value).map(|path| absolute(&path));
    match std::env::join_paths(list) {
        Ok(list) if name == "SSL_CERT_DIR" => list,
        _ => absolute(Path::new(value)).into(),
    }
}

/// The same path for every directory.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
