//! Which source is chosen, from which environment and files, and what is said of one that is no use.

use super::super::settings::{Flags, Settings, Source, Sourced};
use super::*;
use crate::error::{Error, Result};
use secrecy::ExposeSecret as _;
use std::path::PathBuf;

const ROLE: &str = "acs:ram::1000000000000001:role/dev";
const PROVIDER: &str = "acs:ram::1000000000000001:oidc-provider/ci";

/// A home directory with files.
struct Home(tempfile::TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, content).expect("a file");
        }
        Self(home)
    }

    fn find(&self, profile: Option<&str>, vars: &[(&str, &str)]) -> Result<CredentialSource> {
        let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        let home = (home, self.0.path().to_str().expect("UTF-8"));
        let env = |name: &str| {
            let mut all = vars.iter().chain([&home]);
            all.find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        };
        let flags = Flags {
            profile: profile.map(|name| Sourced {
                value: name.into(),
                source: Source::Flag("--profile"),
            }),
            ..Flags::default()
        };
        Settings::resolve(&flags, &env)?.credential_source(&env)
    }

    /// The source as text, with the home directory as `~`.
    fn told(&self, profile: Option<&str>, vars: &[(&str, &str)]) -> String {
        let told = match self.find(profile, vars) {
            Ok(source) => format!("{}: {}", source.name, shape(&source.mode)),
            Err(Error::Credentials { problem, remedy }) => format!("{problem} | {remedy}"),
            Err(other) => other.to_string(),
        };
        assert!(!told.contains("hush"), "{told}");
        told.replace(self.0.path().to_str().expect("UTF-8"), "~")
    }
}

/// A mode with what matters of it.
fn shape(mode: &Mode) -> String {
    match mode {
        Mode::Keys(keys) => {
            let token = keys.security_token.as_ref();
            let secret = keys.access_key_secret.expose_secret().len();
            let token = token.map(|token| token.expose_secret().len());
            format!("{} {secret} {token:?}", keys.access_key_id)
        }
        Mode::AssumeRole { from, role } => {
            format!("{} from {}", role_shape(role), shape(&from.mode))
        }
        Mode::InstanceRole(role) => format!("instance role {:?} {}", role.name, role.is_a_guess),
        Mode::Oidc {
            token_file, role, ..
        } => format!("{} for {}", role_shape(role), token_file.display()),
        Mode::External { command, .. } => format!("run {command}"),
        Mode::Uri(url) => format!("ask {url}"),
        Mode::CloudSso(login) | Mode::OAuth(login) => format!("log in as {}", login.profile),
    }
}

fn role_shape(role: &Role) -> String {
    let Role {
        session_name,
        seconds,
        policy,
        external_id,
        sts,
        ..
    } = role;
    let sts = (&sts.endpoint, &sts.region, sts.vpc);
    format!("role {session_name} {seconds:?} {policy:?} {external_id:?} {sts:?}")
}

fn profiles(fields: &[&str]) -> String {
    let profiles = fields.iter().enumerate();
    let profiles = profiles.map(|(n, fields)| format!(r#"{{"name":"p{n}",{fields}}}"#));
    let profiles = profiles.collect::<Vec<_>>().join(",");
    format!(r#"{{"current":"p0","profiles":[{profiles}]}}"#)
}

/// The source of one profile with these fields.
fn profile(fields: &str, vars: &[(&str, &str)]) -> String {
    let home = Home::new(&[(".aliyun/config.json", &profiles(&[fields]))]);
    home.told(None, vars)
}

const KEYS: &str = r#""access_key_id":"id","access_key_secret":"hush""#;

#[test]
fn each_mode_of_a_profile() {
    let role = format!(r#""ram_role_arn":"{ROLE}","ram_session_name":"me""#);
    for (fields, told) in [
        (
            format!(r#""mode":"AK",{KEYS}"#),
            "profile p0 (AK, ~/.aliyun/config.json): id 4 None",
        ),
        (
            format!(r#""mode":"StsToken",{KEYS},"sts_token":"hush!""#),
            "profile p0 (StsToken, ~/.aliyun/config.json): id 4 Some(5)",
        ),
        (
            format!(
                r#""mode":"RamRoleArn",{KEYS},{role},"expired_seconds":1800,"external_id":"x","policy":"{{}}","sts_region":"cn-x","enable_vpc":true"#
            ),
            r#"profile p0 (RamRoleArn, ~/.aliyun/config.json): role me Some(1800) Some("{}") Some("x") (None, Some("cn-x"), true) from id 4 None"#,
        ),
        (
            format!(
                r#""mode":"RamRoleArn",{KEYS},{role},"sts_token":"hush!","sts_endpoint":"sts.corp""#
            ),
            r#"profile p0 (RamRoleArn, ~/.aliyun/config.json): role me None None None (Some("sts.corp"), None, false) from id 4 Some(5)"#,
        ),
        (
            r#""mode":"EcsRamRole","ram_role_name":"ecs""#.into(),
            r#"profile p0 (EcsRamRole, ~/.aliyun/config.json): instance role Some("ecs") false"#,
        ),
        (
            r#""mode":"EcsRamRole""#.into(),
            "profile p0 (EcsRamRole, ~/.aliyun/config.json): instance role None false",
        ),
        (
            format!(r#""mode":"RamRoleArnWithRoleName","ram_role_name":"ecs",{role}"#),
            r#"profile p0 (RamRoleArnWithRoleName, ~/.aliyun/config.json): role me None None None (None, None, false) from instance role Some("ecs") false"#,
        ),
        (
            format!(
                r#""mode":"OIDC","oidc_provider_arn":"{PROVIDER}","oidc_token_file":"/t","ram_role_arn":"{ROLE}""#
            ),
            "profile p0 (OIDC, ~/.aliyun/config.json): role axt None None None (None, None, false) for /t",
        ),
        (
            r#""mode":"External","process_command":"a 'b c'""#.into(),
            "profile p0 (External, ~/.aliyun/config.json): run a 'b c'",
        ),
        (
            r#""mode":"CredentialsURI","credentials_uri":"http://127.0.0.1:9/x""#.into(),
            "profile p0 (CredentialsURI, ~/.aliyun/config.json): ask http://127.0.0.1:9/x",
        ),
        (
            r#""mode":"CloudSSO""#.into(),
            "profile p0 (CloudSSO, ~/.aliyun/config.json): log in as p0",
        ),
        (
            r#""mode":"OAuth""#.into(),
            "profile p0 (OAuth, ~/.aliyun/config.json): log in as p0",
        ),
        // Without a mode, it is what the fields amount to.
        (
            format!(r#""sts_token":"hush!",{KEYS}"#),
            "profile p0 (StsToken, ~/.aliyun/config.json): id 4 Some(5)",
        ),
        (
            format!(r#""ram_role_arn":"{ROLE}","ram_role_name":"r""#),
            "profile p0 (EcsRamRole, ~/.aliyun/config.json): instance role Some(\"r\") false",
        ),
        (
            format!(
                r#""ram_role_arn":"{ROLE}","oidc_provider_arn":"{PROVIDER}","oidc_token_file":"/t""#
            ),
            "profile p0 (OIDC, ~/.aliyun/config.json): role axt None None None (None, None, false) for /t",
        ),
    ] {
        assert_eq!(profile(&fields, &[]), told);
    }
}

#[test]
fn a_field_that_a_profile_leaves_out_comes_from_the_environment() {
    let vars = [
        ("ALIBABACLOUD_ROLE_ARN", ROLE),
        ("ALIBABA_CLOUD_EXTERNAL_ID", "x"),
        ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "ci-7"),
        ("ALIBABA_CLOUD_STS_ENDPOINT", "sts.corp"),
        ("ALIBABA_CLOUD_STS_REGION", "cn-x"),
        ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true"),
    ];
    assert_eq!(
        profile(&format!(r#""mode":"RamRoleArn",{KEYS}"#), &vars),
        r#"profile p0 (RamRoleArn, ~/.aliyun/config.json): role ci-7 None None Some("x") (Some("sts.corp"), Some("cn-x"), true) from id 4 None"#
    );
}

#[test]
fn what_a_profile_lacks_is_named_with_what_to_run() {
    let role = format!(r#""ram_role_arn":"{ROLE}""#);
    let oidc =
        format!(r#""mode":"OIDC","oidc_provider_arn":"{PROVIDER}","oidc_token_file":"/hush""#);
    for (fields, words) in [
        (
            r#""mode":"AK","access_key_id":"id""#.into(),
            "profile p0 (AK, ~/.aliyun/config.json): access_key_secret is missing | run `aliyun configure --mode AK --profile p0`",
        ),
        (
            format!(r#""mode":"StsToken",{KEYS}"#),
            "sts_token is missing",
        ),
        (
            r#""mode":"AK","access_key_id":"STS.f","access_key_secret":"hush""#.into(),
            "the AccessKey is temporary (STS), and its security token is missing",
        ),
        (
            r#""mode":"AK","access_key_id":"id","access_key_secret":12345"#.into(),
            "profile \"p0\": access_key_secret is not a string",
        ),
        (
            format!(r#""mode":"RamRoleArn",{KEYS}"#),
            "ram_role_arn is missing",
        ),
        (
            format!(r#""mode":"RamRoleArn",{KEYS},"ram_role_arn":"dev""#),
            r#"the role's ARN: "dev" is not acs:ram::<account>:role/<name>"#,
        ),
        (
            format!(r#""mode":"RamRoleArn",{KEYS},{role},"expired_seconds":60"#),
            "the duration: 60 is not 900 to 43200 seconds",
        ),
        (
            format!(r#""mode":"RamRoleArn",{KEYS},{role},"expired_seconds":"soon""#),
            "expired_seconds is not a whole number",
        ),
        (
            format!(r#""mode":"RamRoleArn",{KEYS},{role},"ram_session_name":"a b""#),
            "the role session's name: \"a b\" is not 2 to 64",
        ),
        (
            r#""mode":"RamRoleArnWithRoleName""#.into(),
            "ram_role_name is missing",
        ),
        (
            r#""mode":"ChainableRamRoleArn""#.into(),
            "source_profile is missing",
        ),
        (
            r#""mode":"ChainableRamRoleArn","source_profile":"p9""#.into(),
            "no profile \"p9\"; the file has p0",
        ),
        (r#""mode":"OIDC""#.into(), "oidc_provider_arn is missing"),
        (oidc.clone(), "ram_role_arn is missing"),
        (
            format!(r#"{oidc},"ram_role_arn":"acs:ram::2:role/dev""#),
            "the OIDC provider and the role are of different accounts",
        ),
        (r#""mode":"External""#.into(), "process_command is missing"),
        (
            r#""mode":"CredentialsURI""#.into(),
            "credentials_uri is missing",
        ),
        (
            r#""mode":"CredentialsURI","credentials_uri":"http://hush.example/""#.into(),
            "credentials_uri: it must be https, or http to a loopback address",
        ),
        (
            r#""mode":"RsaKeyPair""#.into(),
            "| use a RAM role: `aliyun configure --mode RamRoleArn`",
        ),
        (
            r#""mode":"BearerToken""#.into(),
            "ECS takes no bearer tokens | log in with",
        ),
        (r#""mode":"Anonymous""#.into(), "it has no credentials"),
        (r#""mode":"Pigeon""#.into(), "axt doesn't know this mode"),
    ] {
        let told = profile(&fields, &[]);
        assert!(told.contains(words), "{told}");
    }
    let off = [("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", "1")];
    for fields in [
        r#""mode":"External","process_command":"a""#,
        r#""mode":"CredentialsURI","credentials_uri":"https://x.example/""#,
    ] {
        let told = profile(fields, &off);
        assert!(
            told.contains("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS forbids this mode"),
            "{told}"
        );
    }
    let off = [("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")];
    let told = profile(r#""mode":"EcsRamRole""#, &off);
    assert!(
        told.contains("ALIBABA_CLOUD_ECS_METADATA_DISABLED forbids"),
        "{told}"
    );
}

#[test]
fn a_chain_ends_at_keys_and_never_in_a_circle() {
    let link = |to: &str| {
        format!(r#""mode":"ChainableRamRoleArn","ram_role_arn":"{ROLE}","source_profile":"{to}""#)
    };
    let keys = format!(r#""mode":"AK",{KEYS}"#);
    let chain = Home::new(&[(
        ".aliyun/config.json",
        &profiles(&[&link("p1"), &link("p2"), &keys]),
    )]);
    let one = "role axt None None None (None, None, false) from ";
    assert_eq!(
        chain.told(None, &[]),
        format!("profile p0 (ChainableRamRoleArn, ~/.aliyun/config.json): {one}{one}id 4 None")
    );
    for circle in [
        &profiles(&[&link("p0")]),
        &profiles(&[&link("p1"), &link("p2"), &link("p1")]),
    ] {
        let told = Home::new(&[(".aliyun/config.json", circle)]).told(None, &[]);
        assert!(
            told.contains("source_profile leads in a circle: p0 -> "),
            "{told}"
        );
    }
}

#[test]
fn the_environment_comes_first_in_its_own_order() {
    let home = Home::new(&[(
        ".aliyun/config.json",
        &profiles(&[&format!(r#""mode":"AK",{KEYS}"#)]),
    )]);
    let vars = [
        ("ALICLOUD_ACCESS_KEY_ID", "old"),
        ("ALICLOUD_ACCESS_KEY_SECRET", "hush-old"),
        ("ACCESS_KEY_ID", "bare"),
        ("ACCESS_KEY_SECRET", "hush-bare"),
        ("SECURITY_TOKEN", "hush!"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
        ("ALIBABACLOUD_OIDC_TOKEN_FILE", "/t"),
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
        ("ALIBABA_CLOUD_ECS_METADATA", "ecs"),
        ("ALIBABA_CLOUD_CREDENTIALS_URI", "https://x.example/c"),
    ];
    let role = "role axt None None None (None, None, false)";
    for (from, told) in [
        (0, "ALICLOUD_ACCESS_KEY_ID: old 8 None".to_owned()),
        (2, "ACCESS_KEY_ID: bare 9 Some(5)".into()),
        // Half a bare pair means nothing.
        (3, format!("ALIBABA_CLOUD_OIDC_PROVIDER_ARN: {role} for /t")),
        // A role alone may go with a profile.
        (
            7,
            r#"ALIBABA_CLOUD_ECS_METADATA: instance role Some("ecs") false"#.into(),
        ),
        (
            9,
            "ALIBABA_CLOUD_CREDENTIALS_URI: ask https://x.example/c".into(),
        ),
        (
            10,
            "profile p0 (AK, ~/.aliyun/config.json): id 4 None".into(),
        ),
    ] {
        assert_eq!(home.told(None, &vars[from..]), told);
    }
    // A role beside a key pair is the pair's, unless it belongs to an OIDC token.
    let beside = [vars[0], vars[1], vars[7]];
    let told = home.told(None, &beside);
    assert_eq!(
        told,
        format!("ALIBABA_CLOUD_ROLE_ARN with ALICLOUD_ACCESS_KEY_ID: {role} from old 8 None")
    );
    // A profile that was asked for is what was asked for.
    assert!(home.told(Some("p0"), &vars).starts_with("profile p0 (AK, "));
    assert!(
        home.told(Some("p7"), &vars)
            .contains("no profile \"p7\"; the file has p0")
    );
}

#[test]
fn a_token_of_another_spelling_is_for_temporary_keys_alone() {
    let pair = |id: &'static str| {
        [
            ("ALIBABACLOUD_ACCESS_KEY_ID", id),
            ("ALIBABACLOUD_ACCESS_KEY_SECRET", "hush"),
        ]
    };
    let tokens = [
        ("ALIBABACLOUD_SECURITY_TOKEN", "h"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "hu"),
        ("ALICLOUD_SECURITY_TOKEN", "hus"),
        ("SECURITY_TOKEN", "hush"),
    ];
    let home = Home::new(&[]);
    for (id, from, length) in [
        ("STS.x", 0, Some(1)),
        ("STS.x", 1, Some(2)),
        ("STS.x", 2, Some(3)),
        ("STS.x", 3, Some(4)),
        ("LTAI", 0, Some(1)),
        ("LTAI", 1, None),
        ("LTAI", 3, None),
    ] {
        let vars: Vec<_> = pair(id).into_iter().chain(tokens).collect();
        let vars = [&vars[..2], &vars[2 + from..]].concat();
        let told = format!("ALIBABACLOUD_ACCESS_KEY_ID: {id} 4 {length:?}");
        assert_eq!(home.told(None, &vars), told, "{from}");
    }
    // Half of a pair is not made whole by another spelling: it may be another pair's half.
    let halves = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "a"),
        ("ALICLOUD_ACCESS_KEY_SECRET", "hush"),
    ];
    let told = home.told(None, &halves);
    assert!(
        told.contains("ALIBABA_CLOUD_ACCESS_KEY_SECRET is not"),
        "{told}"
    );
}

#[test]
fn half_of_a_choice_is_an_error() {
    let home = Home::new(&[]);
    let oidc = [
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/t"),
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
    ];
    let (id, secret) = (
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.x"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush"),
    );
    for (vars, words) in [
        (
            &[id][..],
            "ALIBABA_CLOUD_ACCESS_KEY_ID is set and ALIBABA_CLOUD_ACCESS_KEY_SECRET is not",
        ),
        (
            &[secret],
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET is set and ALIBABA_CLOUD_ACCESS_KEY_ID is not",
        ),
        (
            &[id, secret],
            "ALIBABA_CLOUD_ACCESS_KEY_ID: the AccessKey is temporary",
        ),
        (
            &oidc[..2],
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN is set and ALIBABA_CLOUD_ROLE_ARN is not",
        ),
        (
            &oidc[1..],
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE is set and ALIBABA_CLOUD_OIDC_PROVIDER_ARN is not",
        ),
        (
            &[oidc[0], oidc[2]],
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN is set and ALIBABA_CLOUD_OIDC_TOKEN_FILE is not",
        ),
        (
            &[("ALIBABA_CLOUD_CREDENTIALS_URI", "ftp://hush@x/")],
            "ALIBABA_CLOUD_CREDENTIALS_URI: it must be https",
        ),
    ] {
        let told = home.told(None, vars);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn files_are_looked_for_in_order() {
    let aliyun = profiles(&[&format!(r#""mode":"AK",{KEYS}"#)]);
    let empty = r#"{"current":"","profiles":[]}"#;
    let sdk = "# a comment\n[default]\ntype = access_key\naccess_key_id = sdk # mine\naccess_key_secret=hush\n[role]\ntype=ram_role_arn\naccess_key_id=sdk\naccess_key_secret=hush\nrole_arn=acs:ram::1:role/x\nrole_session_name=me\npolicy={}\n[odd]\ntype=pigeon\n[half]\ntype=oidc_role_arn\n[ecs]\ntype=ecs_ram_role\nrole_name=r\n";
    let legacy = "[default]\naliyun_access_key_id=old\naliyun_access_key_secret=hush\n[profile b]\naliyun_access_key_id=old-b\naliyun_access_key_secret=hush\n";
    let all = [
        (".aliyun/config.json", aliyun.as_str()),
        (".aliyun/config_ecs.json", aliyun.as_str()),
        (".alibabacloud/credentials", sdk),
        (".alibabacloud/credentials.ini", sdk),
        (".aliyuncli/credentials", legacy),
        (".aliyuncli/configure", "[default]\nregion=cn-old\n"),
    ];
    for (from, told) in [
        (0, "profile p0 (AK, ~/.aliyun/config.json): id 4 None"),
        (1, "profile p0 (AK, ~/.aliyun/config_ecs.json): id 4 None"),
        (
            2,
            "profile default (AK, ~/.alibabacloud/credentials): sdk 4 None",
        ),
        (
            3,
            "profile default (AK, ~/.alibabacloud/credentials.ini): sdk 4 None",
        ),
        (
            4,
            "profile default (AK, ~/.aliyuncli/credentials): old 4 None",
        ),
        (
            6,
            "none in the environment, and no profile in ~/.aliyun/config.json: instance role None true",
        ),
    ] {
        assert_eq!(Home::new(&all[from..]).told(None, &[]), told);
    }
    let mut emptied = all;
    emptied[0].1 = empty;
    assert!(
        Home::new(&emptied)
            .told(None, &[])
            .contains("config_ecs.json")
    );

    let home = Home::new(&all);
    for (name, told) in [
        (
            "role",
            "profile role (RamRoleArn, ~/.alibabacloud/credentials): role me None Some(\"{}\") None (None, None, false) from sdk 4 None",
        ),
        (
            "ecs",
            "profile ecs (EcsRamRole, ~/.alibabacloud/credentials): instance role Some(\"r\") false",
        ),
        (
            "b",
            "profile b (AK, ~/.aliyuncli/credentials): old-b 4 None",
        ),
        (
            "odd",
            "~/.alibabacloud/credentials: section [odd]: \"pigeon\" is not a type of credentials",
        ),
        (
            "half",
            "profile half (OIDC, ~/.alibabacloud/credentials): oidc_provider_arn is missing | correct the file, or name a profile of another with --profile",
        ),
        (
            "none",
            "~/.aliyun/config.json: no profile \"none\"; the file has p0",
        ),
    ] {
        assert_eq!(home.told(Some(name), &[]), told);
    }
    let off = ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    assert!(
        home.told(None, &[off])
            .contains("~/.alibabacloud/credentials)")
    );
    let off = [
        ("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE"),
        ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "1"),
    ];
    assert!(home.told(None, &off).starts_with("none in the environment"));
    let path = home.0.path().join(".aliyuncli/credentials");
    let given = [("ALIBABACLOUD_CONFIG_PATH", path.to_str().expect("UTF-8"))];
    assert!(
        home.told(None, &given).contains("not valid JSON"),
        "a file that was named is not passed over"
    );
}

#[test]
fn the_oldest_file_has_its_region_beside_it() {
    let home = Home::new(&[
        (
            ".aliyuncli/credentials",
            "[default]\naliyun_access_key_id=old\naliyun_access_key_secret=hush\n",
        ),
        (
            ".aliyuncli/configure",
            "[default]\nregion=cn-old\noutput=json\n",
        ),
    ]);
    let path: PathBuf = home.0.path().into();
    let settings = Settings::resolve(&Flags::default(), &|name| {
        (name == "HOME" || name == "USERPROFILE").then(|| path.display().to_string())
    });
    let region = settings.expect("settings").region.expect("a region");
    assert_eq!(region.value, "cn-old");
}

#[test]
fn the_metadata_service_is_replaced_on_loopback_only() {
    let home = Home::new(&[]);
    let name = ("ALIBABA_CLOUD_ECS_METADATA", "ecs");
    for (url, good) in [
        ("http://127.0.0.1:1/", true),
        ("http://[::1]:1", true),
        ("http://localhost:1", false),
        ("http://10.0.0.1", false),
        ("https://127.0.0.1", false),
    ] {
        let vars = [name, ("ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT", url)];
        assert_eq!(home.find(None, &vars).is_ok(), good, "{url}");
    }
}

#[test]
fn a_chain_that_ends_early_names_the_profile_and_what_to_run() {
    let chain = r#""mode":"ChainableRamRoleArn","source_profile":"gone""#;
    let home = Home::new(&[(".aliyun/config.json", &profiles(&[chain]))]);
    assert_eq!(
        home.told(None, &[]),
        "profile p0 (ChainableRamRoleArn, ~/.aliyun/config.json): source_profile: no profile \"gone\"; the file has p0 | run `aliyun configure --mode ChainableRamRoleArn --profile p0`"
    );
}

#[test]
fn a_command_line_to_copy_has_the_name_as_one_word() {
    let odd = r#"{"current":"a;rm -rf $x","profiles":[{"name":"a;rm -rf $x","mode":"OIDC"}]}"#;
    let told = Home::new(&[(".aliyun/config.json", odd)]).told(None, &[]);
    let words = "| run `aliyun configure --mode OIDC --profile 'a;rm -rf $x'`";
    assert!(told.ends_with(words), "{told}");
}

#[test]
fn a_file_without_a_usable_profile_is_no_reason_for_another_source() {
    for (file, words) in [
        (
            r#"{"current":"x","profiles":[{"mode":"AK"}]}"#,
            "no profile \"x\"; the file has none",
        ),
        (
            r#"{"profiles":["hush"]}"#,
            "no profile \"default\"; the file has none",
        ),
    ] {
        let told = Home::new(&[(".aliyun/config.json", file)]).told(None, &[]);
        assert!(told.contains(words), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    let home = Home::new(&[(".aliyun/other", "")]);
    let config = home.0.path().join(".aliyun/config.json");
    std::os::unix::fs::symlink("nowhere", &config).expect("a link");
    let told = home.told(None, &[]);
    assert!(
        told.starts_with("~/.aliyun/config.json: can't be read: "),
        "{told}"
    );
    std::fs::remove_file(&config).expect("the link");
    let made = std::process::Command::new("mkfifo").arg(&config).status();
    assert!(made.expect("mkfifo").success());
    assert_eq!(
        home.told(None, &[]),
        "~/.aliyun/config.json: can't be read: it is not a regular file"
    );
}

#[test]
fn a_broken_line_of_an_ini_file_is_told() {
    for (file, words) in [
        ("# x\n[default\ntype=sts", "line 2: a heading without its ]"),
        (
            "[default]\n; x\n\naccess_key_secret: hush\n",
            "line 4: neither a [section] nor of the form key = value",
        ),
    ] {
        let told = Home::new(&[(".alibabacloud/credentials", file)]).told(None, &[]);
        assert_eq!(told, format!("~/.alibabacloud/credentials: {words}"));
    }
}
