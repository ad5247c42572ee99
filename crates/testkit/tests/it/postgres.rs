use std::{net::TcpListener, path::PathBuf, time::Duration};

use gatewayz_testkit::{Postgres, ServerError, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// The numbers of the shared segments on this machine, as text.
fn segments() -> Vec<String> {
    let list = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    list.lines()
        .skip(1)
        .filter_map(|line| Some(line.split_ascii_whitespace().nth(1)?.to_owned()))
        .collect()
}

fn segment(postgres: &Postgres) -> String {
    let lock = std::fs::read_to_string(postgres.socket_dir().join("data/postmaster.pid")).unwrap();
    lock.lines()
        .nth(6)
        .unwrap()
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .to_owned()
}

/// All processes of the server; its children have its pid as their parent.
fn processes(postgres: &Postgres) -> Vec<u32> {
    let pid = postgres.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_ascii_whitespace().map(|pid| pid.parse().unwrap());
    std::iter::once(pid).chain(children).collect()
}

/// Whether it is more than the zombie that a container's first process leaves about.
fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn it_serves_its_url_and_databases_of_their_own() {
    let postgres = Postgres::start().await.unwrap();
    assert_eq!(
        postgres.url(),
        format!("postgres://postgres@{}/postgres", postgres.addr())
    );
    let rows = postgres.query("SELECT 1, NULL, 'é'; SELECT 2").await.unwrap();
    assert_eq!(rows, [vec![text("1"), None, text("é")], vec![text("2")]]);

    let url = postgres.create_database("a").await.unwrap();
    assert_eq!(url, postgres.url_of("a"));
    let (first, second) = (
        postgres.fresh_database().await.unwrap(),
        postgres.fresh_database().await.unwrap(),
    );
    assert_ne!(first, second);
    postgres.query_in("a", LONG, "CREATE TABLE t (n int)").await.unwrap();
    assert_eq!(postgres.query_in("a", LONG, "SELECT * FROM t").await.unwrap(), [[]; 0]);
    let absent = postgres.query("SELECT * FROM t").await.unwrap_err();
    assert!(
        matches!(&absent, ServerError::Refused { code, .. } if code == "42P01"),
        "{absent}"
    );
    let taken = postgres.create_database("a").await.unwrap_err();
    assert!(
        matches!(&taken, ServerError::Refused { code, .. } if code == "42P04"),
        "{taken}"
    );
    let absent = postgres.query_in("b", LONG, "SELECT 1").await.unwrap_err();
    assert!(
        matches!(&absent, ServerError::Refused { code, .. } if code == "3D000"),
        "{absent}"
    );
}

#[tokio::test]
async fn it_listens_on_its_port() {
    let postgres = Postgres::start().await.unwrap();
    let mut stream = TcpStream::connect(postgres.addr()).await.unwrap();
    // The question whether it speaks TLS, which the testkit's does not.
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'N');
}

#[tokio::test]
async fn settings_are_used_and_wrong_ones_reported() {
    let postgres = Postgres::builder()
        .setting("max_connections", "7")
        .start()
        .await
        .unwrap();
    assert_eq!(postgres.query("SHOW max_connections").await.unwrap(), [[text("7")]]);
    assert_eq!(postgres.query("SHOW synchronous_commit").await.unwrap(), [[text("on")]]);
    assert_eq!(postgres.query("SHOW server_encoding").await.unwrap(), [[text("UTF8")]]);

    let error = Postgres::builder()
        .setting("no_such_setting", "1")
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ServerError::Exited { log } if log.contains("no_such_setting")),
        "{error}"
    );
}

#[tokio::test]
async fn a_frozen_server_is_silent_and_answers_after_the_thaw() {
    let postgres = Postgres::start().await.unwrap();
    let sleeper = postgres.query("SELECT pg_sleep(1)");
    let (slept, ()) = tokio::join!(sleeper, async {
        // Also the process that serves the sleeper stops.
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        eventually(LONG, || async {
            postgres.query(asleep).await.unwrap() == [[text("1")]]
        })
        .await
        .unwrap();
        postgres.freeze().unwrap();
        let processes = processes(&postgres);
        assert!(processes.len() > 4, "{processes:?}");
        for pid in processes {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            assert!(stat.contains(") T ") || stat.contains(") Z "), "{stat}");
        }
        let answer = postgres.query_in("postgres", SHORT, "SELECT 1").await;
        assert!(matches!(answer, Err(ServerError::TimedOut(_))), "{answer:?}");
        postgres.thaw().unwrap();
    });
    slept.unwrap();
    assert_eq!(postgres.query("SELECT 1").await.unwrap(), [[text("1")]]);
}

#[tokio::test]
async fn what_was_committed_survives_a_kill() {
    let postgres = Postgres::start().await.unwrap();
    postgres.query("CREATE TABLE t (n int)").await.unwrap();
    postgres
        .query("INSERT INTO t SELECT generate_series(1, 1000)")
        .await
        .unwrap();
    let (addr, processes, segment) = (postgres.addr(), processes(&postgres), segment(&postgres));
    assert!(processes.len() > 3, "{processes:?}");

    postgres.kill().await.unwrap();
    postgres.kill().await.unwrap();
    for pid in processes {
        assert!(!is_running(pid), "reaped");
    }
    assert!(!segments().contains(&segment), "shared memory is given back");
    assert!(matches!(postgres.query("SELECT 1").await, Err(ServerError::Io { .. })));
    assert!(matches!(postgres.freeze(), Err(ServerError::NotRunning)));

    postgres.restart().await.unwrap();
    assert_eq!(postgres.addr(), addr);
    assert_eq!(
        postgres.query("SELECT count(*) FROM t").await.unwrap(),
        [[text("1000")]]
    );

    postgres.freeze().unwrap();
    postgres.restart().await.unwrap();
    assert_eq!(
        postgres.query("SELECT count(*) FROM t").await.unwrap(),
        [[text("1000")]]
    );
}

#[tokio::test]
async fn a_drop_ends_the_processes_and_removes_the_folder_also_when_frozen() {
    let postgres = Postgres::start().await.unwrap();
    let (processes, dir, segment) = (
        processes(&postgres),
        PathBuf::from(postgres.socket_dir()),
        segment(&postgres),
    );
    assert!(segments().contains(&segment));
    postgres.freeze().unwrap();
    drop(postgres);
    for pid in processes {
        assert!(!is_running(pid));
    }
    assert!(!dir.exists());
    assert!(!segments().contains(&segment));
}

#[tokio::test]
async fn a_taken_port_is_reported_at_restart() {
    let postgres = Postgres::start().await.unwrap();
    postgres.kill().await.unwrap();
    let squatter = TcpListener::bind(postgres.addr()).unwrap();
    let error = postgres.restart().await.unwrap_err();
    assert!(matches!(error, ServerError::PortTaken { .. }), "{error}");
    drop(squatter);
    postgres.restart().await.unwrap();
}

#[tokio::test]
async fn many_servers_start_at_once() {
    let starts: Vec<_> = (0..4).map(|_| tokio::spawn(Postgres::start())).collect();
    for start in starts {
        let postgres = start.await.unwrap().unwrap();
        assert_eq!(postgres.query("SELECT 1").await.unwrap(), [[text("1")]]);
    }
}

#[tokio::test]
async fn the_shared_server_is_one() {
    let (first, second) = (Postgres::shared().await.unwrap(), Postgres::shared().await.unwrap());
    assert!(std::ptr::eq(first, second));
    assert_ne!(
        first.fresh_database().await.unwrap(),
        second.fresh_database().await.unwrap()
    );
}

#[test]
fn an_absent_server_says_what_to_install() {
    let error = ServerError::PostgresNotFound.to_string();
    assert!(error.contains("cargo xtask test") && error.contains("postgresql") && error.contains("POSTGRES_BIN"));
}
