//! Servers of a killed test process.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use gatewayz_testkit::{Postgres, RedisServer, eventually};

use crate::server::is_running;

/// Tells the victim where to write what it started.
const REPORT: &str = "GATEWAYZ_TESTKIT_VICTIM";
const LONG: Duration = Duration::from_secs(20);

/// Only a victim when the other test runs it as a process of its own: it starts servers, reports them and waits to be killed.
#[tokio::test]
async fn victim() {
    let Some(report) = std::env::var_os(REPORT) else {
        return;
    };
    let (awake, frozen) = (RedisServer::start().await.unwrap(), RedisServer::start().await.unwrap());
    frozen.freeze().unwrap();
    let (postgres, icy) = (Postgres::start().await.unwrap(), Postgres::shared().await.unwrap());
    icy.freeze().unwrap();
    let redis = [&awake, &frozen].map(|server| (server.pid(), server.unix_socket().parent().unwrap()));
    let postgres = [&postgres, icy].map(|server| (server.pid(), server.socket_dir()));
    let lines = [redis, postgres].concat().into_iter();
    let lines: Vec<_> = lines.map(|(pid, dir)| format!("{pid} {}\n", dir.display())).collect();
    let unfinished = Path::new(&report).with_extension("unfinished");
    std::fs::write(&unfinished, lines.concat()).unwrap();
    std::fs::rename(&unfinished, &report).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn no_server_outlives_a_killed_test_process() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let victim = std::env::current_exe().unwrap();
    let mut victim = Command::new(victim)
        .args(["--exact", "death::victim"])
        .env(REPORT, &report)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let reported = eventually(LONG, || async { report.exists() }).await;
    let servers: Vec<(u32, String)> = std::fs::read_to_string(&report)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(pid, dir)| (pid.parse().unwrap(), dir.to_owned()))
        .collect();
    let alive = servers.iter().filter(|(pid, _)| is_running(*pid)).count();

    victim.kill().unwrap();
    victim.wait().unwrap();
    reported.unwrap();
    assert_eq!((servers.len(), alive), (4, 4));
    for (pid, dir) in servers {
        eventually(LONG, || async { !is_running(pid) && !Path::new(&dir).exists() })
            .await
            .unwrap();
    }
}
