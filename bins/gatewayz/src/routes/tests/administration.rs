//! Administration and health, all the way through the layers.

use gatewayz_catalog::Phase;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Gateway, Got};
use crate::http::{Access, Verb};

const KEY: &str = "0123456789abcdef0123";
const BEARER: [(&str, &str); 1] = [("authorization", "Bearer 0123456789abcdef0123")];

async fn furnished() -> Gateway {
    let gateway = Gateway::new(&[("admin.key", KEY)]).await;
    gateway.app.migrate().await.unwrap();
    gateway.app.furnish(true).await.unwrap();
    gateway.app.catalog.snapshot().await.unwrap();
    gateway
}

impl Gateway {
    async fn admin(&self, method: Method, path: &str) -> Got {
        self.ask(method, path, &BEARER, "").await
    }

    /// What administrators get, which has to be as it is described.
    async fn told(&self, method: Method, path: &str) -> Value {
        let got = self.admin(method.clone(), path).await;
        self.check(&method, path, &got);
        got.json()
    }
}

/// Everything of these rooms that can be asked for without changing anything.
const READS: [&str; 45] = [
    "/health",
    "/health/database",
    "/health/railway",
    "/health/quick",
    "/health/all",
    "/health/gateways",
    "/health/groq",
    "/health/gateways/dashboard/data",
    "/health/system",
    "/health/providers",
    "/health/providers?gateway=groq",
    "/health/models?limit=3&offset=2&status=unknown",
    "/health/models?gateway=groq",
    "/health/summary",
    "/health/uptime",
    "/health/dashboard",
    "/health/status",
    "/health/monitoring/status",
    "/health/model/claude-haiku-4-5",
    "/health/provider/groq",
    "/health/catalog/models?limit=1000",
    "/health/catalog/providers",
    "/health/models/stats",
    "/health/providers/stats",
    "/health/optimizations",
    "/health/optimizations/connection-pools",
    "/health/optimizations/cache",
    "/circuit-breakers",
    "/circuit-breakers/groq",
    "/cache/status",
    "/cache/status?gateway=all",
    "/cache/status?gateway=groq",
    "/cache/stats",
    "/cache/ttl",
    "/cache/warmer/stats",
    "/cache/debouncer/stats",
    "/cache/modelz/status",
    "/cache/entry?key=models:catalog:full",
    "/admin/cache-status",
    "/admin/huggingface-cache-status",
    "/admin/model-sync/providers",
    "/admin/model-sync/status",
    "/admin/model-sync/health",
    "/api/metrics/parsed",
    "/health/ready",
];

#[tokio::test]
async fn what_is_told_is_as_it_is_described() {
    let gateway = furnished().await;
    gateway.app.jobs.set_ready();
    for path in READS {
        gateway.told(Method::GET, path).await;
    }
    let page = gateway.get("/health/gateways/dashboard").await;
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
}

#[tokio::test]
async fn nobody_changes_anything_without_the_key_of_administrators() {
    let gateway = furnished().await;
    for route in crate::routes::all() {
        let method = match route.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        if !matches!(route.access, Access::Admin | Access::CacheAdmin | Access::Key) {
            continue;
        }
        for path in route.paths {
            let path = path.replace("{*id}", "x").replace(['{', '}'], "");
            let refused = gateway.ask(method.clone(), &path, &[], "").await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
            let wrong = [("authorization", "Bearer 0123456789abcdef0124")];
            let refused = gateway.ask(method.clone(), &path, &wrong, "").await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
}

#[tokio::test]
async fn the_steps_after_a_deployment_lead_to_a_whole_catalogue() {
    let gateway = furnished().await;
    let cleared = gateway.told(Method::POST, "/cache/clear").await;
    assert_eq!(
        (&cleared["success"], &cleared["propagation"]),
        (&json!(true), &json!("acknowledged"))
    );
    assert!(
        cleared["gateways_cleared"]
            .as_array()
            .unwrap()
            .contains(&json!("providers"))
    );
    let stats = gateway.told(Method::GET, "/cache/stats").await;
    assert_eq!(
        (&stats["full_catalog_cached"], &stats["provider_catalogs_count"]),
        (&json!(false), &json!(0)),
        "nobody has read since"
    );
    let status = gateway.told(Method::GET, "/cache/status?gateway=all").await;
    assert_eq!(status["is_cached"], json!(false));

    gateway.told(Method::POST, "/api/cache/invalidate").await;
    let refreshed = gateway.told(Method::POST, "/cache/refresh?gateway=all").await;
    let total = refreshed["models_count"].as_u64().unwrap();
    assert!(total > 100);
    let page = gateway.get("/models?gateway=all&limit=100").await.json();
    assert_eq!(
        (&page["total"], &page["returned"], &page["has_more"]),
        (&json!(total), &json!(100), &json!(true))
    );
    let status = gateway.told(Method::GET, "/cache/status?gateway=all").await;
    assert_eq!(
        (&status["is_cached"], &status["models_count"]),
        (&json!(true), &json!(total))
    );
    let sum = status["age_seconds"].as_u64().unwrap() + status["ttl_seconds"].as_u64().unwrap();
    assert_eq!(sum, 900);
}

#[tokio::test]
async fn changes_say_how_far_they_reached() {
    let gateway = furnished().await;
    let changes = [
        (Method::POST, "/cache/clear?gateway=groq"),
        (Method::POST, "/api/system/cache/clear"),
        (Method::POST, "/api/cache/invalidate?cache_type=pricing&gateway=groq"),
        (Method::POST, "/cache/refresh/all"),
        // It has no key.
        (Method::POST, "/cache/refresh/groq?force=true"),
        (Method::POST, "/cache/refresh?gateway=groq"),
        (Method::POST, "/cache/pricing/refresh"),
        (Method::DELETE, "/cache/modelz/clear"),
        (Method::POST, "/admin/refresh-providers"),
        (Method::POST, "/circuit-breakers/groq/reset"),
        (Method::POST, "/circuit-breakers/reset-all"),
    ];
    for (method, path) in changes {
        let told = gateway.told(method, path).await;
        assert_eq!(told["propagation"], json!("acknowledged"), "{path}");
    }
    let refused = gateway.told(Method::POST, "/cache/refresh/groq").await;
    assert_eq!(
        (&refused["success"], &refused["action"]),
        (&json!(false), &json!("not_supported"))
    );
    let warmed = gateway.told(Method::POST, "/api/system/cache/warm").await;
    assert!(warmed["warmed"]["full"].as_u64().unwrap() > 100);
}

#[tokio::test]
async fn a_flush_empties_the_catalogue_and_deletes_nothing() {
    let gateway = furnished().await;
    let synced = gateway
        .told(Method::POST, "/admin/model-sync/provider/groq?dry_run=true")
        .await;
    assert_eq!(
        synced["details"]["providers"]["groq"]["outcome"],
        json!("failed"),
        "it has no key"
    );
    let flushed = gateway.told(Method::DELETE, "/admin/model-sync/flush-models").await;
    assert!(
        flushed["details"]["models_deactivated"].as_u64().unwrap() > 100,
        "{flushed}"
    );
    assert_eq!(flushed["details"]["propagation"], json!("acknowledged"));
    assert_eq!(gateway.get("/models?gateway=all").await.json()["total"], json!(0));
    let again = gateway.told(Method::DELETE, "/admin/model-sync/flush-providers").await;
    assert_eq!(again["details"]["models_deactivated"], json!(0));
    assert_eq!(gateway.app.sync.progress().borrow().phase, Phase::Idle);
}

#[tokio::test]
async fn one_sync_at_a_time() {
    let gateway = furnished().await;
    let turn = gateway.app.sync_turn.clone().lock_owned().await;
    for (method, path) in [
        (Method::POST, "/admin/model-sync/all"),
        (Method::POST, "/admin/model-sync/full"),
        (Method::DELETE, "/admin/model-sync/flush-models"),
        (Method::POST, "/cache/refresh/openrouter?force=true"),
    ] {
        let got = gateway.admin(method, path).await;
        assert_eq!(got.status, StatusCode::CONFLICT, "{path}");
        assert_eq!(
            got.json()["error"]["context"]["progress"]["phase"],
            json!("idle"),
            "{path}"
        );
    }
    drop(turn);
    gateway.told(Method::POST, "/admin/model-sync/providers-only").await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_secret_is_not_shown() {
    let gateway = furnished().await;
    let cases = [
        ("/cache/entry?key=provider_token:google-vertex", StatusCode::FORBIDDEN),
        ("/cache/entry?key=provider_token", StatusCode::FORBIDDEN),
        ("/cache/entry?key=nothing:of:ours", StatusCode::NOT_FOUND),
        ("/cache/entry?key=models:provider:groq", StatusCode::NOT_FOUND),
        ("/cache/entry", StatusCode::BAD_REQUEST),
        ("/circuit-breakers/nobody", StatusCode::NOT_FOUND),
        ("/health/nobody", StatusCode::NOT_FOUND),
        ("/health/provider/nobody", StatusCode::NOT_FOUND),
        ("/health/model/nobody/nothing", StatusCode::NOT_FOUND),
        ("/health/models?limit=1001", StatusCode::BAD_REQUEST),
        ("/cache/status?gateway=nobody", StatusCode::NOT_FOUND),
    ];
    for (path, status) in cases {
        let got = gateway.admin(Method::GET, path).await;
        assert_eq!(got.status, status, "{path}: {:?}", got.body);
    }
    let held = gateway.told(Method::GET, "/cache/entry?key=models:catalog:full").await;
    assert_eq!(
        (&held["held_locally"], &held["found"]),
        (&json!(true), &json!(false)),
        "there is no shared tier"
    );
}
