//! The key of shared sessions: a digest of everything that decides which sessions a command can use.

use super::start::{absolute, absolute_value};
use crate::cli::Sharing;
use crate::commands::common::context::Context;
use crate::config::source::{CredentialSource, Mode, Role};
use crate::error::Result;
use crate::openapi::ecs::StartTerminalSession;
use crate::openapi::signature::sha256_hex;
use std::ffi::OsString;
use url::Url;

/// The variables that name proxies.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name what is reached without a proxy.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The variables that name the files of trusted certificates.
const TRUST: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The key of the sessions that `request` asks for, in hexadecimal digits. No call is made for it.
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
    parts.extend(network(|name| std::env::var_os(name)));
    source(&context.credential_source()?, &mut parts);
    // With their lengths, so that no two lists of parts are one text.
    let parts = parts.iter().map(|part| format!("{}:{part}", part.len()));
    Ok(sha256_hex(parts.collect::<String>().as_bytes()))
}

/// The environment's settings of how servers are reached and trusted.
fn network(variable: impl Fn(&str) -> Option<OsString>) -> impl Iterator<Item = String> {
    // Not as text only: two values that are no UTF-8 are not the same.
    let value = move |name: &str| variable(name).unwrap_or_default();
    let as_is = move |name: &str| match TRUST.contains(&name) {
        true => absolute_value(name, &value(name)),
        false => value(name),
    };
    let names = PROXIES.into_iter().chain(NO_PROXY).chain(TRUST);
    names.map(move |name| match as_is(name).into_string() {
        Ok(proxy) if PROXIES.contains(&name) => without_password(&proxy),
        Ok(text) => text,
        Err(other) => format!("{other:?}"),
    })
}

/// A proxy's address without the password, which may change.
fn without_password(proxy: &str) -> String {
    let with_scheme = match proxy.contains("://") {
        true => proxy.to_owned(),
        false => format!("http://{proxy}"),
    };
    let Ok(mut url) = Url::parse(&with_scheme) else {
        return proxy.to_owned();
    };
    // It fails for a URL without a host, which has no password.
    let _ = url.set_password(None);
    url.into()
}

/// The source of the credentials.
fn source(from: &CredentialSource, parts: &mut Vec<String>) {
    parts.extend([from.name.clone(), from.account()]);
    match &from.mode {
        Mode::AssumeRole { from, role } => {
            assumed(role, parts);
            source(from, parts);
        }
        Mode::Oidc {
            provider_arn,
            token_file,
            role,
        } => {
            assumed(role, parts);
            parts.push(provider_arn.clone());
            parts.push(absolute(token_file).display().to_string());
        }
        _ => {}
    }
}

/// The parts of a key that say how a role is assumed.
fn assumed(role: &Role, parts: &mut Vec<String>) {
    let sts = &role.sts;
    parts.extend([
        role.session_name.clone(),
        format!("{:?}", role.policy),
        format!("{:?}", role.external_id),
        format!("{:?} {:?} {}", sts.endpoint, sts.region, sts.vpc),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::commands::common::session;
    use clap::Parser as _;
    use std::collections::BTreeSet;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
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
    fn every_source_of_credentials_and_every_sts_has_a_key_of_its_own() {
        const ROLE: (&str, &str) = ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/a");
        const STS: &str = "ALIBABA_CLOUD_STS_ENDPOINT";
        const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
        const SOURCES: [&[(&str, &str)]; 6] = [
            &[(URI, "http://127.0.0.1:1/creds?user=alice@corp.com")],
            &[(URI, "http://127.0.0.1:1/creds?user=bob@corp.com")],
            &[(URI, "http://t1:a@127.0.0.1:1/creds")],
            &[(URI, "http://t2:b@127.0.0.1:1/creds")],
            &[KEYS[0], KEYS[1], ROLE, (STS, "sts.one.example")],
            &[KEYS[0], KEYS[1], ROLE, (STS, "sts.two.example")],
        ];
        let keys = BTreeSet::from(SOURCES.map(|variables| key_of("", variables)));
        assert_eq!(keys.len(), SOURCES.len());
    }

    fn network_with(name: &'static str, value: &[u8]) -> Vec<String> {
        let value = OsString::from_vec(value.to_vec());
        network(|other| (other == name).then(|| value.clone())).collect()
    }

    #[test]
    fn of_a_proxy_all_but_the_password_is_part_of_the_key() {
        let proxy = |url: &str| network_with("HTTPS_PROXY", url.as_bytes());
        for (one, other) in [
            ("http://me:secret@proxy:1", "http://me:new@proxy:1"),
            ("me:secret@proxy:1", "http://me@proxy:1"),
        ] {
            assert_eq!(proxy(one), proxy(other), "{one}");
            assert!(!proxy(one).concat().contains("secret"), "{one}");
        }
        for other in [
            "http://bob:x@p:1",
            "https://alice:x@p:1",
            "http://alice:x@q:1",
        ] {
            assert_ne!(proxy("http://alice:x@p:1"), proxy(other), "{other}");
        }
    }

    #[test]
    fn certificates_are_told_apart_by_their_whole_paths() {
        let file = |path: &[u8]| network_with("SSL_CERT_FILE", path);
        assert_ne!(file(b"/a\xff"), file(b""));
        assert_ne!(file(b"/a\xff"), file(b"/a\xfe"));
        let here = std::env::current_dir().unwrap().join("ca.pem");
        assert_eq!(file(b"ca.pem"), file(here.as_os_str().as_bytes()));
    }
}
