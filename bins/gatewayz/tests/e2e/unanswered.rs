//! Providers that do not answer, and callers that do not wait.

use std::time::Duration;

use gatewayz_testkit::{
    SimulatedProvider, eventually,
    simulated::{Fault, Reply},
};
use tokio::time::Instant;

use crate::{
    client::head,
    gateway::{Gateway, KEY, SOON, Settings, only},
};

const LIST: &str = "/v1/models?gateway=all&limit=5";
const REFRESH: &str = "/cache/refresh/groq?force=true";

/// A gateway with one provider that never answers, whose list is given up after four seconds: longer than a connection
/// may rest, and than any other answer may take.
async fn with_a_provider_that_hangs() -> (Gateway, SimulatedProvider) {
    let upstream = SimulatedProvider::start().await.unwrap();
    upstream.route("/v1/models", Reply::models(5));
    upstream.fault("/v1/models", Fault::Hang);
    let list = only(&["groq"], &format!("{}/v1/models", upstream.url()));
    let settings = Settings::new()
        .file("[server]\nidle_timeout = \"1s\"\nrequest_timeout = \"1s\"")
        .file(&list.replace("auth = \"none\"", "auth = \"none\", timeout_secs = 4"));
    (Gateway::start(settings).await, upstream)
}

async fn under_way(gateway: &Gateway) -> f64 {
    gateway.metric("concurrency_active_requests", &[]).await
}

#[tokio::test]
async fn a_provider_that_hangs_is_waited_for_by_who_asked_alone() {
    let (gateway, upstream) = with_a_provider_that_hangs().await;
    let started = Instant::now();
    let others = async {
        eventually(SOON, async || !upstream.requests().is_empty())
            .await
            .unwrap();
        for _ in 0..50 {
            let asked = Instant::now();
            assert_eq!(gateway.get(LIST).await.status, 200);
            assert!(asked.elapsed() < Duration::from_secs(1));
        }
        // The second turn is not had while the first is.
        gateway.admin("POST", REFRESH).await.is_problem(409, "CONFLICT");
    };
    let (answer, ()) = tokio::join!(gateway.admin("POST", REFRESH), others);
    answer.is_problem(502, "PROVIDER_ERROR");
    let took = started.elapsed();
    assert!(took > Duration::from_secs(3) && took < SOON, "{took:?}");
}

#[tokio::test]
async fn callers_that_go_away_leave_nothing_behind() {
    let (gateway, upstream) = with_a_provider_that_hangs().await;
    // One that had begun a change: it is carried out, and told of.
    let mut client = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let request = head("POST", REFRESH, &[("authorization", &key), ("content-length", "0")]);
    client.write(request).await.unwrap();
    eventually(SOON, async || !upstream.requests().is_empty())
        .await
        .unwrap();
    assert!(under_way(&gateway).await >= 1.0);
    drop(client);
    eventually(SOON, async || under_way(&gateway).await < 1.0)
        .await
        .unwrap();
    gateway.logs(&["refresh the cache", "no answer within"]).await;
    assert!(!gateway.log().contains("broken off"), "{}", gateway.log());
    // And some in the middle of what they had to say.
    for _ in 0..20 {
        let mut client = gateway.connect().await;
        let said = [("content-type", "application/json"), ("content-length", "1000")];
        client
            .write(head("POST", "/v1/models/batch-compare", &said))
            .await
            .unwrap();
        client.write(&b"{\"model_ids\": ["[..]).await.unwrap();
    }
    eventually(SOON, async || under_way(&gateway).await < 1.0)
        .await
        .unwrap();
    assert_eq!(gateway.get(LIST).await.status, 200);
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}
