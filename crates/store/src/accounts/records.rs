//! What is known of accounts.

use std::fmt;

use gatewayz_cache_core::UnixMillis;

use crate::usd::Usd;

/// The number of a user. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a key. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub i64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The HMAC of an API key, by which it is found. The key itself is never stored.
///
/// ```
/// use gatewayz_store::KeyDigest;
///
/// assert_eq!(format!("{:?}", KeyDigest::new([7; 32])), "KeyDigest(..)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of these bytes: HMAC-SHA-256 of the key, with the secret of the installation.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As the column has it.
    pub(crate) fn to_hex(self) -> String {
        crate::convert::hex(&self.0)
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// A closed set of words in a column.
pub(crate) trait Word: Sized {
    fn from_word(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$word_doc:meta])+ $word:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])+ $word),+
        }

        impl $name {
            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text),+
                }
            }

            /// What a word stands for; `None` where it is not exactly one of them.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($text => Some(Self::$word),)+
                    _ => None,
                }
            }
        }

        impl Word for $name {
            fn from_word(word: &str) -> Option<Self> {
                Self::from_word(word)
            }
        }
    )+};
}

words! {
    /// What a user may do.
    Role {
        /// Use models.
        User = "user",
        /// Use models, and what is being tried out.
        Developer = "developer",
        /// Everything.
        Admin = "admin",
    }
    /// How a user pays.
    Subscription {
        /// Not at all yet.
        Trial = "trial",
        /// By a subscription that is paid.
        Active = "active",
        /// By a subscription whose payment is late.
        PastDue = "past_due",
        /// The subscription was ended by the user.
        Cancelled = "cancelled",
        /// The subscription has run out.
        Expired = "expired",
        /// There is none.
        Inactive = "inactive",
    }
    /// What a key is for.
    Environment {
        /// Production.
        Live = "live",
        /// Tests.
        Test = "test",
        /// The rehearsal of production.
        Staging = "staging",
        /// Development.
        Development = "development",
    }
    /// Why credits changed.
    TransactionKind {
        /// Something was used.
        Charge = "charge",
        /// The user paid.
        Purchase = "purchase",
        /// The subscription includes them.
        Allowance = "allowance",
        /// A trial began.
        Trial = "trial",
        /// A charge was given back.
        Refund = "refund",
        /// An operator gave them.
        Grant = "grant",
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub id: UserId,
    /// The unique name.
    pub username: String,
    /// The unique address.
    pub email: String,
    /// What is left.
    pub credits: Usd,
    /// Whether the user may do anything.
    pub active: bool,
    /// What the user may do.
    pub role: Role,
    /// How the user pays.
    pub subscription: Subscription,
    /// The tier of the subscription.
    pub tier: Option<String>,
    /// When the trial ends.
    pub trial_expires_at: Option<UnixMillis>,
    /// When the subscription ends.
    pub subscription_ends_at: Option<UnixMillis>,
    /// When the user came.
    pub registered_at: UnixMillis,
}

/// A user to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The unique name.
    pub username: String,
    /// The unique address.
    pub email: String,
    /// What the user may do.
    pub role: Role,
    /// How the user pays.
    pub subscription: Subscription,
    /// The tier of the subscription.
    pub tier: Option<String>,
    /// When the trial ends.
    pub trial_expires_at: Option<UnixMillis>,
    /// When the subscription ends.
    pub subscription_ends_at: Option<UnixMillis>,
}

impl NewUser {
    /// A user without subscription.
    #[must_use]
    pub fn new(username: impl Into<String>, email: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            email: email.into(),
            role: Role::User,
            subscription: Subscription::Inactive,
            tier: None,
            trial_expires_at: None,
            subscription_ends_at: None,
        }
    }
}

/// A key and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The number.
    pub id: KeyId,
    /// Whose it is.
    pub user: User,
    /// Its name for people.
    pub name: String,
    /// Its last letters, for people.
    pub last4: String,
    /// What it is for.
    pub environment: Environment,
    /// Whether it is the user's main key.
    pub primary: bool,
    /// Whether it was not revoked.
    pub active: bool,
    /// What it may be used for; empty: everything that the user may.
    pub scopes: Vec<String>,
    /// From which addresses it may be used; empty: from all.
    pub ip_allowlist: Vec<String>,
    /// From which sites it may be used; empty: from all.
    pub domain_referrers: Vec<String>,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// How many requests it is good for.
    pub max_requests: Option<u64>,
    /// How many were recorded.
    pub requests_used: u64,
    /// When it was used last, as far as was recorded.
    pub last_used_at: Option<UnixMillis>,
    /// Whether it is on a trial.
    pub trial: bool,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl KeyRecord {
    /// Whether key and user are active, and the key has neither run out nor used up its requests.
    #[must_use]
    pub fn is_usable(&self, now: UnixMillis) -> bool {
        self.active
            && self.user.active
            && self.expires_at.is_none_or(|end| now < end)
            && self.max_requests.is_none_or(|most| self.requests_used < most)
    }
}

/// A key to be added.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose it is.
    pub user: UserId,
    /// By which it is found.
    pub digest: KeyDigest,
    /// Its last letters, at most four.
    pub last4: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// Whether it is the user's main key.
    pub primary: bool,
    /// What it may be used for; empty: everything that the user may.
    pub scopes: Vec<String>,
    /// From which addresses it may be used; empty: from all.
    pub ip_allowlist: Vec<String>,
    /// From which sites it may be used; empty: from all.
    pub domain_referrers: Vec<String>,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// How many requests it is good for.
    pub max_requests: Option<u64>,
    /// The trial that it is on. What is used starts at nothing, whatever it says.
    pub trial: Option<Trial>,
}

impl NewKey {
    /// A live key that may do everything that its user may.
    #[must_use]
    pub fn new(user: UserId, digest: KeyDigest, last4: impl Into<String>) -> Self {
        Self {
            user,
            digest,
            last4: last4.into(),
            name: "default".to_owned(),
            environment: Environment::Live,
            primary: false,
            scopes: Vec::new(),
            ip_allowlist: Vec::new(),
            domain_referrers: Vec::new(),
            expires_at: None,
            max_requests: None,
            trial: None,
        }
    }
}

/// A trial, and what was used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// When it began.
    pub started_at: UnixMillis,
    /// When it ends.
    pub ends_at: UnixMillis,
    /// What may be spent.
    pub credits: Usd,
    /// How many tokens may be used.
    pub max_tokens: u64,
    /// How many requests may be made.
    pub max_requests: u64,
    /// What was spent.
    pub used_credits: Usd,
    /// How many tokens were used.
    pub used_tokens: u64,
    /// How many requests were made.
    pub used_requests: u64,
    /// Whether the user has paid since.
    pub converted: bool,
}

/// What new trials get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialConfig {
    /// For how many days.
    pub days: u32,
    /// What may be spent.
    pub credits: Usd,
    /// How many tokens may be used.
    pub max_tokens: u64,
    /// How many requests may be made.
    pub max_requests: u64,
    /// How many at once.
    pub max_concurrent: u32,
    /// Whether there are trials.
    pub active: bool,
}

/// What a user buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The unique name.
    pub name: String,
    /// What it costs a month.
    pub price_per_month: Usd,
    /// Requests a day.
    pub daily_requests: u64,
    /// Requests a month.
    pub monthly_requests: u64,
    /// Tokens a day.
    pub daily_tokens: u64,
    /// Tokens a month.
    pub monthly_tokens: u64,
    /// Requests at once.
    pub max_concurrent: u32,
    /// Whether it is in force.
    pub active: bool,
}

/// A plan and since when a user has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOfUser {
    /// The plan.
    pub plan: Plan,
    /// Since when.
    pub since: UnixMillis,
    /// Until when.
    pub expires_at: Option<UnixMillis>,
}

/// The limits of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// The length of the window in seconds.
    pub window_seconds: u32,
    /// Requests in a window.
    pub max_requests: u64,
    /// Tokens in a window.
    pub max_tokens: u64,
    /// Requests in a burst.
    pub burst: u32,
    /// Requests at once.
    pub concurrency: u32,
}

/// What a booking did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the user had.
    pub before: Usd,
    /// What the user had then.
    pub after: Usd,
    /// Whether it had been booked already; then nothing was booked now.
    pub repeated: bool,
}

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// The unique id of the request.
    pub request_id: String,
    /// Who asked.
    pub user: UserId,
    /// With which key.
    pub key: KeyId,
    /// Who answered: the slug.
    pub provider: String,
    /// Which model.
    pub model: String,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// What it cost.
    pub cost: Usd,
    /// How long it took.
    pub duration_ms: u64,
    /// When it was answered.
    pub at: UnixMillis,
}
