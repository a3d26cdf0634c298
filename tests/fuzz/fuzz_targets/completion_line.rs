//! On any line of bash's, what is put in the place of the last word reads as the value.
#![no_main]

use axt::fuzzing::line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: (&str, &str)| {
    let (text, more) = parts;
    let (word, put) = line(text, "", more);
    let put = put.expect("the word begins as it was typed");
    // Where nothing is quoted, only the end of the line is new.
    if !text.contains(['\'', '"', '\\']) {
        let before = text.strip_suffix(word.as_str()).expect("the word ends the line");
        let (read, _) = line(&format!("{before}{put}"), "", "");
        assert_eq!(read, format!("{word}{more}"));
    }
});
