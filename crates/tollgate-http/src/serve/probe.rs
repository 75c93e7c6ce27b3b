//! The other end of `/livez` and `/readyz`: asks a server of this machine, for whoever has nothing else to ask with.
//!
//! One request of HTTP/1.1, without a runtime. Over TLS, the certificate has to be the one that the server was given: its
//! name is that of the public address, which this machine does not go by.

use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// How long to wait for each step. Checks of `/readyz` take two seconds at most.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Where a server of this machine was told to listen.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// Its address.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The file with its certificate, where it speaks TLS.
    pub certificate: Option<&'a Path>,
}

impl Probe<'_> {
    /// Status and body of the answer to `GET path`.
    ///
    /// # Errors
    /// In one line, that nobody answers, or why not.
    pub fn ask(&self, path: &str) -> Result<(u16, String), String> {
        let address = self.address()?;
        let said = |error: io::Error| format!("nobody answers at {address}: {error}");
        let mut socket = TcpStream::connect_timeout(&address, TIMEOUT).map_err(said)?;
        socket.set_read_timeout(Some(TIMEOUT)).map_err(said)?;
        socket.set_write_timeout(Some(TIMEOUT)).map_err(said)?;
        let answer = match self.certificate {
            None => exchange(&mut socket, path),
            Some(file) => {
                let client = client(file, address.ip())?;
                exchange(&mut StreamOwned::new(client, socket), path)
            }
        };
        parse(&answer.map_err(said)?).ok_or_else(|| format!("what answers at {address} does not speak HTTP"))
    }

    /// Listening everywhere is no address to ask at; on this machine, loopback is.
    fn address(&self) -> Result<SocketAddr, String> {
        let Self { host, port, .. } = *self;
        let found = (host, port).to_socket_addrs().map_err(|error| format!("server.host `{host}`: {error}"))?.next();
        let mut address = found.ok_or_else(|| format!("server.host `{host}` has no address"))?;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Ok(address)
    }
}

fn exchange(stream: &mut (impl Read + Write), path: &str) -> io::Result<Vec<u8>> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = vec![];
    match stream.take(LONGEST).read_to_end(&mut answer) {
        // Over TLS, the end of the stream need not be said; the length of the answer is.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(answer),
    }
}

fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let answer = str::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body.to_owned()))
}

fn client(file: &Path, address: IpAddr) -> Result<ClientConnection, String> {
    let certificate = CertificateDer::from_pem_file(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Given { certificate, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::from(address)).map_err(|error| error.to_string())
}

/// Believes one certificate, and no other.
#[derive(Debug)]
struct Given {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_it = *end_entity == self.certificate;
        if is_it { Ok(ServerCertVerified::assertion()) } else { Err(CertificateError::UnknownIssuer.into()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
