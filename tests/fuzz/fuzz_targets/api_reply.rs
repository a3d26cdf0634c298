//! Any answer of the API is a reply or an error of one line, which holds no secret.
#![no_main]

use axt::fuzzing::{SECRET, api_reply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[high, low, quoted], body)) = data.split_first_chunk() else {
        return;
    };
    let status = 100 + u16::from_be_bytes([high, low]) % 500;
    let mut bodies = vec![body.to_vec()];
    // The service may repeat what it was sent.
    let text = String::from_utf8_lossy(body).replace('"', "'");
    let at = text
        .char_indices()
        .nth(usize::from(quoted))
        .map_or(0, |(at, _)| at);
    let (before, after) = text.split_at(at);
    let error = format!(r#"{{"Code":"{before}","Message":"{after}{SECRET}{before}"}}"#);
    bodies.push(error.into_bytes());
    for body in bodies {
        let Err(told) = api_reply(status, &body) else {
            assert!((200..300).contains(&status));
            continue;
        };
        assert!(!told.contains(SECRET), "{told:?}");
        assert!(!told.contains(char::is_control), "{told:?}");
    }
});
