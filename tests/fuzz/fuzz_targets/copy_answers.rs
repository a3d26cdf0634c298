//! Whatever the remote side of a copy says of files is read or refused, and of no other number of names.
#![no_main]

use axt::fuzzing::copy_answers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((count, said)) = data.split_first() else {
        return;
    };
    let count = usize::from(count % 8);
    let told = copy_answers(said, count);
    assert!(told.is_none_or(|told| told == count));
});
