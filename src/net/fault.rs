//! Explains why a connection failed: the innermost cause in words, the advice, and whether a retry can
//! help.

use crate::error::{Error, Obstacle};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// The cause of a failed connection.
pub(super) struct Cause {
    pub(super) text: String,
    obstacle: Obstacle,
}

impl Cause {
    /// The cause at the bottom of an error's chain. URLs and headers are further up and are left out.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut text = None;
        let mut obstacle = Obstacle::Passing;
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(tls) = tls_error(error) {
                return Self::lasting(describe_tls(tls));
            }
            if error.downcast_ref().is_some_and(is_of_open_files) {
                obstacle = Obstacle::OpenFiles;
            }
            // An HTTP client's own message quotes the URL; what lies beneath it doesn't.
            if !error.is::<reqwest::Error>() {
                text = Some(describe(error));
            }
            next = error.source();
        }
        Self {
            text: text.unwrap_or_else(|| tr!("the request failed").into()),
            obstacle,
        }
    }

    /// A cause that may be gone at the next attempt.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            obstacle: Obstacle::Passing,
        }
    }

    /// A cause that stays until somebody changes something.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            obstacle: Obstacle::Lasting,
        }
    }

    /// The error of a connection to `to`.
    pub(super) fn connecting_to(self, to: impl fmt::Display) -> Error {
        Error::Connect {
            to: to.to_string(),
            cause: self.text,
            obstacle: self.obstacle,
        }
    }
}

fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    if let Some(tls) = error.downcast_ref::<TlsError>() {
        return Some(tls);
    }
    // An io::Error doesn't name the error it wraps as its source, and hyper-rustls wraps one in another.
    tls_error(error.downcast_ref::<io::Error>()?.get_ref()?)
}

/// True if the process, or the system, has too many files open. The library has no stable name for it.
#[cfg(unix)]
fn is_of_open_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&code)
}

#[cfg(not(unix))]
fn is_of_open_files(_: &io::Error) -> bool {
    false
}

fn describe(error: &(dyn StdError + 'static)) -> String {
    let io = error.downcast_ref::<io::Error>();
    if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
        return tr!("the peer closed the connection").into();
    }
    error.to_string()
}

fn describe_tls(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(problem) => describe_certificate(problem),
        TlsError::InvalidMessage(_) => tr!("the peer doesn't speak TLS on this port").into(),
        TlsError::AlertReceived(AlertDescription::HandshakeFailure) => {
            tr!("the peer and axt have no TLS version or cipher in common").into()
        }
        TlsError::General(text) => text.clone(),
        other => format!("TLS: {other}"),
    }
}

fn describe_certificate(problem: &CertificateError) -> String {
    use CertificateError as C;
    match problem {
        // BadSignature: an authority of the same name is trusted, but with another key.
        C::UnknownIssuer | C::BadSignature => tr!(
            "the certificate's issuer is not trusted; if a private authority or an inspecting proxy signed it, set SSL_CERT_FILE to that authority's PEM file"
        ).into(),
        C::Expired | C::ExpiredContext { .. } => {
            tr!("the certificate has expired, or this machine's clock is wrong").into()
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            tr!("the certificate is not valid yet, or this machine's clock is wrong").into()
        }
        C::NotValidForName => tr!("the certificate is for another name").into(),
        C::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            tr!("the certificate is for another name").into()
        }
        C::NotValidForNameContext { presented, .. } => {
            tr!(
                "the certificate is for another name: {presented}",
                presented = presented.join(", ")
            )
        }
        C::Revoked => tr!("the certificate has been revoked").into(),
        other => tr!("the certificate is not acceptable: {other}", other),
    }
}
