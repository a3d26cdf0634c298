//! However a stream is cut, the scanner finds the same in it and loses nothing.
#![no_main]

use axt::commands::exec::scan::Scanner;
use libfuzzer_sys::fuzz_target;

const MARK: &[u8] = b"\x02k\x03";

fuzz_target!(|data: &[u8]| {
    let (cut, stream) = data.split_first().unwrap_or((&0, data));
    let whole = scan(stream.chunks(stream.len().max(1)));
    let pieces = scan(stream.chunks(usize::from(*cut).max(1)));
    assert_eq!(whole, pieces);
    assert!(whole.0.len() <= stream.len());
});

/// The data in the stream, and what was said in it.
fn scan<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<String>) {
    let mut scanner = Scanner::new(MARK);
    let (mut data, mut said) = (Vec::new(), Vec::new());
    for chunk in chunks {
        scanner.feed(
            chunk,
            |bytes| data.extend_from_slice(bytes),
            |word| said.push(format!("{word:?}")),
        );
        // What follows its last word is the caller's, who feeds no more.
        if said.last().is_some_and(|last| last != "Wants") {
            return (data, said);
        }
    }
    scanner.rest(|bytes| data.extend_from_slice(bytes));
    (data, said)
}
