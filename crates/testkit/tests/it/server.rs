use std::{net::TcpListener, path::PathBuf, time::Duration};

use gatewayz_testkit::{RedisServer, Reply, ServerError, Tls, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_server_serves_and_keeps_values() {
    let redis = RedisServer::start().await.unwrap();
    assert_eq!(redis.command(&["SET", "a", "b"]).await.unwrap(), Reply::ok());
    assert_eq!(redis.command(&["GET", "a"]).await.unwrap(), Reply::text("b"));
    assert_eq!(redis.command(&["GET", "absent"]).await.unwrap(), Reply::Nil);
    assert_eq!(redis.command(&["DEL", "a", "absent"]).await.unwrap(), Reply::Int(1));
    assert_eq!(redis.url(), format!("redis://{}", redis.addr()));
}

#[tokio::test]
async fn every_kind_of_reply_is_read() {
    let redis = RedisServer::start().await.unwrap();
    let nested = redis
        .command(&[
            "EVAL",
            "return {1, 'two', {3, false}, redis.error_reply('ERR four')}",
            "0",
        ])
        .await
        .unwrap();
    let expected = Reply::Array(vec![
        Reply::Int(1),
        Reply::text("two"),
        Reply::Array(vec![Reply::Int(3), Reply::Nil]),
        Reply::Error("ERR four".to_owned()),
    ]);
    assert_eq!(nested, expected);
    assert!(
        matches!(redis.command(&["NOSUCH"]).await.unwrap(), Reply::Error(text) if text.starts_with("ERR unknown command"))
    );
    let binary = b"\0\r\n\xff".as_slice();
    redis.command(&[b"SET".as_slice(), b"k", binary]).await.unwrap();
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), Reply::text(binary));
}

#[tokio::test]
async fn the_unix_socket_is_the_same_server() {
    let redis = RedisServer::start().await.unwrap();
    let mut stream = UnixStream::connect(redis.unix_socket()).await.unwrap();
    stream.write_all(b"SET a unix\r\n").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(redis.command(&["GET", "a"]).await.unwrap(), Reply::text("unix"));
}

#[tokio::test]
async fn arguments_and_password_are_used() {
    let redis = RedisServer::builder()
        .arg("maxmemory", "1mb")
        .arg("maxmemory-policy", "allkeys-lru")
        .password("sesame")
        .start()
        .await
        .unwrap();
    let answer = redis.command(&["CONFIG", "GET", "maxmemory"]).await.unwrap();
    assert_eq!(
        answer,
        Reply::Array(vec![Reply::text("maxmemory"), Reply::text("1048576")])
    );
    assert_eq!(redis.url(), format!("redis://:sesame@{}", redis.addr()));

    let mut stranger = TcpStream::connect(redis.addr()).await.unwrap();
    stranger.write_all(b"PING\r\n").await.unwrap();
    let mut answer = [0; 7];
    stranger.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"-NOAUTH");
}

#[tokio::test]
async fn the_pid_is_the_servers_own() {
    let redis = RedisServer::start().await.unwrap();
    let info = redis.command(&["INFO", "server"]).await.unwrap();
    assert!(
        info.as_text()
            .unwrap()
            .contains(&format!("process_id:{}\r\n", redis.pid()))
    );
}

#[tokio::test]
async fn a_frozen_server_is_silent_and_answers_after_the_thaw() {
    let redis = RedisServer::start().await.unwrap();
    redis.freeze().unwrap();
    assert!(matches!(
        redis.command_within(SHORT, &["PING"]).await,
        Err(ServerError::TimedOut(_))
    ));
    redis.thaw().unwrap();
    assert_eq!(redis.command(&["PING"]).await.unwrap(), Reply::text("PONG"));
}

#[tokio::test]
async fn a_killed_server_frees_its_port_and_comes_back_empty_on_it() {
    let redis = RedisServer::start().await.unwrap();
    redis.command(&["SET", "a", "b"]).await.unwrap();
    let (addr, pid, mut link) = (
        redis.addr(),
        redis.pid(),
        TcpStream::connect(redis.addr()).await.unwrap(),
    );

    redis.kill().await.unwrap();
    assert!(!is_running(pid), "reaped");
    assert!(
        matches!(link.read(&mut [0]).await, Ok(0) | Err(_)),
        "its connections are closed"
    );
    assert!(
        matches!(redis.command(&["PING"]).await, Err(ServerError::Io { .. })),
        "nobody listens"
    );
    assert!(matches!(redis.freeze(), Err(ServerError::NotRunning)));
    redis.kill().await.unwrap();

    redis.restart_empty().await.unwrap();
    assert_eq!(redis.addr(), addr);
    assert_ne!(redis.pid(), pid);
    assert_eq!(redis.command(&["DBSIZE"]).await.unwrap(), Reply::Int(0));
}

#[tokio::test]
async fn a_running_or_frozen_server_can_be_restarted() {
    let redis = RedisServer::start().await.unwrap();
    redis.command(&["SET", "a", "b"]).await.unwrap();
    redis.command(&["SAVE"]).await.unwrap();
    redis.freeze().unwrap();
    redis.restart_empty().await.unwrap();
    assert_eq!(
        redis.command(&["DBSIZE"]).await.unwrap(),
        Reply::Int(0),
        "also what was saved is gone"
    );
}

#[tokio::test]
async fn a_drop_ends_the_process_and_removes_the_folder_also_when_frozen() {
    let redis = RedisServer::start().await.unwrap();
    let (pid, dir) = (redis.pid(), redis.unix_socket().parent().map(PathBuf::from).unwrap());
    redis.freeze().unwrap();
    drop(redis);
    assert!(!is_running(pid));
    assert!(!dir.exists());
}

#[tokio::test]
async fn keys_without_expiry_are_found() {
    let redis = RedisServer::start().await.unwrap();
    for n in 0..30 {
        redis
            .command(&["SET", &format!("mortal:{n}"), "v", "PX", "60000"])
            .await
            .unwrap();
    }
    assert_eq!(redis.keys_without_expiry().await.unwrap(), Vec::<String>::new());
    redis.command(&["HSET", "immortal", "f", "v"]).await.unwrap();
    redis.command(&["SET", "a", "v"]).await.unwrap();
    assert_eq!(redis.keys_without_expiry().await.unwrap(), ["a", "immortal"]);
}

#[tokio::test]
async fn a_wrong_argument_is_reported_with_the_log() {
    let error = RedisServer::builder()
        .arg("no-such-option", "1")
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ServerError::Exited { log } if log.contains("no-such-option")),
        "{error}"
    );
}

#[tokio::test]
async fn a_taken_port_is_reported_at_restart() {
    let redis = RedisServer::start().await.unwrap();
    redis.kill().await.unwrap();
    let squatter = TcpListener::bind(redis.addr()).unwrap();
    assert!(matches!(
        redis.restart_empty().await,
        Err(ServerError::PortTaken { .. })
    ));
    drop(squatter);
    redis.restart_empty().await.unwrap();
}

#[tokio::test]
async fn an_absent_program_is_reported() {
    let error = RedisServer::builder()
        .program("/nowhere/redis-server")
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ServerError::Exited { log } if log.contains("/nowhere/redis-server")),
        "{error}"
    );
    assert!(
        ServerError::NotFound
            .to_string()
            .starts_with("redis-server not found: run `cargo xtask test`")
    );
}

#[tokio::test]
async fn tls_is_served_on_the_port_and_commands_still_work() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::self_signed(dir.path()).unwrap();
    let redis = RedisServer::builder().tls(tls).unwrap().start().await.unwrap();
    assert_eq!(redis.command(&["PING"]).await.unwrap(), Reply::text("PONG"));
    assert_eq!(redis.url(), format!("rediss://{}", redis.addr()));

    // A TLS server answers a hello that is none with an alert (type 21), or closes.
    let mut plain = TcpStream::connect(redis.addr()).await.unwrap();
    plain.write_all(b"PING\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(LONG, plain.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(read.is_err() || matches!(answer.first(), None | Some(21)), "{answer:?}");
}

#[tokio::test]
async fn many_servers_start_at_once() {
    let starts: Vec<_> = (0..8).map(|_| tokio::spawn(RedisServer::start())).collect();
    let mut servers = Vec::new();
    for start in starts {
        servers.push(start.await.unwrap().unwrap());
    }
    for (n, server) in servers.iter().enumerate() {
        server.command(&["SET", "n", &n.to_string()]).await.unwrap();
    }
    for (n, server) in servers.iter().enumerate() {
        assert_eq!(server.command(&["GET", "n"]).await.unwrap(), Reply::text(n.to_string()));
    }
}

#[tokio::test]
async fn a_server_that_dies_by_itself_is_noticed_and_restarted() {
    let redis = RedisServer::start().await.unwrap();
    drop(redis.command_within(SHORT, &["SHUTDOWN", "NOSAVE"]).await);
    eventually(LONG, || async { TcpStream::connect(redis.addr()).await.is_err() })
        .await
        .unwrap();
    redis.restart_empty().await.unwrap();
    assert_eq!(redis.command(&["PING"]).await.unwrap(), Reply::text("PONG"));
}

pub(crate) fn is_running(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}
