//! A connection between a command and a holder: messages, and descriptors beside them.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use tokio::io::Interest;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

/// The longest message, in bytes; a command may have ten million.
const LONGEST: usize = 64 * 1024 * 1024;

/// The length of a message is sent before it, in this many bytes.
const HEADER: usize = 4;

/// Bytes received at once.
const CHUNK: usize = 16 * 1024;

/// The most descriptors that come with one message.
const DESCRIPTORS: usize = 3;

/// The connection.
pub(crate) struct Conn {
    stream: UnixStream,
    /// The received part of the next message.
    received: Zeroizing<Vec<u8>>,
    descriptors: Vec<OwnedFd>,
}

impl Conn {
    /// Takes a connected socket. Any other descriptor is left unchanged.
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        rustix::net::getpeername(&socket)?;
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket).and_then(Self::of)
    }

    /// A connection over this stream.
    ///
    /// # Errors
    /// Of kind `PermissionDenied` where the other side is another user's process.
    pub(crate) fn of(stream: UnixStream) -> io::Result<Self> {
        let peer = stream.peer_cred()?.uid();
        if peer != rustix::process::geteuid().as_raw() {
            let what = tr!("the other side belongs to the user {peer}", peer);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        }
        Ok(Self {
            stream,
            received: Zeroizing::default(),
            descriptors: Vec::new(),
        })
    }

    /// The process at the other side.
    pub(crate) fn peer(&self) -> Option<u32> {
        let pid = self.stream.peer_cred().ok()?.pid()?;
        u32::try_from(pid).ok()
    }

    /// Sends a message, with at most [`DESCRIPTORS`] descriptors.
    ///
    /// # Errors
    /// The system's error; of kind `InvalidInput` for a message that can't be encoded.
    pub(crate) async fn send(
        &mut self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut bytes = Zeroizing::new(vec![0; HEADER]);
        serde_json::to_writer(&mut *bytes, message).map_err(io::Error::from)?;
        let length = bytes.len() - HEADER;
        let header = u32::try_from(length).ok().filter(|_| length <= LONGEST);
        let header = header.ok_or(io::ErrorKind::InvalidInput)?.to_be_bytes();
        bytes.splice(..HEADER, header);
        let (mut rest, mut descriptors) = (bytes.as_slice(), descriptors);
        while !rest.is_empty() {
            let sent = self
                .stream
                .async_io(Interest::WRITABLE, || {
                    Ok(send(&self.stream, rest, descriptors)?)
                })
                .await?;
            rest = rest.get(sent..).unwrap_or_default();
            descriptors = &[];
        }
        Ok(())
    }

    /// The next message; `None` once the other side has gone. Cancelling loses nothing.
    ///
    /// # Errors
    /// The system's error; of kind `InvalidData` for anything but such a message.
    pub(crate) async fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(message) = self.message()? {
                return Ok(Some(message));
            }
            let (received, descriptors) = (&mut self.received, &mut self.descriptors);
            let stream = &self.stream;
            let count = stream
                .async_io(Interest::READABLE, || {
                    Ok(receive(stream, received, descriptors)?)
                })
                .await?;
            if count == 0 {
                return Ok(None);
            }
        }
    }

    /// The descriptors that have come.
    pub(crate) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    /// The message that is there, if it is there as a whole.
    fn message<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some((header, rest)) = self.received.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(text) = rest.get(..length) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(text).map_err(io::Error::from)?;
        let rest = rest.get(length..).unwrap_or_default().to_vec();
        self.received = Zeroizing::new(rest);
        Ok(Some(message))
    }
}

fn send(
    stream: &UnixStream,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(rustix::io::Errno::INVAL);
    }
    sendmsg(
        stream,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::empty(),
    )
}

fn receive(
    stream: &UnixStream,
    received: &mut Vec<u8>,
    descriptors: &mut Vec<OwnedFd>,
) -> rustix::io::Result<usize> {
    let mut chunk = Zeroizing::new([0; CHUNK]);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    let mut buffers = [IoSliceMut::new(&mut *chunk)];
    let count = recvmsg(stream, &mut buffers, &mut control, flags)?.bytes;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            // More than this at once belong to no message of axt's.
            descriptors.extend(passed.take(DESCRIPTORS));
        }
    }
    received.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    fn pair() -> (Conn, Conn) {
        let (one, other) = Socket::pair().unwrap();
        (Conn::new(one).unwrap(), Conn::new(other).unwrap())
    }

    #[tokio::test]
    async fn messages_and_descriptors_arrive_whole_and_in_order() {
        let (mut one, mut other) = pair();
        let (mut reader, writer) = io::pipe().unwrap();
        let long = "x".repeat(1_000_000);
        let sending = async {
            one.send(&long, &[writer.as_fd()]).await.unwrap();
            one.send(&"second", &[]).await.unwrap();
            drop(one);
        };
        let receiving = async {
            let first: Option<String> = other.receive().await.unwrap();
            assert!(first.as_ref() == Some(&long));
            let passed = other.take_descriptors();
            assert_eq!(passed.len(), 1);
            let mut file = std::fs::File::from(passed.into_iter().next().unwrap());
            file.write_all(b"through").unwrap();
            let second: Option<String> = other.receive().await.unwrap();
            assert_eq!(second.as_deref(), Some("second"));
            assert!(other.receive::<String>().await.unwrap().is_none());
        };
        tokio::join!(sending, receiving);
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[tokio::test]
    async fn what_is_no_socket_stays_as_it_was() {
        let (reader, _writer) = io::pipe().unwrap();
        let before = rustix::fs::fcntl_getfl(&reader).unwrap();
        let same = OwnedFd::from(reader.try_clone().unwrap());
        assert!(Conn::new(same.into()).is_err());
        assert_eq!(rustix::fs::fcntl_getfl(&reader).unwrap(), before);
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error() {
        for bytes in [&[0, 0, 0, 3, b'{', b'x', b'}'][..], &[255; 9]] {
            let (one, other) = Socket::pair().unwrap();
            let mut other = Conn::new(other).unwrap();
            (&one).write_all(bytes).unwrap();
            let error = other.receive::<String>().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
