//! The file in which the processes of a user note the starts of sessions, with a lock for one at a time.

use super::governor::Starts;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep};

/// The most that the lock is waited for: a process has it for microseconds, unless it was stopped meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pauses between two looks at the lock, at most.
const PAUSE: Duration = Duration::from_millis(10);

/// The most that is read of the file, in bytes.
const LONGEST: u64 = 100;

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct StartsFile(PathBuf);

impl StartsFile {
    /// The file at this path.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Changes what is noted, which no other process does meanwhile. The lock of a process that has
    /// ended is free.
    ///
    /// # Errors
    /// The system's error, such as that of a file system without locks; of kind `WouldBlock` if another process
    /// keeps the lock.
    pub(crate) async fn change<T>(
        &self,
        change: impl FnOnce(&mut Starts, Duration) -> T,
    ) -> io::Result<T> {
        let mut file = self.open()?;
        lock(&file).await?;
        let mut text = Vec::new();
        (&file).take(LONGEST).read_to_end(&mut text)?;
        let mut starts = Starts::from_text(&String::from_utf8_lossy(&text));
        let changed = change(&mut starts, now());
        let text = starts.to_text();
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        Ok(changed)
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                crate::kept::make_folder_of(&self.0)?;
                options.open(&self.0)
            }
            opened => opened,
        }
    }
}

/// Locks the file until it is closed.
async fn lock(file: &File) -> io::Result<()> {
    let by = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() < by => {
                sleep(PAUSE.mul_f64(fastrand::f64())).await;
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

fn now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::governor::Pace;

    const PACE: u32 = 1;

    async fn take(file: &StartsFile) -> io::Result<bool> {
        let now = Duration::ZERO;
        file.change(|starts, at| starts.take(at, Pace::new(PACE), now).is_ok())
            .await
    }

    #[tokio::test]
    async fn what_one_notes_the_next_one_knows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("starts").join("one");
        let file = StartsFile::new(path.clone());
        let taken = [take(&file).await.unwrap(), take(&file).await.unwrap()];
        assert_eq!(taken, [true, true]);
        assert!(!take(&file).await.unwrap());
        assert!(std::fs::metadata(&path).unwrap().len() < LONGEST);
        // What somebody has broken counts for nothing.
        for text in ["", "x", "99999999999999999999999999 1", &"9".repeat(10_000)] {
            std::fs::write(&path, text).unwrap();
            let taken = [(); 3].map(|()| take(&file));
            let taken = futures_util::future::join_all(taken).await;
            let taken = taken.into_iter().filter(|taken| *taken.as_ref().unwrap());
            assert_eq!(taken.count(), 2, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_that_is_kept_hinders_for_a_second_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("starts");
        let kept = File::create(&path).unwrap();
        kept.lock().unwrap();
        let file = StartsFile::new(path);
        let error = take(&file).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(kept);
        assert!(take(&file).await.unwrap());
    }

    #[tokio::test]
    async fn a_place_that_takes_no_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("file");
        std::fs::write(&below, "").unwrap();
        assert!(take(&StartsFile::new(below.join("starts"))).await.is_err());
        assert!(take(&StartsFile::new(dir.path().into())).await.is_err());
    }
}
