//! The journal of a refresh token's use, kept until the configuration file has the result.
//!
//! A refresh token is good for one use. The journal says that it is about to be used before it is sent,
//! and takes the server's answer as it comes, before anybody looks at it. What stays is the time between
//! the server's decision and that one write: a login whose run is killed then, or whose answer the network
//! loses, may be used up, and the next run can say so.

use crate::kept;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Room for the answer, in bytes: a disk that is full must show before the token is sent.
const ROOM: usize = 64 * 1024;

/// One use of a refresh token.
#[derive(Serialize, Deserialize)]
pub(super) struct Use {
    /// The profile.
    pub(super) profile: String,
    /// The SHA-256 digest of the refresh token, in hex.
    pub(super) token: String,
    /// The time when it was sent, in seconds since 1970.
    pub(super) time: i64,
}

/// The journal: a file that only its user can read, beside the configuration file.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    begun: Use,
}

impl Journal {
    /// Writes to the disk that the token is about to be used. What follows the first line is room.
    pub(super) fn begin(path: &Path, begun: Use) -> io::Result<Self> {
        let file = prepared(path, &begun).inspect_err(|_| {
            // Without the reserved space the journal is useless.
            let _ = fs::remove_file(path);
        })?;
        let path = path.to_owned();
        Ok(Self { path, file, begun })
    }

    /// Writes the server's answer to the disk.
    pub(super) fn write(&mut self, answer: &[u8]) -> io::Result<()> {
        self.file.write_all(answer)?;
        self.file.sync_all()
    }

    /// The use of a refresh token that the journal records.
    pub(super) fn begun(&self) -> &Use {
        &self.begun
    }

    /// Removes the journal, when nothing depends on it any more.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn prepared(path: &Path, begun: &Use) -> io::Result<File> {
    let mut file = kept::create(path)?;
    let line = serde_json::to_string(begun)? + "\n";
    file.write_all(line.as_bytes())?;
    file.write_all("\n".repeat(ROOM).as_bytes())?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(line.len() as u64))?;
    Ok(file)
}

/// The journal that an earlier run has left, with the server's answer, which may be empty; `None` if there
/// is none that can be read.
pub(super) fn left_behind(path: &Path) -> Option<(Use, Zeroizing<String>)> {
    let text = Zeroizing::new(fs::read_to_string(path).ok()?);
    let (begun, answer) = text.split_once('\n')?;
    let answer = Zeroizing::new(answer.trim().to_owned());
    Some((serde_json::from_str(begun).ok()?, answer))
}
