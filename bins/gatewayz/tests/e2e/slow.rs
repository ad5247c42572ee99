//! Callers that take their time.

use std::time::Duration;

use tokio::{
    io::AsyncReadExt as _,
    net::{TcpSocket, TcpStream},
    time::Instant,
};

use gatewayz_testkit::{SimulatedProvider, eventually, simulated::Reply};

use crate::{
    client::{Client, head},
    gateway::{Gateway, SOON, Settings, only},
    load::{Load, failures, percentile},
};

/// A byte now and then, until the other end has had enough of it.
async fn loris(addr: std::net::SocketAddr) -> Duration {
    let mut client = Client::connect(addr).await.unwrap();
    let started = Instant::now();
    let mut turns = tokio::time::interval(Duration::from_millis(300));
    let mut words = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: "
        .iter()
        .chain(std::iter::repeat(&b'y'));
    loop {
        tokio::select! {
            answer = client.answer(false) => {
                answer.unwrap().is_problem(408, "REQUEST_TIMEOUT");
                assert!(client.closed(SOON).await);
                return started.elapsed();
            }
            _ = turns.tick() => {}
        }
        // Where the other end is gone, the answer is there to be read.
        client.write([*words.next().unwrap()]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_never_end_are_given_up_while_others_are_served() {
    let gateway = Gateway::start(Settings::new().file("[server]\nheader_timeout = \"2s\"")).await;
    let load = Load::start(gateway.addr, 2, |_| "/v1/models?gateway=all&limit=5".to_owned());
    let slow: Vec<_> = (0..200).map(|_| tokio::spawn(loris(gateway.addr))).collect();
    for one in slow {
        let took = one.await.unwrap();
        assert!(
            took >= Duration::from_millis(1900) && took < Duration::from_secs(6),
            "{took:?}"
        );
    }
    let shots = load.end().await;
    assert_eq!(failures(&shots), Vec::<String>::new());
    let (usual, slowest) = (percentile(&shots, 99), percentile(&shots, 100));
    eprintln!("{} others, p99 {usual:?}, max {slowest:?}", shots.len());
    assert!(
        shots.len() > 500 && slowest < Duration::from_millis(1500),
        "{slowest:?}"
    );
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed() {
    let gateway = Gateway::start(Settings::new().file("[server]\nidle_timeout = \"1s\"")).await;
    let mut silent = gateway.connect().await;
    let mut used = gateway.connect().await;
    let socket = TcpStream::connect(gateway.addr).await.unwrap();
    let (mut sender, connection) = crate::h2::handshake(socket).await;
    let multiplexed = tokio::spawn(connection);
    let started = Instant::now();
    assert_eq!(crate::h2::get(&mut sender, "http://localhost/health").await.0, 200);
    assert_eq!(used.get("/health").await.unwrap().status, 200);
    assert!(used.closed(SOON).await && silent.closed(SOON).await);
    tokio::time::timeout(SOON, multiplexed).await.unwrap().unwrap();
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(6),
        "{took:?}"
    );
    // One that is used stays for longer than that.
    let mut client = gateway.connect().await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2500) {
        assert_eq!(client.get("/health").await.unwrap().status, 200);
    }
}

/// Connects with a small buffer, so that what is not read has to wait at the other end.
async fn narrow(gateway: &Gateway) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    Client::over(socket.connect(gateway.addr).await.unwrap())
}

async fn connections(gateway: &Gateway) -> f64 {
    gateway.metric("active_connections", &["http"]).await
}

#[tokio::test]
async fn a_caller_that_never_reads_is_cut_off() {
    let limits = "[server]\nidle_timeout = \"1s\"\nrequest_timeout = \"1s\"\nheader_timeout = \"1s\"";
    let gateway = Gateway::start(Settings::new().file(limits)).await;
    let mut client = narrow(&gateway).await;
    let request = head("GET", "/v1/models?gateway=all", &[]);
    // Answers of more bytes than all buffers on the way have.
    let many = request.repeat(400);
    tokio::time::timeout(Duration::from_secs(1), client.write(many))
        .await
        .ok();
    let cut = async || connections(&gateway).await <= 1.0;
    let took = eventually(SOON, cut).await.unwrap();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let mut rest = Vec::new();
    let read = client.socket.read_to_end(&mut rest).await;
    assert!(rest.len() < 100 << 20, "{read:?}, {} bytes", rest.len());
}

/// Longer than a connection may rest, but never resting: a whole answer that was handed over to the kernel in pieces.
#[tokio::test]
async fn a_caller_that_reads_slowly_gets_everything() {
    let upstream = SimulatedProvider::start().await.unwrap();
    upstream.route("/v1/models", Reply::models(8000));
    let limits =
        "[server]\nidle_timeout = \"1s\"\nrequest_timeout = \"10s\"\n[sync]\non_startup = true\nenabled = true";
    let settings = Settings::new()
        .file(limits)
        .file(&only(&["groq"], &format!("{}/v1/models", upstream.url())))
        .env("GATEWAYZ_SEED", "false")
        .without("ENABLE_SCHEDULED_MODEL_SYNC");
    let gateway = Gateway::start(settings).await;
    let path = "/v1/models?gateway=all&limit=8000";
    let full = async || gateway.get(path).await.json()["total"] == 8000;
    eventually(SOON, full).await.unwrap();
    let whole = gateway.get(path).await.body;

    let mut client = narrow(&gateway).await;
    client
        .write(head("GET", path, &[("connection", "close")]))
        .await
        .unwrap();
    let mut read = Vec::new();
    let mut turns = tokio::time::interval(Duration::from_millis(25));
    let started = Instant::now();
    loop {
        turns.tick().await;
        let mut some = vec![0; whole.len() / 160];
        match client.socket.read(&mut some).await.unwrap() {
            0 => break,
            n => read.extend_from_slice(&some[..n]),
        }
    }
    assert!(
        started.elapsed() > Duration::from_secs(3),
        "{:?}: nothing was slow",
        started.elapsed()
    );
    assert!(read.ends_with(&whole), "{} of {} bytes", read.len(), whole.len());
}
