//! TLS, with a certificate that can be replaced while the server runs.

use std::{fs, io, path::Path, sync::Arc};

use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use thiserror::Error;
use tokio::net::TcpStream;

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub(crate) enum InvalidTls {
    /// A file cannot be read.
    #[error("{path} cannot be read as PEM: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// The certificate and the key do not go together, or are of a kind that is not supported.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Agrees on TLS with callers. Cheap to clone; all clones have the same certificate.
#[derive(Clone)]
pub(crate) struct TlsAcceptor(Arc<RwLock<Arc<ServerConfig>>>);

impl TlsAcceptor {
    /// Reads a certificate chain and its key.
    ///
    /// # Errors
    ///
    /// [`InvalidTls`]
    pub(crate) fn new(certificate: &Path, key: &Path) -> Result<Self, InvalidTls> {
        Ok(Self(Arc::new(RwLock::new(read(certificate, key)?))))
    }

    /// Takes another certificate for connections to come; the present one stays where the new one cannot be used.
    ///
    /// # Errors
    ///
    /// [`InvalidTls`]
    pub(crate) fn replace(&self, certificate: &Path, key: &Path) -> Result<(), InvalidTls> {
        let config = read(certificate, key)?;
        *self.0.write() = config;
        Ok(())
    }

    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
        let config = Arc::clone(&self.0.read());
        tokio_rustls::TlsAcceptor::from(config).accept(socket).await
    }
}

impl std::fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor(..)")
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, InvalidTls> {
    let unreadable = |path: &Path, reason: &dyn std::fmt::Display| InvalidTls::Unreadable {
        path: path.display().to_string(),
        reason: reason.to_string(),
    };
    let text = fs::read(certificate).map_err(|error| unreadable(certificate, &error))?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(certificate, &error))?;
    let text = fs::read(key).map_err(|error| unreadable(key, &error))?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| unreadable(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
