//! TLS, with both protocols.

use std::{net::SocketAddr, path::Path, sync::Arc};

use gatewayz_testkit::{Tls, eventually};
use rustix::process::Signal;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    client::Client,
    gateway::{Gateway, SOON, Settings},
};

async fn dial(addr: SocketAddr, ca: &Path, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let socket = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

#[tokio::test]
async fn both_protocols_over_tls_and_a_certificate_that_is_replaced() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = tempfile::tempdir().unwrap();
    let (one, other) = (
        Tls::self_signed(first.path()).unwrap(),
        Tls::self_signed(second.path()).unwrap(),
    );
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let place = |tls: &Tls| {
        std::fs::copy(&tls.cert, &certificate).unwrap();
        std::fs::copy(&tls.key, &key).unwrap();
    };
    place(&one);
    let settings = Settings::new()
        .env("GATEWAYZ_TLS_CERTIFICATE", certificate.to_str().unwrap())
        .env("GATEWAYZ_TLS_KEY", key.to_str().unwrap())
        .unready();
    let gateway = Gateway::start(settings).await;

    let socket = dial(gateway.addr, &one.ca, &[b"http/1.1"]).await.unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut kept = Client::over(socket);
    let answer = kept.get("/health").await.unwrap();
    assert_eq!((answer.status, answer.version.as_str()), (200, "HTTP/1.1"));
    kept.get("/nowhere").await.unwrap().is_problem(404, "ROUTE_NOT_FOUND");

    let socket = dial(gateway.addr, &one.ca, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = crate::h2::handshake(socket).await;
    tokio::spawn(connection);
    assert_eq!(crate::h2::get(&mut sender, "https://localhost/health").await.0, 200);

    // Without TLS there is no answer, and no connection that stays.
    let mut plain = TcpStream::connect(gateway.addr).await.unwrap();
    plain
        .write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut plain = Client::over(plain);
    let answered = plain.answer(false);
    assert!(tokio::time::timeout(SOON, answered).await.unwrap().is_err());

    place(&other);
    gateway.signal(Signal::HUP);
    let replaced = async || dial(gateway.addr, &other.ca, &[b"http/1.1"]).await.is_ok();
    eventually(SOON, replaced).await.unwrap();
    assert!(dial(gateway.addr, &one.ca, &[b"http/1.1"]).await.is_err());
    assert_eq!(kept.get("/health").await.unwrap().status, 200);

    // A file that is no certificate leaves the one that there is.
    std::fs::write(&certificate, "rubbish").unwrap();
    gateway.signal(Signal::HUP);
    gateway.logs(&["the certificate was not replaced"]).await;
    assert!(dial(gateway.addr, &other.ca, &[b"http/1.1"]).await.is_ok());
}
