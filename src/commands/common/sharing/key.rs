//! The key of shared sessions: a digest of everything that decides which sessions a command can use.

use crate::cli::Sharing;
use crate::commands::common::context::Context;
use crate::config::source::{CredentialSource, Mode, Role};
use crate::error::Result;
use crate::openapi::ecs::StartTerminalSession;
use crate::openapi::signature::sha256_hex;

/// The variables that say how servers are reached and trusted.
const NETWORK: [&str; 8] = [
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The key of the sessions that `request` asks for, in hexadecimal digits. No call is made for it, and no
/// secret is part of it.
pub(super) fn key(
    context: &Context,
    sharing: &Sharing,
    request: &StartTerminalSession,
    kms_endpoint: Option<&str>,
) -> Result<String> {
    let settings = &context.settings;
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let mut parts = vec![
        text(settings.region.as_ref().map(|region| &region.value)),
        text(settings.endpoint.as_ref().map(|url| &url.value)),
        request.connection_type.as_str().to_owned(),
        request.instance_id.clone(),
        text(request.username.as_ref()),
        text(request.password_name.as_ref()),
        format!("{:?}", request.encryption),
        kms_endpoint.unwrap_or_default().to_owned(),
        format!("{:?}", sharing.path()),
    ];
    parts.extend(NETWORK.map(|name| {
        let value = std::env::var(name).unwrap_or_default();
        without_user(&value).to_owned()
    }));
    source(&context.credential_source()?, &mut parts);
    // With their lengths, so that no two lists of parts are one text.
    let parts = parts.iter().map(|part| format!("{}:{part}", part.len()));
    Ok(sha256_hex(parts.collect::<String>().as_bytes()))
}

/// A proxy's address without the user and the password.
fn without_user(value: &str) -> &str {
    value.rsplit_once('@').map_or(value, |(_, host)| host)
}

/// The source of the credentials, without secrets.
fn source(from: &CredentialSource, parts: &mut Vec<String>) {
    parts.push(from.name.clone());
    match &from.mode {
        Mode::Keys(keys) => parts.push(keys.access_key_id.clone()),
        Mode::AssumeRole { from, role } => {
            assumed(role, parts);
            source(from, parts);
        }
        Mode::InstanceRole(role) => parts.push(format!("{:?}", role.name)),
        Mode::Oidc {
            provider_arn,
            token_file,
            role,
        } => {
            assumed(role, parts);
            parts.push(provider_arn.clone());
            parts.push(token_file.display().to_string());
        }
        Mode::External { profile, .. } => parts.push(profile.clone()),
        Mode::Uri(url) => parts.push(without_user(url.as_str()).to_owned()),
        Mode::CloudSso(login) | Mode::OAuth(login) => {
            parts.push(login.path.display().to_string());
            parts.push(login.profile.clone());
        }
    }
}

fn assumed(role: &Role, parts: &mut Vec<String>) {
    parts.extend([
        role.arn.clone(),
        role.session_name.clone(),
        format!("{:?}", role.policy),
        format!("{:?}", role.external_id),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::commands::common::session;
    use clap::Parser as _;
    use std::sync::Arc;
    use std::time::Duration;

    fn key_of(line: &str, variables: &'static [(&'static str, &'static str)]) -> String {
        let line = format!("axt --region cn-hangzhou connect i-1 {line}");
        let cli = Cli::parse_from(line.split_whitespace());
        let Command::Connect(connect) = cli.command else {
            panic!("it is connect");
        };
        let env = move |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let context = Context::with_env(&cli.global, Duration::from_secs(1), Arc::new(env));
        let context = context.unwrap();
        let target = connect.target.as_deref();
        let request = session::request(&context, &connect.session, target, "i-1");
        key(&context, &connect.sharing, &request, None).unwrap()
    }

    const KEYS: &[(&str, &str)] = &[
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"),
    ];

    #[test]
    fn what_belongs_to_a_command_is_no_part_of_the_key() {
        let plain = key_of("", KEYS);
        let rotated: &[(&str, &str)] = &[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another secret"),
        ];
        for (line, variables) in [
            ("--shell /bin/sh --env A=b --compress never -c true", KEYS),
            ("--share 9s -T -n --timeout 3s", KEYS),
            ("", rotated),
        ] {
            assert_eq!(key_of(line, variables), plain, "{line}");
        }
    }

    #[test]
    fn what_decides_on_the_session_is_part_of_the_key() {
        let mut keys = vec![key_of("", KEYS)];
        for line in [
            "--region cn-beijing",
            "--endpoint http://127.0.0.1:1",
            "--connection-type intranet",
            "--user bob",
            "--password-name p",
            "--encrypt auto",
            "--encrypt kms:a",
        ] {
            keys.push(key_of(line, KEYS));
        }
        let other: &[(&str, &str)] = &[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "other"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"),
        ];
        let role: &[(&str, &str)] = &[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"),
            ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/a"),
        ];
        keys.extend([key_of("", other), key_of("", role)]);
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn a_proxys_password_is_left_out() {
        assert_eq!(without_user("http://me:secret@proxy:1"), "proxy:1");
        assert_eq!(without_user("http://proxy:1"), "http://proxy:1");
    }
}
