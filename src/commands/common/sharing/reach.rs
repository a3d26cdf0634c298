//! Reaching a holder: by its socket, or by starting it.

use super::start::{StartMessage, changed_variables};
use crate::cli::HOLDER;
use crate::share::{Answer, Conn, HolderFiles, HolderRequest};
use serde::Serialize;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

/// The time that a holder may be silent before it has taken a command.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// The time that a holder has to start: longer, as many may be started at once.
const START: Duration = Duration::from_secs(2);

/// The interval at which the socket of a holder that is being started is tried.
const RETRY: Duration = Duration::from_millis(5);

/// Connects to the holder at this place; `None` if there is none.
pub(crate) async fn connect_to_holder(place: &HolderFiles) -> io::Result<Option<Conn>> {
    match UnixStream::connect(&place.socket).await {
        Ok(stream) => Conn::of(stream).map(Some),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}

/// Waits for a holder's greeting: its version and its process.
pub(crate) async fn greeted(conn: &mut Conn, limit: Duration) -> Result<(String, u32), String> {
    match timeout(limit, conn.receive::<Answer>()).await {
        Ok(Ok(Some(Answer::Hello { version, pid }))) => Ok((version, pid)),
        Ok(Ok(None)) => Err(ended()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(Some(_))) => Err(invalid()),
        Err(_) => Err(silent()),
    }
}

/// Asks something of a holder that has greeted.
///
/// # Errors
/// The reason why there is no answer within `limit`.
pub(crate) async fn answer(
    conn: &mut Conn,
    asked: &HolderRequest,
    limit: Duration,
) -> Result<Answer, String> {
    let answer = async {
        conn.send(asked, &[]).await?;
        conn.receive::<Answer>().await
    };
    let answer = timeout(limit, answer).await;
    let answer = answer.map_err(|_| silent())?;
    let answer = answer.map_err(|error| error.to_string())?;
    answer.ok_or_else(ended)
}

/// Connects to the holder at this place and waits for its greeting. Where there is none, and this process
/// is the first to see that, `start` is asked for what to start one with.
pub(super) async fn reach(
    place: &HolderFiles,
    starts: bool,
    start: impl AsyncFnOnce() -> Result<StartMessage, String>,
) -> Result<Conn, String> {
    let text = |error: io::Error| error.to_string();
    let by = Instant::now() + PATIENCE;
    loop {
        if let Some(mut conn) = connect_to_holder(place).await.map_err(text)? {
            let (version, _) = greeted(&mut conn, PATIENCE).await?;
            if version != env!("CARGO_PKG_VERSION") {
                return Err(tr!(
                    "the process that holds the session is axt {version}",
                    version
                ));
            }
            return Ok(conn);
        }
        if !starts {
            return Err(tr!("no process holds one").into());
        }
        if let Some(lock) = place.lock().map_err(text)? {
            return launch(&start().await?, &lock).await;
        }
        if Instant::now() >= by {
            return Err(silent());
        }
        sleep(RETRY).await;
    }
}

/// Starts a holder.
async fn launch(start: &StartMessage, lock: &File) -> Result<Conn, String> {
    let (ours, its) = Socket::pair().map_err(|error| error.to_string())?;
    let mut conn = Conn::new(ours).map_err(|error| error.to_string())?;
    let started = spawn(its);
    started.map_err(|error| {
        tr!(
            "the process that holds the session can't be started: {error}",
            error
        )
    })?;
    begin(&mut conn, start, lock).await?;
    Ok(conn)
}

/// Gives a new holder its start message and the lock, and waits for its greeting.
async fn begin(conn: &mut Conn, start: &impl Serialize, lock: &File) -> Result<(), String> {
    let given = timeout(START, conn.send(start, &[lock.as_fd()])).await;
    let given = given.map_err(|_| silent())?;
    given.map_err(|error| {
        tr!(
            "the process that holds the session did not take its start message: {error}",
            error
        )
    })?;
    greeted(conn, START).await.map(drop)
}

/// Starts a holder with `its` as its standard input. It inherits no other descriptor.
fn spawn(its: Socket) -> io::Result<()> {
    // This closes descriptors that this process has inherited. Its own are never passed on.
    close_fds::set_fds_cloexec(3, &[]);
    let mut command = Command::new(std::env::current_exe()?);
    let [name, words @ ..] = HOLDER;
    command.arg0(name).args(words);
    command.stdin(Stdio::from(OwnedFd::from(its)));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for (name, value) in changed_variables() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Nobody waits for it: it stays when this process ends.
    command.spawn().map(drop)
}

/// The message for a process that gives no answer in time.
pub(crate) fn silent() -> String {
    tr!("the process that holds the session does not answer").into()
}

/// The message for a process that has ended instead of answering.
pub(super) fn ended() -> String {
    tr!("the process that holds the session has ended").into()
}

/// The message for an answer that does not fit the request.
pub(crate) fn invalid() -> String {
    tr!("the process that holds the session sent an invalid message").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use tempfile::TempDir;

    /// A place of its own, and its directory.
    fn place() -> (HolderFiles, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().as_os_str().to_owned();
        let env = move |name: &str| (name == "XDG_RUNTIME_DIR").then(|| runtime.clone());
        (HolderFiles::of(&"a".repeat(32), &env).unwrap(), dir)
    }

    /// The reason why there is no holder, and how long it took to see that.
    async fn seen(place: &HolderFiles) -> (String, Duration) {
        let begun = Instant::now();
        let start = async || Err("one would be started".to_owned());
        let why = reach(place, true, start).await.err().unwrap();
        (why, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_silent_or_has_not_begun_is_given_up_after_a_second() {
        let (here, _dir) = place();
        let listener = UnixListener::bind(&here.socket).unwrap();
        let (why, spent) = seen(&here).await;
        assert_eq!(
            (why.as_str(), spent.as_secs()),
            ("the process that holds the session does not answer", 1)
        );
        assert!(spent < PATIENCE * 11 / 10, "{spent:?}");
        drop(listener);
        // A process that was stopped while it started one.
        let lock = here.lock().unwrap().unwrap();
        let (why, spent) = seen(&here).await;
        assert_eq!(why, silent());
        assert!(spent < PATIENCE * 11 / 10, "{spent:?}");
        drop(lock);
        // Nobody waits for one that was killed.
        let (why, spent) = seen(&here).await;
        assert_eq!((&*why, spent), ("one would be started", Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_while_it_starts_is_given_up_after_two_seconds() {
        let (ours, _its) = Socket::pair().unwrap();
        let mut conn = Conn::new(ours).unwrap();
        let begun = Instant::now();
        let lock = tempfile::tempfile().unwrap();
        let why = begin(&mut conn, &"start", &lock).await.unwrap_err();
        assert_eq!(why, silent());
        assert!(begun.elapsed() < START * 11 / 10, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_another_version_or_that_makes_no_sense_is_given_up_at_once() {
        for (bytes, why) in [
            (
                &br#"{"Hello":{"version":"0.0.1","pid":1}}"#[..],
                "the process that holds the session is axt 0.0.1",
            ),
            (br#""Pong""#, &*invalid()),
            (b"?", "expected value at line 1 column 1"),
        ] {
            let (here, _dir) = place();
            let listener = UnixListener::bind(&here.socket).unwrap();
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::UnixListener::from_std(listener).unwrap();
            let answers = async {
                let (stream, _) = listener.accept().await.unwrap();
                let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
                stream.writable().await.unwrap();
                stream.try_write(&[&length[..], bytes].concat()).unwrap();
                stream
            };
            let (seen, _stream) = tokio::join!(seen(&here), answers);
            assert_eq!(seen, (why.to_owned(), Duration::ZERO));
        }
    }
}
