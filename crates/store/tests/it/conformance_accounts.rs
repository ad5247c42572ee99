//! What `AccountStore` promises.

use gatewayz_store::{
    AccountError, AccountStore as _, Environment, KeyDigest, KeyId, NewKey, NewUser, Plan, RateLimits, Role, Store,
    Subscription, TransactionKind, Trial, TrialConfig, UnixMillis, UsageRecord, Usd, UserId,
};

use crate::support::{LATER, NOON};

fn digest(n: u8) -> KeyDigest {
    KeyDigest::new([n; 32])
}

async fn user(store: &Store, name: &str) -> UserId {
    let new = NewUser::new(name, format!("{name}@example.org"));
    store.create_user(&new).await.unwrap()
}

async fn rich_user(store: &Store, name: &str, cents: i32) -> UserId {
    let user = user(store, name).await;
    store
        .add_credits(
            user,
            Usd::from_cents(cents),
            TransactionKind::Grant,
            &format!("grant {name}"),
        )
        .await
        .unwrap();
    user
}

pub(crate) async fn users_have_unique_names(store: Store) {
    let mut new = NewUser::new("ann", "ann@example.org");
    new.role = Role::Admin;
    new.subscription = Subscription::PastDue;
    new.tier = Some("pro".to_owned());
    new.trial_expires_at = Some(NOON);
    new.subscription_ends_at = Some(LATER);
    let ann = store.create_user(&new).await.unwrap();
    let read = store.user(ann).await.unwrap().unwrap();
    assert_eq!(
        (read.id, read.username.as_str(), read.email.as_str()),
        (ann, "ann", "ann@example.org")
    );
    assert_eq!((read.role, read.subscription), (Role::Admin, Subscription::PastDue));
    assert_eq!(
        (read.tier.as_deref(), read.credits, read.active),
        (Some("pro"), Usd::ZERO, true)
    );
    assert_eq!(
        (read.trial_expires_at, read.subscription_ends_at),
        (Some(NOON), Some(LATER))
    );

    for taken in [
        NewUser::new("ann", "other@example.org"),
        NewUser::new("other", "ann@example.org"),
    ] {
        let refused = store.create_user(&taken).await.unwrap_err();
        assert!(matches!(refused, AccountError::Taken(_)), "{refused}");
    }
    let refused = store.create_user(&NewUser::new("", "e@example.org")).await.unwrap_err();
    assert!(matches!(refused, AccountError::Invalid { .. }), "{refused}");
    assert!(store.set_user_active(ann, false).await.unwrap());
    assert!(!store.user(ann).await.unwrap().unwrap().active);
    assert!(!store.set_user_active(UserId(4711), true).await.unwrap());
    assert_eq!(store.user(UserId(4711)).await.unwrap(), None);
    assert_eq!(store.credits(UserId(4711)).await.unwrap(), None);
}

pub(crate) async fn a_key_is_found_by_its_digest_with_its_user(store: Store) {
    let ann = user(&store, "ann").await;
    let mut new = NewKey::new(ann, digest(1), "wxyz");
    new.name = "ci".to_owned();
    new.environment = Environment::Staging;
    new.primary = true;
    new.scopes = vec!["chat".to_owned(), "\"models\"".to_owned()];
    new.ip_allowlist = vec!["10.0.0.0/8".to_owned()];
    new.domain_referrers = vec!["example.org".to_owned()];
    new.expires_at = Some(LATER);
    new.max_requests = Some(5);
    let key = store.create_key(&new).await.unwrap();
    let read = store.key_by_digest(digest(1)).await.unwrap().unwrap();
    assert_eq!((read.id, read.user.id, read.last4.as_str()), (key, ann, "wxyz"));
    assert_eq!(
        (read.name.as_str(), read.environment, read.primary),
        ("ci", Environment::Staging, true)
    );
    assert_eq!(
        (read.scopes.clone(), read.ip_allowlist.clone()),
        (new.scopes, new.ip_allowlist)
    );
    assert_eq!(
        (read.domain_referrers.clone(), read.expires_at),
        (new.domain_referrers, Some(LATER))
    );
    assert_eq!(
        (read.max_requests, read.requests_used, read.last_used_at),
        (Some(5), 0, None)
    );
    assert!(!read.trial);
    assert!(read.is_usable(NOON));
    assert!(!read.is_usable(LATER), "it ends");
    store.set_user_active(ann, false).await.unwrap();
    assert!(
        !store.key_by_digest(digest(1)).await.unwrap().unwrap().is_usable(NOON),
        "its user is off"
    );

    assert_eq!(store.key_by_digest(digest(2)).await.unwrap(), None);
    let refused = store
        .create_key(&NewKey::new(ann, digest(1), "abcd"))
        .await
        .unwrap_err();
    assert!(matches!(refused, AccountError::Taken("key")), "{refused}");
    let refused = store
        .create_key(&NewKey::new(UserId(99), digest(3), "abcd"))
        .await
        .unwrap_err();
    assert!(matches!(refused, AccountError::NoUser(UserId(99))), "{refused}");
    let refused = store
        .create_key(&NewKey::new(ann, digest(3), "secret"))
        .await
        .unwrap_err();
    assert!(matches!(refused, AccountError::Invalid { .. }), "{refused}");
}

pub(crate) async fn a_key_ends_for_good(store: Store) {
    let ann = user(&store, "ann").await;
    let key = store.create_key(&NewKey::new(ann, digest(1), "")).await.unwrap();
    assert!(store.revoke_key(key).await.unwrap());
    assert!(!store.revoke_key(key).await.unwrap());
    let read = store.key_by_digest(digest(1)).await.unwrap().unwrap();
    assert!(!read.active && !read.is_usable(NOON));
    assert!(!store.revoke_key(KeyId(4711)).await.unwrap());
}

fn plan(name: &str) -> Plan {
    Plan {
        name: name.to_owned(),
        price_per_month: Usd::from_cents(1_999),
        daily_requests: 1_000,
        monthly_requests: 30_000,
        daily_tokens: 100_000,
        monthly_tokens: 3_000_000,
        max_concurrent: 5,
        active: true,
    }
}

pub(crate) async fn plans_begin_and_end(store: Store) {
    let ann = user(&store, "ann").await;
    store.put_plan(&plan("pro")).await.unwrap();
    store.put_plan(&plan("team")).await.unwrap();
    assert_eq!(store.plan_of(ann, NOON).await.unwrap(), None);

    store.set_plan(ann, Some("pro"), NOON, Some(LATER)).await.unwrap();
    let early = UnixMillis(NOON.0 - 1);
    assert_eq!(store.plan_of(ann, early).await.unwrap(), None);
    let pro = store.plan_of(ann, NOON).await.unwrap().unwrap();
    assert_eq!((pro.plan, pro.since, pro.expires_at), (plan("pro"), NOON, Some(LATER)));
    assert_eq!(store.plan_of(ann, LATER).await.unwrap(), None);

    store.set_plan(ann, Some("team"), NOON, None).await.unwrap();
    assert_eq!(store.plan_of(ann, LATER).await.unwrap().unwrap().plan.name, "team");
    let mut off = plan("team");
    off.active = false;
    store.put_plan(&off).await.unwrap();
    assert_eq!(store.plan_of(ann, LATER).await.unwrap(), None);

    let refused = store.set_plan(ann, Some("gold"), NOON, None).await.unwrap_err();
    assert!(matches!(refused, AccountError::NoPlan(_)), "{refused}");
    let refused = store.set_plan(UserId(99), Some("pro"), NOON, None).await.unwrap_err();
    assert!(matches!(refused, AccountError::NoUser(_)), "{refused}");
    store.put_plan(&plan("team")).await.unwrap();
    store.set_plan(ann, None, NOON, None).await.unwrap();
    assert_eq!(store.plan_of(ann, LATER).await.unwrap(), None);
}

fn trial() -> Trial {
    Trial {
        started_at: NOON,
        ends_at: LATER,
        credits: Usd::from_cents(500),
        max_tokens: 500_000,
        max_requests: 1_000,
        used_credits: Usd::ZERO,
        used_tokens: 0,
        used_requests: 0,
        converted: false,
    }
}

pub(crate) async fn limits_and_trials_are_read_as_set(store: Store) {
    let ann = user(&store, "ann").await;
    let mut new = NewKey::new(ann, digest(1), "");
    new.trial = Some(trial());
    let key = store.create_key(&new).await.unwrap();
    let other = store.create_key(&NewKey::new(ann, digest(2), "")).await.unwrap();
    assert_eq!(store.trial_of(key).await.unwrap(), Some(trial()));
    assert_eq!(store.trial_of(other).await.unwrap(), None);
    assert!(store.key_by_digest(digest(1)).await.unwrap().unwrap().trial);
    store
        .add_credits(ann, Usd::from_cents(1), TransactionKind::Purchase, "stripe 1")
        .await
        .unwrap();
    assert!(
        store.trial_of(key).await.unwrap().unwrap().converted,
        "a purchase ends the trial"
    );
    assert_eq!(store.trial_of(other).await.unwrap(), None);

    let limits = RateLimits {
        window_seconds: 3_600,
        max_requests: 1_000,
        max_tokens: u64::from(u32::MAX) * 4,
        burst: 100,
        concurrency: 10,
    };
    assert_eq!(store.limits_of(key).await.unwrap(), None);
    store.set_limits(key, Some(&limits)).await.unwrap();
    let more = RateLimits { burst: 200, ..limits };
    store.set_limits(key, Some(&more)).await.unwrap();
    assert_eq!(store.limits_of(key).await.unwrap(), Some(more));
    assert_eq!(store.limits_of(other).await.unwrap(), None);
    store.set_limits(key, None).await.unwrap();
    assert_eq!(store.limits_of(key).await.unwrap(), None);
    let refused = store.set_limits(KeyId(99), Some(&limits)).await.unwrap_err();
    assert!(matches!(refused, AccountError::NoKey(_)), "{refused}");

    assert_eq!(store.trial_config().await.unwrap(), None);
    let mut config = TrialConfig {
        days: 3,
        credits: Usd::from_cents(500),
        max_tokens: 500_000,
        max_requests: 1_000,
        max_concurrent: 5,
        active: true,
    };
    for days in [3, 7] {
        config.days = days;
        store.set_trial_config(&config).await.unwrap();
        assert_eq!(store.trial_config().await.unwrap(), Some(config));
    }
}

pub(crate) async fn a_charge_is_booked_once(store: Store) {
    let ann = rich_user(&store, "ann", 1_000).await;
    let amount: Usd = "0.000000001".parse().unwrap();
    let first = store.charge(ann, amount, "request 1").await.unwrap();
    assert_eq!(
        (first.before, first.after.to_string()),
        (Usd::from_cents(1_000), "9.999999999".to_owned())
    );
    assert!(!first.repeated);
    store.charge(ann, Usd::from_cents(100), "request 2").await.unwrap();
    let again = store.charge(ann, amount, "request 1").await.unwrap();
    assert_eq!(
        (again.before, again.after, again.repeated),
        (first.before, first.after, true)
    );
    assert_eq!(store.credits(ann).await.unwrap().unwrap().to_string(), "8.999999999");

    let bob = rich_user(&store, "bob", 1_000).await;
    for reused in [
        store.charge(ann, Usd::from_cents(1), "request 1").await,
        store.charge(bob, amount, "request 1").await,
        store
            .add_credits(ann, amount, TransactionKind::Refund, "request 1")
            .await,
    ] {
        assert!(matches!(reused, Err(AccountError::ReferenceReused)), "{reused:?}");
    }
    assert_eq!(store.credits(bob).await.unwrap(), Some(Usd::from_cents(1_000)));
}

pub(crate) async fn a_charge_over_the_balance_books_nothing(store: Store) {
    let ann = rich_user(&store, "ann", 100).await;
    let refused = store.charge(ann, Usd::from_cents(101), "r").await.unwrap_err();
    assert!(
        matches!(refused, AccountError::Insufficient { balance } if balance == Usd::from_cents(100)),
        "{refused}"
    );
    assert!(!refused.is_transient());
    // The reference is free, since nothing was booked.
    let all = store.charge(ann, Usd::from_cents(100), "r").await.unwrap();
    assert_eq!(
        (all.after, store.credits(ann).await.unwrap()),
        (Usd::ZERO, Some(Usd::ZERO))
    );

    let refused = store.charge(UserId(99), Usd::from_cents(1), "s").await.unwrap_err();
    assert!(matches!(refused, AccountError::NoUser(UserId(99))), "{refused}");
    for amount in [Usd::ZERO, Usd::from_cents(-1), Usd::from_nanos(i64::MIN)] {
        let refused = store.charge(ann, amount, "t").await.unwrap_err();
        assert!(matches!(refused, AccountError::Invalid { .. }), "{refused}");
    }
    let most = Usd::from_nanos(i64::MAX);
    store
        .add_credits(ann, most, TransactionKind::Grant, "most")
        .await
        .unwrap();
    let refused = store
        .add_credits(ann, most, TransactionKind::Grant, "more")
        .await
        .unwrap_err();
    assert!(matches!(refused, AccountError::Invalid { .. }), "{refused}");
    assert_eq!(store.credits(ann).await.unwrap(), Some(most));
}

pub(crate) async fn charges_at_once_add_up(store: Store) {
    let ann = rich_user(&store, "ann", 10).await;
    // Twenty charges of a cent for ten cents, each made twice.
    let charges: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.charge(ann, Usd::from_cents(1), &format!("r{}", n % 20)).await })
        })
        .collect();
    let (mut booked, mut refused) = (0, 0);
    for charge in charges {
        match charge.await.unwrap() {
            Ok(receipt) => booked += i32::from(!receipt.repeated),
            Err(AccountError::Insufficient { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((booked, store.credits(ann).await.unwrap()), (10, Some(Usd::ZERO)));
    assert_eq!(refused, 20, "both calls of each of the other ten");
}

fn usage(request: &str, user: UserId, key: KeyId, tokens: u64) -> UsageRecord {
    UsageRecord {
        request_id: request.to_owned(),
        user,
        key,
        provider: "acme".to_owned(),
        model: "m".to_owned(),
        input_tokens: tokens,
        output_tokens: 1,
        cost: Usd::from_cents(2),
        duration_ms: 120,
        at: LATER,
    }
}

pub(crate) async fn use_is_counted_once_on_keys_and_trials(store: Store) {
    let ann = user(&store, "ann").await;
    let mut new = NewKey::new(ann, digest(1), "");
    new.trial = Some(trial());
    new.max_requests = Some(2);
    let key = store.create_key(&new).await.unwrap();
    let other = store.create_key(&NewKey::new(ann, digest(2), "")).await.unwrap();
    let mut first = usage("1", ann, key, 10);
    first.at = NOON;
    let records = [usage("3", ann, other, 7), usage("2", ann, key, 20), first];
    assert_eq!(store.record_usage(&records[1..]).await.unwrap(), 2);
    assert_eq!(store.record_usage(&records).await.unwrap(), 1, "two are known");
    assert_eq!(
        store
            .record_usage(&[records[0].clone(), records[0].clone()])
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        store
            .record_usage(&[usage("4", ann, other, 1), usage("4", ann, other, 1)])
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.record_usage(&[]).await.unwrap(), 0);

    let read = store.key_by_digest(digest(1)).await.unwrap().unwrap();
    assert_eq!((read.requests_used, read.last_used_at), (2, Some(LATER)));
    assert!(!read.is_usable(NOON), "its requests are used up");
    let used = store.trial_of(key).await.unwrap().unwrap();
    assert_eq!(
        (used.used_requests, used.used_tokens, used.used_credits),
        (2, 32, Usd::from_cents(4))
    );
    let read = store.key_by_digest(digest(2)).await.unwrap().unwrap();
    assert_eq!((read.requests_used, read.trial), (2, false));
}

pub(crate) async fn bad_use_leaves_nothing_behind(store: Store) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let key = store.create_key(&NewKey::new(ann, digest(1), "")).await.unwrap();
    let good = usage("good", ann, key, 1);
    for bad in [
        usage("bad", ann, KeyId(99), 1),
        usage("bad", bob, key, 1),
        usage("bad", UserId(99), key, 1),
    ] {
        let refused = store.record_usage(&[good.clone(), bad]).await.unwrap_err();
        assert!(
            matches!(refused, AccountError::Invalid { .. } | AccountError::NoKey(_)),
            "{refused}"
        );
    }
    assert_eq!(store.key_by_digest(digest(1)).await.unwrap().unwrap().requests_used, 0);
    assert_eq!(store.record_usage(&[good]).await.unwrap(), 1);
}
