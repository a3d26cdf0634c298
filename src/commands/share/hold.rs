//! `axt share hold`: the process that holds sessions, until they have been idle for long enough.

use super::holder::Holder;
use crate::commands::common::log;
use crate::commands::common::sharing::StartMessage;
use crate::error::Error;
use crate::exit::Exit;
use crate::share::{Conn, HolderFiles};
use crate::terminal::Signals;
use crate::ui::Ui;
use anyhow::anyhow;
use rustix::fs::Mode;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as Socket;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::broadcast;
use tokio::time::timeout;

/// The time limit for the start message.
const START_MESSAGE_LIMIT: Duration = Duration::from_secs(10);

/// The most facts that are kept for a command that is slow to take them.
const KEPT_FACTS: usize = 16;

/// Holds sessions as the start message says, which comes over the socket that is its standard input.
pub(super) async fn run() -> anyhow::Result<Exit> {
    let mut conn = detach().map_err(|source| Error::Io {
        what: tr!("`axt share hold` is started by --share, not by hand"),
        source,
    })?;
    let given = timeout(START_MESSAGE_LIMIT, conn.receive::<StartMessage>()).await;
    let given = given.map_err(|_| anyhow!(tr!("no start message came")))??;
    let mut start = given.ok_or_else(|| anyhow!(tr!("no start message came")))?;
    let lock = conn.take_descriptors().into_iter().next();
    let is_valid = start.version == env!("CARGO_PKG_VERSION");
    let lock = lock.filter(|_| is_valid).map(File::from);
    let lock = lock.ok_or_else(|| anyhow!(tr!("the start message is invalid")))?;
    if start.global.log_file.is_some() {
        log::start(&start.global, &Ui::default())?;
    }
    let place = HolderFiles::of(&start.key, &|name| std::env::var_os(name))?;
    let listener = UnixListener::from_std(place.listen()?)?;
    let mut signals = Signals::listen()?;
    let says = broadcast::Sender::new(KEPT_FACTS);
    let context = start.context()?.saying({
        let says = says.clone();
        Box::new(move |fact| drop(says.send(fact.to_owned())))
    });
    let holder = Arc::new(Holder::new(context, start, says));
    tracing::info!("sessions are held");
    holder.serve_first(conn);
    let mut accepts = true;
    loop {
        if accepts && !holder.takes_more() {
            accepts = false;
            place.clear(&lock);
        }
        tokio::select! {
            accepted = listener.accept(), if accepts => match accepted {
                Ok((stream, _)) => holder.serve(stream),
                Err(error) => {
                    tracing::info!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            () = holder.changed() => {}
            _ = signals.termination() => break,
        }
        if holder.is_over() {
            break;
        }
    }
    if accepts {
        place.clear(&lock);
    }
    drop(listener);
    holder.end().await;
    drop(lock);
    Ok(Exit::Ok)
}

/// Closes everything that this process has inherited, except for the socket that is its standard input.
fn detach() -> io::Result<Conn> {
    let socket = Socket::from(io::stdin().as_fd().try_clone_to_owned()?);
    let conn = Conn::new(socket)?;
    // It fails for the leader of a group, which a holder never is unless somebody starts it by hand.
    rustix::process::setsid()?;
    rustix::process::chdir("/")?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(conn)
}
