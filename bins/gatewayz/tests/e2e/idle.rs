//! Ten thousand connections that do nothing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gatewayz_testkit::eventually;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    client::Client,
    gateway::{Gateway, SOON, Settings},
};

/// How many there are, where the operating system lets a process have so many files.
const MANY: usize = 10_000;

/// Takes all files that this process may have, and leaves some for others.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let most = limit.maximum.unwrap_or(u64::MAX);
    MANY.min(usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(500))
}

async fn open(addr: SocketAddr, n: usize, asks: bool) -> Vec<Client> {
    let places = Arc::new(Semaphore::new(64));
    let mut opening = JoinSet::new();
    for _ in 0..n {
        let places = Arc::clone(&places);
        opening.spawn(async move {
            let _place = places.acquire().await;
            let mut client = Client::connect(addr).await.unwrap();
            // No half-closed connections are left in the kernel by ten thousand at once.
            client.socket.set_zero_linger().unwrap();
            if asks {
                assert_eq!(client.get("/health").await.unwrap().status, 200);
            }
            client
        });
    }
    opening.join_all().await
}

async fn connections(gateway: &Gateway) -> f64 {
    gateway.metric("active_connections", &["http"]).await
}

/// The bytes that each of many connections takes.
#[expect(clippy::cast_precision_loss, reason = "ten thousand of them, and some megabytes")]
async fn each(gateway: &Gateway, n: usize, asks: bool) -> u64 {
    let before = gateway.rss_kib();
    let started = Instant::now();
    let clients = open(gateway.addr, n, asks).await;
    let all = async || connections(gateway).await >= n as f64;
    eventually(SOON, all).await.unwrap();
    let grown = gateway.rss_kib().saturating_sub(before);
    let each = grown * 1024 / n as u64;
    eprintln!(
        "{n} connections in {:?}: {grown} KiB more, {each} bytes each",
        started.elapsed()
    );
    // Among all these, one that asks is answered at once.
    let asked = Instant::now();
    assert_eq!(gateway.get("/health").await.status, 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    drop(clients);
    let none = async || connections(gateway).await < 10.0;
    eventually(SOON, none).await.unwrap();
    each
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_never_used_takes_little_memory() {
    let n = room();
    let gateway = Gateway::start(Settings::new()).await;
    // 5 KiB without optimisation.
    let each = each(&gateway, n, false).await;
    assert!(each < 8 << 10, "{each} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_rests_takes_little_memory() {
    let n = room();
    let gateway = Gateway::start(Settings::new()).await;
    // 22 KiB: hyper's buffers for reading and for heads are 8 KiB each.
    let each = each(&gateway, n, true).await;
    assert!(each < 32 << 10, "{each} bytes");
}
