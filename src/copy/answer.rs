//! Reads what the scripts at the remote side answer about files.

use super::digest::Digests;

/// The type of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    /// Nothing.
    Missing,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a socket, a pipe.
    Other,
}

/// Mode, size, time and owner of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileState {
    /// Its type.
    pub(crate) kind: FileType,
    /// The bits of its mode.
    pub(crate) mode: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// The time when its content changed, in seconds since 1970; `None` where there is no tool that tells it.
    pub(crate) time: Option<i64>,
    /// User and group, by number.
    pub(crate) owner: String,
}

/// The state of the place where a file is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// The program that computes digests there.
    pub(crate) digests: Digests,
    /// The type of what is there. A symbolic link counts as a file: it is replaced, not followed.
    pub(crate) kind: FileType,
    /// The place is in the directory that was named.
    pub(crate) is_in_directory: bool,
    /// Its attributes, if it is a file.
    pub(crate) state: Option<FileState>,
    /// Its digest, if it has the wanted size.
    pub(crate) digest: Option<String>,
    /// The size of its part, if there is one, and the digest of the part's whole blocks.
    pub(crate) part: Option<(u64, String)>,
    /// The permissions that new files do not get (umask).
    pub(crate) umask: u32,
    /// Bytes that there is room for, if that is known.
    pub(crate) room: Option<u64>,
}

/// A file that is to be copied from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteSource {
    /// The program that computes digests there.
    pub(crate) digests: Digests,
    /// Its type.
    pub(crate) kind: FileType,
    /// For a file: what it is like, its digest, and that of the blocks that were asked for.
    pub(crate) file: Option<(FileState, String, String)>,
}

impl FileState {
    /// Reads a line: the mode in hexadecimal digits or as ls writes it, size, time, user and group.
    #[must_use]
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (kind, mode) = mode(words.next()?)?;
        let size = words.next()?.parse().ok()?;
        let time = match words.next()? {
            "-" => None,
            seconds => Some(seconds.parse().ok()?),
        };
        let owner = words.next()?;
        let is_owner = |c: char| c.is_ascii_digit() || c == ':';
        let valid = words.next().is_none() && owner.chars().all(is_owner);
        let owner = owner.to_owned();
        valid.then_some(Self {
            kind,
            mode,
            size,
            time,
            owner,
        })
    }
}

/// The type of a file in the bits of its mode.
const TYPE: u32 = 0o170_000;

fn mode(word: &str) -> Option<(FileType, u32)> {
    if let Ok(bits) = u32::from_str_radix(word, 16) {
        let kind = match bits & TYPE {
            0o100_000 => FileType::File,
            0o040_000 => FileType::Directory,
            0o120_000 => FileType::Link,
            _ => FileType::Other,
        };
        return Some((kind, bits & 0o7777));
    }
    let kind = match word.chars().next()? {
        '-' => FileType::File,
        'd' => FileType::Directory,
        'l' => FileType::Link,
        'b' | 'c' | 'p' | 's' => FileType::Other,
        _ => return None,
    };
    let letters = word.chars().skip(1).take(9).enumerate();
    let bits = letters.fold(0, |bits, (at, letter)| {
        let allowed = !matches!(letter, '-' | 'S' | 'T');
        let special = matches!(letter, 's' | 'S' | 't' | 'T');
        // Set-user-id, set-group-id and sticky are in the third letter of each group.
        bits | u32::from(allowed) << (8 - at) | u32::from(special) << (11 - at / 3)
    });
    Some((kind, bits))
}

impl Look {
    /// Reads what `look.sh` says; `None` for what makes no sense.
    #[must_use]
    pub(crate) fn parse(answer: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(answer).ok()?.lines();
        let digests = Digests::of_tool(lines.next()?);
        let place = lines.next()?;
        let kind = match place.trim_end_matches('/') {
            "n" => FileType::Missing,
            "f" => FileType::File,
            "d" => FileType::Directory,
            _ => FileType::Other,
        };
        let state = FileState::parse(lines.next()?);
        let digest = some(lines.next()?);
        let size = lines.next()?;
        let blocks = lines.next()?.to_owned();
        let part = match size {
            "none" => None,
            size => Some((size.parse().ok()?, blocks)),
        };
        let umask = u32::from_str_radix(lines.next()?, 8).ok()?;
        Some(Self {
            digests,
            kind,
            is_in_directory: place.ends_with('/'),
            state,
            digest,
            part,
            umask,
            room: lines.next().and_then(room),
        })
    }
}

impl RemoteSource {
    /// Reads what `source.sh` says; `None` for what makes no sense.
    #[must_use]
    pub(crate) fn parse(answer: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(answer).ok()?.lines();
        let digests = Digests::of_tool(lines.next()?);
        let kind = match lines.next()? {
            "n" => FileType::Missing,
            "d" => FileType::Directory,
            "f" => FileType::File,
            _ => FileType::Other,
        };
        let file = match kind {
            FileType::File => {
                let state = FileState::parse(lines.next()?)?;
                Some((state, some(lines.next()?)?, some(lines.next()?)?))
            }
            _ => None,
        };
        Some(Self {
            digests,
            kind,
            file,
        })
    }
}

fn some(line: &str) -> Option<String> {
    Some(line.to_owned()).filter(|line| !line.is_empty())
}

/// The room that a line of df tells, in bytes: the number before the percentage counts 1,024 bytes.
pub(super) fn room(line: &str) -> Option<u64> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let at = words
        .iter()
        .rposition(|word| word.ends_with('%') && word.len() > 1)?;
    let kib: u64 = words.get(at.checked_sub(1)?)?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_however_they_are_written() {
        let state = |line| FileState::parse(line).map(|state| (state.kind, state.mode, state.size));
        assert_eq!(
            state("81a4 12 1700000000 0:0"),
            Some((FileType::File, 0o644, 12))
        );
        assert_eq!(
            state("41ed 4096 1 5:6"),
            Some((FileType::Directory, 0o755, 4096))
        );
        assert_eq!(
            state("-rwsr-xr-T 7 - 1:2"),
            Some((FileType::File, 0o5754, 7))
        );
        for line in [
            "",
            "81a4",
            "81a4 x 1 0:0",
            "81a4 1 1 0:0 more",
            "81a4 1 1 root;rm",
        ] {
            assert_eq!(state(line), None, "{line}");
        }
    }

    #[test]
    fn looks_are_read() {
        let answer = "sha256sum\nf/\n81a4 3 5 0:0\nabc\n70000\ndef\n0022\n/dev/a b 9 8 7 50% /\n";
        let look = Look::parse(answer.as_bytes()).unwrap();
        assert!(look.is_in_directory && look.kind == FileType::File);
        assert_eq!(look.digest.as_deref(), Some("abc"));
        assert_eq!(look.part, Some((70_000, "def".into())));
        assert_eq!((look.umask, look.room), (0o022, Some(7 * 1024)));
        let answer = b"cksum\nn\n\n\nnone\n\n0077\n";
        let look = Look::parse(answer).unwrap();
        assert_eq!(
            (look.digests, look.kind),
            (Digests::Cksum, FileType::Missing)
        );
        assert_eq!((look.digest, look.part, look.room), (None, None, None));
        for answer in [&b""[..], b"sha256sum\nn\n", b"\xff\nn\n\n\nnone\n\n0077\n"] {
            assert_eq!(Look::parse(answer), None);
        }
    }

    #[test]
    fn sources_are_read() {
        let source = RemoteSource::parse(b"sha256sum\nf\n81a4 3 5 0:0\nabc\ndef\n").unwrap();
        let (state, whole, blocks) = source.file.unwrap();
        assert_eq!((state.size, &*whole, &*blocks), (3, "abc", "def"));
        assert_eq!(
            RemoteSource::parse(b"cksum\nd\n").unwrap().kind,
            FileType::Directory
        );
        assert_eq!(RemoteSource::parse(b"cksum\nf\n81a4 3 5 0:0\n\n\n"), None);
    }
}
