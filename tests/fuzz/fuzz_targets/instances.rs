//! Any answer to a search for instances is a list or an error of one line.
#![no_main]

use axt::fuzzing::instances;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let in_list = format!(r#"{{"Instances":{{"Instance":[{{{text}}}]}}}}"#);
    let plain = format!(r#"{{"Instances":[{{{text}}}]}}"#);
    for body in [data, in_list.as_bytes(), plain.as_bytes()] {
        for told in instances(body) {
            if let Err(told) = told {
                assert!(!told.contains(char::is_control), "{told:?}");
            }
        }
    }
});
