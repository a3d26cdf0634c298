//! Remembers which instance a target was, for each account and region. It saves time and is never trusted
//! without a check.

use crate::kept;
use crate::openapi::ecs::check_instance_id;
use crate::openapi::signature::sha256_hex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most targets that are remembered.
const MOST: usize = 20_000;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 8 << 20;

/// The file of one account and region. Without a cache directory it is always empty.
#[derive(Debug, Clone)]
pub(crate) struct NameCache {
    path: Option<PathBuf>,
}

/// One remembered target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The target, without user and region.
    pub(crate) target: String,
    /// The instance's id; `None` if several have been found.
    pub(crate) id: Option<String>,
    /// When that was looked up, in seconds since 1970.
    seen: u64,
}

impl Known {
    /// How old this is, unless it comes from the future.
    #[must_use]
    pub(crate) fn age(&self) -> Option<Duration> {
        now().checked_sub(self.seen).map(Duration::from_secs)
    }
}

/// The file's content.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    names: Vec<Known>,
}

impl NameCache {
    /// The file in this cache directory for a region of an account. The account is named by a text without
    /// secrets.
    #[must_use]
    pub(crate) fn new(directory: Option<&Path>, account: &str, region: &str) -> Self {
        let name = format!("{}.json", digest(account, region));
        let path = directory.map(|directory| directory.join("names").join(name));
        Self { path }
    }

    /// Looks a target up.
    #[must_use]
    pub(crate) fn get(&self, target: &str) -> Option<Known> {
        let mut all = self.all().into_iter();
        all.find(|known| known.target == target)
    }

    /// All remembered targets, the newest first.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<Known> {
        let Some(path) = &self.path else {
            return Vec::new();
        };
        match read(path) {
            Ok(content) => content.names,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::info!(path = %path.display(), %error, "the remembered names are not used");
                }
                Vec::new()
            }
        }
    }

    /// Remembers targets, each with its instance; a target that occurs twice is several instances. A
    /// failure to write is only logged.
    pub(crate) fn put(&self, targets: impl IntoIterator<Item = (String, String)>) {
        let Some(path) = &self.path else {
            return;
        };
        let seen = now();
        let mut names: Vec<Known> = Vec::new();
        let mut places = HashMap::new();
        let mut add = |known: Known, is_new: bool| match places.get(&known.target) {
            None => {
                places.insert(known.target.clone(), names.len());
                names.push(known);
            }
            Some(at) if is_new => {
                let other: &mut Known = &mut names[*at];
                if other.id != known.id {
                    other.id = None;
                }
            }
            Some(_) => {}
        };
        for (target, id) in targets {
            let id = Some(id);
            add(Known { target, id, seen }, true);
        }
        for known in self.all() {
            add(known, false);
        }
        names.truncate(MOST);
        let content = serde_json::to_vec(&Content { names });
        let written = content.map_err(io::Error::from);
        let written = written.and_then(|content| kept::write(path, &content));
        if let Err(error) = written {
            tracing::info!(%error, "names can't be remembered");
        }
    }

    /// Forgets a target.
    pub(crate) fn forget(&self, target: &str) {
        let mut names = self.all();
        names.retain(|known| known.target != target);
        let content = serde_json::to_vec(&Content { names });
        if let (Some(path), Ok(content)) = (&self.path, content) {
            let _ = kept::write(path, &content);
        }
    }
}

/// The name of what belongs to a region of an account. The account is named by a text without secrets.
#[must_use]
pub(crate) fn digest(account: &str, region: &str) -> String {
    // The length keeps two pairs of account and region from making one text.
    sha256_hex(format!("{}:{account}{region}", account.len()).as_bytes())
}

/// Reads the file. Any program may have written it, so texts that are not instance ids are left out.
fn read(path: &Path) -> io::Result<Content> {
    let mut text = Vec::new();
    // A read of a pipe or a device might never end.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("it is too long"));
    }
    let mut content: Content = serde_json::from_slice(&text)?;
    content.names.retain(|known| {
        let id = known.id.as_deref();
        id.is_none_or(|id| check_instance_id(id).is_ok())
            && !known.target.contains(char::is_control)
    });
    content.names.truncate(MOST);
    Ok(content)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(target: &str, id: &str) -> (String, String) {
        (target.into(), id.into())
    }

    #[test]
    fn the_newest_knowledge_wins_and_what_is_several_has_no_id() {
        let dir = tempfile::tempdir().unwrap();
        let cache = NameCache::new(Some(dir.path()), "LTAI", "cn-beijing");
        assert_eq!(cache.get("web"), None);
        cache.put([
            pair("web", "i-1"),
            pair("db", "i-2"),
            pair("x", "i-3"),
            pair("x", "i-4"),
        ]);
        cache.put([pair("web", "i-9")]);
        let id = |target: &str| cache.get(target).map(|known| known.id);
        assert_eq!(id("web"), Some(Some("i-9".into())));
        assert_eq!(id("db"), Some(Some("i-2".into())));
        assert_eq!(id("x"), Some(None));
        assert!(cache.get("db").unwrap().age().is_some());
        cache.forget("db");
        assert_eq!(id("db"), None);
        for (account, region) in [("LTAI", "cn-qingdao"), ("LTAIcn", "-beijing"), ("", "")] {
            let other = NameCache::new(Some(dir.path()), account, region);
            assert_eq!(other.get("web"), None);
        }
        NameCache::new(None, "LTAI", "cn-beijing").put([pair("web", "i-1")]);
    }

    #[test]
    fn broken_and_hostile_files_say_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = NameCache::new(Some(dir.path()), "a", "b");
        let path = cache.path.clone().unwrap();
        for text in [
            "",
            "{\"names\":",
            "[]",
            "{\"names\":[{\"target\":\"web\",\"id\":\"../x\",\"seen\":1}]}",
            "{\"names\":[{\"target\":\"we\\u001bb\",\"id\":\"i-1\",\"seen\":1}]}",
            "{\"names\":[{\"target\":\"web\",\"id\":\"i-1\",\"seen\":-1}]}",
        ] {
            kept::write(&path, text.as_bytes()).unwrap();
            assert_eq!(cache.all(), [], "{text}");
        }
        let future = "{\"names\":[{\"target\":\"web\",\"id\":\"i-1\",\"seen\":99999999999999}]}";
        kept::write(&path, future.as_bytes()).unwrap();
        assert_eq!(cache.get("web").unwrap().age(), None);
        kept::write(&path, &vec![b' '; 9 << 20]).unwrap();
        assert_eq!(cache.all(), []);
        cache.put([pair("web", "i-1")]);
        assert_eq!(cache.all().len(), 1);
    }
}
