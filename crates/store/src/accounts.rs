//! Users, their keys, plans, limits and money.

mod records;

use std::future::Future;

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::StoreError;

use self::records::Word;
pub use self::records::{
    Environment, KeyDigest, KeyId, KeyRecord, NewKey, NewUser, Plan, PlanOfUser, RateLimits, Receipt, Role,
    Subscription, TransactionKind, Trial, TrialConfig, UsageRecord, User, UserId,
};
use crate::{
    error::{AccountError, unreadable},
    usd::Usd,
};

/// The source of truth for accounts.
///
/// Every read sees all writes that were answered before it began. Each write is one transaction: a future that is dropped
/// has written all of it or nothing. A row with a word or a value that is not known is an error that names the column,
/// never a guess: nobody is let in by a typing mistake.
pub trait AccountStore: Send + Sync + 'static {
    /// The key with this digest and its user, whether active or not: see [`KeyRecord::is_usable`].
    fn key_by_digest(&self, digest: KeyDigest) -> impl Future<Output = Result<Option<KeyRecord>, StoreError>> + Send;

    /// A user, whether active or not.
    fn user(&self, id: UserId) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// The plan that a user has at `now`; `None` where it has not begun, is over or is switched off.
    fn plan_of(
        &self,
        user: UserId,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<PlanOfUser>, StoreError>> + Send;

    /// The trial that a key is on, with what was used of it.
    fn trial_of(&self, key: KeyId) -> impl Future<Output = Result<Option<Trial>, StoreError>> + Send;

    /// The limits of a key's own.
    fn limits_of(&self, key: KeyId) -> impl Future<Output = Result<Option<RateLimits>, StoreError>> + Send;

    /// What a user has; `None`: there is no such user.
    fn credits(&self, user: UserId) -> impl Future<Output = Result<Option<Usd>, StoreError>> + Send;

    /// What new trials get; `None`: nobody said so.
    fn trial_config(&self) -> impl Future<Output = Result<Option<TrialConfig>, StoreError>> + Send;

    /// Adds a user without credits.
    fn create_user(&self, user: &NewUser) -> impl Future<Output = Result<UserId, AccountError>> + Send;

    /// Switches a user on or off. `false`: there is no such user.
    fn set_user_active(&self, user: UserId, active: bool) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Adds a key of a user.
    fn create_key(&self, key: &NewKey) -> impl Future<Output = Result<KeyId, AccountError>> + Send;

    /// Ends a key for good. `false`: there is no such key, or it has ended before.
    fn revoke_key(&self, key: KeyId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Adds a plan, or replaces the one of that name.
    fn put_plan(&self, plan: &Plan) -> impl Future<Output = Result<(), AccountError>> + Send;

    /// Gives a user the plan of that name from `since` on; `None` takes away what the user has.
    fn set_plan(
        &self,
        user: UserId,
        plan: Option<&str>,
        since: UnixMillis,
        expires_at: Option<UnixMillis>,
    ) -> impl Future<Output = Result<(), AccountError>> + Send;

    /// Sets or, with `None`, removes the limits of a key's own.
    fn set_limits(
        &self,
        key: KeyId,
        limits: Option<&RateLimits>,
    ) -> impl Future<Output = Result<(), AccountError>> + Send;

    /// Says what new trials get.
    fn set_trial_config(&self, config: &TrialConfig) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes an amount off a user's credits, unless the user has less.
    ///
    /// `reference` names what is paid for. The same reference again books nothing and returns the first receipt, so a
    /// call whose answer was lost may be made again.
    fn charge(
        &self,
        user: UserId,
        amount: Usd,
        reference: &str,
    ) -> impl Future<Output = Result<Receipt, AccountError>> + Send;

    /// Adds an amount to a user's credits, once for each reference as [`charge`](Self::charge) does.
    fn add_credits(
        &self,
        user: UserId,
        amount: Usd,
        kind: TransactionKind,
        reference: &str,
    ) -> impl Future<Output = Result<Receipt, AccountError>> + Send;

    /// Notes what was used, all or nothing, and counts it on the keys and on their trials. Returns how many records were
    /// new: those with a known request are left out, so records may be sent again.
    fn record_usage(&self, records: &[UsageRecord]) -> impl Future<Output = Result<u64, AccountError>> + Send;
}

/// The longest reference, request id, name and address in bytes: they are keys of indexes.
const MAX_NAME: usize = 512;

/// Refuses what no column can hold.
pub(crate) fn check_name(what: &'static str, text: &str) -> Result<(), AccountError> {
    let wrong = match text {
        "" => "is empty",
        text if text.len() > MAX_NAME => "is longer than 512 bytes",
        text if text.chars().any(char::is_control) => "has a control character",
        _ => return Ok(()),
    };
    Err(AccountError::Invalid { what, wrong })
}

/// Refuses what no one can be charged or given.
pub(crate) fn check_amount(amount: Usd) -> Result<(), AccountError> {
    if amount > Usd::ZERO {
        return Ok(());
    }
    Err(AccountError::Invalid {
        what: "amount",
        wrong: "is not more than nothing",
    })
}

/// Why use cannot be noted: nobody would find it again.
pub(crate) const NO_USE: AccountError = AccountError::Invalid {
    what: "usage record",
    wrong: "names a key that its user does not have",
};

impl NewUser {
    pub(crate) fn check(&self) -> Result<(), AccountError> {
        check_name("user name", &self.username)?;
        check_name("e-mail address", &self.email)?;
        self.tier.iter().try_for_each(|tier| check_name("tier", tier))
    }
}

impl NewKey {
    pub(crate) fn check(&self) -> Result<(), AccountError> {
        check_name("name of the key", &self.name)?;
        if self.last4.is_ascii() && self.last4.len() <= 4 && !self.last4.bytes().any(|byte| byte.is_ascii_control()) {
            return Ok(());
        }
        Err(AccountError::Invalid {
            what: "end of the key",
            wrong: "is longer than 4 letters",
        })
    }
}

impl UsageRecord {
    pub(crate) fn check(&self) -> Result<(), AccountError> {
        check_name("request id", &self.request_id)?;
        check_name("provider", &self.provider)?;
        check_name("model", &self.model)?;
        if self.cost.is_negative() {
            return Err(AccountError::Invalid {
                what: "cost",
                wrong: "is negative",
            });
        }
        Ok(())
    }
}

/// What a booking is, apart from its reference. Charges have a negative amount.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Booking {
    pub(crate) user: UserId,
    pub(crate) amount: Usd,
    pub(crate) kind: TransactionKind,
}

impl Booking {
    pub(crate) fn charge(user: UserId, amount: Usd) -> Result<Self, AccountError> {
        check_amount(amount)?;
        Ok(Self {
            user,
            // More than nothing, so its negative fits.
            amount: Usd::from_nanos(-amount.nanos()),
            kind: TransactionKind::Charge,
        })
    }

    /// The balance after it.
    pub(crate) fn balance_after(&self, before: Usd) -> Result<Usd, AccountError> {
        match before.checked_add(self.amount) {
            Some(after) if !after.is_negative() => Ok(after),
            Some(_) => Err(AccountError::Insufficient { balance: before }),
            None => Err(AccountError::Invalid {
                what: "balance",
                wrong: "would be more than nine billion dollars",
            }),
        }
    }

    /// The receipt of what was booked under the same reference, if it is the same.
    pub(crate) fn repeated(
        &self,
        user: UserId,
        amount: i64,
        kind: &str,
        balances: (i64, i64),
    ) -> Result<Receipt, AccountError> {
        if (user, amount, kind) != (self.user, self.amount.nanos(), self.kind.as_str()) {
            return Err(AccountError::ReferenceReused);
        }
        Ok(Receipt {
            before: Usd::from_nanos(balances.0),
            after: Usd::from_nanos(balances.1),
            repeated: true,
        })
    }
}

/// A word of a closed set. Another one is an error: whom it would let in cannot be told.
pub(crate) fn word<T: Word>(column: &'static str, text: &str) -> Result<T, StoreError> {
    T::from_word(text).ok_or_else(|| unreadable(column, format_args!("unknown word `{}`", text.escape_debug())))
}

/// The columns of a [`User`] in the order in which both databases read them.
macro_rules! user_columns {
    () => {
        "u.id, u.username, u.email, u.credits_nano_usd, u.is_active, u.role, u.subscription_status, u.tier, \
         u.trial_expires_at, u.subscription_end_date, u.registration_date"
    };
}

/// The columns of a [`KeyRecord`] after those of its user.
macro_rules! key_columns {
    () => {
        "k.id, k.last4, k.key_name, k.environment_tag, k.is_primary, k.is_active, k.scope_permissions, \
         k.ip_allowlist, k.domain_referrers, k.expiration_date, k.max_requests, k.requests_used, k.last_used_at, \
         k.trial_end_date IS NOT NULL, k.created_at"
    };
}

pub(crate) use {key_columns, user_columns};
