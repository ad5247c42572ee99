//! Another configuration, without another process.

use gatewayz_testkit::eventually;
use rustix::process::Signal;

use crate::gateway::{Gateway, SOON, Settings};

const FIRST: &str = "[admin]\nkey = \"the-first-key-of-all\"\n[log]\nfilter = \"info\"\n";
const SECOND: &str = "[admin]\nkey = \"the-second-key-of-all\"\n[log]\nfilter = \"debug\"\n";

async fn opens(gateway: &Gateway, key: &str) -> bool {
    let value = format!("Bearer {key}");
    let mut client = gateway.connect().await;
    let answer = client
        .send("GET", "/metrics", &[("authorization", &value)])
        .await
        .unwrap();
    assert!(matches!(answer.status, 200 | 401), "{answer:?}");
    answer.status == 200
}

#[tokio::test]
async fn a_hang_up_brings_the_file_and_a_broken_file_changes_nothing() {
    let settings = Settings::new()
        .without("ADMIN_API_KEY")
        .env("GATEWAYZ_LISTEN", "0.0.0.0:0")
        .file(FIRST);
    let gateway = Gateway::start(settings).await;
    let file = gateway.path().join("gatewayz.toml");
    let (first, second) = ("the-first-key-of-all", "the-second-key-of-all");
    assert!(opens(&gateway, first).await && !opens(&gateway, second).await);
    assert!(!gateway.log().contains("\"DEBUG\""));

    // A connection that is open stays, and the next request on it is judged by the new key.
    let mut kept = gateway.connect().await;
    kept.get("/health").await.unwrap();
    std::fs::write(&file, SECOND).unwrap();
    gateway.signal(Signal::HUP);
    eventually(SOON, async || opens(&gateway, second).await).await.unwrap();
    assert!(!opens(&gateway, first).await);
    let value = format!("Bearer {first}");
    let answer = kept
        .send("GET", "/metrics", &[("authorization", &value)])
        .await
        .unwrap();
    answer.is_problem(401, "INVALID_API_KEY");
    gateway.get("/health").await;
    gateway.logs(&["\"DEBUG\"", "\"route\":\"health\""]).await;

    for (broken, named) in [
        ("[admin\nkey = ", "gatewayz.toml"),
        ("[admin]\nkey = \"x\"\n", "admin.key"),
        ("[server]\nidle_timeout = \"yesterday\"\n", "idle_timeout"),
        ("[admin]\nkay = \"0123456789abcdef\"\n", "kay"),
        // Nothing may be left open by leaving the key out.
        ("", "ADMIN_API_KEY"),
    ] {
        let lines = gateway.log().lines().count();
        std::fs::write(&file, broken).unwrap();
        gateway.signal(Signal::HUP);
        let told = async || {
            let log = gateway.log();
            let mut new = log.lines().skip(lines);
            new.any(|line| line.contains("stays as it is") && line.contains(named) && line.contains("ERROR"))
        };
        eventually(SOON, told).await.unwrap();
        assert!(opens(&gateway, second).await);
    }
    std::fs::remove_file(&file).unwrap();
    gateway.signal(Signal::HUP);
    std::fs::write(&file, FIRST).unwrap();
    gateway.signal(Signal::HUP);
    eventually(SOON, async || opens(&gateway, first).await).await.unwrap();
}
