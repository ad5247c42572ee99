//! Amounts of money.

use std::{fmt, str::FromStr};

use thiserror::Error;

const NANOS: u64 = 1_000_000_000;

/// An amount of US dollars, exact to 10⁻⁹: what is booked, never what a single token costs. At most nine billion.
///
/// ```
/// use gatewayz_store::Usd;
///
/// let price: Usd = "0.0025".parse().unwrap();
/// assert_eq!(Usd::from_cents(500).checked_sub(price).unwrap().to_string(), "4.9975");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many 10⁻⁹ dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// So many cents.
    #[must_use]
    pub const fn from_cents(cents: i32) -> Self {
        Self(cents as i64 * 10_000_000)
    }

    /// The amount in 10⁻⁹ dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum; `None` where it is too large.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference; `None` where it is too large.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }
}

/// `-4.9975`
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / NANOS, self.0.unsigned_abs() % NANOS);
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{part:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}")
    }
}

impl FromStr for Usd {
    type Err = InvalidUsd;

    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(part) || part.len() > 9 {
            return Err(InvalidUsd);
        }
        let nanos = format!("{}{whole}{part:0<9}", if negative { "-" } else { "" });
        match nanos.parse() {
            Ok(nanos) => Ok(Self(nanos)),
            Err(_) => Err(InvalidUsd),
        }
    }
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an amount is a decimal number with at most nine places, such as `12.50`")]
pub struct InvalidUsd;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Usd;

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "+1",
            "--1",
            "1.0000000001",
            "9223372037",
            "1 ",
            "$1",
        ] {
            assert!(text.parse::<Usd>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_amount_reads_as_itself(nanos: i64) {
            let amount = Usd::from_nanos(nanos);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
