//! Which of several sources wins, and what is said when one is unusable.

use super::super::profile::tests::file;
use super::*;
use std::path::Path;

const FILE: &str = r#"{"current":"one","profiles":[
    {"name":"one","mode":"AK","region_id":"cn-file","endpoint":"ecs.file.example","endpoint_type":"vpc"},
    {"name":"two","mode":"AK"},
    {"name":"odd","mode":"AK","endpoint_type":"carrier pigeon"}]}"#;

const KEYS: [(&str, &str); 2] = [
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush"),
];

fn resolve(flags: &Flags, vars: &[(&str, &str)]) -> Result<Settings> {
    Settings::resolve(flags, &|name| {
        vars.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn flag<T>(name: &'static str, value: T) -> Option<Sourced<T>> {
    let source = Source::Flag(name);
    Some(Sourced { value, source })
}

fn with_file(path: &Path) -> Flags {
    Flags {
        config_file: flag("--config-file", path.to_owned()),
        ..Flags::default()
    }
}

/// A region and its source, as text.
fn region(flags: &Flags, vars: &[(&str, &str)]) -> String {
    match resolve(flags, vars).expect("settings").region {
        Some(region) => format!("{} from {}", region.value, region.source),
        None => "none".into(),
    }
}

#[test]
fn a_region_comes_from_the_first_place_that_has_one() {
    let file = file(FILE);
    let bare = with_file(file.path());
    let flags = Flags {
        region: flag("--region", "cn-flag".into()),
        ..bare.clone()
    };
    let env = [
        ("AXT_REGION", "cn-axt"),
        ("ALIBABA_CLOUD_REGION_ID", "cn-new"),
        ("ALICLOUD_REGION_ID", "cn-old"),
        ("REGION", "cn-bare"),
    ];
    assert_eq!(region(&flags, &env), "cn-flag from --region");
    let axt = Flags {
        region: Some(Sourced {
            value: "cn-axt".into(),
            source: Source::Env("AXT_REGION".into()),
        }),
        ..bare.clone()
    };
    assert_eq!(region(&axt, &env), "cn-axt from AXT_REGION");
    assert_eq!(region(&bare, &env), "cn-new from ALIBABA_CLOUD_REGION_ID");
    assert_eq!(region(&bare, &env[2..]), "cn-old from ALICLOUD_REGION_ID");
    assert_eq!(region(&bare, &env[3..]), "cn-file from profile one");
    assert_eq!(region(&bare, &[("ALIBABA_CLOUD_PROFILE", "two")]), "none");
    let keys = [
        ("ACCESS_KEY_ID", "id"),
        ("ACCESS_KEY_SECRET", "hush"),
        env[3],
    ];
    assert_eq!(region(&bare, &keys), "cn-bare from REGION");
}

#[test]
fn endpoint_and_network_follow_the_same_rule() {
    let file = file(FILE);
    let settings = resolve(&with_file(file.path()), &[]).expect("settings");
    let endpoint = settings.endpoint.expect("an endpoint");
    assert_eq!(endpoint.value, "ecs.file.example");
    let network = settings.connection_type;
    assert_eq!(
        (network.value, network.source.to_string()),
        (ConnectionType::Intranet, "profile one".into())
    );

    let env = [
        ("ALIBABA_CLOUD_ENDPOINT", "https://env.example"),
        ("ALICLOUD_ENDPOINT_TYPE", "public"),
    ];
    let settings = resolve(&with_file(file.path()), &env).expect("settings");
    assert_eq!(
        settings.endpoint.expect("an endpoint").value,
        "https://env.example"
    );
    let network = settings.connection_type;
    assert_eq!(
        (network.value, network.source.to_string()),
        (ConnectionType::Internet, "ALICLOUD_ENDPOINT_TYPE".into())
    );

    let flags = Flags {
        connection_type: flag("--connection-type", ConnectionType::Intranet),
        endpoint: flag("--endpoint", "http://127.0.0.1:1".into()),
        ..with_file(file.path())
    };
    let settings = resolve(&flags, &env).expect("settings");
    assert_eq!(
        settings.endpoint.expect("an endpoint").source,
        Source::Flag("--endpoint")
    );
    assert_eq!(
        settings.connection_type.source,
        Source::Flag("--connection-type")
    );

    let odd = Flags {
        profile: flag("--profile", "odd".into()),
        ..with_file(file.path())
    };
    let error = resolve(&odd, &[]).expect_err("a pigeon").to_string();
    assert_eq!(
        error,
        "the endpoint type \"carrier pigeon\" from profile odd: it is internet or intranet"
    );
}

#[test]
fn the_file_is_found_in_the_home_directory_and_may_be_missing() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join(".aliyun").join("config.json");
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let vars = [
        (variable, home.path().to_str().expect("UTF-8")),
        ("ALIBABA_CLOUD_PROFILE", "two"),
    ];
    assert!(
        resolve(&Flags::default(), &vars[..1])
            .expect("settings")
            .profile
            .is_none()
    );
    let error = resolve(&Flags::default(), &vars)
        .expect_err("no file")
        .to_string();
    assert!(
        error.ends_with(
            "the file of the profile \"two\" (from ALIBABA_CLOUD_PROFILE) does not exist"
        ),
        "{error}"
    );

    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(&path, FILE).expect("a file");
    let settings = resolve(&Flags::default(), &vars[..1]).expect("settings");
    assert_eq!(settings.config_file.expect("a file").value, path);
    assert_eq!(settings.profile.expect("a profile").name(), "one");
    let settings = resolve(&Flags::default(), &vars).expect("settings");
    assert!(
        !settings.profile_was_asked_for(),
        "the environment's choice doesn't beat its keys"
    );
    assert_eq!(settings.profile.expect("a profile").name(), "two");
    let off = [vars[0], ("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE")];
    assert!(
        resolve(&Flags::default(), &off)
            .expect("settings")
            .profile
            .is_none()
    );
    let off = [
        vars[0],
        vars[1],
        ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"),
    ];
    assert!(
        resolve(&Flags::default(), &off).is_err(),
        "a profile asked for and a file switched off"
    );
}

#[test]
fn a_broken_file_hinders_only_if_it_is_needed() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join(".aliyun").join("config.json");
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(&path, "{").expect("a file");
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let home = (variable, home.path().to_str().expect("UTF-8"));
    let all = [
        home,
        KEYS[0],
        KEYS[1],
        ("ALIBABA_CLOUD_REGION_ID", "cn-env"),
    ];
    let settings = resolve(&Flags::default(), &all).expect("nothing is needed from the file");
    assert!(
        settings
            .ignored
            .is_some_and(|why| why.contains("not valid JSON"))
    );
    assert!(
        resolve(&Flags::default(), &all[..3]).is_err(),
        "the region is needed"
    );
    assert!(
        resolve(&Flags::default(), &all[..1]).is_err(),
        "the keys are needed"
    );
    assert!(
        resolve(&with_file(&path), &all).is_err(),
        "the file was asked for"
    );
    let missing = Path::new("/nonexistent/config.json");
    assert!(
        resolve(&with_file(missing), &all).is_err(),
        "the file was asked for and is missing"
    );
}

#[test]
fn no_region_is_an_error_of_its_own() {
    let settings = resolve(&Flags::default(), &[]).expect("settings");
    assert!(matches!(settings.region(), Err(Error::NoRegion)));
}
