//! Encryption, always verified: rustls with ring, and the authorities of the system and of the configuration.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::client::{InvalidClient, SendError};

/// Makes encrypted connections.
pub(crate) struct Tls {
    /// Authorities beside the system's.
    extra: Vec<CertificateDer<'static>>,
    /// Made for the first connection: the system's authorities are some hundred files.
    connector: OnceLock<Result<TlsConnector, String>>,
}

impl Tls {
    pub(crate) fn new(extra_pem: &[u8]) -> Result<Self, InvalidClient> {
        let extra = CertificateDer::pem_slice_iter(extra_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_unreadable| InvalidClient("`extra_authorities` cannot be read as PEM"))?;
        let mut roots = RootCertStore::empty();
        for certificate in &extra {
            roots
                .add(certificate.clone())
                .map_err(|_unusable| InvalidClient("`extra_authorities` has a certificate that is no authority"))?;
        }
        Ok(Self {
            extra,
            connector: OnceLock::new(),
        })
    }

    /// Encrypts a connection to a host.
    pub(crate) async fn wrap(&self, host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, SendError> {
        let connector = self.connector.get_or_init(|| self.connector());
        let connector = connector.as_ref().map_err(|reason| SendError::Tls(reason.clone()))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| SendError::Tls(error.to_string()))?;
        connector.connect(name, tcp).await.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(_)) => SendError::Tls(error.to_string()),
                _ => SendError::Connect(format!("tls: {error}")),
            }
        })
    }

    fn connector(&self) -> Result<TlsConnector, String> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "an authority of the system cannot be read");
        }
        let mut roots = RootCertStore::empty();
        let (_added, _ignored) = roots.add_parsable_certificates(found.certs);
        let (_added, _ignored) = roots.add_parsable_certificates(self.extra.iter().cloned());
        if roots.is_empty() {
            return Err("this machine has no certificate authorities; install them, or name a file".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        #[cfg(feature = "http2")]
        let config = {
            let mut config = config;
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            config
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
