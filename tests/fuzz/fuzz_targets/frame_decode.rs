//! Any bytes are a frame or an error, and a frame that is encoded again says the same.
#![no_main]

use axt::protocol::frame::Frame;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(decoded) = Frame::decode(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let encoded = decoded.frame.encode();
    assert_eq!(encoded.len(), decoded.frame.encoded_len());
    let again = Frame::decode(&encoded).expect("what was encoded can be decoded");
    assert_eq!(again.frame, decoded.frame);
    assert_eq!(
        usize::from(again.claimed_len),
        decoded.frame.payload.len() & 0xffff
    );
});
