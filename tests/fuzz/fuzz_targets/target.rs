//! Any text is a target or refused with one line, and a name is written so that it means that name.
#![no_main]

use axt::fuzzing::target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (meant, written) = target(text);
    if let Err(told) = meant {
        assert!(!told.contains(char::is_control), "{told:?}");
    }
    if let Some(written) = written {
        assert!(written.strip_prefix("name:").unwrap_or(&written) == text || written == text);
        assert!(target(&written).0.is_ok(), "{written:?}");
    }
});
