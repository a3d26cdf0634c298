//! Any file of names is no memory or one of ids, and takes another name.
#![no_main]

use axt::fuzzing::names;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a directory")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let record = format!(r#"{{"names":[{{"target":"web","id":"i-1","seen":1,{text}}}]}}"#);
    for content in [data, record.as_bytes()] {
        let known = names(FOLDER.path(), content);
        assert!(known.contains(&("last".to_owned(), Some("i-last".to_owned()))));
        for (target, id) in known {
            assert!(!target.contains(char::is_control));
            let id = id.unwrap_or_else(|| "i-1".into());
            let id = id.strip_prefix('m').unwrap_or(&id).strip_prefix("i-");
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            assert!(id.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_plain)));
        }
    }
});
