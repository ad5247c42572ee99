//! Short-lived tokens: how they are asked for, how long they are kept, and that nobody sees them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gatewayz_cache_core::Clock as _;
use gatewayz_catalog::{ListError, ListSource as _};
use gatewayz_providers::Settings;
use gatewayz_testkit::{
    SimulatedProvider,
    simulated::{Fault, Reply, Route},
};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::fetch_support::{LIST, Setup, TWO, World, ids};

const PEM: &str = include_str!("../fixtures/throwaway-key-for-tests.pem");
const TOKEN: &str = "/token";

fn account(url: &str) -> Settings {
    let account = json!({
        "type": "service_account",
        "client_email": "lists@project.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": PEM,
        "token_uri": format!("{url}{TOKEN}"),
    });
    [("TEST_KEY", account.to_string())].into_iter().collect()
}

/// Answers that count themselves: `t1`, `t2` and so on, good for an hour.
fn counted() -> Route {
    let n_given = Arc::new(AtomicU64::new(0));
    Route::of(move |_| {
        let n = n_given.fetch_add(1, Ordering::SeqCst) + 1;
        Reply::json(format!(
            r#"{{"access_token":"ya29-t{n}","expires_in":3600,"token_type":"Bearer"}}"#
        ))
    })
}

async fn google() -> World {
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route(LIST, Reply::json(TWO));
    provider.route(TOKEN, counted());
    let settings = account(&provider.url());
    Setup {
        settings,
        ..Setup::list("auth = \"google-service-account\"\nkey_env = [\"TEST_KEY\"]")
    }
    .with(provider)
}

fn n_exchanges(world: &World) -> usize {
    world.provider.requests_to(TOKEN).len()
}

fn sent(world: &World) -> Vec<String> {
    let lists = world.provider.requests_to(LIST);
    lists
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default().to_owned())
        .collect()
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[tokio::test]
async fn a_service_account_signs_for_its_token() {
    let world = google().await;
    assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
    assert_eq!(sent(&world), ["Bearer ya29-t1"]);

    let request = &world.provider.requests_to(TOKEN)[0];
    assert_eq!(request.method, "POST");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    assert_eq!(
        form[0],
        (
            "grant_type".into(),
            "urn:ietf:params:oauth:grant-type:jwt-bearer".into()
        )
    );
    let assertion = &form[1].1;
    let parts: Vec<_> = assertion.split('.').collect();
    assert_eq!(part(parts[0]), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let claims = part(parts[1]);
    let now = world.clock.wall().0 / 1000;
    assert_eq!(claims["iss"], "lists@project.iam.gserviceaccount.com");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["aud"], format!("{}{TOKEN}", world.provider.url()));
    assert_eq!(
        (claims["iat"].as_u64(), claims["exp"].as_u64()),
        (Some(now), Some(now + 3600))
    );

    let inside: String = PEM
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    let der = base64::engine::general_purpose::STANDARD.decode(inside).unwrap();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    let signed = assertion.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .verify(signed.0.as_bytes(), &URL_SAFE_NO_PAD.decode(signed.1).unwrap())
        .unwrap();
}

#[tokio::test]
async fn a_token_is_kept_until_a_minute_before_it_ends() {
    let world = google().await;
    for _ in 0..3 {
        world.list().await.unwrap();
    }
    assert_eq!(n_exchanges(&world), 1);
    // Less than four fifths of what it is kept for, chance included.
    world.clock.advance(Duration::from_secs(2400));
    world.list().await.unwrap();
    assert_eq!(n_exchanges(&world), 1);
    // 3600 less the minute.
    world.clock.advance(Duration::from_secs(3541 - 2400));
    world.list().await.unwrap();
    assert_eq!(n_exchanges(&world), 2);
    assert_eq!(sent(&world).last().map(String::as_str), Some("Bearer ya29-t2"));
}

#[tokio::test]
async fn however_many_ask_at_once_one_exchange_is_made() {
    let world = Arc::new(google().await);
    world.provider.fault(TOKEN, Fault::Late(Duration::from_millis(100)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { world.lists.list(&world.slug).await.map(|list| list.listings.len()) });
    }
    for found in tasks.join_all().await {
        assert_eq!(found.unwrap(), 2);
    }
    assert_eq!(n_exchanges(&world), 1);
}

#[tokio::test]
async fn a_failed_exchange_is_told_to_all_and_tried_again_soon() {
    let world = google().await;
    world.provider.fault(
        TOKEN,
        Fault::instead(
            Reply::status(400).body(r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#),
        ),
    );
    match world.list().await.unwrap_err() {
        ListError::Status {
            status: 400, message, ..
        } => assert_eq!(message, "Invalid JWT Signature."),
        other => panic!("{other}"),
    }
    assert!(sent(&world).is_empty(), "no list is asked for without a token");
    // Who comes at once is told the same without an exchange.
    world.provider.heal_all();
    assert!(world.list_anew().await.is_err());
    assert_eq!(n_exchanges(&world), 1);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(ids(&world.list_anew().await.unwrap()), ["a", "b"]);
    assert_eq!(n_exchanges(&world), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_before_its_time_is_replaced_once() {
    let world = google().await;
    world.list().await.unwrap();
    world.provider.fault_times(LIST, 1, Fault::instead(Reply::status(401)));
    world.list().await.unwrap();
    assert_eq!(sent(&world), ["Bearer ya29-t1", "Bearer ya29-t1", "Bearer ya29-t2"]);
    world.provider.fault(LIST, Fault::instead(Reply::status(401)));
    assert!(matches!(
        world.list().await.unwrap_err(),
        ListError::Status { status: 401, .. }
    ));
    assert_eq!(n_exchanges(&world), 3);
}

#[tokio::test]
async fn a_key_that_is_none_is_named_by_its_setting() {
    let unusable = [
        "not json".to_owned(),
        "{}".to_owned(),
        json!({"client_email": "a", "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"})
            .to_string(),
        json!({"client_email": "a", "private_key": PEM, "token_uri": "file:///etc/passwd"}).to_string(),
    ];
    for value in unusable {
        let world = Setup {
            settings: [("TEST_KEY", value)].into_iter().collect(),
            ..Setup::list("auth = \"google-service-account\"\nkey_env = [\"TEST_KEY\"]")
        }
        .start()
        .await;
        match world.list().await.unwrap_err() {
            ListError::NotConfigured { setting, .. } => {
                assert!(setting.starts_with("TEST_KEY to the JSON"), "{setting}")
            }
            other => panic!("{other}"),
        }
        assert_eq!(world.n_requests(), 0);
    }
}

#[tokio::test]
async fn one_token_is_exchanged_for_another() {
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route(LIST, Reply::json(TWO));
    let world = Setup::list("auth = { exchange = \"URL/token\" }\nkey_env = [\"TEST_KEY\"]").with(provider);
    let ends = world.clock.wall().0 / 1000 + 1500;
    world.provider.route(
        TOKEN,
        Reply::json(format!(
            r#"{{"token":"tid=1;exp=2","expires_at":{ends},"refresh_in":1200}}"#
        )),
    );
    for _ in 0..2 {
        assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
    }
    assert_eq!(sent(&world), ["Bearer tid=1;exp=2", "Bearer tid=1;exp=2"]);
    let exchanges = world.provider.requests_to(TOKEN);
    assert_eq!(exchanges.len(), 1);
    assert_eq!(
        exchanges[0].header("authorization"),
        Some(&*format!("token {}", crate::fetch_support::KEY))
    );
    // One that has ended by the provider's word is not kept.
    world.clock.advance(Duration::from_secs(1500));
    world.list().await.unwrap();
    world.list().await.unwrap();
    assert_eq!(n_exchanges(&world), 3);
}

#[tokio::test]
async fn an_exchange_that_gives_no_token_is_an_error() {
    for (reply, expected) in [
        (Reply::json("{}"), "malformed"),
        (Reply::json(r#"{"token":""}"#), "malformed"),
        (Reply::html("<html>sign in</html>"), "malformed"),
        (Reply::redirect(302, "/elsewhere"), "status"),
        (Reply::status(503), "status"),
        (Reply::json(vec![b' '; 1 << 20]), "too-large"),
    ] {
        let world = google().await;
        world.provider.route(TOKEN, reply.clone());
        let error = world.list().await.unwrap_err();
        assert_eq!(error.as_str(), expected, "{reply:?}: {error}");
        assert!(sent(&world).is_empty());
    }
}
