//! The user's end of the pump: what is typed, where output goes, what is asked for beside both.

use super::{Control, Outcome};
use crate::error::Error;
use crate::protocol::channel::Ending;
use crate::protocol::filter::Stop;
use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

/// The user's end.
pub(super) struct User<R, W> {
    /// What the user types or sends.
    pub reader: R,
    /// Where output goes.
    pub writer: W,
    /// Where standard error goes. Without an end for it, it is dropped.
    pub errors: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Sizes and stops.
    pub control: mpsc::Receiver<Control>,
    /// What was read and is not yet handled.
    pub typed: BytesMut,
    /// Nothing more will be read.
    pub eof: bool,
}

/// Writes standard error, as much as there is room for.
///
/// # Errors
/// The writer's.
pub(super) async fn write_errors(
    writer: &mut Option<Box<dyn AsyncWrite + Send + Unpin>>,
    bytes: &[u8],
) -> io::Result<usize> {
    match writer {
        Some(writer) => writer.write(bytes).await,
        None => Ok(bytes.len()),
    }
}

/// Writes what is left of standard error. A reader that has gone away is no failure.
///
/// # Errors
/// What the run ends with instead, when it can't be written.
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

/// Writes what is left.
///
/// # Errors
/// What the run ends with instead, when it can't be written.
pub(super) async fn deliver<W: AsyncWrite + Unpin>(
    writer: &mut W,
    bytes: &mut BytesMut,
) -> Result<(), Outcome> {
    let written = async {
        writer.write_all_buf(bytes).await?;
        writer.flush().await
    };
    written.await.map_err(write_failure)
}

/// What the run ends with when output can't be written.
pub(super) fn write_failure(source: io::Error) -> Outcome {
    match source.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Outcome::OutputClosed,
        _ => Outcome::Ended(Ending::Failed(Error::Io {
            what: "writing output failed",
            source,
        })),
    }
}

/// Waits until the user asks to stop.
pub(super) async fn stopped(control: &mut mpsc::Receiver<Control>) -> Stop {
    loop {
        match control.recv().await {
            Some(Control::Stop(stop)) => return stop,
            Some(Control::Resize { .. } | Control::Unread) => {}
            None => std::future::pending().await,
        }
    }
}
