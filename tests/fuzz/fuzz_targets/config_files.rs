//! Any files of the home directory are a configuration or an error, which holds no secret.
#![no_main]

use axt::fuzzing::configuration;
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::sync::LazyLock;

const SECRET: &str = "hush-hush-hush";

static HOME: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let home = home.expect("a directory");
    for folder in [".aliyun", ".alibabacloud"] {
        fs::create_dir(home.path().join(folder)).expect("a directory");
    }
    home
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let (file, before, after) = match choice % 4 {
        0 => (
            ".aliyun/config.json",
            r#"{"current":"p","profiles":[{"name":"p","access_key_secret":"hush-hush-hush","#,
            "}]}",
        ),
        1 => (
            ".aliyun/config.json",
            r#"{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"LTAI","access_key_secret":"hush-hush-hush"#,
            r#""}]}"#,
        ),
        2 => (
            ".alibabacloud/credentials",
            "[default]\naccess_key_secret = hush-hush-hush\n",
            "\n",
        ),
        _ => (".aliyun/config.json", "", ""),
    };
    let path = HOME.path().join(file);
    let content = [before.as_bytes(), data, after.as_bytes()].concat();
    fs::write(&path, content).expect("it can be written");
    let told = configuration(HOME.path());
    fs::remove_file(path).expect("it is there");
    if let Err(told) = told {
        assert!(!told.contains(SECRET), "{told:?}");
    }
});
