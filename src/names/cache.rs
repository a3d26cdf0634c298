//! Remembers which instance a target was, for each account and region. It saves time and is never trusted
//! without a check.

use super::meaning::target_of_name;
use crate::kept;
use crate::openapi::ecs::check_instance_id;
use crate::openapi::ecs::instances::ListedInstance;
use crate::openapi::signature::sha256_hex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most targets that are remembered.
const MOST: usize = 20_000;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 8 << 20;

/// A file that nobody has written for so long is removed: its account or its region is no longer used.
const UNUSED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The file of one account and region. Without a cache directory it is always empty.
#[derive(Debug, Clone)]
pub(crate) struct NameCache {
    path: Option<PathBuf>,
}

/// One remembered target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownInstance {
    /// The target, without user and region.
    pub(crate) target: String,
    /// The instance's id; `None` if several have been found, or one that was not up.
    pub(crate) id: Option<String>,
    /// The time when that was looked up, in seconds since 1970.
    seen: u64,
}

impl KnownInstance {
    fn new(target: String, id: String, seen: u64) -> Self {
        let id = Some(id);
        Self { target, id, seen }
    }

    /// The age of this, unless it comes from the future.
    #[must_use]
    pub(crate) fn age(&self) -> Option<Duration> {
        now().checked_sub(self.seen).map(Duration::from_secs)
    }
}

/// The file's content.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    names: Vec<KnownInstance>,
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
    pub(crate) fn get(&self, target: &str) -> Option<KnownInstance> {
        let mut all = self.all().into_iter();
        all.find(|known| known.target == target)
    }

    /// All remembered targets, the newest first.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<KnownInstance> {
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
        self.change(|old| {
            let seen = now();
            let targets = targets.into_iter();
            merged(
                targets.map(|(target, id)| KnownInstance::new(target, id, seen)),
                old,
            )
        });
    }

    /// Remembers a list of instances: `all` of the account and region, or some. A name from a list of some
    /// may belong to another instance too, so it is checked before it is used.
    pub(crate) fn learn<'a>(
        &self,
        instances: impl IntoIterator<Item = &'a ListedInstance>,
        all: bool,
    ) {
        let seen = if all { now() } else { 0 };
        let listed = instances.into_iter().map(|instance| {
            let name = instance.name.as_ref().filter(|name| **name != instance.id);
            let target = name.and_then(|name| target_of_name(name));
            let target = target.unwrap_or_else(|| instance.id.clone());
            // An instance that is not up has to be looked up before a session is tried.
            let id = Some(instance.id.clone()).filter(|_| instance.is_up());
            KnownInstance { target, id, seen }
        });
        let listed: Vec<KnownInstance> = listed.collect();
        self.change(|mut old| {
            if all {
                let ids: HashSet<_> = listed.iter().filter_map(|new| new.id.clone()).collect();
                old.retain(|known| known.id.as_ref().is_some_and(|id| ids.contains(id)));
                return merged(listed, old);
            }
            let known: HashSet<_> = old.iter().map(|known| known.target.clone()).collect();
            let new = listed.into_iter();
            merged(new.filter(|new| !known.contains(&new.target)), old)
        });
    }

    /// Forgets a target.
    pub(crate) fn forget(&self, target: &str) {
        self.change(|mut names| {
            names.retain(|known| known.target != target);
            names
        });
    }

    /// Puts this into the file, as another program might.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn fill(&self, content: &[u8]) -> io::Result<()> {
        self.path
            .as_ref()
            .map_or(Ok(()), |path| kept::write(path, content))
    }

    /// Writes what `change` makes of what is remembered.
    fn change(&self, change: impl FnOnce(Vec<KnownInstance>) -> Vec<KnownInstance>) {
        let Some(path) = &self.path else {
            return;
        };
        let mut names = change(self.all());
        names.truncate(MOST);
        if names.is_empty() && !path.exists() {
            return;
        }
        let content = serde_json::to_vec(&Content { names });
        let written = content.map_err(io::Error::from);
        let written = written.and_then(|content| kept::write(path, &content));
        let folder = path.parent().unwrap_or(path);
        if let Err(error) = written.and_then(|()| kept::remove_old(folder, UNUSED)) {
            tracing::info!(%error, "names can't be remembered");
        }
    }
}

/// The new ones, then the old ones that are about other targets.
fn merged(
    new: impl IntoIterator<Item = KnownInstance>,
    old: Vec<KnownInstance>,
) -> Vec<KnownInstance> {
    let mut names: Vec<KnownInstance> = Vec::new();
    let mut places = HashMap::new();
    for known in new {
        match places.get(&known.target) {
            None => {
                places.insert(known.target.clone(), names.len());
                names.push(known);
            }
            Some(at) => {
                let other: &mut KnownInstance = &mut names[*at];
                if other.id != known.id {
                    other.id = None;
                }
            }
        }
    }
    let others = old.into_iter();
    names.extend(others.filter(|known| !places.contains_key(&known.target)));
    names
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_file_says_nothing_or_what_has_the_form_of_ids(
            target in ".{0,8}", id in "(i-|mi-)?.{0,8}", seen: i64, cut in 0..80usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let cache = NameCache::new(Some(dir.path()), "a", "b");
            let known = serde_json::json!({"target": target, "id": id, "seen": seen});
            let mut text = serde_json::json!({"names": [known]}).to_string().into_bytes();
            text.truncate(text.len().saturating_sub(cut / 2));
            cache.fill(&text).unwrap();
            for known in cache.all() {
                prop_assert!(check_instance_id(&known.id.unwrap()).is_ok());
                prop_assert!(!known.target.contains(char::is_control));
            }
        }
    }

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
    fn lists_are_remembered_as_what_they_tell() {
        let dir = tempfile::tempdir().unwrap();
        let cache = NameCache::new(Some(dir.path()), "a", "cn-beijing");
        let instance = |id: &str, name: &str| ListedInstance {
            name: Some(name.to_owned()),
            ..ListedInstance::new(id, "cn-beijing")
        };
        let knows = |target: &str| {
            let known = cache.get(target);
            known.map(|known| {
                (
                    known.id.clone(),
                    known.age() < Some(Duration::from_secs(60)),
                )
            })
        };
        let one = |id: &str, is_young: bool| Some((Some(id.to_owned()), is_young));
        cache.put([pair("db", "i-2"), pair("old", "i-0")]);
        cache.learn(&[instance("i-1", "web"), instance("i-3", "db")], false);
        assert_eq!(
            (knows("web"), knows("db")),
            (one("i-1", false), one("i-2", true))
        );
        let all = [
            "i-1=web",
            "i-2=db",
            "i-3=db",
            "i-4=i-4",
            "i-5=10.0.0.1",
            "i-6=a@b",
        ];
        let all = all.map(|text| text.split_once('=').unwrap());
        cache.learn(&all.map(|(id, name)| instance(id, name)), true);
        assert_eq!(
            (knows("web"), knows("db")),
            (one("i-1", true), Some((None, true)))
        );
        assert_eq!(knows("i-4"), one("i-4", true));
        assert_eq!(
            (knows("10.0.0.1"), knows("name:10.0.0.1")),
            (None, one("i-5", true))
        );
        assert_eq!(knows("name:a@b"), one("i-6", true));
        assert_eq!(knows("old"), None, "it is gone");
        let stopped = ListedInstance {
            status: Some("Stopped".into()),
            ..instance("i-1", "web")
        };
        cache.learn(&[stopped], true);
        assert_eq!(knows("web"), Some((None, true)));
    }

    #[test]
    fn files_that_nobody_writes_any_more_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let gone = NameCache::new(Some(dir.path()), "gone", "cn-beijing");
        gone.put([pair("web", "i-1")]);
        let path = gone.path.clone().unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - 2 * UNUSED).unwrap();
        let other = NameCache::new(Some(dir.path()), "other", "cn-beijing");
        other.put([pair("web", "i-1")]);
        assert!(!path.exists() && other.get("web").is_some());
    }

    #[test]
    fn broken_and_hostile_files_say_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = NameCache::new(Some(dir.path()), "a", "b");
        for text in [
            "",
            "{\"names\":",
            "[]",
            "{\"names\":[{\"target\":\"web\",\"id\":\"../x\",\"seen\":1}]}",
            "{\"names\":[{\"target\":\"we\\u001bb\",\"id\":\"i-1\",\"seen\":1}]}",
            "{\"names\":[{\"target\":\"web\",\"id\":\"i-1\",\"seen\":-1}]}",
        ] {
            cache.fill(text.as_bytes()).unwrap();
            assert_eq!(cache.all(), [], "{text}");
        }
        let future = "{\"names\":[{\"target\":\"web\",\"id\":\"i-1\",\"seen\":99999999999999}]}";
        cache.fill(future.as_bytes()).unwrap();
        assert_eq!(cache.get("web").unwrap().age(), None);
        cache.fill(&vec![b' '; 9 << 20]).unwrap();
        assert_eq!(cache.all(), []);
        cache.put([pair("web", "i-1")]);
        assert_eq!(cache.all().len(), 1);
    }
}
