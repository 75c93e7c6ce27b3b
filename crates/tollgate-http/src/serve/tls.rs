//! TLS, with a certificate that may be renewed while connections are open.

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// A certificate with its key.
pub struct Tls {
    files: Files,
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

tollgate_core::debug_by_name!(Tls);

/// Where certificate and key are.
#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What the files say, as bytes.
type Content = [Vec<u8>; 2];

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads certificate chain and private key, both as PEM.
    ///
    /// # Errors
    /// One line that names the file and says what is wrong with it.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, String> {
        let files = Files { certificate, key };
        let current = Arc::new(Current(RwLock::new(Arc::new(files.parse(&files.read()?)?))));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Takes the certificate anew whenever its files have changed. One that cannot be used is told in the log, and the one
    /// before it stays.
    pub(super) async fn renew(&self) {
        let mut known = self.files.read_apart().await;
        loop {
            tokio::time::sleep(LOOK).await;
            let found = self.files.read_apart().await;
            if found == known {
                continue;
            }
            match found.as_ref().map_err(Clone::clone).and_then(|content| self.files.parse(content)) {
                Ok(key) => {
                    *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    tracing::info!(certificate = %self.files.certificate.display(), "the certificate was renewed");
                }
                Err(error) => tracing::error!(error, "the certificate cannot be renewed; the one before it stays"),
            }
            known = found;
        }
    }
}

impl Files {
    fn read(&self) -> Result<Content, String> {
        let read = |file: &PathBuf| fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
        Ok([read(&self.certificate)?, read(&self.key)?])
    }

    /// The same where files may keep one waiting.
    async fn read_apart(&self) -> Result<Content, String> {
        let files = self.clone();
        let read = tokio::task::spawn_blocking(move || files.read());
        read.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    fn parse(&self, [certificate, key]: &Content) -> Result<CertifiedKey, String> {
        let [of_certificate, of_key] = [&self.certificate, &self.key].map(|file| file.display());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| format!("{of_certificate} is no PEM file: {error}"))?;
        if chain.is_empty() {
            return Err(format!("{of_certificate} has no certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| format!("{of_key} has no private key in PEM"))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|error| format!("{of_certificate} and {of_key} cannot be used together: {error}"))
    }
}
