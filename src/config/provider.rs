//! Which credentials a run uses: the environment's, or those of a profile.

use super::credentials::CredentialsProvider;
use super::env::Env;
use super::key_pair::{complete, from_env};
use super::profile::Profile;
use super::settings::Settings;
use crate::error::{Error, Result};
use std::sync::Arc;

/// Finds the provider: a profile that was asked for with `--profile` or `AXT_PROFILE`; else a key
/// pair in the environment; else the profile that the settings chose.
///
/// # Errors
/// [`Error::Credentials`] if there are none or they are incomplete; [`Error::Config`] if the
/// profile lacks something or is of a mode that axt doesn't know.
pub fn provider(settings: &Settings, env: Env<'_>) -> Result<Arc<dyn CredentialsProvider>> {
    if !settings.profile_was_asked_for()
        && let Some(credentials) = from_env(env)?
    {
        return Ok(Arc::new(credentials));
    }
    match &settings.profile {
        Some(profile) => from_profile(profile),
        None => Err(Error::Credentials(format!(
            "there is no ALIBABA_CLOUD_ACCESS_KEY_ID in the environment and no profile in {}",
            settings.config_file.as_ref().map_or_else(
                || "a configuration file, as the home directory is not known".into(),
                |file| file.value.display().to_string()
            ),
        ))),
    }
}

/// The provider of a profile, by its mode.
fn from_profile(profile: &Profile) -> Result<Arc<dyn CredentialsProvider>> {
    match profile.mode()? {
        "AK" => fixed(profile, None),
        "StsToken" => fixed(profile, Some(profile.required("sts_token")?)),
        mode => Err(profile.problem(&format!(
            "its mode is {mode}, and axt can use AK and StsToken only"
        ))),
    }
}

fn fixed(profile: &Profile, token: Option<&str>) -> Result<Arc<dyn CredentialsProvider>> {
    let id = profile.required("access_key_id")?.to_owned();
    let secret = profile.required("access_key_secret")?.to_owned();
    let source = format!("profile {} of {}", profile.name(), profile.path().display());
    Ok(Arc::new(complete(
        id,
        secret,
        token.map(Into::into),
        source,
    )?))
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::file;
    use super::super::settings::{Flags, Settings};
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::path::Path;

    /// Resolves against a file and an environment, and tells id, secret, token and source.
    async fn resolve(
        path: &Path,
        profile: Option<&str>,
        vars: &[(&str, &str)],
    ) -> Result<[String; 4]> {
        let env = |name: &str| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        };
        let flags = Flags {
            config_file: Some(path.to_owned()),
            profile: profile.map(Into::into),
            ..Flags::default()
        };
        let found = provider(&Settings::resolve(&flags, &env)?, &env)?
            .credentials()
            .await?;
        assert!(!format!("{found:?}").contains("hush"), "a secret in Debug");
        Ok([
            found.access_key_id,
            found.access_key_secret.expose_secret().to_owned(),
            found
                .security_token
                .map_or_else(String::new, |token| token.expose_secret().to_owned()),
            found.source,
        ])
    }

    const FILE: &str = r#"{"current":"ak","profiles":[
        {"name":"ak","mode":"AK","access_key_id":"file-id","access_key_secret":"hush-file"},
        {"name":"sts","mode":"StsToken","access_key_id":"STS.f","access_key_secret":"hush","sts_token":"hush-t"},
        {"name":"half","mode":"StsToken","access_key_id":"STS.f","access_key_secret":"hush"},
        {"name":"bare","mode":"AK","access_key_id":"STS.f","access_key_secret":"hush"},
        {"name":"typed","mode":"AK","access_key_id":"f","access_key_secret":12345},
        {"name":"role","mode":"RamRoleArn","access_key_id":"f","access_key_secret":"hush"}]}"#;

    #[tokio::test]
    async fn the_environment_comes_before_the_file_unless_a_profile_was_asked_for() {
        let file = file(FILE);
        let env = [
            ("ALICLOUD_ACCESS_KEY_ID", "old"),
            ("ALICLOUD_ACCESS_KEY_SECRET", "hush-old"),
            ("ACCESS_KEY_ID", "bare"),
            ("ACCESS_KEY_SECRET", "hush-bare"),
            ("SECURITY_TOKEN", "hush-bare-token"),
        ];
        let got = resolve(file.path(), None, &env)
            .await
            .expect("the old spelling");
        assert_eq!(got, ["old", "hush-old", "", "ALICLOUD_ACCESS_KEY_ID"]);
        let got = resolve(file.path(), None, &env[2..])
            .await
            .expect("the bare names");
        assert_eq!(
            got,
            ["bare", "hush-bare", "hush-bare-token", "ACCESS_KEY_ID"]
        );
        let got = resolve(file.path(), None, &env[3..])
            .await
            .expect("half a bare pair means nothing");
        assert_eq!(got[..3], ["file-id", "hush-file", ""]);
        let got = resolve(file.path(), Some("sts"), &env)
            .await
            .expect("the profile");
        assert_eq!(got[..3], ["STS.f", "hush", "hush-t"]);
        assert!(got[3].starts_with("profile sts of /"), "{}", got[3]);
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_named() {
        let file = file(FILE);
        let id = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.x");
        let secret = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush");
        for (profile, env, words) in [
            (
                None,
                &[id][..],
                "ALIBABA_CLOUD_ACCESS_KEY_ID is set and ALIBABA_CLOUD_ACCESS_KEY_SECRET is not",
            ),
            (
                None,
                &[secret],
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET is set and ALIBABA_CLOUD_ACCESS_KEY_ID is not",
            ),
            (
                None,
                &[id, secret],
                "those of ALIBABA_CLOUD_ACCESS_KEY_ID are temporary (STS)",
            ),
            (Some("half"), &[], "profile \"half\": sts_token is missing"),
            (
                Some("bare"),
                &[],
                "are temporary (STS) and lack their security token",
            ),
            (
                Some("typed"),
                &[],
                "profile \"typed\": access_key_secret is not a string",
            ),
            (
                Some("role"),
                &[],
                "profile \"role\": its mode is RamRoleArn, and axt can use AK and StsToken only",
            ),
        ] {
            let error = resolve(file.path(), profile, env)
                .await
                .expect_err(words)
                .to_string();
            assert!(error.contains(words), "{error}");
            assert!(
                !error.contains("hush") && !error.contains("12345"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_at_all_is_said() {
        let nothing = |_: &str| None;
        let settings = Settings::resolve(&Flags::default(), &nothing).expect("settings");
        let Err(error) = provider(&settings, &nothing) else {
            panic!("credentials out of nothing")
        };
        assert!(
            error.to_string().contains("home directory is not known"),
            "{error}"
        );
    }
}
