//! Reads the remote side's listing of a tree and checks it: nothing in it leads out of the tree.

use super::answer::{FileState, FileType};
use super::digest::Digests;
use std::collections::HashSet;

/// A tree of the instance's.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The program that computes digests there.
    pub(crate) digests: Digests,
    /// There is a tar.
    pub(crate) has_tar: bool,
    /// Everything below the tree's top, which comes first and has an empty path; directories before what is
    /// in them.
    pub(crate) entries: Vec<TreeEntry>,
}

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    /// Its path below the tree's top: names that are neither empty nor `.` or `..`, joined by `/`.
    pub(crate) path: Vec<u8>,
    /// Its attributes.
    pub(crate) state: FileState,
    /// A file's digest; `None` for one that can't be read.
    pub(crate) digest: Option<String>,
    /// The target of a symbolic link.
    pub(crate) link: Option<Vec<u8>>,
}

impl Listing {
    /// Reads what `tree.sh` says; `None` for what makes no sense, or leads out of the tree.
    #[must_use]
    pub(crate) fn parse(answer: &[u8]) -> Option<Self> {
        let mut fields = answer.split(|byte| *byte == 0);
        let text = |field: Option<&[u8]>| {
            let field = std::str::from_utf8(field?).ok()?;
            Some(field.to_owned())
        };
        let tools = text(fields.next())?;
        let (digests, tar) = tools.split_once(' ')?;
        let names: Vec<_> = fields
            .by_ref()
            .take_while(|name| !name.is_empty())
            .collect();
        let (states, sums) = (text(fields.next())?, text(fields.next())?);
        let states: Option<Vec<_>> = states.lines().map(FileState::parse).collect();
        let states = states.filter(|states| states.len() == names.len())?;
        let (mut sums, mut entries) = (sums.lines(), Vec::new());
        let mut folders = HashSet::new();
        for (name, state) in names.into_iter().zip(states) {
            let path = below(name)?;
            let parent = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let is_top = entries.is_empty();
            let is_below = !path.is_empty() && folders.contains(path.get(..parent)?);
            if is_top != path.is_empty() || !(is_top || is_below) {
                return None;
            }
            let (mut digest, mut link) = (None, None);
            match state.kind {
                FileType::Directory => drop(folders.insert(path)),
                FileType::File => {
                    digest = Some(sums.next()?.to_owned()).filter(|sum| !sum.is_empty())
                }
                FileType::Link => link = Some(fields.next()?.strip_suffix(b"\n")?.to_vec()),
                _ => {}
            }
            let path = path.to_vec();
            entries.push(TreeEntry {
                path,
                state,
                digest,
                link,
            });
        }
        let complete = sums.next().is_none() && fields.next() == Some(b"") && !entries.is_empty();
        complete.then_some(Self {
            digests: Digests::of_tool(digests),
            has_tar: !tar.is_empty(),
            entries,
        })
    }
}

/// The path below the top of what find calls so.
fn below(name: &[u8]) -> Option<&[u8]> {
    if name == b"." {
        return Some(b"");
    }
    let path = name.strip_prefix(b"./")?;
    let mut names = path.split(|byte| *byte == b'/');
    let fits = names.all(|name| !matches!(name, b"" | b"." | b".."));
    fits.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIR: &str = "41ed 1 1 0:0\n";
    const FILE: &str = "81a4 3 1 0:0\n";
    const LINK: &str = "a1ff 3 1 0:0\n";

    fn answer(names: &[&str], states: &[&str], sums: &str, links: &str) -> Vec<u8> {
        let names: String = names.iter().map(|name| format!("{name}\0")).collect();
        let states = states.concat();
        format!("sha256sum /bin/tar\0{names}\0{states}\0{sums}\0{links}").into_bytes()
    }

    #[test]
    fn a_tree_is_read() {
        let names = [".", "./a", "./a/b\nc", "./a/l", "./d"];
        let answer = answer(
            &names,
            &[DIR, DIR, FILE, LINK, FILE],
            "abc\n\n",
            "../x\n\n\0",
        );
        let listing = Listing::parse(&answer).unwrap();
        assert!(listing.has_tar && listing.digests == Digests::Sha256);
        let read: Vec<_> = listing
            .entries
            .iter()
            .map(|entry| (&*entry.path, entry.digest.as_deref(), entry.link.as_deref()))
            .collect();
        let expected: [(&[u8], _, Option<&[u8]>); 5] = [
            (b"", None, None),
            (b"a", None, None),
            (b"a/b\nc", Some("abc"), None),
            (b"a/l", None, Some(b"../x\n")),
            (b"d", None, None),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_leads_out_of_the_tree_is_no_tree() {
        for names in [
            [".", "./../x"],
            [".", "../x"],
            [".", "/etc/x"],
            [".", "./a//b"],
            [".", "./a/b"],
            [".", "."],
            [".", "./"],
            ["./a", "./b"],
        ] {
            let answer = answer(&names, &[DIR, FILE], "abc\n", "");
            assert!(Listing::parse(&answer).is_none(), "{names:?}");
        }
        // Below a link.
        let below = answer(
            &[".", "./l", "./l/x"],
            &[DIR, LINK, FILE],
            "abc\n",
            "/etc\n\0",
        );
        assert!(Listing::parse(&below).is_none());
        let lacking = answer(&[".", "./a"], &[DIR], "", "");
        assert!(Listing::parse(&lacking).is_none());
        let surplus = answer(&[".", "./a"], &[DIR, FILE], "abc\nabc\n", "");
        assert!(Listing::parse(&surplus).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_tree_or_none(bytes: Vec<u8>, text in "(sha256sum /bin/tar\\x00)?([./a\\x00\n]|41ed 1 1 0:0|81a4 1 1 0:0){0,40}") {
            for answer in [&bytes[..], text.as_bytes()] {
                for entry in Listing::parse(answer).into_iter().flat_map(|tree| tree.entries) {
                    let mut names = entry.path.split(|byte| *byte == b'/');
                    prop_assert!(entry.path.is_empty() || names.all(|name| !matches!(name, b"" | b"." | b"..")));
                }
            }
        }
    }
}
