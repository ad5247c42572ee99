//! Encrypted connections, verified.

use std::path::Path;

use fred::{
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    },
    types::config::{TlsConfig, TlsConnector},
};

use crate::config::InvalidConfig;

const FIELD: &str = "tls_ca_file";

/// Trusts the authorities of `ca_file`, or those of the system.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConfig, InvalidConfig> {
    let Some(ca_file) = ca_file else {
        return TlsConnector::default_rustls().map(TlsConfig::from).map_err(|_hidden| {
            InvalidConfig::new(FIELD, "is not set, and the system's own authorities cannot be read")
        });
    };
    let certificates = CertificateDer::pem_file_iter(ca_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|_hidden| InvalidConfig::new(FIELD, "cannot be read as PEM"))?;
    let mut authorities = RootCertStore::empty();
    for certificate in certificates {
        authorities
            .add(certificate)
            .map_err(|_hidden| InvalidConfig::new(FIELD, "has a certificate that is no authority"))?;
    }
    if authorities.is_empty() {
        return Err(InvalidConfig::new(FIELD, "has no certificate"));
    }
    let config = ClientConfig::builder()
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(TlsConfig::from(TlsConnector::from(config)))
}
