//! The files of holders, in a directory that only this user can enter.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The longest path that every system takes for a socket, in bytes.
const LONGEST: usize = 103;

/// The length of a socket's name.
const NAME: usize = 32;

/// Looks an environment variable up.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The files of one holder: its socket, and a lock that it keeps while it runs.
#[derive(Debug, Clone)]
pub(crate) struct HolderFiles {
    /// The socket.
    pub(crate) socket: PathBuf,
    lock: PathBuf,
}

impl HolderFiles {
    /// The place of this name, in hexadecimal digits. Its directory is made if it is missing.
    ///
    /// # Errors
    /// The system's error; of kind `PermissionDenied` for a directory that isn't this user's alone.
    pub(crate) fn of(name: &str, env: Variables<'_>) -> io::Result<Self> {
        let name = name.get(..NAME).unwrap_or(name);
        let fits = |folder: &PathBuf| folder.as_os_str().len() + 1 + name.len() <= LONGEST;
        let mut unfit = io::ErrorKind::InvalidFilename.into();
        for folder in folders(env).into_iter().filter(fits) {
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if can_not_be_there(&error) => {
                    unfit = error;
                    continue;
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            check(&folder)?;
            return Ok(Self::at(folder.join(name)));
        }
        Err(unfit)
    }

    fn at(socket: PathBuf) -> Self {
        let lock = socket.with_extension("lock");
        Self { socket, lock }
    }

    /// Takes the lock. `None` means that a holder has it, or a process that is starting one.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        loop {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&self.lock)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The process that had the lock may have removed the file in the meantime.
            if self.is_locked_by(&file)? {
                return Ok(Some(file));
            }
        }
    }

    /// True if this file is the one that others try to lock.
    fn is_locked_by(&self, lock: &File) -> io::Result<bool> {
        let (here, held) = (fs::metadata(&self.lock), lock.metadata()?);
        Ok(here.is_ok_and(|here| (here.dev(), here.ino()) == (held.dev(), held.ino())))
    }

    /// Listens on the socket, and replaces one that a killed holder has left. The caller must have the
    /// lock.
    pub(crate) fn listen(&self) -> io::Result<UnixListener> {
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&self.socket)?;
        fs::set_permissions(&self.socket, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Removes the files of the holder that has this lock. Where somebody has removed them, those that are
    /// there now may be another holder's.
    pub(crate) fn clear(&self, lock: &File) {
        if !self.is_locked_by(lock).unwrap_or(false) {
            return;
        }
        for path in [&self.socket, &self.lock] {
            if let Err(error) = fs::remove_file(path) {
                tracing::info!(%error, path = %path.display(), "it could not be removed");
            }
        }
    }
}

/// The places of this user that have a socket, and what is wrong with directories that have none to be used.
pub(crate) fn all(env: Variables<'_>) -> (Vec<HolderFiles>, Vec<io::Error>) {
    let (mut places, mut unfit) = (Vec::new(), Vec::new());
    for folder in folders(env) {
        match sockets(&folder) {
            Ok(sockets) => places.extend(sockets.into_iter().map(HolderFiles::at)),
            Err(error) if can_not_be_there(&error) => {}
            Err(error) => unfit.push(error),
        }
    }
    places.sort_by(|one, other| one.socket.cmp(&other.socket));
    (places, unfit)
}

/// The sockets in a directory that is this user's alone.
fn sockets(folder: &Path) -> io::Result<Vec<PathBuf>> {
    check(folder)?;
    let mut sockets = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.len() == NAME) {
            sockets.push(path);
        }
    }
    Ok(sockets)
}

/// True if this error means that no holder can ever have made this directory. A full disk is no such error:
/// all processes of a user have to choose the same directory.
fn can_not_be_there(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let kinds = [
        NotADirectory,
        NotFound,
        PermissionDenied,
        ReadOnlyFilesystem,
    ];
    // The system's own: `check` makes errors of these kinds too.
    error.raw_os_error().is_some() && kinds.contains(&error.kind())
}

/// The directories that may be used, the best first. Under sudo, XDG_RUNTIME_DIR is that of another user.
fn folders(env: Variables<'_>) -> Vec<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let is_own = |path: &PathBuf| fs::metadata(path).is_ok_and(|data| data.uid() == user);
    let runtime = absolute("XDG_RUNTIME_DIR").filter(is_own);
    let private = format!("axt-{user}");
    let temporary = absolute("TMPDIR").map(|folder| folder.join(&private));
    let mut folders: Vec<PathBuf> = runtime.map(|f| f.join("axt")).into_iter().collect();
    folders.extend(temporary);
    folders.push(Path::new("/tmp").join(&private));
    folders.dedup();
    folders
}

/// Checks that a directory is this user's alone.
fn check(folder: &Path) -> io::Result<()> {
    let data = fs::symlink_metadata(folder)?;
    let problem = if !data.is_dir() {
        tr!("is not a directory")
    } else if data.uid() != rustix::process::geteuid().as_raw() {
        tr!("belongs to another user")
    } else if data.mode() & 0o077 != 0 {
        tr!("is open to other users")
    } else {
        return Ok(());
    };
    let what = format!("{} {problem}", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

    fn env(runtime: &Path) -> impl Fn(&str) -> Option<OsString> {
        move |name| (name == "XDG_RUNTIME_DIR").then(|| runtime.as_os_str().to_owned())
    }

    #[test]
    fn the_directory_is_made_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let place = HolderFiles::of(KEY, &env(dir.path())).unwrap();
        let folder = dir.path().join("axt");
        assert_eq!(place.socket, folder.join(&KEY[..NAME]));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let lock = place.lock().unwrap().unwrap();
        assert!(place.lock().unwrap().is_none());
        let listener = place.listen().unwrap();
        assert_eq!(mode(&place.socket), 0o600);
        let (found, _) = all(&env(dir.path()));
        assert!(found.iter().any(|found| found.socket == place.socket));
        drop(listener);
        // A socket that nobody serves any more is replaced.
        drop(place.listen().unwrap());
        place.clear(&lock);
        drop(lock);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        assert!(place.lock().unwrap().is_some());
    }

    #[test]
    fn files_of_another_holder_are_left_where_somebody_removed_ones_own() {
        let dir = tempfile::tempdir().unwrap();
        let place = HolderFiles::of(KEY, &env(dir.path())).unwrap();
        let removed = place.lock().unwrap().unwrap();
        fs::remove_dir_all(dir.path().join("axt")).unwrap();
        let place = HolderFiles::of(KEY, &env(dir.path())).unwrap();
        let _lock = place.lock().unwrap().unwrap();
        let _listener = place.listen().unwrap();
        place.clear(&removed);
        assert!(place.socket.exists() && place.lock.exists());
    }

    #[test]
    fn where_no_directory_can_be_made_the_next_one_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let temporary = |name: &str| (name == "TMPDIR").then(|| missing.clone().into());
        let place = HolderFiles::of(KEY, &temporary).unwrap();
        let user = rustix::process::geteuid().as_raw();
        assert!(place.socket.starts_with(format!("/tmp/axt-{user}")));
    }

    #[test]
    fn a_directory_that_can_not_be_used_hides_no_holder_in_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = HolderFiles::of(KEY, &env(dir.path())).unwrap();
        let _lock = place.lock().unwrap().unwrap();
        let _listener = place.listen().unwrap();
        let user = rustix::process::geteuid().as_raw();
        let open = dir.path().join(format!("axt-{user}"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        let env = |name: &str| {
            ["XDG_RUNTIME_DIR", "TMPDIR"]
                .contains(&name)
                .then(|| dir.path().into())
        };
        let (found, unfit) = all(&env);
        assert!(found.iter().any(|found| found.socket == place.socket));
        let unfit: Vec<_> = unfit.iter().map(ToString::to_string).collect();
        let expected = format!("{} is open to other users", open.display());
        assert!(unfit.contains(&expected), "{unfit:?}");
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("axt");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        let error = HolderFiles::of(KEY, &env(dir.path())).unwrap_err();
        assert!(error.to_string().contains("open to other users"), "{error}");
        fs::remove_dir(&folder).unwrap();
        symlink(dir.path(), &folder).unwrap();
        let error = HolderFiles::of(KEY, &env(dir.path())).unwrap_err();
        assert!(error.to_string().contains("not a directory"), "{error}");
    }

    #[test]
    fn long_paths_and_what_is_not_this_users_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(90));
        fs::create_dir(&long).unwrap();
        let user = rustix::process::geteuid().as_raw();
        let short = PathBuf::from(format!("/tmp/axt-{user}"));
        assert_eq!(folders(&env(&long)), [long.join("axt"), short.clone()]);
        let place = HolderFiles::of(KEY, &env(&long)).unwrap();
        assert!(place.socket.starts_with(&short), "{place:?}");
        // As under sudo: it is there, and somebody else's, or not there at all.
        let missing = dir.path().join("missing");
        assert_eq!(folders(&env(&missing)), std::slice::from_ref(&short));
        let relative = |name: &str| (name == "TMPDIR").then(|| "tmp".into());
        assert_eq!(folders(&relative), [short]);
    }
}
