//! No listing of a tree leads out of it: each name is a plain one in a directory that came before.
#![no_main]

use axt::fuzzing::tree;
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

fuzz_target!(|data: &[u8]| {
    let known = [b"sha256sum /bin/tar\0.\0", data].concat();
    for said in [data, &known] {
        let mut directories = HashSet::new();
        for (at, (path, is_directory)) in tree(said).into_iter().enumerate() {
            assert_eq!(path.is_empty(), at == 0);
            let mut names: Vec<_> = path.split(|byte| *byte == b'/').collect();
            if at > 0 {
                let is_plain =
                    |name: &[u8]| !name.contains(&0) && !matches!(name, b"" | b"." | b"..");
                assert!(names.iter().all(|name| is_plain(name)), "{path:?}");
                names.pop();
                assert!(directories.contains(&names.join(&b'/')), "{path:?}");
            }
            if is_directory {
                directories.insert(path);
            }
        }
    }
});
