//! A command's standard streams as passed descriptors.
//!
//! They are shared with other processes, so that they are never made non-blocking. Each has a thread that
//! waits for it and, at the same time, for the command to be over: what is typed later is not taken.

use super::streams::Streams;
use crate::terminal::stdin::end_of_unreadable;
use crate::terminal::{Stdin, Stdout};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The most bytes that a pipe which is ready takes without blocking.
const PIPE_BUF: usize = 4096;

impl Streams {
    /// Takes standard input, output and error. The first is closed at once if the command doesn't have it.
    pub(crate) fn passed(
        [stdin, stdout, stderr]: [OwnedFd; 3],
        has_stdin: bool,
    ) -> io::Result<Self> {
        let (over, until) = io::pipe()?;
        let over = Arc::new(over);
        let passed = |file: OwnedFd| {
            let over = Arc::clone(&over);
            let file = File::from(file);
            // Anything else may block for longer once it has begun to write.
            let is_plain = file.metadata().is_ok_and(|data| data.is_file());
            Passed {
                file,
                over,
                most: if is_plain { usize::MAX } else { PIPE_BUF },
            }
        };
        let stdin = has_stdin.then(|| Stdin::new(passed(stdin))).transpose()?;
        Ok(Self {
            stdin,
            stdout: Stdout::new(passed(stdout)),
            stderr: Stdout::new(passed(stderr)),
            _over: Some(until),
        })
    }
}

/// A descriptor. A wait for it also ends with its command.
struct Passed {
    file: File,
    over: Arc<PipeReader>,
    /// The most bytes to write at once.
    most: usize,
}

impl Passed {
    /// Waits until it is ready. Returns whether the command is over.
    fn wait(&self, wanted: PollFlags) -> io::Result<bool> {
        let mut watched = [
            PollFd::new(&*self.over, PollFlags::IN),
            PollFd::new(&self.file, wanted),
        ];
        loop {
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    return Ok(watched
                        .first()
                        .is_some_and(|over| !over.revents().is_empty()));
                }
            }
        }
    }
}

impl Read for Passed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.wait(PollFlags::IN)? {
                return Ok(0);
            }
            match self.file.read(buf) {
                // Another program that shares it has made it non-blocking, and was faster.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return end_of_unreadable(done),
            }
        }
    }
}

impl Write for Passed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            if self.wait(PollFlags::OUT)? {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let some = bytes.get(..self.most.min(bytes.len())).unwrap_or_default();
            match self.file.write(some) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_blocked_stream_is_let_go_and_stays_as_it_was() {
        let (input, mut typing) = io::pipe().unwrap();
        let (mut reading, output) = io::pipe().unwrap();
        let (_, error) = io::pipe().unwrap();
        let flags = |fd: &dyn std::os::fd::AsFd| rustix::fs::fcntl_getfl(fd).unwrap();
        let before = (flags(&input), flags(&output));
        let passed = [
            input.as_fd().try_clone_to_owned().unwrap(),
            output.as_fd().try_clone_to_owned().unwrap(),
            error.into(),
        ];
        let mut streams = Streams::passed(passed, true).unwrap();
        typing.write_all(b"first").unwrap();
        let stdin = streams.stdin.as_mut().unwrap();
        let mut buf = [0; 100];
        assert_eq!(stdin.read(&mut buf).await.unwrap(), 5);
        // A read that waits, and more output than the pipe holds.
        tokio::select! {
            biased;
            _ = stdin.read(&mut buf) => panic!("nothing was typed"),
            () = tokio::task::yield_now() => {}
        }
        let write = streams.stdout.write_all(&[b'x'; 100_000]);
        write.await.unwrap();
        assert_eq!((flags(&input), flags(&output)), before);
        drop(streams);
        // The descriptors are closed by their threads: what the pipe holds is all that comes.
        drop(output);
        let mut all = Vec::new();
        reading.read_to_end(&mut all).unwrap();
        assert!(all.len() < 100_000);
        // What is typed now is there for the next reader.
        typing.write_all(b"second").unwrap();
        let mut later = [0; 100];
        let count = (&input).read(&mut later).unwrap();
        assert_eq!(&later[..count], b"second");
    }
}
