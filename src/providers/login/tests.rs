//! Writing a login back: what happens to one that is ended at any step.

pub(super) fn reached(_step: &str) {}
