//! A small file of lines in the user's cache: what it holds saves time, and losing it costs nothing else.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
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
    fn the_last_lines_are_kept_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = CacheFile::new(Some(&dir.path().join("axt")), "list", 2);
        assert_eq!(file.lines(), [""; 0]);
        file.keep(&["a", "b", "c"].map(str::to_owned));
        assert_eq!(file.lines(), ["b", "c"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let data = fs::metadata(file.path.unwrap()).unwrap();
            assert_eq!(data.permissions().mode() & 0o777, 0o600);
        }
        CacheFile::new(None, "list", 2).keep(&["a".into()]);
    }
}
