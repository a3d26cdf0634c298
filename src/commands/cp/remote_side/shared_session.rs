//! Runs a script in a session that others may use too: over pipes whose other ends the holder gets.

use super::done::{Collected, MOST_ERRORS, ScriptResult};
use crate::commands::common::sharing::{NotHeld, ShareRequest, start_command};
use crate::error::{Error, Result};
use crate::remote::{RemoteCommand, Signal};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Runs it. Where a session of this process's own may do, nothing of it has begun: the streams come back with the
/// reason.
pub(crate) async fn run<R, W>(
    shared: &ShareRequest<'_>,
    command: &RemoteCommand,
    input: Option<R>,
    output: W,
) -> Result<Result<ScriptResult>, (String, Option<R>, W)>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let pipes = || Ok::<_, io::Error>([io::pipe()?, io::pipe()?, io::pipe()?]);
    let [
        (stdin, input_to),
        (output_from, stdout),
        (errors_from, stderr),
    ] = match pipes() {
        Ok(pipes) => pipes,
        Err(error) => return Err((error.to_string(), input, output)),
    };
    let stdin = input.is_some().then(|| stdin.into());
    let running = match start_command(shared, command, stdin, [stdout.into(), stderr.into()]).await
    {
        Ok(running) => running,
        Err(NotHeld::Failed(error)) => return Ok(Err(error)),
        Err(NotHeld::Refused(why)) => return Err((why, input, output)),
    };
    let (signal, mut signals) = mpsc::channel(1);
    let failed = LocalFailure {
        error: Arc::default(),
        signal,
    };
    if let Some(input) = input {
        let failed = failed.clone();
        spawn_blocking(move || send(input, input_to, &failed));
    }
    let writing = failed.clone();
    let output = spawn_blocking(move || receive(output_from, output, &writing));
    let errors = Collected::new(MOST_ERRORS);
    let (said, writing) = (errors.clone(), failed.clone());
    let errors_end = spawn_blocking(move || receive(errors_from, said, &writing));
    let status = match running.status(&mut signals).await {
        Ok(status) => status,
        Err(error) => return Ok(Err(error)),
    };
    if output.await.is_err() || errors_end.await.is_err() {
        let what = tr!("the received data could not be written").to_owned();
        return Ok(Err(Error::Lost(what)));
    }
    let mut local = failed.error.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Ok(ScriptResult {
        status,
        errors: String::from_utf8_lossy(&errors.take()).into_owned(),
        local: local.take(),
    }))
}

/// The reason why this side can't go on; the command is hung up then.
#[derive(Clone)]
struct LocalFailure {
    error: Arc<Mutex<Option<io::Error>>>,
    signal: mpsc::Sender<Signal>,
}

impl LocalFailure {
    fn because(&self, error: io::Error) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
        let _ = self.signal.try_send(Signal::Hup);
    }
}

/// Copies the input. Its end is not told if it can't be read: what seems complete would take its place.
fn send(mut input: impl Read, mut pipe: PipeWriter, failed: &LocalFailure) {
    let mut chunk = vec![0; 32 * 1024];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => {
                let sent = pipe.write_all(chunk.get(..count).unwrap_or_default());
                if sent.is_err() {
                    // The command takes no more, and its status says why.
                    return;
                }
            }
            Err(error) => {
                failed.because(error);
                // The pipe stays open until the command is over.
                while !failed.signal.is_closed() {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                return;
            }
        }
    }
}

/// Copies the output. Bytes that can't be written are still read.
fn receive(mut pipe: PipeReader, mut output: impl Write, failed: &LocalFailure) {
    let copied = io::copy(&mut pipe, &mut output).and_then(|_| output.flush());
    if let Err(error) = copied {
        failed.because(error);
        let _ = io::copy(&mut pipe, &mut io::sink());
    }
}
