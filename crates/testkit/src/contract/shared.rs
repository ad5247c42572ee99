//! The laws of a shared tier.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use gatewayz_cache_core::{
    Acquired, Attachment, FillLease, Filled, Intent, Invalidation, NodePort, Propagation, SharedError, SharedKey,
    SharedTier, Stored, Time,
};

use super::sink::RecordingSink;
use crate::eventually::eventually;

const TTL: Duration = Duration::from_secs(60);
const TERM: Duration = Duration::from_secs(5);
/// The longest that anything here may take that takes no time by itself.
const SOON: Duration = Duration::from_secs(10);

/// One node of a shared tier under test, with a sink that remembers.
pub struct SharedNode<T> {
    /// The tier under test.
    pub tier: T,
    /// What the node was told to forget.
    pub sink: Arc<RecordingSink>,
    /// The node's right to serve.
    pub attachment: Arc<Attachment>,
    time: Time,
}

impl<T: SharedTier> SharedNode<T> {
    /// Starts a tier's control plane as a node does.
    #[must_use]
    pub fn start(tier: T, time: Time) -> Self {
        let sink = Arc::new(RecordingSink::new());
        let attachment = Arc::new(Attachment::detached());
        tier.start(NodePort {
            sink: sink.clone(),
            attachment: attachment.clone(),
            time: time.clone(),
        });
        Self {
            tier,
            sink,
            attachment,
            time,
        }
    }

    /// Whether the node may serve now.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.attachment.holds(self.time.now())
    }
}

impl<T> fmt::Debug for SharedNode<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedNode")
            .field("sink", &self.sink)
            .finish_non_exhaustive()
    }
}

/// Checks that a shared tier keeps its contract, on two nodes of one healthy server.
///
/// All its names begin with `contract:`. The clock of the tiers must run, since one law waits for a term to end.
/// `without_expiry` looks at the server itself and returns the keys that never expire; it is asked while values and
/// leases are there.
///
/// # Panics
///
/// Where a law does not hold; the message says which.
pub async fn shared_tier<T: SharedTier>(
    first: &SharedNode<T>,
    second: &SharedNode<T>,
    without_expiry: impl AsyncFn() -> Vec<String>,
) {
    let attached = eventually(SOON, || async { first.is_attached() && second.is_attached() }).await;
    assert!(
        attached.is_ok(),
        "a started node of a healthy server attaches by itself"
    );
    assert!(first.tier.is_available(), "a healthy server is available");

    let nodes = Nodes { first, second };
    nodes.a_value_comes_back_as_it_was_stored_on_every_node().await;
    nodes.a_proven_absence_comes_back().await;
    nodes.any_bytes_are_a_payload().await;
    nodes.any_text_is_a_key_of_its_own().await;
    nodes.a_value_of_another_schema_is_a_miss().await;
    nodes.one_filler_leads_and_the_next_is_told_how_long().await;
    nodes.a_value_that_is_there_answers_a_filler_and_not_a_refresher().await;
    nodes.a_refresh_leaves_the_old_value_until_it_replaces_it().await;
    nodes.a_lease_given_back_lets_the_next_lead_at_once().await;
    nodes.a_lease_fills_once().await;
    nodes.a_lease_that_is_extended_lasts_longer().await;
    nodes.a_lease_runs_out_by_its_term_and_fills_no_more().await;
    nodes.an_invalidation_removes_the_value_and_fences_the_filler().await;
    nodes.a_void_lease_harms_nobody().await;
    nodes
        .an_acknowledged_invalidation_has_been_applied_on_every_node()
        .await;
    nodes.a_prefix_removes_what_is_under_it_and_nothing_else().await;
    nodes.a_prefix_is_no_pattern().await;
    nodes.one_invalidation_takes_keys_and_prefixes_together().await;
    nodes.a_claim_fences_others_and_lets_its_holder_fill().await;
    nodes.a_claim_is_void_after_the_next_invalidation().await;
    nodes.a_discarded_value_is_gone().await;
    nodes.waiting_for_a_fill_ends().await;
    nodes.invalidations_from_both_nodes_at_once_are_all_acknowledged().await;
    nodes.nothing_is_without_an_end(without_expiry).await;
}

fn key(name: &str) -> SharedKey {
    SharedKey {
        name: format!("contract:{name}"),
        schema: 1,
        coherent: true,
        ttl: Duration::from_secs(60),
        stale: Duration::ZERO,
    }
}

fn about(key: &SharedKey) -> Invalidation {
    Invalidation::new().name(&key.name)
}

#[expect(clippy::panic, reason = "a suite of assertions")]
#[track_caller]
fn answered<T>(answer: Result<T, SharedError>, call: &str) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("a healthy server answers `{call}`: {error:?}"),
    }
}

struct Nodes<'a, T> {
    first: &'a SharedNode<T>,
    second: &'a SharedNode<T>,
}

impl<T: SharedTier> SharedNode<T> {
    fn value(&self, payload: &[u8]) -> Stored {
        Stored {
            payload: Some(Bytes::copy_from_slice(payload)),
            source_time: self.time.wall(),
            ttl: TTL,
            stale: 2 * TTL,
        }
    }

    async fn get(&self, key: &SharedKey) -> Option<Stored> {
        answered(self.tier.get(key).await, "get")
    }

    async fn payload(&self, key: &SharedKey) -> Option<Bytes> {
        self.get(key).await.and_then(|stored| stored.payload)
    }

    async fn acquire(&self, key: &SharedKey, intent: Intent) -> Acquired {
        answered(self.tier.acquire(key, intent, TERM).await, "acquire")
    }

    async fn lead_with(&self, key: &SharedKey, intent: Intent, why: &str) -> FillLease {
        #[expect(clippy::panic, reason = "a suite of assertions")]
        match self.acquire(key, intent).await {
            Acquired::Lead(lease) => lease,
            other => panic!("{why}: expected to lead `{}`, not {other:?}", key.name),
        }
    }

    async fn lead(&self, key: &SharedKey, why: &str) -> FillLease {
        self.lead_with(key, Intent::Fill, why).await
    }

    async fn fill(&self, key: &SharedKey, lease: FillLease, value: Stored) -> Filled {
        answered(self.tier.fill(key, lease, value).await, "fill")
    }

    /// Stores a value under a lease of its own, whatever is there.
    async fn store(&self, key: &SharedKey, value: Stored) {
        let lease = self.lead_with(key, Intent::Refresh, "nobody else fills this key").await;
        let filled = self.fill(key, lease, value).await;
        assert_eq!(filled, Filled::Stored, "a valid lease fills `{}`", key.name);
    }

    async fn invalidate(&self, invalidation: &Invalidation) {
        let reached = self.tier.invalidate(invalidation).await;
        assert_eq!(
            reached,
            Propagation::Acknowledged,
            "a healthy server acknowledges {invalidation:?}"
        );
    }

    async fn assert_busy(&self, key: &SharedKey, intent: Intent, why: &str) -> Duration {
        #[expect(clippy::panic, reason = "a suite of assertions")]
        match self.acquire(key, intent).await {
            Acquired::Busy(left) => left,
            other => panic!("{why}: expected `{}` to be busy, not {other:?}", key.name),
        }
    }
}

impl<T: SharedTier> Nodes<'_, T> {
    /// Makes the names of one law clean.
    async fn clean(&self, law: &str) {
        let all = Invalidation::new().prefix(format!("contract:{law}"));
        self.first.invalidate(&all).await;
        self.first.sink.reset();
        self.second.sink.reset();
    }

    async fn a_value_comes_back_as_it_was_stored_on_every_node(&self) {
        self.clean("value").await;
        let key = key("value");
        assert_eq!(self.first.get(&key).await, None, "what was never stored is a miss");
        let mut value = self.first.value(br#"{"a":1}"#);
        value.source_time = value.source_time.before(Duration::from_millis(1_234));
        value.ttl = Duration::from_millis(61_007);
        value.stale = Duration::from_millis(3_003);
        self.first.store(&key, value.clone()).await;
        for node in [self.first, self.second] {
            assert_eq!(
                node.get(&key).await.as_ref(),
                Some(&value),
                "payload, source time, ttl and stale come back as they were stored"
            );
        }
    }

    async fn a_proven_absence_comes_back(&self) {
        self.clean("absent").await;
        let key = key("absent");
        let value = Stored {
            payload: None,
            stale: Duration::ZERO,
            ..self.first.value(b"")
        };
        self.first.store(&key, value.clone()).await;
        assert_eq!(
            self.second.get(&key).await,
            Some(value),
            "a proven absence is not a miss, nor an empty value"
        );
    }

    async fn any_bytes_are_a_payload(&self) {
        self.clean("bytes").await;
        let every: Vec<u8> = (0..=u8::MAX).collect();
        let large: Vec<u8> = every.iter().copied().cycle().take(200_000).collect();
        let zeros = vec![0; 100_000];
        let payloads: [&[u8]; 10] = [
            b"",
            b"null",
            b"\n",
            b"{not json",
            b"[]",
            b"\x28\xb5\x2f\xfd not zstd",
            b"gw1 1 json\n\r\n\0",
            &every,
            &large,
            &zeros,
        ];
        for (number, payload) in payloads.into_iter().enumerate() {
            let key = key(&format!("bytes:{number}"));
            self.first.store(&key, self.first.value(payload)).await;
            assert!(
                self.second.payload(&key).await.is_some_and(|found| found == payload),
                "payload {number} comes back byte for byte: {:?}",
                payload.get(..20).unwrap_or(payload)
            );
        }
    }

    async fn any_text_is_a_key_of_its_own(&self) {
        self.clean("text").await;
        let long = "l".repeat(4_000);
        let parts = [
            "",
            ":",
            "a",
            "A",
            "a:b",
            "a%3Ab",
            "%7Ba%7D",
            "%00",
            "a*",
            "a?",
            "[a]",
            "a\\",
            "'\"`",
            "é",
            "e\u{301}",
            "\u{10ffff}",
            "lease:a",
            &long,
        ];
        let keys = parts.map(|part| key(&format!("text:{part}")));
        for key in &keys {
            self.first.store(key, self.first.value(key.name.as_bytes())).await;
        }
        for key in &keys {
            assert!(
                self.second.payload(key).await.is_some_and(|found| found == key.name),
                "the key {:?} has a value of its own",
                key.name
            );
        }
    }

    async fn a_value_of_another_schema_is_a_miss(&self) {
        self.clean("schema").await;
        let old = key("schema");
        let new = SharedKey {
            schema: 2,
            ..old.clone()
        };
        self.first.store(&old, self.first.value(b"1")).await;
        assert_eq!(
            self.second.get(&new).await,
            None,
            "a value of another schema version is a miss"
        );
        self.first.invalidate(&about(&old)).await;
        self.first.store(&old, self.first.value(b"1")).await;
        let lease = self
            .second
            .lead(&new, "a value of another schema version is no answer for a filler")
            .await;
        let value = self.second.value(b"2");
        assert_eq!(
            self.second.fill(&new, lease, value.clone()).await,
            Filled::Stored,
            "another schema version can be stored"
        );
        assert_eq!(
            self.first.get(&new).await,
            Some(value),
            "the new schema version is read back"
        );
    }

    async fn one_filler_leads_and_the_next_is_told_how_long(&self) {
        self.clean("lead").await;
        let key = key("lead");
        let lease = self.first.lead(&key, "the first filler leads").await;
        for (node, intent) in [
            (self.first, Intent::Fill),
            (self.second, Intent::Fill),
            (self.second, Intent::Refresh),
        ] {
            let left = node
                .assert_busy(&key, intent, "while one leads, nobody else does")
                .await;
            assert!(
                left <= TERM,
                "a lease lasts no longer than its term of {TERM:?}: {left:?}"
            );
        }
        let value = self.first.value(b"v");
        assert_eq!(
            self.first.fill(&key, lease, value.clone()).await,
            Filled::Stored,
            "the leader fills"
        );
        assert_eq!(
            self.second.acquire(&key, Intent::Fill).await,
            Acquired::Value(value),
            "a filler that comes later gets the value"
        );
    }

    async fn a_value_that_is_there_answers_a_filler_and_not_a_refresher(&self) {
        self.clean("intent").await;
        let key = key("intent");
        let value = self.first.value(b"old");
        self.first.store(&key, value.clone()).await;
        assert_eq!(
            self.second.acquire(&key, Intent::Fill).await,
            Acquired::Value(value),
            "a value that is there is a filler's answer"
        );
        let why = "a refresher leads although a value is there";
        self.second.lead_with(&key, Intent::Refresh, why).await;
    }

    async fn a_refresh_leaves_the_old_value_until_it_replaces_it(&self) {
        self.clean("refresh").await;
        let key = key("refresh");
        self.first.store(&key, self.first.value(b"old")).await;
        let why = "a refresher leads";
        let lease = self.second.lead_with(&key, Intent::Refresh, why).await;
        let during = self.first.payload(&key).await;
        assert_eq!(
            during.as_deref(),
            Some(&b"old"[..]),
            "a refresh under way takes nothing away"
        );
        let filled = self.second.fill(&key, lease, self.second.value(b"new")).await;
        assert_eq!(filled, Filled::Stored, "a refresher's lease fills");
        let after = self.first.payload(&key).await;
        assert_eq!(after.as_deref(), Some(&b"new"[..]), "a refresh replaces the value");
    }

    async fn a_lease_given_back_lets_the_next_lead_at_once(&self) {
        self.clean("release").await;
        let key = key("release");
        let lease = self.first.lead(&key, "the first filler leads").await;
        answered(self.first.tier.release(&key, lease.clone()).await, "release");
        let next = self
            .second
            .lead(&key, "a lease given back lets the next lead at once")
            .await;
        let late = self.first.fill(&key, lease, self.first.value(b"late")).await;
        assert_eq!(late, Filled::Fenced, "a lease given back fills nothing");
        let filled = self.second.fill(&key, next, self.second.value(b"v")).await;
        assert_eq!(filled, Filled::Stored, "the next one fills");
    }

    async fn a_lease_fills_once(&self) {
        self.clean("once").await;
        let key = key("once");
        let lease = self.first.lead(&key, "the first filler leads").await;
        let filled = self.first.fill(&key, lease.clone(), self.first.value(b"v")).await;
        assert_eq!(filled, Filled::Stored, "the leader fills");
        let again = self.first.fill(&key, lease, self.first.value(b"again")).await;
        assert_eq!(again, Filled::Fenced, "a lease that has filled fills no more");
        let kept = self.second.payload(&key).await;
        assert_eq!(kept.as_deref(), Some(&b"v"[..]), "the first fill stays");
    }

    async fn a_lease_that_is_extended_lasts_longer(&self) {
        self.clean("extend").await;
        let key = key("extend");
        let lease = self.first.lead(&key, "the first filler leads").await;
        let extended = answered(self.first.tier.extend(&key, &lease, 4 * TERM).await, "extend");
        assert!(extended, "a lease that holds can be extended");
        let why = "an extended lease holds";
        let left = self.second.assert_busy(&key, Intent::Fill, why).await;
        assert!(
            left > TERM && left <= 4 * TERM,
            "an extended lease lasts for the new term: {left:?}"
        );
    }

    async fn a_lease_runs_out_by_its_term_and_fills_no_more(&self) {
        self.clean("term").await;
        let key = key("term");
        let short = Duration::from_millis(100);
        let acquired = answered(self.first.tier.acquire(&key, Intent::Fill, short).await, "acquire");
        #[expect(clippy::panic, reason = "a suite of assertions")]
        let Acquired::Lead(lease) = acquired else {
            panic!("the first filler leads, not {acquired:?}")
        };
        let next = eventually(SOON, || async {
            // What leads here is kept by its term of 5 seconds, and looked at below.
            matches!(self.second.acquire(&key, Intent::Fill).await, Acquired::Lead(_))
        });
        assert!(next.await.is_ok(), "a lease runs out by its term of {short:?}");
        let extended = answered(self.first.tier.extend(&key, &lease, TERM).await, "extend");
        assert!(!extended, "a lease that has run out cannot be extended");
        let late = self.first.fill(&key, lease, self.first.value(b"late")).await;
        assert_eq!(late, Filled::Fenced, "a lease that has run out fills nothing");
        assert_eq!(self.second.get(&key).await, None, "a fenced fill stores nothing");
    }

    async fn an_invalidation_removes_the_value_and_fences_the_filler(&self) {
        self.clean("fence").await;
        let key = key("fence");
        self.first.store(&key, self.first.value(b"old")).await;
        let why = "a refresher leads";
        let lease = self.first.lead_with(&key, Intent::Refresh, why).await;
        self.second.invalidate(&about(&key)).await;
        assert_eq!(self.first.get(&key).await, None, "an invalidated value is gone");
        let fresh = self
            .second
            .lead(&key, "after an invalidation the next filler leads at once")
            .await;
        let old = self.first.fill(&key, lease, self.first.value(b"older")).await;
        assert_eq!(
            old,
            Filled::Fenced,
            "a lease granted before an invalidation fills nothing"
        );
        assert_eq!(self.second.get(&key).await, None, "a fenced fill stores nothing");
        let new = self.second.fill(&key, fresh, self.second.value(b"new")).await;
        assert_eq!(new, Filled::Stored, "a lease granted after it fills");
        let found = self.first.payload(&key).await;
        assert_eq!(found.as_deref(), Some(&b"new"[..]), "the new value is read");
    }

    async fn a_void_lease_harms_nobody(&self) {
        self.clean("void").await;
        let key = key("void");
        let void = self.first.lead(&key, "the first filler leads").await;
        self.first.invalidate(&about(&key)).await;
        let valid = self.second.lead(&key, "after an invalidation the next leads").await;
        let extended = answered(self.first.tier.extend(&key, &void, TERM).await, "extend");
        assert!(!extended, "a void lease cannot be extended");
        answered(self.first.tier.release(&key, void).await, "release");
        self.first
            .assert_busy(&key, Intent::Fill, "giving a void lease back frees nothing")
            .await;
        let filled = self.second.fill(&key, valid, self.second.value(b"v")).await;
        assert_eq!(filled, Filled::Stored, "the valid lease still fills");
    }

    async fn an_acknowledged_invalidation_has_been_applied_on_every_node(&self) {
        self.clean("reach").await;
        for number in 0..20 {
            let key = key(&format!("reach:{number}"));
            self.first.invalidate(&about(&key)).await;
            assert!(
                self.second.sink.has_forgotten(&key.name),
                "the other node has forgotten before `Acknowledged` comes"
            );
            assert!(
                self.first.sink.has_forgotten(&key.name),
                "the own node forgets again: a reader of its own may have read the old value back meanwhile"
            );
        }
        let prefix = Invalidation::new().prefix("contract:reach:p");
        self.second.invalidate(&prefix).await;
        for node in [self.first, self.second] {
            let forgotten = node.sink.has_forgotten("contract:reach:p:under");
            assert!(
                forgotten,
                "a prefix too has been applied on every node before `Acknowledged` comes"
            );
        }
    }

    async fn a_prefix_removes_what_is_under_it_and_nothing_else(&self) {
        self.clean("prefix").await;
        let under = ["prefix:in:", "prefix:in:a", "prefix:in:a:b", "prefix:in:é"].map(key);
        let beside = ["prefix:in", "prefix:inn:a", "prefix:", "prefix:IN:a", "prefix:a:in:"].map(key);
        for key in under.iter().chain(&beside) {
            self.first.store(key, self.first.value(b"v")).await;
        }
        let leased = key("prefix:in:leased");
        let void = self.first.lead(&leased, "the first filler leads").await;
        let other = key("prefix:other");
        let valid = self.first.lead(&other, "the first filler leads").await;
        self.second
            .invalidate(&Invalidation::new().prefix("contract:prefix:in:"))
            .await;
        for key in &under {
            assert_eq!(
                self.first.get(key).await,
                None,
                "`{}` is under the prefix and gone",
                key.name
            );
        }
        for key in &beside {
            assert!(
                self.first.get(key).await.is_some(),
                "`{}` is not under the prefix and stays",
                key.name
            );
        }
        let fenced = self.first.fill(&leased, void, self.first.value(b"late")).await;
        assert_eq!(fenced, Filled::Fenced, "a lease under the prefix is void");
        let filled = self.first.fill(&other, valid, self.first.value(b"v")).await;
        assert_eq!(filled, Filled::Stored, "a lease beside the prefix holds");
    }

    async fn a_prefix_is_no_pattern(&self) {
        self.clean("glob").await;
        for (number, special) in ["*", "?", "[a-z]", "[^x]", "\\", "\\*", "a*b?c[d]\\"]
            .into_iter()
            .enumerate()
        {
            let under = key(&format!("glob:{number}:{special}:x"));
            // What the same text would match as a pattern.
            let beside = ["a:x", "ab:x", "*:x", "aXbYcd\\:x"].map(|part| key(&format!("glob:{number}:{part}")));
            let beside: Vec<_> = beside.into_iter().filter(|key| key.name != under.name).collect();
            for key in beside.iter().chain([&under]) {
                self.first.store(key, self.first.value(b"v")).await;
            }
            let lease = self.first.lead_with(&under, Intent::Refresh, "a refresher leads").await;
            let prefix = format!("contract:glob:{number}:{special}:");
            self.first
                .invalidate(&Invalidation::new().prefix(prefix.as_str()))
                .await;
            assert_eq!(
                self.second.get(&under).await,
                None,
                "`{}` is under the prefix `{prefix}`",
                under.name
            );
            let fenced = self.first.fill(&under, lease, self.first.value(b"late")).await;
            assert_eq!(fenced, Filled::Fenced, "a lease under the prefix `{prefix}` is void");
            for key in &beside {
                assert!(
                    self.second.get(key).await.is_some(),
                    "`{}` does not begin with `{prefix}`",
                    key.name
                );
            }
        }
    }

    async fn one_invalidation_takes_keys_and_prefixes_together(&self) {
        self.clean("batch").await;
        let gone = ["batch:a", "batch:b", "batch:p:1", "batch:q:1"].map(key);
        let stays = key("batch:c");
        for key in gone.iter().chain([&stays]) {
            self.first.store(key, self.first.value(b"v")).await;
        }
        let batch = Invalidation::new()
            .name("contract:batch:a")
            .name("contract:batch:b")
            .name("contract:batch:never-there")
            .prefix("contract:batch:p:")
            .prefix("contract:batch:q:");
        self.second.invalidate(&batch).await;
        for key in &gone {
            assert_eq!(self.first.get(key).await, None, "`{}` was named", key.name);
        }
        assert!(self.first.get(&stays).await.is_some(), "`{}` was not named", stays.name);
    }

    async fn a_claim_fences_others_and_lets_its_holder_fill(&self) {
        self.clean("claim").await;
        let (claimed, also) = (key("claim"), key("claim:also"));
        self.first.store(&claimed, self.first.value(b"old")).await;
        self.first.store(&also, self.first.value(b"old")).await;
        let other = self
            .second
            .lead_with(&claimed, Intent::Refresh, "a refresher leads")
            .await;
        let both = about(&claimed).name(&also.name);
        let (reached, lease) = self.first.tier.claim(&claimed, &both, TERM).await;
        assert_eq!(
            reached,
            Propagation::Acknowledged,
            "a healthy server acknowledges a claim"
        );
        #[expect(clippy::panic, reason = "a suite of assertions")]
        let Some(lease) = lease else {
            panic!("a healthy server gives the claimer a lease")
        };
        assert!(
            self.second.sink.has_forgotten(&claimed.name) && self.second.sink.has_forgotten(&also.name),
            "a claim is applied on the other node before `Acknowledged` comes"
        );
        for key in [&claimed, &also] {
            assert_eq!(
                self.second.get(key).await,
                None,
                "a claim removes the old value of `{}`",
                key.name
            );
        }
        self.second
            .assert_busy(&claimed, Intent::Fill, "nobody else leads what is claimed")
            .await;
        let fenced = self.second.fill(&claimed, other, self.second.value(b"older")).await;
        assert_eq!(fenced, Filled::Fenced, "a claim fences the fillers before it");
        let filled = self.first.fill(&claimed, lease, self.first.value(b"new")).await;
        assert_eq!(filled, Filled::Stored, "the claimer fills");
        let found = self.second.payload(&claimed).await;
        assert_eq!(found.as_deref(), Some(&b"new"[..]), "the claimer's value is read");
    }

    async fn a_claim_is_void_after_the_next_invalidation(&self) {
        self.clean("reclaim").await;
        let key = key("reclaim");
        let (_, lease) = self.first.tier.claim(&key, &about(&key), TERM).await;
        self.second.invalidate(&about(&key)).await;
        #[expect(clippy::panic, reason = "a suite of assertions")]
        let Some(lease) = lease else {
            panic!("a healthy server gives the claimer a lease")
        };
        let fenced = self.first.fill(&key, lease, self.first.value(b"v")).await;
        assert_eq!(fenced, Filled::Fenced, "a claim is void after the next invalidation");
    }

    async fn a_discarded_value_is_gone(&self) {
        self.clean("discard").await;
        let key = key("discard");
        self.first.store(&key, self.first.value(b"v")).await;
        answered(self.second.tier.discard(&key).await, "discard");
        assert_eq!(self.first.get(&key).await, None, "a discarded value is gone");
        answered(self.second.tier.discard(&key).await, "discard");
        self.first.lead(&key, "a discarded value can be filled anew").await;
    }

    async fn waiting_for_a_fill_ends(&self) {
        self.clean("wait").await;
        let key = key("wait");
        let lease = self.first.lead(&key, "the first filler leads").await;
        let short = Duration::from_millis(50);
        let waited = tokio::time::timeout(SOON, self.second.tier.filled(&key, short)).await;
        assert!(waited.is_ok(), "waiting for a fill ends by itself after {short:?}");
        let wait = self.second.tier.filled(&key, 2 * SOON);
        let fill = self.first.fill(&key, lease, self.first.value(b"v"));
        let (waited, filled) = tokio::join!(tokio::time::timeout(3 * SOON, wait), fill);
        assert_eq!(filled, Filled::Stored, "the leader fills while another waits");
        assert!(waited.is_ok(), "waiting for a fill ends by itself");
    }

    async fn invalidations_from_both_nodes_at_once_are_all_acknowledged(&self) {
        self.clean("many").await;
        let one = async {
            for number in 0..50 {
                self.first.invalidate(&about(&key(&format!("many:1:{number}")))).await;
            }
        };
        let two = async {
            for number in 0..50 {
                self.second.invalidate(&about(&key(&format!("many:2:{number}")))).await;
            }
        };
        tokio::join!(one, two);
        for node in [self.first, self.second] {
            for name in (0..50).flat_map(|number| [format!("many:1:{number}"), format!("many:2:{number}")]) {
                assert!(
                    node.sink.has_forgotten(&key(&name).name),
                    "every node has applied `{name}`"
                );
            }
        }
    }

    async fn nothing_is_without_an_end(&self, without_expiry: impl AsyncFn() -> Vec<String>) {
        self.clean("end").await;
        self.first.store(&key("end:value"), self.first.value(b"v")).await;
        let extended = key("end:lease");
        let lease = self.first.lead(&extended, "the first filler leads").await;
        answered(self.first.tier.extend(&extended, &lease, TERM).await, "extend");
        let claimed = key("end:claim");
        let (reached, _) = self.second.tier.claim(&claimed, &about(&claimed), TERM).await;
        assert_eq!(
            reached,
            Propagation::Acknowledged,
            "a healthy server acknowledges a claim"
        );
        let endless = without_expiry().await;
        assert!(
            endless.is_empty(),
            "every key of the server has an expiry, but these have none: {endless:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use gatewayz_cache_core::{SharedHandle, Time};

    use super::{SharedNode, shared_tier};
    use crate::FakeCluster;

    #[tokio::test]
    async fn the_fake_keeps_the_contract() {
        let cluster = FakeCluster::new();
        let node = || SharedNode::start(cluster.node(), Time::Kernel);
        // By its type every value and lease of the fake has an end; what the suite stored must show one.
        let endless = async || {
            let names = cluster.names().into_iter();
            names.filter(|name| cluster.expires_in(name).is_none()).collect()
        };
        Box::pin(shared_tier(&node(), &node(), endless)).await;
    }

    #[tokio::test]
    async fn a_tier_behind_a_handle_keeps_the_contract() {
        let cluster = FakeCluster::new();
        let node = || SharedNode::start(SharedHandle::new(cluster.node()), Time::Kernel);
        Box::pin(shared_tier(&node(), &node(), async || Vec::new())).await;
    }
}
