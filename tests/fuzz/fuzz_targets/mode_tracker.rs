//! However output is cut, the tracker makes the same of it, and what it undoes is undone.
#![no_main]

use axt::terminal::ModeTracker;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (mut whole, mut bytewise) = (ModeTracker::new(), ModeTracker::new());
    whole.feed(data);
    data.iter().for_each(|byte| bytewise.feed(&[*byte]));
    let undo = whole.undo();
    assert_eq!(undo, bytewise.undo());
    whole.feed(&undo);
    assert_eq!(whole.undo(), b"");
});
