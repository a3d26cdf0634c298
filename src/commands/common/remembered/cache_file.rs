//! A small file of lines in the user's cache: what it holds saves time, and losing it costs nothing else.

use crate::kept;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file; without a place for it, it is always empty.
#[derive(Debug, Clone)]
pub(crate) struct CacheFile {
    path: Option<PathBuf>,
    most: usize,
}

impl CacheFile {
    /// The file `name` in the cache's directory, which keeps the last `most` lines.
    pub(crate) fn new(cache: Option<&Path>, name: &str, most: usize) -> Self {
        let path = cache.map(|dir| dir.join(name));
        Self { path, most }
    }

    /// The lines; none if the file can't be read.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.path.as_ref().map(fs::read_to_string);
        let text = text.and_then(Result::ok).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Puts `lines` in the place of those that are there. A failure is only logged.
    pub(crate) fn keep(&self, lines: &[String]) {
        if let Err(error) = self.write(lines) {
            tracing::info!(%error, "the cache can't be written");
        }
    }

    fn write(&self, lines: &[String]) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let surplus = lines.len().saturating_sub(self.most);
        let lines = lines.iter().skip(surplus);
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        kept::write(path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = CacheFile::new(Some(&dir.path().join("axt")), "list", 2);
        assert_eq!(file.lines(), [""; 0]);
        file.keep(&["a", "b", "c"].map(str::to_owned));
        assert_eq!(file.lines(), ["b", "c"]);
        CacheFile::new(None, "list", 2).keep(&["a".into()]);
    }
}
