//! Who may administer, and that nobody else learns how.

use std::net::{SocketAddr, TcpListener};

use crate::{
    client::Client,
    gateway::{Gateway, KEY, Settings},
};

/// Reached as by others: then everything but what is for everybody needs the key.
fn exposed() -> Settings {
    Settings::new().env("GATEWAYZ_LISTEN", "0.0.0.0:0")
}

#[tokio::test]
async fn only_the_key_of_administrators_opens() {
    let gateway = Gateway::start(exposed()).await;
    let mut client = gateway.connect().await;
    let right = format!("Bearer {KEY}");
    let longer = format!("Bearer {KEY}x");
    let basic = format!("Basic {KEY}");
    let doubled = format!("Bearer Bearer {KEY}");
    let long = format!("Bearer {}", "x".repeat(5000));
    for wrong in [
        "Bearer wrong",
        "Bearer ",
        "Bearer",
        "",
        KEY,
        &basic,
        &longer,
        &right[..right.len() - 1],
        &doubled,
        &long,
        "Bearer gw_live_0123456789012345678901234567890123456789012",
    ] {
        let answer = client
            .send("GET", "/metrics", &[("authorization", wrong)])
            .await
            .unwrap();
        answer.is_problem(401, "INVALID_API_KEY");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    client.get("/metrics").await.unwrap().is_problem(401, "INVALID_API_KEY");
    let twice = [("authorization", right.as_str()), ("authorization", right.as_str())];
    client
        .send("GET", "/metrics", &twice)
        .await
        .unwrap()
        .is_problem(401, "INVALID_API_KEY");
    for right in [right.as_str(), &format!("bearer {KEY}"), &format!("Bearer   {KEY} ")] {
        let answer = client
            .send("GET", "/metrics", &[("authorization", right)])
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{right}");
    }
    assert_eq!(client.get("/health").await.unwrap().status, 200);
}

/// A port that was free a moment ago.
fn port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn administration_is_served_where_it_listens_and_nowhere_else() {
    let mut tries = 0;
    let (gateway, admin) = loop {
        let admin = port();
        let settings = Settings::new().env("GATEWAYZ_ADMIN_LISTEN", admin.to_string());
        match Gateway::try_start(&settings).await {
            Ok(gateway) => break (gateway, admin),
            // Another process was faster.
            Err(refused) if refused.log.contains("cannot be listened on") && tries < 5 => tries += 1,
            Err(refused) => panic!("{refused:?}"),
        }
    };
    let key = format!("Bearer {KEY}");
    let headers = [("authorization", key.as_str())];
    let mut public = gateway.connect().await;
    public
        .send("GET", "/metrics", &headers)
        .await
        .unwrap()
        .is_problem(404, "ROUTE_NOT_FOUND");
    let mut local = Client::connect(admin).await.unwrap();
    assert_eq!(local.send("GET", "/metrics", &headers).await.unwrap().status, 200);
    let clear = [headers[0], ("content-length", "0")];
    for path in ["/cache/clear", "/admin/model-sync/all"] {
        let answer = public.send("POST", path, &clear).await.unwrap();
        answer.is_problem(404, "ROUTE_NOT_FOUND");
        let answer = local.send("POST", path, &clear[1..]).await.unwrap();
        answer.is_problem(401, "INVALID_API_KEY");
    }
    assert_eq!(local.send("POST", "/cache/clear", &clear).await.unwrap().status, 200);
    assert_eq!(public.get("/health").await.unwrap().status, 200);
}

#[tokio::test]
async fn what_others_can_reach_needs_a_key() {
    let settings = exposed().without("ADMIN_API_KEY");
    let refused = Gateway::try_start(&settings).await.unwrap_err();
    assert_eq!(refused.status.code(), Some(2), "{}", refused.log);
    assert!(refused.log.contains("ADMIN_API_KEY"), "{}", refused.log);
    let refused = Gateway::try_start(&exposed().env("ADMIN_API_KEY", "short"))
        .await
        .unwrap_err();
    assert!(!refused.status.success());
    assert!(!refused.log.contains("short "), "{}", refused.log);
}

/// Everything that the gateway says, to whomever, searched for the key.
#[tokio::test]
async fn the_key_is_nowhere_to_be_seen() {
    let wrong = "e2e-wrong-canary-9876543210";
    let mut gateway = Gateway::start(exposed().env("GATEWAYZ_LOG", "trace")).await;
    let mut said = Vec::new();
    let mut client = gateway.connect().await;
    for path in [
        "/",
        "/health",
        "/metrics",
        "/nowhere",
        "/v1/models",
        "/openapi.json",
        "/docs",
    ] {
        for method in ["GET", "POST"] {
            for value in [
                KEY.to_owned(),
                format!("Bearer {KEY}"),
                format!("Bearer {wrong}"),
                format!("Basic {KEY}"),
            ] {
                let headers = [("authorization", value.as_str()), ("content-length", "0")];
                let answer = client.send(method, path, &headers).await.unwrap();
                said.push(format!(
                    "{:?} {}",
                    answer.headers,
                    String::from_utf8_lossy(&answer.body)
                ));
            }
        }
    }
    let malformed = format!("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nauthorization: Bearer {KEY}\r\n\r\n");
    said.push(crate::client::raw(gateway.addr, malformed).await.text());
    let malformed = format!("GET / HTTP/1.1\r\nauthorization: Bearer {KEY}\r\nbad header\r\n\r\n");
    said.push(crate::client::raw(gateway.addr, malformed).await.text());
    gateway.signal(rustix::process::Signal::HUP);
    gateway.logs(&["read anew"]).await;
    gateway.signal(rustix::process::Signal::TERM);
    assert!(gateway.ended(crate::gateway::SOON).await.success());
    said.push(gateway.log());
    assert!(gateway.log().contains("\"DEBUG\""));
    for text in said {
        for secret in [KEY, wrong] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
