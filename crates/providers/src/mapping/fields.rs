//! Texts, numbers and times of a row, each within its bounds.

use serde_json::value::RawValue;

use super::{DeveloperField, Mapping, Node, TimeField};

const MAX_NAME: usize = 256;
const MAX_WORD: usize = 64;
const MAX_WORDS: usize = 64;
const MAX_RAW: usize = 2 << 10;

/// A text of at most `max` bytes, without control characters and without blanks at its ends. Line breaks stay where
/// `lines` says so.
pub(super) fn clean(text: &str, max: usize, lines: bool) -> Option<String> {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.trim().chars() {
        let c = match c {
            '\n' | '\t' if lines => c,
            c if c.is_control() => ' ',
            // What turns the writing around goes on behind the text in which it stands.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c => c,
        };
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    (!out.is_empty()).then_some(out)
}

pub(super) fn name(node: Option<&Node<'_>>) -> Option<String> {
    clean(node?.text()?, MAX_NAME, false)
}

/// Short words of lists, sorted, each once.
pub(super) fn words(node: Option<&Node<'_>>) -> Vec<String> {
    let Some(node) = node else {
        return Vec::new();
    };
    let mut words: Vec<String> = node
        .words()
        .into_iter()
        .take(MAX_WORDS)
        .filter_map(|word| clean(word, MAX_WORD, false))
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// A small part of the row as it was sent.
pub(super) fn raw(node: Option<&Node<'_>>) -> Option<Box<RawValue>> {
    let node = node.filter(|node| node.is_true())?;
    let mut text = String::new();
    node.write(&mut text);
    raw_text(text)
}

/// JSON that a store can keep: small, valid, and without escapes that only some databases take.
pub(super) fn raw_text(text: String) -> Option<Box<RawValue>> {
    if text.len() > MAX_RAW || text.contains("\\u") {
        return None;
    }
    RawValue::from_string(text).ok()
}

/// Seconds since 1970; `None` for what lies outside of 2010 to 2100: zero, milliseconds, placeholders.
pub(super) fn created(fields: &[TimeField], row: &Node<'_>) -> Option<i64> {
    fields.iter().find_map(|field| {
        let text = row.at(&field.path)?.text()?;
        let seconds = if field.iso {
            iso(text)?
        } else {
            text.split('.').next()?.parse().ok()?
        };
        (1_262_304_000..4_102_444_800).contains(&seconds).then_some(seconds)
    })
}

/// `2026-06-07T12:30:00Z`, or only the day; the zone is taken for UTC.
fn iso(text: &str) -> Option<i64> {
    let (day, time) = text.split_at_checked(10)?;
    let mut day = day.split('-').map(str::parse::<i64>);
    let (year, month, day) = (day.next()?.ok()?, day.next()?.ok()?, day.next()?.ok()?);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 in the proleptic Gregorian calendar, with years that begin in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let mut seconds = 0;
    if let Some(time) = time.get(1..9) {
        for part in time.split(':') {
            seconds = seconds * 60 + part.parse::<i64>().ok()?;
        }
    }
    Some(days * 86_400 + seconds)
}

/// The slug of who made the model.
pub(super) fn developer(mapping: &Mapping, row: &Node<'_>, id: &str) -> Option<String> {
    mapping.developer.iter().find_map(|field| {
        let text = match field {
            DeveloperField::Always(always) => return Some(always.clone()),
            DeveloperField::First => id.split_once('/')?.0,
            DeveloperField::Inner => id.rsplit_once('/')?.0.rsplit('/').next()?,
            DeveloperField::Field(path) => row.at(path)?.text()?,
        };
        let slug = slug(text)?;
        match mapping.developers.get(&slug) {
            Some(other) => (!other.is_empty()).then(|| other.clone()),
            None => (!NOBODY.contains(&slug.as_str())).then_some(slug),
        }
    })
}

/// Words that stand where a developer should.
const NOBODY: &[&str] = &[
    "system",
    "unknown",
    "library",
    "none",
    "other",
    "custom",
    "user",
    "null",
    "organization-owner",
];

/// Lower case, with `-` for everything that is no letter or digit.
fn slug(text: &str) -> Option<String> {
    // A mail address is no name.
    if text.contains('@') && text.contains('.') {
        return None;
    }
    let mut slug = String::new();
    for c in text.trim().chars() {
        if slug.len() >= MAX_WORD {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    (!slug.is_empty()).then_some(slug)
}

#[cfg(test)]
mod tests;
