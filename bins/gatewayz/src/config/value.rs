//! The kinds of values, how they are read and how they are shown.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use gatewayz_providers::Secret;
use toml::de::DeValue;
use url::Url;

use super::error::{Invalid, nearest, quoted};

/// What kind of value a setting has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `host:port`
    Address,
    /// A whole number between two.
    Count(u64, u64),
    /// A time between two, in milliseconds.
    Duration(u64, u64),
    /// A size between two, in bytes.
    Bytes(u64, u64),
    /// Yes or no.
    Bool,
    /// Yes or no, in the file also `on` and `off`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// A text of so many characters at least that is never shown.
    Secret(usize),
    /// Texts.
    List,
    /// Where a file is.
    Path,
    /// A URL, whose password is never shown.
    Url,
}

/// What a plain number in a variable counts, where the variable is older than units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// Nothing: a duration needs its unit.
    No,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Plain {
    const fn unit(self) -> Option<&'static str> {
        match self {
            Self::No => None,
            Self::Seconds => Some("s"),
            Self::Minutes => Some("m"),
            Self::Hours => Some("h"),
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}

/// A value, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Address(SocketAddr),
    Count(u64),
    Duration(Duration),
    Bytes(u64),
    Bool(bool),
    Word(&'static str),
    Text(String),
    Secret(Secret),
    List(Vec<String>),
    Path(PathBuf),
    Url(Secret),
}

const DURATIONS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];
const SIZES: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const DURATION_HINT: &str = "write a number and its unit, one of `ms`, `s`, `m`, `h`, `d`, as in \"15s\"";
const SIZE_HINT: &str = "write a number and its unit, one of `B`, `KiB`, `MiB`, `GiB`, as in \"64MiB\"";

impl Kind {
    /// Reads a value as the environment and flags have it.
    pub(super) fn read(self, text: &str, plain: Plain) -> Result<Value, Invalid> {
        let text = text.trim();
        match self {
            Self::Address => address(text).map(Value::Address),
            Self::Count(least, most) => match text.parse() {
                Ok(count) => counted(count, least, most),
                Err(_) => Err(Invalid::new(
                    format!("is {}, which is no whole number", quoted(text)),
                    format!("write one from {least} to {most}"),
                )),
            },
            Self::Duration(least, most) => duration(text, plain, least, most).map(Value::Duration),
            Self::Bytes(least, most) => bytes(text, least, most).map(Value::Bytes),
            Self::Bool | Self::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(Value::Bool(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Bool(false)),
                _ => Err(Invalid::new(
                    format!("is {}, which is neither yes nor no", quoted(text)),
                    "write `true` or `false` (or 1, 0, yes, no, on, off)",
                )),
            },
            Self::Word(words) => word(text, words),
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Secret(least) => secret(text, least),
            Self::List => Ok(Value::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(str::to_owned)
                    .collect(),
            )),
            Self::Path => match text {
                "" => Err(Invalid::new("is empty", "name a file, or leave it out")),
                path => Ok(Value::Path(path.into())),
            },
            Self::Url => match text {
                "" => Err(Invalid::new("is empty", "write a URL, or leave it out")),
                url => Ok(Value::Url(Secret::new(url))),
            },
        }
    }

    /// Reads a value as the file has it.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Result<Value, Invalid> {
        match (self, value) {
            (Self::Count(..), DeValue::Integer(number)) => {
                let text = number.to_string();
                self.read(text.trim_start_matches('+'), Plain::No)
            }
            (Self::Bool | Self::Switch, DeValue::Boolean(yes)) => Ok(Value::Bool(*yes)),
            (Self::Switch, DeValue::String(text)) if matches!(text.as_ref(), "on" | "off") => {
                self.read(text, Plain::No)
            }
            (Self::List, DeValue::Array(items)) => items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Ok(text.trim().to_owned()),
                    other => Err(wrong_type(other, "a text", "write every item in quotes")),
                })
                .collect::<Result<_, _>>()
                .map(Value::List),
            (Self::Duration(..), DeValue::Integer(_) | DeValue::Float(_)) => {
                Err(Invalid::new("is a number without its unit", DURATION_HINT))
            }
            (Self::Bytes(..), DeValue::Integer(_) | DeValue::Float(_)) => {
                Err(Invalid::new("is a number without its unit", SIZE_HINT))
            }
            (Self::Count(..) | Self::Bool | Self::Switch | Self::List, other) => {
                let (expected, hint) = self.form();
                Err(wrong_type(other, expected, hint))
            }
            (_, DeValue::String(text)) => self.read(text, Plain::No),
            (_, other) => {
                let (expected, hint) = self.form();
                Err(wrong_type(other, expected, hint))
            }
        }
    }

    /// What it is in the file, and how it is written there.
    const fn form(self) -> (&'static str, &'static str) {
        match self {
            Self::Address => ("an address", "write it in quotes, as in \"127.0.0.1:8080\""),
            Self::Count(..) => ("a whole number", "write it without quotes and fractions"),
            Self::Duration(..) => ("a time", DURATION_HINT),
            Self::Bytes(..) => ("a size", SIZE_HINT),
            Self::Bool | Self::Switch => ("yes or no", "write `true` or `false`, without quotes"),
            Self::List => ("a list of texts", "write it as in [\"one\", \"two\"]"),
            Self::Word(_) | Self::Text | Self::Secret(_) | Self::Path | Self::Url => ("a text", "write it in quotes"),
        }
    }

    /// For people: what may be written.
    pub(super) fn words(self) -> String {
        match self {
            Self::Address => "`host:port`".to_owned(),
            Self::Count(least, most) => format!("{least} to {most}"),
            Self::Duration(least, most) => format!("{} to {}", show_duration(ms(least)), show_duration(ms(most))),
            Self::Bytes(least, most) => format!("{} to {}", show_bytes(least), show_bytes(most)),
            Self::Bool => "`true`, `false`".to_owned(),
            Self::Switch => "`true`, `false`, `\"on\"`, `\"off\"`".to_owned(),
            Self::Word(words) => words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", "),
            Self::Text => "text".to_owned(),
            Self::Secret(0 | 1) => "secret".to_owned(),
            Self::Secret(least) => format!("secret, {least} characters at least"),
            Self::List => "list of texts".to_owned(),
            Self::Path => "file".to_owned(),
            Self::Url => "URL".to_owned(),
        }
    }
}

impl Value {
    /// For people: secrets and passwords are not shown.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Duration(time) => show_duration(*time),
            Self::Bytes(bytes) => show_bytes(*bytes),
            Self::Bool(yes) => yes.to_string(),
            Self::Word(word) => (*word).to_owned(),
            Self::Text(text) => text.clone(),
            Self::Secret(_) => SET.to_owned(),
            Self::List(items) => items.join(", "),
            Self::Path(path) => path.display().to_string(),
            Self::Url(url) => show_url(url.expose()),
        }
    }
}

/// What stands in place of a secret.
pub(super) const SET: &str = "(set)";
const HIDDEN: &str = "***";

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// An address. Names are not looked up: they might be others' tomorrow.
fn address(text: &str) -> Result<SocketAddr, Invalid> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && host.eq_ignore_ascii_case("localhost")
        && let Ok(port) = port.parse()
    {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    Err(Invalid::new(
        format!("is {}, which is no address with a port", quoted(text)),
        "write it as in `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `0.0.0.0:80`",
    ))
}

fn counted(count: u64, least: u64, most: u64) -> Result<Value, Invalid> {
    if (least..=most).contains(&count) {
        return Ok(Value::Count(count));
    }
    Err(Invalid::new(
        format!("is {count}"),
        format!("write a whole number from {least} to {most}"),
    ))
}

fn word(text: &str, words: &'static [&'static str]) -> Result<Value, Invalid> {
    match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        Some(word) => Ok(Value::Word(word)),
        None => Err(Invalid::new(
            format!("is {}", quoted(text)),
            match nearest(text, words.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("write one of `{}`", words.join("`, `")),
            },
        )),
    }
}

fn secret(text: &str, least: usize) -> Result<Value, Invalid> {
    match text.chars().count() {
        0 => Err(Invalid::new("is empty", "write the secret, or leave it out")),
        length if length < least => Err(Invalid::new(
            format!("has {length} characters"),
            format!("write {least} at least, made at random: `openssl rand -hex 32` makes one"),
        )),
        _ => Ok(Value::Secret(Secret::new(text))),
    }
}

fn wrong_type(value: &DeValue<'_>, expected: &str, hint: &str) -> Invalid {
    Invalid::new(format!("is {} where {expected} belongs", named(value)), hint)
}

const fn named(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn duration(text: &str, plain: Plain, least: u64, most: u64) -> Result<Duration, Invalid> {
    let milliseconds = amount(text, plain.unit(), DURATIONS).ok_or_else(|| {
        let hint = match plain.unit() {
            Some(_) => format!("{DURATION_HINT}, or a plain number of {}", plain.words()),
            None => DURATION_HINT.to_owned(),
        };
        Invalid::new(
            format!("is {}, which is no time in whole milliseconds", quoted(text)),
            hint,
        )
    })?;
    if (least..=most).contains(&milliseconds) {
        return Ok(ms(milliseconds));
    }
    Err(Invalid::new(
        format!("is {}", show_duration(ms(milliseconds))),
        format!("write {} to {}", show_duration(ms(least)), show_duration(ms(most))),
    ))
}

fn bytes(text: &str, least: u64, most: u64) -> Result<u64, Invalid> {
    let bytes = amount(text, None, SIZES).ok_or_else(|| {
        Invalid::new(
            format!("is {}, which is no size in whole bytes", quoted(text)),
            SIZE_HINT,
        )
    })?;
    if (least..=most).contains(&bytes) {
        return Ok(bytes);
    }
    Err(Invalid::new(
        format!("is {}", show_bytes(bytes)),
        format!("write {} to {}", show_bytes(least), show_bytes(most)),
    ))
}

/// A number and its unit, in the smallest one. `None` also where that is no whole number.
fn amount(text: &str, plain: Option<&str>, units: &[(&str, u64)]) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "" => plain?,
        unit => unit,
    };
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || whole.len() > 20 || fraction.len() > 9 || fraction.contains('.') || number.ends_with('.') {
        return None;
    }
    let shift = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let product = digits.checked_mul(u128::from(*factor))?;
    (product % shift == 0).then(|| u64::try_from(product / shift).ok())?
}

/// In the greatest unit in which it is a whole number.
pub(super) fn show_duration(time: Duration) -> String {
    // What was read fits.
    in_units(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), DURATIONS, "0s")
}

/// In the greatest unit in which it is a whole number.
pub(super) fn show_bytes(bytes: u64) -> String {
    in_units(bytes, SIZES, "0B")
}

fn in_units(amount: u64, units: &[(&str, u64)], zero: &str) -> String {
    units
        .iter()
        .find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))
        .map_or_else(
            || zero.to_owned(),
            |(unit, factor)| format!("{}{unit}", amount / factor),
        )
}

/// A URL without its password and without parameters that might be one.
pub(super) fn show_url(text: &str) -> String {
    /// Parameters that are no secrets.
    const PLAIN: &[&str] = &["db", "node", "sentinelServiceName", "sslmode", "sslrootcert"];
    if text.starts_with("sqlite:") || !text.contains("://") {
        // A path, or a URL whose beginning is a setting.
        return text.split('?').next().unwrap_or_default().to_owned();
    }
    let Ok(mut url) = Url::parse(text) else {
        return SET.to_owned();
    };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return SET.to_owned();
    }
    if url.query().is_some() {
        let pairs: Vec<String> = url
            .query_pairs()
            .map(|(name, value)| match PLAIN.contains(&name.as_ref()) {
                true => format!("{name}={value}"),
                false => format!("{name}={HIDDEN}"),
            })
            .collect();
        url.set_query(Some(&pairs.join("&")));
    }
    url.set_fragment(None);
    url.to_string()
}
