//! Whom the client speaks to, and how it knows who that is.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use bytes::Bytes;
use gatewayz_catalog::ListError;
use gatewayz_providers::{Client, ClientConfig, EgressPolicy, SendError};
use gatewayz_testkit::{SimulatedProvider, Tls, simulated::Reply};
use http::Request;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::fetch_support::{LIST, Setup, TWO, config, ids};

async fn get(client: &Client, url: &str) -> Result<u16, SendError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    client.send(request).await.map(|answer| answer.status().as_u16())
}

#[track_caller]
fn refused(result: Result<u16, SendError>, what: &str) {
    match result {
        Err(SendError::Egress { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn nobody_inside_is_asked_however_they_are_called() {
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route("/", Reply::json("{}"));
    let port = provider.addr().port();
    let client = Client::new(&ClientConfig::default()).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        // A dot at the end, a name and a password, digits and dots of other scripts.
        "127.0.0.1.",
        "api.openai.com@127.0.0.1",
        "api.openai.com:secret@localhost",
        "１２７.0.0.1",
        "127。0。0。1",
        "ⓛocalhost",
    ] {
        for scheme in ["http", "https"] {
            let url = url::Url::parse(&format!("{scheme}://{host}:{port}/")).unwrap();
            refused(get(&client, url.as_str()).await, url.as_str());
        }
    }
    // Global, but not encrypted.
    refused(get(&client, "http://1.1.1.1/").await, "plain http");
    assert!(provider.requests().is_empty());
    assert_eq!(provider.open_connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_it_is_allowed() {
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route("/", Reply::json("{}"));
    let url = format!("http://inside.test:{}/", provider.addr().port());
    // `inside.test` is 127.0.0.1: as a public name is whose owner changed its address.
    let mut config = config();
    refused(get(&Client::new(&config).unwrap(), &url).await, "by its address");
    config.egress = EgressPolicy::new().with_allowed_host("Inside.Test");
    assert_eq!(get(&Client::new(&config).unwrap(), &url).await.unwrap(), 200);
    // One good address among bad ones is the only one that is tried; none here.
    config.egress = EgressPolicy::new();
    config.hosts = BTreeMap::from([(
        "mixed.test".to_owned(),
        ["10.0.0.1", "::1", "169.254.169.254"]
            .map(|address| address.parse::<IpAddr>().unwrap())
            .to_vec(),
    )]);
    refused(
        get(&Client::new(&config).unwrap(), "https://mixed.test/").await,
        "all bad",
    );
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_does_not_lead_inside() {
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route("/", Reply::redirect(307, &format!("{}/secret", provider.url())));
    let client = crate::fetch_support::client();
    assert_eq!(get(&client, &provider.url()).await.unwrap(), 307);
    assert!(provider.requests_to("/secret").is_empty());
}

#[tokio::test]
async fn a_list_from_inside_is_a_connection_that_there_is_not() {
    let mut closed = config();
    closed.egress = EgressPolicy::new();
    let world = Setup {
        client: Client::new(&closed).unwrap(),
        retries: 2,
        ..Setup::list("auth = \"none\"")
    }
    .start()
    .await;
    match world.list().await.unwrap_err() {
        ListError::Connect(why) => assert!(why.contains("allow the host by name"), "{why}"),
        other => panic!("{other}"),
    }
    assert_eq!(world.n_requests(), 0);
}

/// A server that answers every request with a list, encrypted.
async fn encrypted(tls: &Tls) -> u16 {
    let certificates = CertificateDer::pem_file_iter(&tls.cert)
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(&tls.key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us goes away.
                let Ok(mut stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let mut head = [0; 2048];
                while stream.read(&mut head).await.is_ok_and(|n| n > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{TWO}", TWO.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn who_is_at_the_other_end_is_always_verified() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::self_signed(dir.path()).unwrap();
    let port = encrypted(&tls).await;
    let mut trusting = config();
    trusting.egress = EgressPolicy::new()
        .with_allowed_host("localhost")
        .with_allowed_host("other.test");
    trusting.hosts = ["localhost", "other.test"]
        .map(|host| (host.to_owned(), vec!["127.0.0.1".parse().unwrap()]))
        .into();
    // Nobody vouches for it.
    let url = format!("https://localhost:{port}{LIST}");
    let error = get(&Client::new(&trusting).unwrap(), &url).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    assert!(!error.is_transient());
    // Its authority does, for one name.
    trusting.extra_authorities = std::fs::read(&tls.ca).unwrap();
    let client = Client::new(&trusting).unwrap();
    assert_eq!(get(&client, &url).await.unwrap(), 200);
    let error = get(&client, &format!("https://other.test:{port}/")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    // What is no certificate is refused at the start.
    trusting.extra_authorities = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_vec();
    assert!(Client::new(&trusting).is_err());
}

#[tokio::test]
async fn lists_come_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::self_signed(dir.path()).unwrap();
    let port = encrypted(&tls).await;
    let mut trusting = config();
    trusting.egress = EgressPolicy::new().with_allowed_host("localhost");
    trusting.hosts = [("localhost".to_owned(), vec!["127.0.0.1".parse().unwrap()])].into();
    trusting.extra_authorities = std::fs::read(&tls.ca).unwrap();
    let url = Box::leak(format!("https://localhost:{port}{LIST}").into_boxed_str());
    let world = Setup {
        url,
        client: Client::new(&trusting).unwrap(),
        ..Setup::default()
    }
    .start()
    .await;
    for _ in 0..2 {
        assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
    }
}
