//! Instances that have no POSIX shell, remembered so that a shell there needs one session, not two.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// No more instances than this are remembered.
const MOST: usize = 1000;

/// The list in the user's cache; without a place for it, none.
pub(crate) struct PlainShells {
    path: Option<PathBuf>,
}

impl PlainShells {
    /// The list in this directory.
    pub(crate) fn new(cache: Option<&Path>) -> Self {
        let path = cache.map(|dir| dir.join("plain-shells"));
        Self { path }
    }

    /// Whether this instance is on the list.
    pub(crate) fn has(&self, instance: &str) -> bool {
        self.lines().iter().any(|line| line == instance)
    }

    /// Puts an instance on the list. A failure costs a session each time, nothing else.
    pub(crate) fn add(&self, instance: &str) {
        let mut lines = self.lines();
        lines.retain(|line| line != instance);
        lines.push(instance.to_owned());
        self.keep(&lines);
    }

    /// Takes an instance off the list: it may have got another system.
    pub(crate) fn remove(&self, instance: &str) {
        if self.has(instance) {
            let mut lines = self.lines();
            lines.retain(|line| line != instance);
            self.keep(&lines);
        }
    }

    fn keep(&self, lines: &[String]) {
        if let Err(error) = self.write(lines) {
            tracing::info!(%error, "this can't be remembered");
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = self.path.as_ref().map(fs::read_to_string);
        let text = text.and_then(Result::ok).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let surplus = lines.len().saturating_sub(MOST);
        let text: String = lines
            .iter()
            .skip(surplus)
            .map(|line| format!("{line}\n"))
            .collect();
        let mut folder = DirBuilder::new();
        folder.recursive(true);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        if let Some(parent) = path.parent() {
            folder.create(parent)?;
        }
        let new = path.with_extension(std::process::id().to_string());
        options.open(&new)?.write_all(text.as_bytes())?;
        fs::rename(new, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_remembered_and_the_oldest_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let list = PlainShells::new(Some(&dir.path().join("axt")));
        assert!(!list.has("i-0"));
        for n in 0..=MOST {
            list.add(&format!("i-{n}"));
        }
        list.add("i-7");
        assert!(list.has("i-7") && list.has("i-1000") && !list.has("i-0"));
        list.remove("i-7");
        assert!(!list.has("i-7") && list.has("i-8"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let data = fs::metadata(list.path.unwrap()).unwrap();
            assert_eq!(data.permissions().mode() & 0o777, 0o600);
        }
        PlainShells::new(None).add("i-1");
    }
}
