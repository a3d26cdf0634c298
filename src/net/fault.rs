//! Why a connection failed, in words: the innermost cause, and what to do where that is known.

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error;
use std::io;

/// The cause at the bottom of an error's chain. URLs and headers stand further up and are left out.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = tls_error(error) {
            return tls_words(tls);
        }
        // An HTTP client's own message quotes the URL; what lies beneath it doesn't.
        if !error.is::<reqwest::Error>() {
            text = Some(plain_words(error));
        }
        next = error.source();
    }
    text.unwrap_or_else(|| "the request failed".into())
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    if let Some(tls) = error.downcast_ref::<TlsError>() {
        return Some(tls);
    }
    // An io::Error doesn't name the error it wraps as its source, and hyper-rustls wraps one in another.
    tls_error(error.downcast_ref::<io::Error>()?.get_ref()?)
}

fn plain_words(error: &(dyn Error + 'static)) -> String {
    let io = error.downcast_ref::<io::Error>();
    if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
        return "the peer closed the connection".into();
    }
    match error.to_string().as_str() {
        // The two messages of hyper-util's Tunnel, which keeps its error type to itself.
        "tunnel error: proxy authorization required" => PROXY_AUTH.into(),
        "tunnel error: unsuccessful" => "the proxy refused the tunnel".into(),
        other => other.to_owned(),
    }
}

/// What a proxy's 407 means for the user.
pub(super) const PROXY_AUTH: &str = "the proxy asks for credentials (HTTP 407): check user and password in HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT";

fn tls_words(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(problem) => certificate_words(problem),
        TlsError::InvalidMessage(_) => "the peer doesn't speak TLS on this port".into(),
        TlsError::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the peer and axt have no TLS version or cipher in common".into()
        }
        TlsError::General(text) => text.clone(),
        other => format!("TLS: {other}"),
    }
}

fn certificate_words(problem: &CertificateError) -> String {
    use CertificateError as C;
    match problem {
        // BadSignature: an authority of the same name is trusted, but with another key.
        C::UnknownIssuer | C::BadSignature => "the certificate's issuer is not trusted; if a private authority or an inspecting proxy signed it, set SSL_CERT_FILE to that authority's PEM file".into(),
        C::Expired | C::ExpiredContext { .. } => {
            "the certificate has expired, or this machine's clock is wrong".into()
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "the certificate is not valid yet, or this machine's clock is wrong".into()
        }
        C::NotValidForName => "the certificate is for another name".into(),
        C::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "the certificate is for another name".into()
        }
        C::NotValidForNameContext { presented, .. } => {
            format!("the certificate is for another name: {}", presented.join(", "))
        }
        C::Revoked => "the certificate has been revoked".into(),
        other => format!("the certificate is not acceptable: {other}"),
    }
}
