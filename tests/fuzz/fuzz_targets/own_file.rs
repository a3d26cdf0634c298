//! Any text is a configuration file of axt's own, or has mistakes that are told with their lines.
#![no_main]

use axt::fuzzing::own_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for problem in own_file(text) {
        assert!(problem.contains("config.toml: line "), "{problem:?}");
    }
});
