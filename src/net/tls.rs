//! The one TLS configuration: ring, HTTP/1.1, and trust that is read from disk when first needed.

use super::fault::Cause;
use super::tcp::Stream;
use crate::error::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, load_certs_from_paths};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;

/// The configuration, made at first use; the trusted certificates are read at the first handshake.
pub(super) struct Tls {
    trust: Arc<Trust>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// Trust from `SSL_CERT_FILE` and `SSL_CERT_DIR` where given, else the platform's.
    pub(super) fn new(cert_file: Option<OsString>, cert_dir: Option<OsString>) -> Self {
        Self {
            trust: Arc::new(Trust {
                provider: Arc::new(ring::default_provider()),
                file: cert_file.map(PathBuf::from),
                dir: cert_dir,
                verifier: OnceLock::new(),
            }),
            config: OnceLock::new(),
        }
    }

    /// The configuration for all connections. Reads no certificates.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::clone(&self.trust.provider);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Usage(tr!("no TLS: {error}", error)))?
            // As safe as the defaults: `Trust` makes the usual verifier, only later.
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.trust) as Arc<_>)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }

    /// Reads the trusted certificates now, so that a bad file is reported before anything is dialled.
    pub(super) fn load(&self) -> Result<()> {
        self.trust.verifier().map(drop).map_err(Error::from)
    }

    /// The source of the trusted certificates.
    pub(super) fn describe(&self) -> String {
        match (&self.trust.file, &self.trust.dir) {
            (None, None) => tr!("the system's certificates").into(),
            (Some(file), None) => format!("SSL_CERT_FILE={}", file.display()),
            (None, Some(dir)) => format!("SSL_CERT_DIR={}", dir.to_string_lossy()),
            (Some(file), Some(dir)) => tr!(
                "SSL_CERT_FILE={file} and SSL_CERT_DIR={dir}",
                file = file.display(),
                dir = dir.to_string_lossy()
            ),
        }
    }

    /// TLS over `stream` with the peer proved to be `host`, a name or an address (IPv6 in brackets).
    pub(super) async fn handshake(
        &self,
        host: &str,
        to: &str,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| Error::Usage(tr!("{host} can't be the name on a certificate", host)))?;
        let connector = TlsConnector::from(self.config()?);
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| Cause::of(&error).connecting_to(to))?;
        Ok(Box::new(stream))
    }
}

/// The reason why the trusted certificates can't be used.
#[derive(Debug, Clone)]
struct TrustError {
    path: PathBuf,
    problem: String,
}

impl From<TrustError> for Error {
    fn from(error: TrustError) -> Self {
        Self::Config {
            path: error.path,
            problem: error.problem,
        }
    }
}

/// Verifies certificates. It reads the trusted ones once, when there is something to verify.
#[derive(Debug)]
struct Trust {
    provider: Arc<CryptoProvider>,
    file: Option<PathBuf>,
    dir: Option<OsString>,
    verifier: OnceLock<Result<Arc<dyn ServerCertVerifier>, TrustError>>,
}

impl Trust {
    fn verifier(&self) -> Result<&Arc<dyn ServerCertVerifier>, TrustError> {
        let verifier = self.verifier.get_or_init(|| self.make());
        verifier.as_ref().map_err(Clone::clone)
    }

    fn make(&self) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
        let provider = Arc::clone(&self.provider);
        if self.file.is_none() && self.dir.is_none() {
            let platform = rustls_platform_verifier::Verifier::new(provider);
            return match platform {
                Ok(verifier) => Ok(Arc::new(verifier)),
                Err(error) => Err(TrustError {
                    path: tr!("the system's trust store").into(),
                    problem: tr!("{error}; set SSL_CERT_FILE to a PEM file", error),
                }),
            };
        }
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.file {
            add(&mut roots, "SSL_CERT_FILE", file, read_file(file)?)?;
        }
        for dir in self.dir.iter().flat_map(std::env::split_paths) {
            let found = load_certs_from_paths(None, Some(&dir));
            add(&mut roots, "SSL_CERT_DIR", &dir, found)?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        match verifier.build() {
            Ok(verifier) => Ok(verifier),
            Err(error) => Err(TrustError {
                path: "SSL_CERT_DIR".into(),
                problem: error.to_string(),
            }),
        }
    }

    /// The verifier, with an error that TLS can carry through a handshake.
    fn in_handshake(&self) -> Result<&Arc<dyn ServerCertVerifier>, rustls::Error> {
        self.verifier()
            .map_err(|error| rustls::Error::General(Error::from(error).to_string()))
    }
}

fn read_file(file: &Path) -> Result<CertificateResult, TrustError> {
    std::fs::File::open(file).map_err(|error| TrustError {
        path: file.to_owned(),
        problem: tr!("SSL_CERT_FILE can't be read: {error}", error),
    })?;
    Ok(load_certs_from_paths(Some(file), None))
}

/// Adds what was found; single bad certificates are passed over, finding none at all is an error.
fn add(
    roots: &mut RootCertStore,
    variable: &str,
    path: &Path,
    found: CertificateResult,
) -> Result<(), TrustError> {
    let (added, bad) = roots.add_parsable_certificates(found.certs);
    let reason = found.errors.first();
    if bad > 0 || reason.is_some() {
        tracing::warn!(variable, path = %path.display(), bad, "some certificates were skipped");
    }
    if added > 0 {
        return Ok(());
    }
    let reason = reason.map_or_else(String::new, |error| format!(": {error}"));
    Err(TrustError {
        path: path.to_owned(),
        problem: tr!(
            "{variable} holds no usable certificate in PEM form{reason}",
            variable,
            reason
        ),
    })
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.in_handshake()?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.in_handshake()?
            .verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.in_handshake()?
            .verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
