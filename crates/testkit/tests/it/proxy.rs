use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use gatewayz_testkit::{Cut, Direction, FaultProxy, Fresh, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Within this time something must have happened.
const LONG: Duration = Duration::from_secs(10);
/// Within this time nothing may have happened.
const QUIET: Duration = Duration::from_millis(100);

/// A server that sends back what it gets, and ends when the peer does.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await?;
                writer.shutdown().await
            });
        }
    });
    addr
}

/// A proxy before a server that the test holds in its hands: the client's end and the server's end.
async fn pair() -> (FaultProxy, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap()).await.unwrap();
    let client = TcpStream::connect(proxy.addr()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (proxy, client, server)
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

#[track_caller]
fn receive(stream: &mut TcpStream, text: &str) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let mut bytes = vec![0; text.len()];
        timeout(LONG, stream.read_exact(&mut bytes))
            .await
            .unwrap_or_else(|_| panic!("nothing came at {at}"))
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), text, "at {at}");
    }
}

/// Says that neither bytes nor an end come.
#[track_caller]
fn silent(stream: &mut TcpStream) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let came = timeout(QUIET, stream.read(&mut [0])).await;
        assert!(came.is_err(), "{came:?} at {at}");
    }
}

/// Returns how the peer closed: `Ok` for FIN, an error for RST.
async fn end(stream: &mut TcpStream) -> io::Result<()> {
    let read = timeout(LONG, stream.read(&mut [0])).await.expect("not closed");
    read.map(|n| assert_eq!(n, 0, "bytes instead of an end"))
}

#[tokio::test]
async fn without_faults_bytes_pass_and_are_counted() {
    let proxy = FaultProxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    send(&mut client, "hello").await;
    receive(&mut client, "hello").await;
    client.shutdown().await.unwrap();
    end(&mut client).await.unwrap();
    let stats = proxy.stats();
    assert_eq!(
        (stats.accepted, stats.to_server, stats.to_client, stats.swallowed),
        (1, 5, 5, 0)
    );
}

#[tokio::test]
async fn a_closed_half_leaves_the_other_open() {
    let (_proxy, mut client, mut server) = pair().await;
    client.shutdown().await.unwrap();
    end(&mut server).await.unwrap();
    send(&mut server, "late").await;
    receive(&mut client, "late").await;
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let (_proxy, client, mut server) = pair().await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(end(&mut server).await.is_err());
}

#[tokio::test]
async fn an_absent_server_resets_the_client() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = FaultProxy::start(nobody).await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(end(&mut client).await.is_err());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the delay of real bytes is measured")]
async fn a_delay_is_kept_in_one_direction_without_blocking_the_sender_or_the_order() {
    let (proxy, mut client, mut server) = pair().await;
    let delay = Duration::from_millis(150);
    proxy.delay(Direction::ToServer, delay);
    let started = Instant::now();
    // Twenty messages one after another: were the reader blocked by each, the last would take twenty delays.
    let (writes, text): (Vec<_>, _) = (
        (0..20).map(|n| format!("{n};")).collect(),
        (0..20).map(|n| format!("{n};")).collect::<String>(),
    );
    for write in writes {
        send(&mut client, &write).await;
        tokio::task::yield_now().await;
    }
    receive(&mut server, &text).await;
    let took = started.elapsed();
    assert!(took >= delay && took < 10 * delay, "{took:?}");

    let back = Instant::now();
    send(&mut server, "back").await;
    receive(&mut client, "back").await;
    assert!(back.elapsed() < delay, "the other direction is not delayed");
}

#[tokio::test]
async fn a_delay_taken_back_sets_free_what_is_under_way() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.delay(Direction::ToServer, Duration::from_secs(3600));
    send(&mut client, "waits").await;
    silent(&mut server).await;
    proxy.heal();
    receive(&mut server, "waits").await;
}

#[tokio::test]
async fn a_delay_bounds_what_is_under_way() {
    let (proxy, mut client, _server) = pair().await;
    proxy.delay(Direction::ToServer, Duration::from_secs(3600));
    let block = vec![0; 1 << 20];
    let filled = timeout(LONG, async {
        for _ in 0..64 {
            if timeout(Duration::from_millis(500), client.write_all(&block))
                .await
                .is_err()
            {
                return true;
            }
        }
        false
    });
    assert_eq!(filled.await, Ok(true), "the sender is held back in the end");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the rate of real bytes is measured")]
async fn a_throttle_bounds_the_rate_until_it_is_healed() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.throttle(Direction::ToServer, 20_000);
    let started = Instant::now();
    let text = "x".repeat(10_000);
    send(&mut client, &text).await;
    receive(&mut server, &text).await;
    let took = started.elapsed();
    // Half a second, less the first slice.
    assert!(took >= Duration::from_millis(450), "{took:?}");

    proxy.throttle(Direction::ToServer, 1);
    send(&mut client, &text).await;
    receive(&mut server, "x").await;
    proxy.heal();
    receive(&mut server, &text[1..]).await;
}

#[tokio::test]
async fn a_cut_closes_both_sides_and_new_connections_work() {
    for how in [Cut::Reset, Cut::Finish] {
        let (proxy, mut client, mut server) = pair().await;
        proxy.cut(how);
        let (of_client, of_server) = (end(&mut client).await, end(&mut server).await);
        assert_eq!(
            (of_client.is_ok(), of_server.is_ok()),
            (how == Cut::Finish, how == Cut::Finish),
            "{how:?}"
        );

        proxy.set_upstream(echo().await);
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        send(&mut client, "again").await;
        receive(&mut client, "again").await;
    }
}

#[tokio::test]
async fn a_connection_made_just_before_a_fault_is_an_old_one() {
    let proxy = FaultProxy::start(echo().await).await.unwrap();
    let mut cut = TcpStream::connect(proxy.addr()).await.unwrap();
    proxy.cut(Cut::Reset);
    assert!(end(&mut cut).await.is_err());

    let mut served = TcpStream::connect(proxy.addr()).await.unwrap();
    proxy.refuse(true);
    send(&mut served, "old").await;
    receive(&mut served, "old").await;
    proxy.heal();

    let mut dead = TcpStream::connect(proxy.addr()).await.unwrap();
    proxy.half_open(Fresh::Forwarded);
    send(&mut dead, "lost").await;
    silent(&mut dead).await;
}

#[tokio::test]
async fn refused_connections_end_at_once_and_others_go_on() {
    let proxy = FaultProxy::start(echo().await).await.unwrap();
    let mut old = TcpStream::connect(proxy.addr()).await.unwrap();
    send(&mut old, "a").await;
    receive(&mut old, "a").await;

    proxy.refuse(true);
    let mut refused = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(end(&mut refused).await.is_err());
    send(&mut old, "b").await;
    receive(&mut old, "b").await;
    assert_eq!((proxy.stats().accepted, proxy.stats().refused), (2, 1));

    proxy.refuse(false);
    let mut fresh = TcpStream::connect(proxy.addr()).await.unwrap();
    send(&mut fresh, "c").await;
    receive(&mut fresh, "c").await;
}

#[tokio::test]
async fn a_frozen_direction_holds_back_and_loses_nothing() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.freeze(Direction::ToServer);
    send(&mut client, "held").await;
    silent(&mut server).await;
    send(&mut server, "the other direction").await;
    receive(&mut client, "the other direction").await;
    proxy.heal();
    receive(&mut server, "held").await;
}

#[tokio::test]
async fn a_frozen_direction_builds_back_pressure() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.freeze(Direction::ToServer);
    let total = 64 << 20;
    let block = vec![7; total];
    let mut sent = 0;
    while let Ok(wrote) = timeout(Duration::from_millis(500), client.write(&block)).await {
        sent += wrote.unwrap();
        assert!(sent < total, "the kernel's buffers have an end");
    }
    proxy.heal();
    let mut received = vec![0; sent];
    timeout(LONG, server.read_exact(&mut received)).await.unwrap().unwrap();
    assert!(received.iter().all(|&byte| byte == 7));
}

#[tokio::test]
async fn a_half_open_link_is_silent_for_ever_and_fresh_ones_may_work() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.half_open(Fresh::Forwarded);
    send(&mut client, "lost").await;
    send(&mut server, "lost too").await;
    silent(&mut client).await;
    silent(&mut server).await;
    eventually(LONG, || async { proxy.stats().swallowed == 12 })
        .await
        .unwrap();

    proxy.set_upstream(echo().await);
    let mut fresh = TcpStream::connect(proxy.addr()).await.unwrap();
    send(&mut fresh, "alive").await;
    receive(&mut fresh, "alive").await;

    proxy.heal();
    send(&mut client, "still lost").await;
    silent(&mut server).await;
    drop(client);
    silent(&mut server).await;
    proxy.cut(Cut::Reset);
    assert!(end(&mut server).await.is_err());
}

#[tokio::test]
async fn half_open_may_swallow_fresh_connections_too() {
    let proxy = FaultProxy::start(echo().await).await.unwrap();
    proxy.half_open(Fresh::Swallowed);
    let mut swallowed = TcpStream::connect(proxy.addr()).await.unwrap();
    send(&mut swallowed, "lost").await;
    silent(&mut swallowed).await;

    proxy.heal();
    silent(&mut swallowed).await;
    let mut fresh = TcpStream::connect(proxy.addr()).await.unwrap();
    send(&mut fresh, "alive").await;
    receive(&mut fresh, "alive").await;
}

#[tokio::test]
async fn what_waits_in_the_queue_dies_with_the_link() {
    let (proxy, mut client, mut server) = pair().await;
    proxy.delay(Direction::ToServer, Duration::from_secs(3600));
    send(&mut client, "queued").await;
    silent(&mut server).await;
    proxy.half_open(Fresh::Forwarded);
    proxy.heal();
    silent(&mut server).await;
}

#[tokio::test]
async fn a_dropped_proxy_closes_everything() {
    let (proxy, mut client, mut server) = pair().await;
    let addr = proxy.addr();
    drop(proxy);
    drop((end(&mut client).await, end(&mut server).await));
    eventually(LONG, || async { TcpStream::connect(addr).await.is_err() })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_passes_after_a_fault_is_set() {
    let proxy = FaultProxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    let writer = tokio::spawn(async move { while client.write_all(&[1; 100]).await.is_ok() {} });
    eventually(LONG, || async { proxy.stats().to_server > 100_000 })
        .await
        .unwrap();
    proxy.cut(Cut::Reset);
    timeout(LONG, writer).await.unwrap().unwrap();
}
