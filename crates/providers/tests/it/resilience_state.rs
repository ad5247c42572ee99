//! How long providers are left alone, in one node and in many.

use std::time::Duration;

use gatewayz_cache_core::{Clock as _, Node, Propagation, UnixMillis};
use gatewayz_cache_redis::{RedisConfig, RedisTier};
use gatewayz_catalog::{ListError, ListSource as _};
use gatewayz_providers::{BreakerState, ModelzTokens, ProviderState, ProviderStates};
use gatewayz_testkit::{
    ManualClock, RedisServer, SimulatedProvider, eventually,
    simulated::{Fault, Reply},
};
use tokio::time::Instant;

use crate::fetch_support::{LIST, Setup, TWO, World, client, slug};

const SOON: Duration = Duration::from_secs(5);

async fn state(world: &World) -> ProviderState {
    world.lists.states().state(&world.slug).await
}

fn backed_off(error: &ListError) -> Duration {
    match error {
        ListError::BackedOff { retry_after, .. } => *retry_after,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_for_longer_each_time() {
    let world = Setup::list("auth = \"none\"").start().await;
    world.provider.fault(LIST, Fault::instead(Reply::status(404)));
    for (n, seconds) in [300, 900, 1800, 3600, 3600, 3600].into_iter().enumerate() {
        assert!(matches!(
            world.list().await.unwrap_err(),
            ListError::Status { status: 404, .. }
        ));
        assert_eq!(
            backed_off(&world.list().await.unwrap_err()),
            Duration::from_secs(seconds)
        );
        let state = state(&world).await;
        assert!(state.in_error_state);
        assert_eq!(state.failure_count as usize, n + 1);
        assert_eq!(state.retry_at, Some(UnixMillis(world.clock.wall().0 + seconds * 1000)));
        assert!(state.error.unwrap().contains("404"));
        world.clock.advance(Duration::from_secs(seconds - 1));
        assert_eq!(backed_off(&world.list().await.unwrap_err()), Duration::from_secs(1));
        assert_eq!(world.n_requests(), n + 1, "nobody is asked meanwhile");
        world.clock.advance(Duration::from_secs(1));
        assert!(!self::state(&world).await.in_error_state);
    }
    // One success, and all is forgotten.
    world.provider.heal_all();
    world.list().await.unwrap();
    let state = state(&world).await;
    assert_eq!((state.failure_count, state.error, state.retry_at), (0, None, None));
    assert_eq!(
        (state.last_success, state.last_good_rows),
        (Some(world.clock.wall()), Some(2))
    );
    world.provider.fault(LIST, Fault::instead(Reply::status(404)));
    world.list().await.unwrap_err();
    assert_eq!(backed_off(&world.list().await.unwrap_err()), Duration::from_secs(300));
}

#[tokio::test]
async fn what_the_provider_asks_for_counts_if_it_is_longer() {
    for (asked, expected) in [("7", 300), ("1200", 1200), ("86000", 3600)] {
        let world = Setup::list("auth = \"none\"").start().await;
        world
            .provider
            .fault(LIST, Fault::instead(Reply::status(429).header("retry-after", asked)));
        world.list().await.unwrap_err();
        assert_eq!(
            backed_off(&world.list().await.unwrap_err()),
            Duration::from_secs(expected)
        );
    }
}

#[tokio::test]
async fn a_used_up_quota_comes_back_after_a_quarter_of_an_hour() {
    for name in ["testing", "alibaba"] {
        let world = Setup {
            slug: name,
            ..Setup::list("auth = \"none\"")
        }
        .start()
        .await;
        let reply = Reply::status(429).body(r#"{"code":"Throttling.AllocationQuota","message":"used up"}"#);
        world.provider.fault(LIST, Fault::instead(reply));
        for _ in 0..3 {
            assert!(matches!(world.list().await.unwrap_err(), ListError::Quota(_)), "{name}");
            assert_eq!(
                backed_off(&world.list().await.unwrap_err()),
                Duration::from_secs(900),
                "{name}"
            );
            world.clock.advance(Duration::from_secs(900));
        }
        world.provider.heal_all();
        world.list().await.unwrap();
    }
}

#[tokio::test]
async fn an_operator_can_have_it_asked_at_once() {
    let world = Setup {
        slug: "alibaba",
        ..Setup::list("auth = \"none\"")
    }
    .start()
    .await;
    let reply = Reply::status(402).body("{}");
    world.provider.fault_times(LIST, 1, Fault::instead(reply));
    world.list().await.unwrap_err();
    assert!(state(&world).await.in_error_state);
    let reset = world.lists.states().reset(&world.slug).await;
    assert_eq!(reset, Propagation::Acknowledged);
    assert!(!state(&world).await.in_error_state);
    world.list().await.unwrap();
}

#[tokio::test]
async fn five_failures_in_a_row_open_the_breaker_for_all_calls() {
    let world = Setup::list("auth = \"none\"").start().await;
    world.provider.fault(LIST, Fault::instead(Reply::status(500)));
    for n in 1..=5 {
        world.list().await.unwrap_err();
        let breaker = state(&world).await.breaker;
        assert_eq!(breaker.failure_count, n);
        if n < 5 {
            assert_eq!((breaker.state, breaker.opened_at), (BreakerState::Closed, None));
            world.clock.advance(Duration::from_secs(3600));
        }
    }
    let breaker = state(&world).await.breaker;
    assert_eq!(
        (breaker.state, breaker.opened_at, breaker.retry_in),
        (BreakerState::Open, Some(world.clock.wall()), Duration::from_secs(60))
    );
    assert!(world.lists.states().breakers().admit(&world.slug).await.is_err());
    // Nobody remembers it for longer than an hour.
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(state(&world).await.breaker.state, BreakerState::Closed);
    // What is wrong with the key is no failure of the provider.
    world.provider.fault(LIST, Fault::instead(Reply::status(401)));
    for _ in 0..6 {
        world.list().await.unwrap_err();
        assert_eq!(state(&world).await.breaker.state, BreakerState::Closed);
        world.clock.advance(Duration::from_secs(3600));
    }
}

#[tokio::test]
async fn an_open_breaker_keeps_lists_from_being_asked_for() {
    let world = Setup::list("auth = \"none\"").start().await;
    let breakers = world.lists.states().breakers();
    // Chats that fail.
    for _ in 0..5 {
        let permit = breakers.admit(&world.slug).await.unwrap();
        breakers.record(&world.slug, permit, false).await;
    }
    assert_eq!(backed_off(&world.list().await.unwrap_err()), Duration::from_secs(60));
    assert_eq!(world.n_requests(), 0);
    world.clock.advance(Duration::from_secs(60));
    for expected in [BreakerState::HalfOpen, BreakerState::Closed] {
        world.list().await.unwrap();
        assert_eq!(state(&world).await.breaker.state, expected);
    }
}

#[tokio::test]
async fn one_probe_at_a_time_goes_through_a_half_open_breaker() {
    let clock = ManualClock::new();
    let node = Node::builder().time(clock.time()).build().unwrap();
    let states = ProviderStates::new(&node, clock.time()).unwrap();
    let breakers = states.breakers();
    let who = slug("openrouter");
    for _ in 0..5 {
        let permit = breakers.admit(&who).await.unwrap();
        breakers.record(&who, permit, false).await;
    }
    assert_eq!(breakers.admit(&who).await.unwrap_err(), Duration::from_secs(60));
    clock.advance(Duration::from_secs(60));
    let probe = breakers.admit(&who).await.unwrap();
    assert!(breakers.admit(&who).await.is_err());
    // One that never comes back is given up.
    clock.advance(Duration::from_secs(31));
    let second = breakers.admit(&who).await.unwrap();
    assert!(breakers.admit(&who).await.is_err());
    breakers.record(&who, second, true).await;
    breakers.record(&who, probe, true).await;
    assert_eq!(breakers.view(&who).await.state, BreakerState::Closed);
}

/// A node on a Redis of its own prefix, attached.
struct Peer {
    node: Node,
    states: ProviderStates,
    clock: ManualClock,
}

async fn peer(redis: &RedisServer) -> Peer {
    let mut config = RedisConfig::from_url(&redis.url()).unwrap();
    config.value_format = gatewayz_cache_redis::ValueFormat::Plain;
    let clock = ManualClock::with_tokio();
    // The walls of all nodes agree.
    clock.set_wall(gatewayz_cache_core::KernelClock.wall());
    let node = Node::builder()
        .shared(RedisTier::new(config).unwrap())
        .time(clock.time())
        .build()
        .unwrap();
    eventually(SOON, || async { node.is_attached() }).await.unwrap();
    let states = ProviderStates::new(&node, clock.time()).unwrap();
    Peer { node, states, clock }
}

impl Peer {
    /// What the node thinks of a provider agrees with this.
    async fn sees(&self, name: &str, what: impl Fn(&ProviderState) -> bool + Sync) {
        let who = slug(name);
        let seen = eventually(SOON, || async { what(&self.states.state(&who).await) }).await;
        assert!(seen.is_ok(), "{:?}", self.states.state(&who).await);
    }
}

fn refused() -> ListError {
    ListError::Connect("refused".to_owned())
}

async fn value(redis: &RedisServer, key: &str) -> String {
    let reply = redis.command(&["GET", key]).await.unwrap();
    reply.as_text().map(|text| text.to_string()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_finds_out_all_nodes_know() {
    let redis = RedisServer::start().await.unwrap();
    let (one, two) = (peer(&redis).await, peer(&redis).await);
    let who = slug("groq");
    // Both have found nothing wrong, and hold that in memory.
    let permit = one.states.admit(&who).await.unwrap();
    let other = two.states.admit(&who).await.unwrap();
    one.states.failed(&who, permit, &refused()).await;
    two.sees("groq", |state| state.in_error_state && state.failure_count == 1)
        .await;
    assert!(matches!(two.states.admit(&who).await, Err(ListError::BackedOff { .. })));
    // The other's failure is the second one in a row.
    two.states.failed(&who, other, &refused()).await;
    one.sees("groq", |state| {
        state.failure_count == 2 && state.breaker.failure_count == 2
    })
    .await;
    let shared: serde_json::Value = serde_json::from_str(&value(&redis, "gateway:error:groq").await).unwrap();
    assert_eq!(shared["failure_count"], 2);
    assert!(shared["error"].as_str().unwrap().contains("refused"));
    assert!(shared["timestamp"].as_str().unwrap().ends_with('Z'));
    // A third node comes later, and knows at once.
    let three = peer(&redis).await;
    assert!(matches!(
        three.states.admit(&who).await,
        Err(ListError::BackedOff { .. })
    ));
    // Success in one node is success in all.
    assert_eq!(three.states.reset(&who).await, Propagation::Acknowledged);
    for node in [&one, &two] {
        node.sees("groq", |state| !state.in_error_state && state.failure_count == 0)
            .await;
        assert!(node.states.admit(&who).await.is_ok());
    }
    assert!(redis.keys_without_expiry().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quota_and_breaker_stand_under_their_documented_names() {
    let redis = RedisServer::start().await.unwrap();
    let (one, two) = (peer(&redis).await, peer(&redis).await);
    let alibaba = slug("alibaba");
    let permit = one.states.admit(&alibaba).await.unwrap();
    one.states
        .failed(&alibaba, permit, &ListError::Quota("used up".to_owned()))
        .await;
    eventually(SOON, || async {
        value(&redis, "alibaba:quota_error").await == r#"{"error":true}"#
    })
    .await
    .unwrap();
    assert_eq!(value(&redis, "alibaba:quota_error_backoff").await, "900");
    let at = value(&redis, "alibaba:quota_error_timestamp").await;
    assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
    for key in [
        "alibaba:quota_error",
        "alibaba:quota_error_timestamp",
        "alibaba:quota_error_backoff",
    ] {
        let ttl = redis.command(&["TTL", key]).await.unwrap();
        assert!(matches!(ttl, gatewayz_testkit::Reply::Int(890..=900)), "{key}: {ttl:?}");
    }
    two.sees("alibaba", |state| state.in_error_state).await;

    let who = slug("together");
    for _ in 0..5 {
        let permit = one.states.breakers().admit(&who).await.unwrap();
        one.states.breakers().record(&who, permit, false).await;
    }
    eventually(SOON, || async {
        value(&redis, "circuit_breaker:together:state").await == "\"open\""
    })
    .await
    .unwrap();
    assert_eq!(value(&redis, "circuit_breaker:together:failure_count").await, "5");
    assert_eq!(value(&redis, "circuit_breaker:together:success_count").await, "0");
    let opened: f64 = value(&redis, "circuit_breaker:together:opened_at")
        .await
        .parse()
        .unwrap();
    let now = gatewayz_cache_core::KernelClock.wall().0;
    assert!((now as f64 / 1000.0 - opened).abs() < 30.0);
    two.sees("together", |state| state.breaker.state == BreakerState::Open)
        .await;
    assert!(two.states.breakers().admit(&who).await.is_err());

    // When it is due, one call goes through in both nodes together.
    one.clock.advance(Duration::from_secs(60));
    two.clock.advance(Duration::from_secs(60));
    let mut probes = Vec::new();
    for _ in 0..3 {
        for node in [&one, &two] {
            if let Ok(permit) = node.states.breakers().admit(&who).await {
                probes.push((node, permit));
            }
        }
    }
    assert_eq!(probes.len(), 1);
    let (node, permit) = probes.remove(0);
    node.states.breakers().record(&who, permit, true).await;
    // The second probe may be anybody's, and closes it for all.
    let second = eventually(SOON, || async {
        match two.states.breakers().admit(&who).await {
            Ok(permit) => {
                two.states.breakers().record(&who, permit, true).await;
                true
            }
            Err(_probed) => false,
        }
    });
    second.await.unwrap();
    for node in [&one, &two] {
        node.sees("together", |state| state.breaker.state == BreakerState::Closed)
            .await;
    }
    assert!(redis.keys_without_expiry().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_flag_of_the_earlier_system_is_heeded() {
    let redis = RedisServer::start().await.unwrap();
    redis
        .command(&["SET", "alibaba:quota_error", r#"{"error": true}"#, "EX", "600"])
        .await
        .unwrap();
    let one = peer(&redis).await;
    // Also when this node has made it its own.
    for _ in 0..2 {
        let left = backed_off(&one.states.admit(&slug("alibaba")).await.unwrap_err());
        assert!((590..=600).contains(&left.as_secs()), "{left:?}");
    }
    assert!(one.states.admit(&slug("groq")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_gone_each_node_knows_for_itself_and_nobody_waits() {
    let redis = RedisServer::start().await.unwrap();
    let one = peer(&redis).await;
    let who = slug("xai");
    let permit = one.states.admit(&who).await.unwrap();
    one.states.failed(&who, permit, &refused()).await;
    one.sees("xai", |state| state.failure_count == 1).await;
    for frozen in [true, false] {
        if frozen {
            redis.freeze().unwrap();
        } else {
            redis.thaw().unwrap();
            redis.kill().await.unwrap();
        }
        let other = slug(if frozen { "near" } else { "fal" });
        for count in 1..=3 {
            let begun = Instant::now();
            let permit = one.states.breakers().admit(&other).await.unwrap();
            one.states.breakers().give_back(&other, permit).await;
            let permit = match one.states.admit(&other).await {
                Ok(permit) => permit,
                Err(error) => panic!("{error}"),
            };
            one.states.failed(&other, permit, &refused()).await;
            assert_eq!(one.states.state(&other).await.failure_count, count);
            assert!(matches!(
                one.states.admit(&other).await,
                Err(ListError::BackedOff { .. })
            ));
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(3), "{took:?}");
            one.clock.advance(Duration::from_secs(1800));
        }
        one.sees("xai", |state| state.failure_count == 1 || state.failure_count == 0)
            .await;
    }
    // It comes back empty, and hears again.
    redis.restart_empty().await.unwrap();
    eventually(SOON, || async { one.node.is_attached() }).await.unwrap();
    let two = peer(&redis).await;
    let permit = two.states.admit(&who).await.unwrap();
    two.states.failed(&who, permit, &refused()).await;
    one.sees("xai", |state| state.in_error_state).await;
}

#[tokio::test]
async fn lists_that_were_refused_locally_cost_no_request() {
    let world = Setup::default().start().await;
    world.provider.fault(LIST, Fault::instead(Reply::status(500)));
    world.list().await.unwrap_err();
    for _ in 0..100 {
        backed_off(&world.lists.list(&world.slug).await.unwrap_err());
    }
    assert_eq!(world.n_requests(), 1);
}

#[tokio::test]
async fn modelz_tokens_are_kept_for_half_an_hour_and_served_for_an_hour() {
    const TOKENS: &str = "/api/tokens";
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route(
        TOKENS,
        Reply::json(r#"[{"Qtoken":"a","isGraduated":true},{"Qtoken":"b","isGraduated":false}]"#),
    );
    let clock = ManualClock::new();
    let node = Node::builder().time(clock.time()).build().unwrap();
    let url = format!("{}{TOKENS}", provider.url());
    let modelz = ModelzTokens::from_url(&node, client(), clock.time(), &url).unwrap();
    assert_eq!(modelz.status().await.cache_size, 0);
    assert_eq!(modelz.tokens(None).await.unwrap().len(), 2);
    assert_eq!(modelz.tokens(Some(true)).await.unwrap()[0]["Qtoken"], "a");
    assert_eq!(modelz.tokens(Some(false)).await.unwrap()[0]["Qtoken"], "b");
    assert_eq!(provider.requests().len(), 1);
    let status = modelz.status().await;
    assert!(status.is_valid && status.cache_size == 2 && status.ttl == Duration::from_secs(1800));
    assert_eq!(status.timestamp, Some(clock.wall()));
    // Modelz is away: the old ones serve for an hour in all.
    provider.fault(TOKENS, Fault::instead(Reply::status(503)));
    clock.advance(Duration::from_secs(1801));
    assert_eq!(modelz.tokens(None).await.unwrap().len(), 2);
    assert!(!modelz.status().await.is_valid);
    assert!(modelz.refresh().await.is_err());
    clock.advance(Duration::from_secs(1800));
    let error = modelz.tokens(None).await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
    provider.heal_all();
    assert_eq!(modelz.refresh().await.unwrap(), 2);
    let _told = modelz.clear().await;
    assert_eq!(modelz.status().await.cache_size, 0);
    provider.route(TOKENS, Reply::json(TWO));
    assert_eq!(modelz.refresh().await.unwrap(), 2);
    provider.route(TOKENS, Reply::html("<html>"));
    assert!(modelz.refresh().await.is_err());
}
