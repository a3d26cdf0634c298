//! Any bytes are a request of SOCKS or are refused; what is asked for can go into an API call, and the
//! answer is one of SOCKS.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (asked, answered) = axt::fuzzing::socks(data);
    match asked {
        Ok((host, port)) => {
            assert!(port > 0);
            let host = host.unwrap_or_else(|| "localhost".into());
            assert!(!host.is_empty() && host.len() <= 255);
            assert!(!host.contains(|c: char| c.is_control() || c.is_whitespace()));
            // Nothing but the choice of a method is answered before there is a session.
            assert!(matches!(answered[..], [] | [5, 0]), "{answered:?}");
        }
        Err(why) => {
            assert!(!why.contains(char::is_control), "{why:?}");
            let known = [0, 2, 8, 12].contains(&answered.len());
            assert!(known && !matches!(answered[..], [5, 0, 5, 0, ..] | [0, 90, ..]));
        }
    }
});
