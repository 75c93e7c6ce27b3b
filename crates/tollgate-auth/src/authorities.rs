//! Who may vouch for those that we call?
//!
//! Certificates are checked against the system's authorities, so that a company's own works; where there are none, as in
//! a container with nothing but the app, against Mozilla's list. To read them takes longer than much of a start, so that is
//! done when the first certificate is shown, once for the process: an app that calls nobody never does.
//!
//! Invariant: what fails for a moment decides nothing. No certificate is accepted then, and the next one asks again.

use rustls::{
    DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_native_certs::{CertificateResult, ErrorKind, load_native_certs};
use std::{
    io,
    sync::{Arc, OnceLock},
};

type Known = Arc<WebPkiServerVerifier>;

static KNOWN: OnceLock<Known> = OnceLock::new();

/// What is kept; else what is found now, which is kept if it is certain.
fn known(kept: &OnceLock<Known>, find: impl FnOnce() -> CertificateResult) -> Result<&Known, Error> {
    if let Some(known) = kept.get() {
        return Ok(known);
    }
    let (roots, provider) = (Arc::new(trusted(find())?), Arc::new(aws_lc_rs::default_provider()));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
    Ok(kept.get_or_init(|| verifier))
}

/// Whom the system trusts. Mozilla's list only where the system has none: one that cannot be read now, with too many files
/// open for example, may be a company's own, which trusts nobody else.
fn trusted(found: CertificateResult) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (count, _ignored) = roots.add_parsable_certificates(found.certs);
    let passing = found.errors.iter().find(|error| may_pass(&error.kind));
    if let Some(error) = passing.or(found.errors.first().filter(|_| roots.is_empty())) {
        return Err(Error::General(format!("the system's certificate authorities cannot be read: {error}")));
    }
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        tracing::info!("the system names no certificate authorities: Mozilla's are trusted");
    } else {
        tracing::debug!(count, "the system's certificate authorities are trusted");
    }
    Ok(roots)
}

/// Not a link to nowhere, a file that only others may read, or one that is no certificate: many systems have such.
fn may_pass(error: &ErrorKind) -> bool {
    let lasts = |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
    matches!(error, ErrorKind::Io { inner, .. } if !lasts(inner.kind()))
}

/// Checks certificates against the authorities that are known here.
#[derive(Debug)]
pub(crate) struct Authorities {
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let known = known(&KNOWN, load_native_certs)?;
        known.verify_server_cert(end, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_native_certs::Error as CannotBeRead;
    use std::process::Command;

    fn unreadable(kind: io::ErrorKind) -> CertificateResult {
        let kind = ErrorKind::Io { inner: kind.into(), path: "/etc/ssl/certs/ca-certificates.crt".into() };
        let mut found = CertificateResult::default();
        found.errors.push(CannotBeRead { context: "failed to read PEM from file", kind });
        found
    }

    #[test]
    fn what_cannot_be_read_for_a_moment_does_not_decide_who_is_trusted() {
        let (kept, many_open) = (OnceLock::new(), io::ErrorKind::Other);
        let error = known(&kept, || unreadable(many_open)).unwrap_err().to_string();
        assert!(error.contains("authorities cannot be read") && error.contains("ca-certificates.crt"), "{error}");
        assert!(kept.get().is_none(), "it is asked again");
        known(&kept, CertificateResult::default).unwrap();
        known(&kept, || unreachable!("it is certain")).unwrap();
    }

    #[test]
    fn mozillas_list_is_for_systems_without_any() {
        let mozilla = trusted(CertificateResult::default()).unwrap();
        assert_eq!(mozilla.len(), webpki_roots::TLS_SERVER_ROOTS.len());
        assert!(trusted(unreadable(io::ErrorKind::PermissionDenied)).is_err(), "there are some");
    }

    #[test]
    fn a_file_that_others_own_does_not_end_trust_in_the_rest() {
        let made =
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=A -outform DER";
        let root = Command::new("openssl").args(made.split(' ')).output().unwrap().stdout;
        let with_one = |kind| {
            let mut found = unreadable(kind);
            found.certs.push(root.clone().into());
            trusted(found).map(|roots| roots.len()).ok()
        };
        assert_eq!(with_one(io::ErrorKind::PermissionDenied), Some(1));
        assert_eq!(with_one(io::ErrorKind::Other), None, "it may be the company's own that is missing");
    }
}
