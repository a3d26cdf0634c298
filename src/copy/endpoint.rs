//! SRC and DST of a copy, as they are typed, and its direction.

use crate::error::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// One of the paths of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Standard input or output.
    Stdio,
    /// A path of this machine.
    Local(PathBuf),
    /// A path of an instance.
    Remote {
        /// The instance, with a user or not.
        target: String,
        /// The path there; any bytes. Relative ones begin at the user's home.
        path: Vec<u8>,
    },
}

/// The direction of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CopyDirection {
    /// To the instance `target`.
    Up {
        /// The instance, with a user or not.
        target: String,
        /// Local paths; `None` is standard input.
        sources: Vec<Option<PathBuf>>,
        /// The path there.
        destination: Vec<u8>,
    },
    /// From the instance `target`.
    Down {
        /// The instance, with a user or not.
        target: String,
        /// Paths there.
        sources: Vec<Vec<u8>>,
        /// A local path; `None` is standard output.
        destination: Option<PathBuf>,
    },
}

impl Endpoint {
    /// Reads an argument. It is split at the first `:` outside of brackets, behind `tag:` and `name:`. What
    /// has a `/` before that is a local path, as with scp; so is `C:\…`.
    ///
    /// # Errors
    /// [`Error::Usage`] for an instance whose name is not UTF-8.
    pub(crate) fn parse(text: &OsStr) -> Result<Self> {
        if text == "-" {
            return Ok(Self::Stdio);
        }
        let bytes = text.as_encoded_bytes();
        let local = || Ok(Self::Local(PathBuf::from(text)));
        let Some(at) = split(bytes) else {
            return local();
        };
        let (target, path) = bytes.split_at(at);
        let path = path.get(1..).unwrap_or_default().to_vec();
        let Ok(target) = std::str::from_utf8(target) else {
            let what = tr!(
                "{path}: the instance's name is not UTF-8",
                path = text.display()
            );
            return Err(Error::Usage(what));
        };
        let target = without_brackets(target);
        Ok(Self::Remote { target, path })
    }
}

/// The place of the colon before the path of an instance.
fn split(bytes: &[u8]) -> Option<usize> {
    let first = bytes.iter().position(|byte| *byte == b':')?;
    let before = bytes.get(..first)?;
    let user = before.iter().rposition(|byte| *byte == b'@');
    let host = user.map_or(0, |at| at + 1);
    let rest = bytes.get(host..)?;
    let prefix = [&b"tag:"[..], b"name:"].into_iter();
    let prefix = prefix
        .filter(|prefix| rest.starts_with(prefix))
        .map(<[u8]>::len)
        .next();
    let mut brackets = 0_usize;
    let from = host + prefix.unwrap_or(0);
    let colon = bytes.iter().enumerate().skip(from).find(|(_, byte)| {
        match byte {
            b'[' => brackets += 1,
            b']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        **byte == b':' && brackets == 0
    });
    let (at, _) = colon?;
    let target = bytes.get(..at)?;
    let is_path = prefix.is_none() && target.contains(&b'/');
    let is_drive = matches!(target, [letter] if letter.is_ascii_alphabetic())
        && (cfg!(windows) || bytes.get(at + 1) == Some(&b'\\'));
    (!is_path && !is_drive && !target.is_empty()).then_some(at)
}

/// A target without the brackets around all of it, or around a name, a tag's key or a tag's value with a colon.
fn without_brackets(target: &str) -> String {
    let host = target.rfind('@').map_or(0, |at| at + 1);
    let (user, host) = target.split_at(host);
    if let Some(whole) = enclosed(host) {
        return [user, whole].concat();
    }
    let unquoted = |text| {
        enclosed(text)
            .filter(|inner| inner.contains(':'))
            .unwrap_or(text)
    };
    if let Some(name) = host.strip_prefix("name:") {
        return [user, "name:", unquoted(name)].concat();
    }
    let Some(tag) = host.strip_prefix("tag:") else {
        return target.to_owned();
    };
    match tag
        .match_indices('=')
        .find(|(at, _)| depth(tag.get(..*at)) == Some(0))
    {
        Some((at, _)) => {
            let (key, value) = (
                tag.get(..at).unwrap_or_default(),
                tag.get(at + 1..).unwrap_or_default(),
            );
            [user, "tag:", unquoted(key), "=", unquoted(value)].concat()
        }
        None => target.to_owned(),
    }
}

/// The text between a bracket at the beginning and the one at the end that closes it.
fn enclosed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    (depth(Some(inner)) == Some(0)).then_some(inner)
}

/// The number of brackets that are open at the end of the text; `None` if one is closed that was not opened.
fn depth(text: Option<&str>) -> Option<usize> {
    let mut open = 0_usize;
    for byte in text?.bytes() {
        match byte {
            b'[' => open += 1,
            b']' => open = open.checked_sub(1)?,
            _ => {}
        }
    }
    Some(open)
}

impl CopyDirection {
    /// Reads the arguments SRC… and DST.
    ///
    /// # Errors
    /// [`Error::Usage`] unless exactly one side is one instance.
    pub(crate) fn of(paths: &[OsString]) -> Result<Self> {
        let mut ends = paths
            .iter()
            .map(|path| Endpoint::parse(path))
            .collect::<Result<Vec<_>>>()?;
        let usage = |what: &str| Err(Error::Usage(what.to_owned()));
        let destination = match ends.pop() {
            Some(destination) if !ends.is_empty() => destination,
            _ => return usage(tr!("SRC or DST is missing: axt cp SRC… DST")),
        };
        let from = ends
            .iter()
            .filter(|end| matches!(end, Endpoint::Remote { .. }))
            .count();
        match destination {
            Endpoint::Remote { .. } if from > 0 => usage(tr!(
                "both sides are on instances: copy through this machine, as by axt cp A:FILE - | axt cp - B:FILE"
            )),
            Endpoint::Remote { target, path } => up(ends, target, path),
            _ if from == 0 => usage(tr!(
                "neither side is on an instance: that one is written TARGET:PATH (a local name with a colon: ./A:B)"
            )),
            _ if from < ends.len() => usage(tr!(
                "some SRC are here and some on an instance: a copy has one direction"
            )),
            Endpoint::Stdio => down(ends, None),
            Endpoint::Local(path) => down(ends, Some(path)),
        }
    }
}

fn up(ends: Vec<Endpoint>, target: String, destination: Vec<u8>) -> Result<CopyDirection> {
    let mut sources = Vec::new();
    for end in ends {
        match end {
            Endpoint::Stdio if sources.contains(&None) => {
                return Err(Error::Usage(
                    tr!("standard input can be copied once").into(),
                ));
            }
            Endpoint::Stdio => sources.push(None),
            Endpoint::Local(path) => sources.push(Some(path)),
            Endpoint::Remote { .. } => {}
        }
    }
    Ok(CopyDirection::Up {
        target,
        sources,
        destination,
    })
}

fn down(ends: Vec<Endpoint>, destination: Option<PathBuf>) -> Result<CopyDirection> {
    let mut target = None;
    let mut sources = Vec::new();
    for end in ends {
        if let Endpoint::Remote {
            target: other,
            path,
        } = end
        {
            if target.get_or_insert_with(|| other.clone()) != &other {
                let what =
                    tr!("the SRC are on several instances: one axt cp copies from one of them");
                return Err(Error::Usage(what.into()));
            }
            sources.push(path);
        }
    }
    Ok(CopyDirection::Down {
        target: target.unwrap_or_default(),
        sources,
        destination,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(target: &str, path: &str) -> Endpoint {
        Endpoint::Remote {
            target: target.into(),
            path: path.into(),
        }
    }

    #[test]
    fn paths_are_split_at_the_first_colon_that_counts() {
        for (text, expected) in [
            ("-", Endpoint::Stdio),
            ("i-1:/tmp/x", remote("i-1", "/tmp/x")),
            ("bob@i-1:", remote("bob@i-1", "")),
            ("a@b@i-1:x", remote("a@b@i-1", "x")),
            ("web:a:b", remote("web", "a:b")),
            ("tag:role=web:x:y", remote("tag:role=web", "x:y")),
            ("bob@tag:k=v/w:x", remote("bob@tag:k=v/w", "x")),
            ("name:tag:x", remote("name:tag", "x")),
            ("[fe80::1]:x", remote("fe80::1", "x")),
            ("bob@[fe80::1]:x", remote("bob@fe80::1", "x")),
            ("[web-1]:x", remote("web-1", "x")),
            ("bob@name:[web:1]:x", remote("bob@name:web:1", "x")),
            ("tag:[a:b]=c:x", remote("tag:a:b=c", "x")),
            ("name:web[1]:x", remote("name:web[1]", "x")),
            ("name:[web]:x", remote("name:[web]", "x")),
            ("name:web[a:b]:x", remote("name:web[a:b]", "x")),
            ("[name:web[1]:y]:x", remote("name:web[1]:y", "x")),
            ("tag:[a:b]=[c:d]:x", remote("tag:a:b=c:d", "x")),
            ("tag:[a:b=c:d]:x", remote("tag:[a:b=c:d]", "x")),
            ("name:[web:1:x", Endpoint::Local("name:[web:1:x".into())),
            ("web:user@x:y", remote("web", "user@x:y")),
            ("./a:b", Endpoint::Local("./a:b".into())),
            ("/a:b", Endpoint::Local("/a:b".into())),
            ("a/b:c", Endpoint::Local("a/b:c".into())),
            (":a", Endpoint::Local(":a".into())),
            ("tag:a=b", Endpoint::Local("tag:a=b".into())),
            ("C:\\x", Endpoint::Local("C:\\x".into())),
            ("file", Endpoint::Local("file".into())),
            ("", Endpoint::Local("".into())),
        ] {
            assert_eq!(
                Endpoint::parse(OsStr::new(text)).unwrap(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_copy_has_one_direction() {
        let route = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            CopyDirection::of(&words)
        };
        assert_eq!(
            route(&["a", "-", "web:d"]).unwrap(),
            CopyDirection::Up {
                target: "web".into(),
                sources: vec![Some("a".into()), None],
                destination: b"d".to_vec(),
            }
        );
        assert_eq!(
            route(&["web:a", "web:b", "d"]).unwrap(),
            CopyDirection::Down {
                target: "web".into(),
                sources: vec![b"a".to_vec(), b"b".to_vec()],
                destination: Some("d".into()),
            }
        );
        for (words, said) in [
            (&["web:a"][..], "missing"),
            (&["web:a", "db:b"], "through this machine"),
            (&["a", "b"], "TARGET:PATH"),
            (&["a", "-"], "TARGET:PATH"),
            (&["web:a", "b", "c"], "one direction"),
            (&["web:a", "db:b", "c"], "several instances"),
            (&["-", "-", "web:c"], "once"),
        ] {
            let error = route(words).unwrap_err().to_string();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_hold_any_byte() {
        use std::os::unix::ffi::OsStrExt as _;
        let path: Vec<u8> = (1..=255).collect();
        let typed = [b"web:", &path[..]].concat();
        let end = Endpoint::parse(OsStr::from_bytes(&typed)).unwrap();
        let target = "web".to_owned();
        assert_eq!(end, Endpoint::Remote { target, path });
        assert!(Endpoint::parse(OsStr::from_bytes(b"\xff:x")).is_err());
    }
}
