//! The state that the files of one copy share: the session, the options, the counts.

use super::failure::CopyFailure;
use super::meter::Meter;
use super::remote_side::RemoteSide;
use super::remote_side::done::{LOCKED, ScriptResult};
use super::run_id::RunId;
use crate::commands::common::report;
use crate::copy::{Digests, FileState, PART, Script};
use crate::ui::Ui;

/// A copy of one or more files.
pub(super) struct CopyJob<'a> {
    /// The session.
    pub(super) side: RemoteSide<'a>,
    /// Copies get the mode and the time of their source.
    pub(super) preserve: bool,
    /// Nothing of an interrupted copy is used.
    pub(super) afresh: bool,
    /// This process's umask.
    pub(super) umask: u32,
    /// This run.
    run: RunId,
    /// Another run that is over, whose locks count for nothing.
    dead: String,
    /// The amount that was copied.
    pub(super) meter: Meter,
    /// The results of the files.
    pub(super) tally: Tally,
    ui: &'a Ui,
}

/// The counts of files, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Files that were copied and verified.
    copied: u64,
    /// Their bytes.
    bytes: u64,
    /// Files that were the same already.
    unchanged: u64,
    /// Files that could not be copied.
    pub(super) failed: u64,
    digests: Option<Digests>,
}

impl<'a> CopyJob<'a> {
    /// A copy over this session.
    pub(super) fn new(side: RemoteSide<'a>, run: RunId, ui: &'a Ui) -> Self {
        Self {
            side,
            preserve: false,
            afresh: false,
            umask: 0o077,
            run,
            dead: String::new(),
            meter: Meter::default(),
            tally: Tally::default(),
            ui,
        }
    }

    /// Asks the remote side something.
    ///
    /// # Errors
    /// [`CopyFailure::All`] when the session ends; [`CopyFailure::File`] for a script that fails.
    pub(super) async fn ask(&mut self, script: Script) -> Result<Vec<u8>, CopyFailure> {
        let (done, said) = self.side.ask(script).await?;
        match done.status {
            0 => Ok(said),
            _ => Err(CopyFailure::remote(&done)),
        }
    }

    /// Asks the remote side something about a file to which others may be copying.
    ///
    /// # Errors
    /// [`CopyFailure::All`] when the session ends; [`CopyFailure::File`] for a script that fails, or if another copy
    /// has the file.
    pub(super) async fn ask_locked(
        &mut self,
        script: impl Fn() -> Script,
    ) -> Result<Vec<u8>, CopyFailure> {
        loop {
            let (done, said) = self.side.ask(self.lockable(script())).await?;
            match self.settled(&done, &said) {
                Ok(true) => return Ok(said),
                Ok(false) => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// The name of the directories that this run uses for the parts of small files.
    pub(super) fn folder_of_parts(&self) -> String {
        format!(".{}{PART}", self.run.token)
    }

    /// The same script, which can take a lock.
    pub(super) fn lockable(&self, script: Script) -> Script {
        script.set("token", &self.run.token).set("free", &self.dead)
    }

    /// True if a script has done its work. If not, it may be asked again: the run that was in its way is
    /// over.
    fn settled(&mut self, done: &ScriptResult, said: &[u8]) -> Result<bool, CopyFailure> {
        match done.status {
            0 => Ok(true),
            LOCKED => {
                let token = String::from_utf8_lossy(said);
                let token = token.trim();
                if token == self.dead || !self.run.is_of_a_dead_run(token) {
                    return Err(CopyFailure::remote(done));
                }
                token.clone_into(&mut self.dead);
                tracing::info!("what a killed run has left behind is taken over");
                Ok(false)
            }
            _ => Err(CopyFailure::remote(done)),
        }
    }

    /// The time that a copy of this file gets, if it is to have its source's.
    pub(super) fn time_of(&self, state: &FileState) -> Option<i64> {
        if self.preserve && state.time.is_none() {
            tracing::info!("the instance has no stat, which tells times: they are not kept");
        }
        state.time.filter(|_| self.preserve)
    }

    /// Counts a file that was copied, and whose digest was compared.
    pub(super) fn copied(&mut self, name: &str, bytes: u64, digests: Digests) {
        tracing::info!("{name}: {bytes} bytes, {} verified", digests.name());
        self.tally.copied += 1;
        self.tally.bytes += bytes;
        self.tally.digests = Some(digests);
    }

    /// Counts a file that was the same already.
    pub(super) fn unchanged(&mut self, name: &str, bytes: u64) {
        self.meter.settle(bytes, 0);
        tracing::info!("{name}: unchanged");
        self.tally.unchanged += 1;
    }

    /// Reports the parts of a tree that could not be listed: each line of the script's standard error names one and
    /// the reason.
    pub(super) fn not_listed(&mut self, name: &str, done: &ScriptResult) {
        let lines: Vec<_> = done.errors.lines().map(str::trim).collect();
        let said = lines.iter().filter(|line| !line.is_empty());
        let mut why: Vec<_> = said.map(|line| CopyFailure::said(line)).collect();
        if why.is_empty() {
            why.push(CopyFailure::remote(done));
        }
        for why in why {
            if let CopyFailure::File(why) = why {
                self.failed(name, &why);
            }
        }
    }

    /// Reports files that could not be copied. A failure that concerns more than them is returned.
    pub(super) fn all_failed<'n>(
        &mut self,
        names: impl IntoIterator<Item = &'n String>,
        failure: CopyFailure,
    ) -> Result<(), CopyFailure> {
        let CopyFailure::File(why) = failure else {
            return Err(failure);
        };
        names.into_iter().for_each(|name| self.failed(name, &why));
        Ok(())
    }

    /// Reports a file that could not be copied.
    pub(super) fn failed(&mut self, name: &str, why: &str) {
        self.tally.failed += 1;
        report::reason_of(self.ui, name, why);
    }
}

impl Tally {
    /// The counts in one line.
    pub(super) fn line(&self) -> String {
        let files = |count: u64| match count {
            1 => tr!("1 file").to_owned(),
            count => tr!("{count} files", count),
        };
        let mut parts = Vec::new();
        if let Some(digests) = self.digests {
            let (copied, name) = (files(self.copied), digests.name());
            parts.push(tr!(
                "{copied}, {bytes} bytes: {name} verified",
                copied,
                bytes = self.bytes,
                name
            ));
        }
        if self.unchanged > 0 {
            parts.push(tr!("{files} unchanged", files = files(self.unchanged)));
        }
        if self.failed > 0 {
            parts.push(tr!("{files} not copied", files = files(self.failed)));
        }
        parts.join(tr!("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_tells_what_was_verified() {
        let mut tally = Tally {
            copied: 2,
            bytes: 30,
            digests: Some(Digests::Sha256),
            ..Tally::default()
        };
        assert_eq!(tally.line(), "2 files, 30 bytes: SHA-256 verified");
        (tally.unchanged, tally.failed) = (1, 3);
        assert_eq!(
            tally.line(),
            "2 files, 30 bytes: SHA-256 verified; 1 file unchanged; 3 files not copied"
        );
        assert_eq!(Tally::default().line(), "");
    }
}
