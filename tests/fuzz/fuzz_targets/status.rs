//! Any payload is a status, and one that is encoded again means the same.
#![no_main]

use axt::protocol::status::Status;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let status = Status::decode(data);
    assert_eq!(Status::decode(&status.encode()), status);
});
