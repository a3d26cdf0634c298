//! Standard input that is read only when asked, on a thread of its own.
//!
//! A read of stdin can't be cancelled, and the runtime would wait for it at the end of the program. Bytes
//! that are read are lost to the next reader of stdin, so nothing is read ahead. A terminal needs no thread
//! where the system has a way to read it without blocking: each key would wake the thread first.

#[cfg(target_os = "linux")]
use super::keyboard::Keyboard;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, ready};
use std::thread;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc as answers;

/// The most that is read at once, in bytes.
const MAX_CHUNK: usize = 32 * 1024;
/// The reading thread calls read(2) and little else; in bytes.
const STACK: usize = 64 * 1024;

/// A blocking reader made asynchronous: each read is begun by a poll, for no more than that poll's room.
///
/// Bytes asked for by a poll whose caller went away are kept for the next. Dropping it never waits: a
/// read under way ends with the process.
#[derive(Debug)]
pub struct Stdin(InputSource);

#[derive(Debug)]
enum InputSource {
    Thread(Thread),
    #[cfg(target_os = "linux")]
    Keyboard(Keyboard),
}

/// The other end of the thread that reads.
#[derive(Debug)]
struct Thread {
    requests: mpsc::SyncSender<Vec<u8>>,
    chunks: answers::Receiver<io::Result<Vec<u8>>>,
    /// The bytes that were read; those from `taken` on have not been taken yet.
    chunk: Vec<u8>,
    taken: usize,
    stage: ReadStage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadStage {
    Idle,
    Asked,
    Ended,
}

impl Stdin {
    /// This process's standard input.
    pub fn open() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(keyboard) = Keyboard::open() {
            return Ok(Self(InputSource::Keyboard(keyboard)));
        }
        #[cfg(unix)]
        let reader = unbuffered::Stdin::open()?;
        #[cfg(windows)]
        let reader = io::stdin();
        Self::new(reader)
    }

    /// Any blocking reader. It is not read from before the first poll.
    pub fn new(reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (requests, asked) = mpsc::sync_channel(1);
        let (answer, chunks) = answers::channel(1);
        thread::Builder::new()
            .name("stdin".into())
            .stack_size(STACK)
            .spawn(move || serve(reader, &asked, &answer))?;
        Ok(Self(InputSource::Thread(Thread {
            requests,
            chunks,
            chunk: Vec::new(),
            taken: 0,
            stage: ReadStage::Idle,
        })))
    }
}

impl Thread {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 || self.deliver(buf) {
            return Poll::Ready(Ok(()));
        }
        if self.stage == ReadStage::Idle {
            self.ask(buf.remaining());
        }
        if self.stage == ReadStage::Ended {
            return Poll::Ready(Ok(()));
        }
        let answer = ready!(self.chunks.poll_recv(cx));
        self.stage = ReadStage::Idle;
        match answer {
            Some(Ok(chunk)) if !chunk.is_empty() => {
                self.chunk = chunk;
                self.deliver(buf);
            }
            Some(Err(error)) => return Poll::Ready(Err(error)),
            Some(Ok(_)) | None => self.stage = ReadStage::Ended,
        }
        Poll::Ready(Ok(()))
    }

    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let rest = self.chunk.get(self.taken..).unwrap_or_default();
        let (now, _) = rest.split_at(rest.len().min(buf.remaining()));
        buf.put_slice(now);
        self.taken += now.len();
        !now.is_empty()
    }

    fn ask(&mut self, room: usize) {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.clear();
        chunk.resize(room.min(MAX_CHUNK), 0);
        self.taken = 0;
        // There is room for one request and at most one is out, so an error means the thread is gone.
        self.stage = match self.requests.try_send(chunk) {
            Ok(()) => ReadStage::Asked,
            Err(_) => ReadStage::Ended,
        };
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            InputSource::Thread(thread) => thread.poll_read(cx, buf),
            #[cfg(target_os = "linux")]
            InputSource::Keyboard(keyboard) => keyboard.poll_read(cx, buf),
        }
    }
}

fn serve(
    mut reader: impl Read,
    asked: &mpsc::Receiver<Vec<u8>>,
    answer: &answers::Sender<io::Result<Vec<u8>>>,
) {
    while let Ok(mut chunk) = asked.recv() {
        let read = read_once(&mut reader, &mut chunk).map(|count| {
            chunk.truncate(count);
            chunk
        });
        if answer.blocking_send(read).is_err() {
            return;
        }
    }
}

fn read_once(reader: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(unix)]
mod unbuffered {
    //! Standard input without the standard library's buffer, which would read ahead.

    use super::end_of_unreadable;
    use rustix::event::{PollFd, PollFlags, poll};
    use std::fs::File;
    use std::io::{self, Read};
    use std::os::fd::AsFd;

    pub(super) struct Stdin {
        file: File,
    }

    impl Stdin {
        pub(super) fn open() -> io::Result<Self> {
            let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            Ok(Self { file })
        }
    }

    impl Read for Stdin {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            loop {
                match self.file.read(buf) {
                    // Another program that shares this terminal may have made it non-blocking.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        poll(&mut [PollFd::new(&self.file, PollFlags::IN)], None)?;
                    }
                    done => return end_of_unreadable(done),
                }
            }
        }
    }
}

/// A standard input that can't be read at all has ended, as with ssh: nohup opens /dev/null for writing
/// only, and it may be a directory.
#[cfg(unix)]
pub(crate) fn end_of_unreadable(read: io::Result<usize>) -> io::Result<usize> {
    use rustix::io::Errno;
    read.or_else(|error| match Errno::from_io_error(&error) {
        Some(Errno::BADF | Errno::ISDIR) => {
            tracing::info!(%error, "standard input can't be read: it counts as ended");
            Ok(0)
        }
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    /// A reader that tells how much room each read had, and answers what the test says.
    struct Script {
        rooms: answers::UnboundedSender<usize>,
        answers: mpsc::Receiver<io::Result<Vec<u8>>>,
    }

    impl Read for Script {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.rooms.send(buf.len()).unwrap();
            let bytes = self.answers.recv().unwrap_or(Ok(Vec::new()))?;
            buf[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }

    type Say = mpsc::Sender<io::Result<Vec<u8>>>;

    fn scripted() -> (Stdin, answers::UnboundedReceiver<usize>, Say) {
        let (rooms, seen) = answers::unbounded_channel();
        let (say, answers) = mpsc::channel();
        (Stdin::new(Script { rooms, answers }).unwrap(), seen, say)
    }

    #[tokio::test]
    async fn a_read_begins_only_when_asked_for_and_takes_no_more() {
        let (mut stdin, mut rooms, say) = scripted();
        say.send(Ok(b"abc".to_vec())).unwrap();
        say.send(Ok(b"d".to_vec())).unwrap();
        assert_eq!(stdin.read(&mut [0; 5]).await.unwrap(), 3);
        assert_eq!(rooms.recv().await, Some(5));
        // Ending the thread shows that no second read had begun: it would have reported its room.
        drop(stdin);
        assert_eq!(rooms.recv().await, None);
    }

    #[tokio::test]
    async fn no_chunk_is_larger_than_the_limit() {
        let (mut stdin, mut rooms, say) = scripted();
        say.send(Ok(b"x".to_vec())).unwrap();
        assert_eq!(stdin.read(&mut [0; 100_000]).await.unwrap(), 1);
        assert_eq!(rooms.recv().await, Some(MAX_CHUNK));
    }

    #[tokio::test]
    async fn an_abandoned_read_loses_nothing() {
        let (mut stdin, mut rooms, say) = scripted();
        let mut big = [0; 8];
        tokio::select! {
            biased;
            _ = stdin.read(&mut big) => panic!("nothing was typed"),
            _ = rooms.recv() => {}
        }
        say.send(Ok(b"abcdef".to_vec())).unwrap();
        let (mut small, mut rest) = ([0; 4], [0; 8]);
        assert_eq!(stdin.read(&mut small).await.unwrap(), 4);
        assert_eq!(stdin.read(&mut rest).await.unwrap(), 2);
        assert_eq!((&small, &rest[..2]), (b"abcd", &b"ef"[..]));
    }

    #[tokio::test]
    async fn errors_and_the_end_are_told_and_the_end_stays() {
        let (mut stdin, _rooms, say) = scripted();
        say.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
        say.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        say.send(Ok(b"x".to_vec())).unwrap();
        drop(say);
        let error = stdin.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        for expected in [1, 0, 0] {
            assert_eq!(stdin.read(&mut [0; 1]).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn dropping_does_not_wait_for_a_read() {
        let (mut stdin, mut rooms, say) = scripted();
        let mut buf = [0; 1];
        tokio::select! {
            biased;
            _ = stdin.read(&mut buf) => panic!("nothing was typed"),
            _ = rooms.recv() => {}
        }
        drop(stdin);
        // The read is still under way, and ends here.
        drop(say);
        assert_eq!(rooms.recv().await, None);
    }
}
