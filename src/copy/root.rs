//! Reads the remote side's description of the directory that a tree is copied into, and of names in it.

use super::answer::{FileState, FileType, room};
use super::digest::Digests;

/// The directory that a tree is copied into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Root {
    /// The program that computes digests there.
    pub(crate) digests: Digests,
    /// It is in the directory that was named.
    pub(crate) is_in_directory: bool,
    /// It was made for this copy.
    pub(crate) is_new: bool,
    /// The permissions that new files do not get (umask).
    pub(crate) umask: u32,
    /// The numbers of the user and the group there.
    owner: String,
    /// Bytes that there is room for, if that is known.
    pub(crate) room: Option<u64>,
    /// There is a tar.
    pub(crate) has_tar: bool,
}

impl Root {
    /// Reads what `root.sh` says; `None` for what makes no sense.
    #[must_use]
    pub(crate) fn parse(answer: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(answer).ok()?.lines();
        let digests = Digests::of_tool(lines.next()?);
        let flags = lines.next()?;
        let umask = u32::from_str_radix(lines.next()?, 8).ok()?;
        let owner = lines.next()?.to_owned();
        let mut room_here = None;
        let mut has_tar = false;
        for line in lines {
            match room(line) {
                Some(room) => room_here = Some(room),
                None => has_tar |= line.ends_with("tar"),
            }
        }
        Some(Self {
            digests,
            is_in_directory: flags.contains('/'),
            is_new: flags.contains('n'),
            umask,
            owner,
            room: room_here,
            has_tar,
        })
    }

    /// True if a file belongs to the user and the group there, as new ones do.
    #[must_use]
    pub(crate) fn owns(&self, state: &FileState) -> bool {
        state.owner == self.owner
    }
}

/// Reads the answer of `names.sh` for so many names: the type and the attributes of each; `None` if it is
/// malformed.
#[must_use]
pub(crate) fn names(answer: &[u8], count: usize) -> Option<Vec<(FileType, Option<FileState>)>> {
    let mut lines = std::str::from_utf8(answer).ok()?.lines();
    let letters = lines.next()?;
    let mut found = Vec::with_capacity(count);
    for letter in letters.chars() {
        let kind = match letter {
            'n' => FileType::Missing,
            'f' => FileType::File,
            'd' => FileType::Directory,
            'l' => FileType::Link,
            _ => FileType::Other,
        };
        let state = match kind {
            FileType::Missing => None,
            _ => Some(FileState::parse(lines.next()?)?),
        };
        found.push((kind, state));
    }
    (found.len() == count && lines.next().is_none()).then_some(found)
}

/// Reads the answer of `make.sh`: the numbers, from 1, of the entries that could not be made, each with the
/// reason.
#[must_use]
pub(crate) fn failures(answer: &[u8]) -> Vec<(usize, String)> {
    let fields = answer.split(|byte| *byte == 0);
    let failures = fields.filter_map(|field| {
        let text = String::from_utf8_lossy(field);
        let (number, why) = text.split_once(' ')?;
        Some((number.parse().ok()?, why.to_owned()))
    });
    failures.collect()
}

/// Reads the answer of `unpack.sh`: the numbers, from 1, of the files that were not put in place, each with
/// the reason; without one it is other than what was sent.
#[must_use]
pub(crate) fn misplaced(answer: &[u8]) -> Vec<(usize, Option<String>)> {
    let text = String::from_utf8_lossy(answer);
    let lines = text.lines().filter_map(|line| {
        let (number, why) = line.split_once(' ')?;
        let why = Some(why.to_owned()).filter(|why| why != "d");
        Some((number.parse().ok()?, why))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let root =
            Root::parse(b"sha256sum\n/n\n0022\n5:6\n/dev/a 9 8 7 50% /\n/bin/tar\n").unwrap();
        assert!(root.is_in_directory && root.is_new && root.has_tar);
        assert_eq!((root.umask, root.room), (0o022, Some(7 * 1024)));
        let state = |owner| FileState::parse(&format!("81a4 1 1 {owner}")).unwrap();
        assert!(root.owns(&state("5:6")) && !root.owns(&state("5:5")));
        let bare = Root::parse(b"cksum\n\n077\n0:0\n").unwrap();
        assert!(!bare.is_in_directory && !bare.has_tar && bare.room.is_none());
        assert_eq!(Root::parse(b"cksum\n\n9\n0\n"), None);
        let found = names(b"nfd\n81a4 3 1 0:0\n41ed 1 1 0:0\n", 3).unwrap();
        let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(
            kinds,
            [FileType::Missing, FileType::File, FileType::Directory]
        );
        assert!(names(b"nf\n", 2).is_none() && names(b"n\n", 2).is_none());
        assert_eq!(failures(b"2 no: a\nb\0x\0"), [(2, "no: a\nb".into())]);
        assert_eq!(
            misplaced(b"1 d\n7 no: a\nx\n"),
            [(1, None), (7, Some("no: a".into()))]
        );
    }
}
