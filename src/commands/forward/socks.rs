//! The part of SOCKS that `-D` needs: CONNECT in versions 5 (RFC 1928, no authentication), 4 and 4a.

use crate::cli::Remote;
use crate::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest name in a version 4a request; DNS allows 253.
const LONGEST_NAME: usize = 255;

const CONNECT: u8 = 1;

/// The version of SOCKS that the client uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocksVersion {
    /// 4 and 4a.
    Four,
    /// 5.
    Five,
}

/// The result of a request, by its number in version 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocksReply {
    /// The remote side took the connection.
    Granted = 0,
    /// No session could be started.
    Failed = 1,
    /// The host could not be reached.
    Unreachable = 4,
    /// The port refused the connection.
    Refused = 5,
    /// Not CONNECT.
    Unsupported = 7,
    /// The address is of an unknown type.
    BadAddress = 8,
}

/// A client's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocksRequest {
    /// The version in which to answer.
    pub(crate) version: SocksVersion,
    /// The address that the client wants to reach.
    pub(crate) remote: Remote,
}

/// Reads a request. A request that can't be served is answered here.
///
/// # Errors
/// The reason why the client is refused, in words.
pub(crate) async fn request(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<SocksRequest, String> {
    match byte(stream).await? {
        5 => version_five(stream).await,
        4 => version_four(stream).await,
        other => Err(tr!("not a SOCKS request (first byte {other})", other)),
    }
}

/// Answers a request.
pub(crate) async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    version: SocksVersion,
    reply: SocksReply,
) -> std::io::Result<()> {
    match version {
        // The address from which the instance connects is not known: 0.0.0.0:0.
        SocksVersion::Five => {
            let head = [5, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0];
            stream.write_all(&head).await
        }
        SocksVersion::Four => {
            let code = if reply == SocksReply::Granted { 90 } else { 91 };
            stream.write_all(&[0, code, 0, 0, 0, 0, 0, 0]).await
        }
    }
}

/// The answer that fits a session's failure.
#[must_use]
pub(crate) fn reply_of(error: &Error) -> SocksReply {
    let Error::Ended { code, detail } = error else {
        return SocksReply::Failed;
    };
    let says = |what: &str| detail.to_ascii_lowercase().contains(what);
    match code.as_str() {
        "OpenTargetPortFailed" if says("refused") => SocksReply::Refused,
        "OpenTargetPortFailed" => SocksReply::Unreachable,
        _ => SocksReply::Failed,
    }
}

async fn version_five(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<SocksRequest, String> {
    let methods = usize::from(byte(stream).await?);
    let methods = bytes(stream, methods).await?;
    if !methods.contains(&0) {
        let _ = stream.write_all(&[5, 0xff]).await;
        return Err(tr!("it insists on authentication, which this proxy does not support").into());
    }
    stream.write_all(&[5, 0]).await.map_err(describe)?;
    let [version, command, _, kind] = array(stream).await?;
    if version != 5 {
        return Err(tr!("its SOCKS request is malformed").into());
    }
    let host = match kind {
        1 => Ipv4Addr::from(array(stream).await?).to_string(),
        3 => {
            let length = usize::from(byte(stream).await?);
            name(&bytes(stream, length).await?)?
        }
        4 => Ipv6Addr::from(array(stream).await?).to_string(),
        other => return refuse(stream, SocksVersion::Five, SocksReply::BadAddress, other).await,
    };
    let port = u16::from_be_bytes(array(stream).await?);
    if command != CONNECT {
        return refuse(stream, SocksVersion::Five, SocksReply::Unsupported, command).await;
    }
    to(SocksVersion::Five, &host, port)
}

async fn version_four(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<SocksRequest, String> {
    let command = byte(stream).await?;
    let port = u16::from_be_bytes(array(stream).await?);
    let address: [u8; 4] = array(stream).await?;
    until_zero(stream).await?;
    // 4a: after an address 0.0.0.x and the user's name comes the host's name.
    let host = match address {
        [0, 0, 0, last] if last > 0 => name(&until_zero(stream).await?)?,
        _ => Ipv4Addr::from(address).to_string(),
    };
    if command != CONNECT {
        return refuse(stream, SocksVersion::Four, SocksReply::Unsupported, command).await;
    }
    to(SocksVersion::Four, &host, port)
}

fn to(version: SocksVersion, host: &str, port: u16) -> Result<SocksRequest, String> {
    if port == 0 {
        return Err(tr!("it asked for port 0").into());
    }
    let remote = Remote::new(Some(host), port);
    Ok(SocksRequest { version, remote })
}

async fn refuse(
    stream: &mut (impl AsyncWrite + Unpin),
    version: SocksVersion,
    reply: SocksReply,
    what: u8,
) -> Result<SocksRequest, String> {
    let _ = answer(stream, version, reply).await;
    Err(match reply {
        SocksReply::BadAddress => tr!(
            "the SOCKS request has an address of the unknown type {what}",
            what
        ),
        _ => tr!(
            "SOCKS command {what} is not supported, only CONNECT (1)",
            what
        ),
    })
}

/// Checks a host's name. A name with other characters must not get into an API call or onto a terminal.
fn name(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).ok();
    let sound = |text: &&str| {
        let odd = |c: char| c.is_control() || c.is_whitespace();
        !text.is_empty() && !text.contains(odd)
    };
    text.filter(sound)
        .map(str::to_owned)
        .ok_or_else(|| tr!("it asked for a host with an invalid name").into())
}

async fn byte<S: AsyncRead + Unpin>(stream: &mut S) -> Result<u8, String> {
    stream.read_u8().await.map_err(describe)
}

async fn array<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(describe)?;
    Ok(bytes)
}

async fn bytes<S: AsyncRead + Unpin>(stream: &mut S, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.map_err(describe)?;
    Ok(bytes)
}

/// Reads up to the next zero byte, which is left out.
async fn until_zero<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        match byte(stream).await? {
            0 => return Ok(bytes),
            _ if bytes.len() >= LONGEST_NAME => {
                return Err(tr!("its SOCKS request is too long").into());
            }
            other => bytes.push(other),
        }
    }
}

fn describe(error: std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            tr!("it closed the connection before it sent a request").into()
        }
        _ => tr!("reading the SOCKS request failed: {error}", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads these bytes as a request; returns the result and the answer to the client.
    fn ask(bytes: &[u8]) -> (Result<SocksRequest, String>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut client, mut server) = tokio::io::duplex(4096);
            client.write_all(bytes).await.unwrap();
            client.shutdown().await.unwrap();
            let asked = request(&mut server).await;
            drop(server);
            let mut answered = Vec::new();
            client.read_to_end(&mut answered).await.unwrap();
            (asked, answered)
        })
    }

    fn granted(bytes: &[u8]) -> (SocksVersion, String) {
        let request = ask(bytes).0.unwrap();
        (request.version, request.remote.to_string())
    }

    #[test]
    fn every_kind_of_address_is_read() {
        let five = b"\x05\x02\x02\x00\x05\x01\x00";
        let with = |rest: &[u8]| granted(&[&five[..], rest].concat());
        assert_eq!(
            with(b"\x01\x0a\x00\x00\x01\x00\x50"),
            (SocksVersion::Five, "10.0.0.1:80".into())
        );
        assert_eq!(
            with(b"\x03\x02db\x0c\xea"),
            (SocksVersion::Five, "db:3306".into())
        );
        assert_eq!(
            with(b"\x03\x09localhost\x00\x50"),
            (SocksVersion::Five, "port 80".into())
        );
        let six = [&b"\x04"[..], &Ipv6Addr::LOCALHOST.octets(), b"\x00\x50"].concat();
        assert_eq!(with(&six), (SocksVersion::Five, "[::1]:80".into()));
        let four = granted(b"\x04\x01\x00\x50\x0a\x00\x00\x01me\0");
        assert_eq!(four, (SocksVersion::Four, "10.0.0.1:80".into()));
        let four_a = granted(b"\x04\x01\x00\x50\x00\x00\x00\x01\0db\0");
        assert_eq!(four_a, (SocksVersion::Four, "db:80".into()));
    }

    #[test]
    fn what_is_not_possible_is_answered_and_named() {
        for (bytes, answered, said) in [
            (&b"\x05\x01\x02"[..], &b"\x05\xff"[..], "authentication"),
            (
                b"\x05\x01\x00\x05\x02\x00\x01\x01\x01\x01\x01\x00\x50",
                b"\x05\x00\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00",
                "CONNECT",
            ),
            (
                b"\x05\x01\x00\x05\x01\x00\x09",
                b"\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00",
                "type 9",
            ),
            (
                b"\x04\x02\x00\x50\x0a\x00\x00\x01\0",
                b"\x00\x5b\x00\x00\x00\x00\x00\x00",
                "CONNECT",
            ),
            (
                b"GET / HTTP/1.1\r\n",
                b"",
                "not a SOCKS request (first byte 71)",
            ),
            (
                b"\x05\x01\x00\x05\x01\x00\x03\x02\x1b[\x00\x50",
                b"\x05\x00",
                "name",
            ),
            (b"\x05\x01", b"", "closed"),
        ] {
            let (asked, was) = ask(bytes);
            let why = asked.unwrap_err();
            assert!(why.contains(said), "{why}");
            assert_eq!(was, answered, "{why}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_otherwise(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(request) = ask(&bytes).0 {
                prop_assert!(request.remote.port > 0);
            }
        }
    }
}
