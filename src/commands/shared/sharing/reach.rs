//! Reaching a holder: by its socket, or by starting it.

use super::start::{Start, changed_variables};
use crate::share::{Answer, Asked, Conn, Place};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

/// How long a holder may be silent before it has taken a command.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How long a holder may take to start.
const START: Duration = Duration::from_secs(5);

/// How often a socket is tried whose holder is being started.
const RETRY: Duration = Duration::from_millis(5);

/// Connects to the holder at this place; `None` if there is none.
pub(crate) async fn knock(place: &Place) -> io::Result<Option<Conn>> {
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
        Ok(Ok(None)) => Err("it has ended".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(Some(_))) => Err("it does not answer as a holder does".into()),
        Err(_) => Err("it does not answer".into()),
    }
}

/// Asks something of a holder that has greeted.
///
/// # Errors
/// Why there is no answer within `limit`.
pub(crate) async fn answer(
    conn: &mut Conn,
    asked: &Asked,
    limit: Duration,
) -> Result<Answer, String> {
    let answer = async {
        conn.send(asked, &[]).await?;
        conn.receive::<Answer>().await
    };
    let answer = timeout(limit, answer).await;
    let answer = answer.map_err(|_| "it does not answer".to_owned())?;
    let answer = answer.map_err(|error| error.to_string())?;
    answer.ok_or_else(|| "it has ended".to_owned())
}

/// Connects to the holder at this place and waits for its greeting. Where there is none, and this process
/// is the first to see that, `start` is asked for what to start one with.
pub(super) async fn reach(
    place: &Place,
    starts: bool,
    start: impl AsyncFnOnce() -> Result<Start, String>,
) -> Result<Conn, String> {
    let text = |error: io::Error| error.to_string();
    let by = Instant::now() + PATIENCE;
    loop {
        if let Some(mut conn) = knock(place).await.map_err(text)? {
            let (version, _) = greeted(&mut conn, PATIENCE).await?;
            if version != env!("CARGO_PKG_VERSION") {
                return Err(format!("the holder is axt {version}"));
            }
            return Ok(conn);
        }
        if !starts {
            return Err("there is no holder".into());
        }
        if let Some(lock) = place.lock().map_err(text)? {
            return launch(&start().await?, &lock).await;
        }
        if Instant::now() >= by {
            return Err("the holder does not answer".into());
        }
        sleep(RETRY).await;
    }
}

/// Starts a holder, gives it the lock, and waits for its greeting.
async fn launch(start: &Start, lock: &File) -> Result<Conn, String> {
    let (ours, its) = Socket::pair().map_err(|error| error.to_string())?;
    let mut conn = Conn::new(ours).map_err(|error| error.to_string())?;
    let started = spawn(its);
    started.map_err(|error| format!("the holder can't be started: {error}"))?;
    let given = conn.send(start, &[lock.as_fd()]).await;
    given.map_err(|error| format!("the holder did not take its start message: {error}"))?;
    greeted(&mut conn, START).await?;
    Ok(conn)
}

/// Starts a holder with `its` as its standard input. It inherits no other descriptor.
fn spawn(its: Socket) -> io::Result<()> {
    // This closes descriptors that this process has inherited. Its own are never passed on.
    close_fds::set_fds_cloexec(3, &[]);
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["share", "hold"]);
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
