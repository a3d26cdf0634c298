//! The user's side of the pump: input, output, standard error, and requests such as a new size.

use super::{Control, Outcome};
use crate::error::Error;
use crate::protocol::channel::Ending;
use crate::protocol::filter::Stop;
use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

/// The user's streams.
pub(super) struct User<'h> {
    /// Standard input, or a local connection.
    pub reader: Box<dyn AsyncRead + Send + Unpin + 'h>,
    /// Standard output, or a local connection.
    pub writer: Box<dyn AsyncWrite + Send + Unpin + 'h>,
    /// Standard error; without it, its bytes are dropped.
    pub errors: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Requests of the user's side.
    pub control: mpsc::Receiver<Control>,
    /// Input that was read and is not handled yet.
    pub typed: BytesMut,
    /// The input has ended.
    pub eof: bool,
}

/// Writes a part of standard error.
pub(super) async fn write_errors(
    writer: &mut Option<Box<dyn AsyncWrite + Send + Unpin>>,
    bytes: &[u8],
) -> io::Result<usize> {
    match writer {
        Some(writer) => writer.write(bytes).await,
        None => Ok(bytes.len()),
    }
}

/// Writes the rest of standard error. A reader that has closed it is no failure.
///
/// # Errors
/// The outcome of the run if writing failed.
pub(super) async fn deliver_errors(
    writer: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    bytes: &mut BytesMut,
) -> Result<(), Outcome> {
    let Some(mut writer) = writer else {
        return Ok(());
    };
    match deliver(&mut writer, bytes).await {
        Err(Outcome::OutputClosed) => Ok(()),
        other => other,
    }
}

/// Writes the rest of the output.
///
/// # Errors
/// The outcome of the run if writing failed.
pub(super) async fn deliver(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &mut BytesMut,
) -> Result<(), Outcome> {
    let written = async {
        let count = bytes.len();
        writer.write_all_buf(bytes).await?;
        if count > 0 {
            tracing::trace!(bytes = count, "output written");
        }
        writer.flush().await
    };
    written.await.map_err(write_failure)
}

/// The outcome that a failure to write leads to.
pub(super) fn write_failure(source: io::Error) -> Outcome {
    match source.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Outcome::OutputClosed,
        _ => Outcome::Ended(Ending::Failed(Error::Io {
            what: tr!("writing output failed"),
            source,
        })),
    }
}

/// Waits until the user asks to stop.
pub(super) async fn stopped(control: &mut mpsc::Receiver<Control>) -> Stop {
    loop {
        match control.recv().await {
            Some(Control::Stop(stop)) => return stop,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}
