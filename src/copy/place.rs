//! The path of a copied file at the remote side.

use super::short_stem;

/// A path of the instance, as the scripts there take it: it begins with `/` or `./`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemotePath {
    /// The path.
    pub(crate) path: Vec<u8>,
    /// It has to be a directory, for that is how it was written.
    pub(crate) is_directory: bool,
}

impl RemotePath {
    /// Reads a path as it was typed. Relative ones and those below `~/` begin at the user's home.
    #[must_use]
    pub(crate) fn of(typed: &[u8]) -> Self {
        let typed = match typed {
            b"" | b"~" => b".",
            typed => typed.strip_prefix(b"~/").unwrap_or(typed),
        };
        let slashes = typed.iter().rev().take_while(|byte| **byte == b'/').count();
        let bare = typed.get(..typed.len() - slashes).unwrap_or_default();
        let path = match bare {
            b"" if typed.starts_with(b"/") => b"/".to_vec(),
            b"" => b"./.".to_vec(),
            bare if bare.starts_with(b"/") => bare.to_vec(),
            bare => [b"./", bare].concat(),
        };
        let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_directory = slashes > 0 || matches!(last, b"" | b"." | b"..");
        Self { path, is_directory }
    }

    /// The last name of the path; `None` where that is no name.
    #[must_use]
    pub(crate) fn name(&self) -> Option<&[u8]> {
        let last = self.path.rsplit(|byte| *byte == b'/').next()?;
        (!matches!(last, b"" | b"." | b"..")).then_some(last)
    }

    /// The beginning of the paths of its part and its lock.
    #[must_use]
    pub(crate) fn stem(&self) -> Vec<u8> {
        let at = self.path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = self.path.split_at(at.map_or(0, |at| at + 1));
        match short_stem(name) {
            Some(short) => [folder, short.as_bytes()].concat(),
            None => self.path.clone(),
        }
    }

    /// A name in this directory.
    #[must_use]
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let path = [&self.path, &b"/"[..], name].concat();
        Self {
            path,
            is_directory: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_with_a_slash_or_a_dot() {
        for (typed, path, is_directory) in [
            ("", "./.", true),
            ("~", "./.", true),
            ("~/", "./.", true),
            ("~/a", "./a", false),
            ("a b/c", "./a b/c", false),
            ("-rf", "./-rf", false),
            ("a//", "./a", true),
            ("/", "/", true),
            ("/etc/x", "/etc/x", false),
            ("a/..", "./a/..", true),
            ("~bob/x", "./~bob/x", false),
        ] {
            let place = RemotePath::of(typed.as_bytes());
            let expected = RemotePath {
                path: path.into(),
                is_directory,
            };
            assert_eq!(place, expected, "{typed}");
        }
        assert_eq!(RemotePath::of(b"a/b/").name(), Some(&b"b"[..]));
        assert_eq!(RemotePath::of(b"a/..").name(), None);
        assert_eq!(RemotePath::of(b"/").join(b"x").path, b"//x");
        let folder = RemotePath::of(b"a");
        for (length, stem) in [(246, 4 + 246), (247, 4 + 65), (255, 4 + 65)] {
            let place = folder.join(&b"n".repeat(length));
            assert_eq!(place.stem().len(), stem);
        }
    }
}
