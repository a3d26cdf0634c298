//! The secrets of the emulators and stand-ins of a test process, and the search for them in what its programs
//! print.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The secrets that are known so far. Those that tests make up have `hush` in them.
static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What was printed beside data: it is searched again when an emulator ends and tells what it gave out.
static PRINTED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Adds secrets that are given out from now on.
pub(crate) fn add(secrets: impl IntoIterator<Item = String>) {
    known().extend(secrets);
}

/// Adds secrets that have been given out before: those that are new are looked for in all that was printed since.
pub(crate) fn add_past(secrets: &[String]) {
    let mut known = known();
    let new = secrets.iter().filter(|secret| !known.contains(secret));
    let new: Vec<String> = new.cloned().collect();
    known.extend(new.iter().cloned());
    drop(known);
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    let printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    printed.iter().for_each(|text| search_for(&new, text));
}

/// Forgets secrets that nobody has any more.
pub(crate) fn forget(secrets: &[String]) {
    known().retain(|secret| !secrets.contains(secret));
}

/// Fails if a secret is in this text.
pub(crate) fn search(text: &[u8]) {
    let known = known().clone();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(["hush"]).collect();
    search_for(&known, text);
}

/// The same for messages, or for all that a terminal has shown. It is kept for [`add_past`].
pub(crate) fn search_and_keep(text: Vec<u8>) {
    search(&text);
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    printed.push(text);
}

/// Fails if the address of a session is in this text.
pub(crate) fn search_for_addresses(text: &[u8]) {
    for part in ["token=", "tokenId="] {
        assert!(
            !has(text, part.as_bytes()),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
}

fn known() -> MutexGuard<'static, Vec<String>> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn search_for(secrets: &[&str], text: &[u8]) {
    let mut secrets = secrets.iter();
    let found = secrets.any(|secret| has(text, secret.as_bytes()));
    assert!(
        !found,
        "a secret was printed: {}",
        String::from_utf8_lossy(text)
    );
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
