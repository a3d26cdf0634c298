//! Instances that have no POSIX shell, remembered so that a shell there needs one session, not two.

use super::cache_file::CacheFile;
use std::path::Path;

/// No more instances than this are remembered.
const MOST: usize = 1000;

/// The list in the user's cache; without a place for it, none.
pub(crate) struct PlainShells {
    file: CacheFile,
}

impl PlainShells {
    /// The list in this directory.
    pub(crate) fn new(cache: Option<&Path>) -> Self {
        let file = CacheFile::new(cache, "plain-shells", MOST);
        Self { file }
    }

    /// True if this instance is on the list.
    pub(crate) fn has(&self, instance: &str) -> bool {
        self.file.lines().iter().any(|line| line == instance)
    }

    /// Puts an instance on the list. A failure costs a session each time, nothing else.
    pub(crate) fn add(&self, instance: &str) {
        let mut lines = self.file.lines();
        lines.retain(|line| line != instance);
        lines.push(instance.to_owned());
        self.file.keep(&lines);
    }

    /// Takes an instance off the list: it may have got another system.
    pub(crate) fn remove(&self, instance: &str) {
        if self.has(instance) {
            let mut lines = self.file.lines();
            lines.retain(|line| line != instance);
            self.file.keep(&lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_remembered_and_the_oldest_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let list = PlainShells::new(Some(dir.path()));
        assert!(!list.has("i-0"));
        for n in 0..=MOST {
            list.add(&format!("i-{n}"));
        }
        list.add("i-7");
        assert!(list.has("i-7") && list.has("i-1000") && !list.has("i-0"));
        list.remove("i-7");
        assert!(!list.has("i-7") && list.has("i-8"));
    }
}
