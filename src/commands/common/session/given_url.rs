//! The session URL of `--wss-url`.

use super::stdio;
use crate::error::{Error, Result};
use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;

/// The most bytes of a URL that are read from stdin.
const LONGEST_URL: usize = 64 * 1024;

/// The session URL given by `--wss-url`; `-` reads its line from stdin.
pub(super) async fn given_url(given: &str) -> Result<SecretString> {
    if given != "-" {
        return Ok(given.into());
    }
    let (mut stdin, mut line) = (stdio::stdin()?, Vec::new());
    // Read byte by byte: what follows the line is the command's input.
    let mut byte = [0];
    while line.len() < LONGEST_URL {
        let read = stdin.read(&mut byte).await;
        let read = read.map_err(|source| Error::Io {
            what: tr!("reading the session URL failed"),
            source,
        })?;
        if read == 0 || byte == *b"\n" {
            break;
        }
        line.extend(byte);
    }
    let line = String::from_utf8(line)
        .map_err(|_| Error::Usage(tr!("the session URL on stdin is not UTF-8").into()))?;
    Ok(line.trim().into())
}
