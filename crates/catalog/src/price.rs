//! Prices: decimals that carry their unit in the type.
//!
//! A [`Price<U>`] is US dollars per one `U`: per token, per request, per image. It is held exactly, in steps of 10⁻¹⁵
//! dollars, the scale of the stored schema. Whatever else a provider quotes (cents, per thousand, per million, an
//! integer with an implied scale) differs from that by a power of ten, and becomes a price by [`Quote::price`] only.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// How many decimal places a price has.
const SCALE: i32 = 15;
const ONE: u64 = 1_000_000_000_000_000;
/// A dollar price at which a quote is an error, not an offer.
const ABSURD: u64 = 10_000;

/// What one pays for.
pub trait Unit: 'static {
    /// The unit as a word: `token`.
    const NAME: &'static str;
}

macro_rules! units {
    ($($(#[$doc:meta])* $unit:ident = $name:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $unit {}

        impl Unit for $unit {
            const NAME: &'static str = $name;
        }
    )+};
}
units! {
    /// One token.
    Token = "token",
    /// One call.
    Request = "request",
    /// One image.
    Image = "image",
    /// One web search.
    Search = "search",
}

/// US dollars per one `U`, never negative, exact to 15 decimal places.
///
/// As text and in JSON it is a plain decimal string without exponent: `"0.00000015"`.
pub struct Price<U> {
    steps: u64,
    unit: PhantomData<fn() -> U>,
}

impl<U> Price<U> {
    /// No charge. Only a provider that says zero is free; what is not known is no price at all.
    pub const FREE: Self = Self::from_steps(0);

    /// The price of so many steps of 10⁻¹⁵ dollars.
    #[must_use]
    pub const fn from_steps(steps: u64) -> Self {
        Self {
            steps,
            unit: PhantomData,
        }
    }

    /// The price in steps of 10⁻¹⁵ dollars.
    #[must_use]
    pub const fn steps(self) -> u64 {
        self.steps
    }

    /// Whether nothing is charged.
    #[must_use]
    pub const fn is_free(self) -> bool {
        self.steps == 0
    }

    /// The plain decimal: at most five digits before the point and fifteen behind it.
    pub(crate) fn digits(self, text: &mut [u8; 24]) -> &[u8] {
        let mut start = text.len();
        let (mut rest, mut places) = (self.steps, 0);
        while rest > 0 || places <= SCALE {
            let has_fraction = start < text.len();
            if places == SCALE && has_fraction {
                start -= 1;
                text[start] = b'.';
            }
            let digit = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
            // Zeros at the end of the fraction say nothing.
            if places >= SCALE || has_fraction || digit != b'0' {
                start -= 1;
                text[start] = digit;
            }
            places += 1;
        }
        &text[start..]
    }

    /// The price as a binary float, for figures and charts. Never computed with.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the result is an approximation by contract")]
    pub fn to_f64(self) -> f64 {
        self.steps as f64 / ONE as f64
    }
}

impl<U> Clone for Price<U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for Price<U> {}

impl<U> PartialEq for Price<U> {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps
    }
}

impl<U> Eq for Price<U> {}

impl<U> PartialOrd for Price<U> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<U> Ord for Price<U> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.steps.cmp(&other.steps)
    }
}

impl<U> hash::Hash for Price<U> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.steps.hash(state);
    }
}

impl<U: Unit> fmt::Debug for Price<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}/{}", U::NAME)
    }
}

impl<U> fmt::Display for Price<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.digits(&mut [0; 24])).unwrap_or("0"))
    }
}

impl<U> FromStr for Price<U> {
    type Err = InvalidPrice;

    fn from_str(text: &str) -> Result<Self, InvalidPrice> {
        Quote::UsdPerUnit.price(text)?.ok_or(InvalidPrice::Negative)
    }
}

impl<U> Serialize for Price<U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, U> Deserialize<'de> for Price<U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<U>(PhantomData<U>);
        impl<U> de::Visitor<'_> for Text<U> {
            type Value = Price<U>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string, US dollars per unit")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Price<U>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// In what form a provider names its prices: each is a power of ten away from dollars per unit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quote {
    /// US dollars per token, request or image.
    UsdPerUnit,
    /// US dollars per thousand.
    UsdPerThousand,
    /// US dollars per million.
    UsdPerMillion,
    /// US cents per token, request or image.
    CentsPerUnit,
    /// Integers: the ten-thousandth part of a US dollar per million.
    TenThousandthsPerMillion,
}

impl Quote {
    const fn exponent(self) -> i32 {
        match self {
            Self::UsdPerUnit => 0,
            Self::UsdPerThousand => -3,
            Self::UsdPerMillion => -6,
            Self::CentsPerUnit => -2,
            Self::TenThousandthsPerMillion => -10,
        }
    }

    /// The price that a quoted decimal stands for: digits, with `.`, exponent, a leading `$` and spaces around it
    /// allowed. `None` where it is empty, or negative: such a price is decided per request, and not known.
    ///
    /// Digits beyond 15 decimal places are rounded, half to even: they are noise of binary floats.
    ///
    /// # Errors
    ///
    /// [`InvalidPrice`] when it is no finite decimal, or so high that it must be a mistake.
    pub fn price<U>(self, text: &str) -> Result<Option<Price<U>>, InvalidPrice> {
        scaled(text, self.exponent())
    }
}

/// The price of `amount × 10^-scale` dollars, as NEAR quotes it.
///
/// # Errors
///
/// As [`Quote::price`].
pub fn scaled_price<U>(amount: &str, scale: i32) -> Result<Option<Price<U>>, InvalidPrice> {
    if !(-30..=30).contains(&scale) {
        return Err(InvalidPrice::NotDecimal);
    }
    scaled(amount, -scale)
}

/// Why a quoted price is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPrice {
    /// The text is not a finite decimal.
    #[error("the price is not a decimal number")]
    NotDecimal,
    /// The price is negative where it has to be known.
    #[error("the price is negative or empty")]
    Negative,
    /// The price is absurdly high: most likely its unit is another one.
    #[error("the price is over 10000 dollars per unit; check its unit")]
    Absurd,
}

fn scaled<U>(text: &str, exponent: i32) -> Result<Option<Price<U>>, InvalidPrice> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    let (digits, own_exponent) = decimal(text)?;
    if digits == 0 {
        return Ok(Some(Price::FREE));
    }
    if negative {
        return Ok(None);
    }
    let steps = shift(digits, own_exponent + exponent + SCALE).ok_or(InvalidPrice::Absurd)?;
    match u64::try_from(steps) {
        Ok(steps) if steps <= ABSURD * ONE => Ok(Some(Price::from_steps(steps))),
        _ => Err(InvalidPrice::Absurd),
    }
}

/// A decimal as `digits × 10^exponent`. Digits beyond the 30th are dropped.
fn decimal(text: &str) -> Result<(u128, i32), InvalidPrice> {
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => {
            let Ok(exponent) = text[at + 1..].parse::<i32>() else {
                return Err(InvalidPrice::NotDecimal);
            };
            (&text[..at], exponent)
        }
        None => (text, 0),
    };
    if !(-200..=200).contains(&exponent) || number.len() > 64 {
        return Err(InvalidPrice::NotDecimal);
    }
    let (mut digits, mut places, mut seen_point, mut seen_digit) = (0_u128, 0, false, false);
    for byte in number.bytes() {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                if digits < 10_u128.pow(30) {
                    digits = digits * 10 + u128::from(byte - b'0');
                    places += i32::from(seen_point);
                } else {
                    places -= i32::from(!seen_point);
                }
            }
            b'.' if !seen_point => seen_point = true,
            _ => return Err(InvalidPrice::NotDecimal),
        }
    }
    if seen_digit {
        Ok((digits, exponent - places))
    } else {
        Err(InvalidPrice::NotDecimal)
    }
}

/// `digits × 10^exponent`, rounded half to even; `None` where it does not fit.
fn shift(digits: u128, exponent: i32) -> Option<u128> {
    if exponent >= 0 {
        return digits.checked_mul(10_u128.checked_pow(exponent.unsigned_abs())?);
    }
    let Some(divisor) = 10_u128.checked_pow(exponent.unsigned_abs()) else {
        return Some(0);
    };
    let (quotient, rest) = (digits / divisor, digits % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => false,
        Ordering::Equal => quotient % 2 == 1,
        Ordering::Greater => true,
    };
    Some(quotient + u128::from(up))
}

#[cfg(test)]
mod tests;
