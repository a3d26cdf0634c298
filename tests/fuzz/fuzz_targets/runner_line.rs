//! A line of the runner's means what it would be written as; so does a frame towards it.
#![no_main]

use axt::remote::codec::{RunnerFrame, Line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(line) = Line::decode(data) {
        let written = line.encode();
        assert_eq!(Line::decode(&written), Some(line));
    }
    if let Some((frame, len)) = RunnerFrame::decode(data) {
        assert_eq!(frame.header(len).as_bytes(), &data[..RunnerFrame::HEADER]);
    }
});
