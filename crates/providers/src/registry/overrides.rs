//! Changes of a registry, and where in their text something stands.

use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::InvalidRegistry;

/// Fields whose tables are alternatives, of which half of one and half of another make no sense.
const WHOLE: &[&str] = &["auth", "paging", "offers", "tier"];

pub(super) fn parse(text: &str) -> Result<Table, InvalidRegistry> {
    let tables: Table = toml::from_str(text).map_err(|error| InvalidRegistry::Syntax {
        line: error.span().map(|span| line_at(text, span.start)),
        message: error.message().to_owned(),
    })?;
    for (slug, value) in &tables {
        if !value.is_table() {
            return Err(InvalidRegistry::Syntax {
                line: line_of(text, slug, None),
                message: format!("`{slug}` is no table"),
            });
        }
    }
    Ok(tables)
}

pub(super) fn merge(base: &Table, changes: Table, text: &str) -> Result<Table, InvalidRegistry> {
    let mut tables = base.clone();
    for (slug, change) in changes {
        let Value::Table(change) = change else {
            continue;
        };
        match tables.get_mut(&slug) {
            Some(Value::Table(table)) => overlay(table, change),
            _ if change.contains_key("name") => {
                tables.insert(slug, Value::Table(change));
            }
            _ => {
                return Err(InvalidRegistry::UnknownProvider {
                    line: line_of(text, &slug, None),
                    nearest: nearest(base, &slug),
                    slug,
                });
            }
        }
    }
    Ok(tables)
}

fn overlay(table: &mut Table, change: Table) {
    for (key, value) in change {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if !WHOLE.contains(&key.as_str()) => overlay(old, new),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn nearest(base: &Table, slug: &str) -> Option<String> {
    base.keys()
        .map(|known| (distance(known, slug), known))
        .min()
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .map(|(_, known)| known.clone())
}

/// How many letters one has to change, add or leave out to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, a) in one.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (at, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The line of a provider's table, or of the field in it that a message names between backticks.
pub(super) fn line_of(text: &str, slug: &str, message: Option<&str>) -> Option<usize> {
    let tables = DeTable::parse(text).ok()?;
    let (key, table) = tables
        .get_ref()
        .iter()
        .find(|(key, _)| key.get_ref().as_ref() == slug)?;
    let field = message
        .into_iter()
        .flat_map(|message| message.split('`').skip(1).step_by(2))
        .find_map(|name| find(table.get_ref(), name));
    Some(line_at(text, field.unwrap_or_else(|| key.span().start)))
}

/// Where a key, or a text, stands.
fn find(value: &DeValue<'_>, name: &str) -> Option<usize> {
    match value {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| {
            if key.get_ref().as_ref() == name {
                return Some(key.span().start);
            }
            find(value.get_ref(), name).or_else(|| is(value.get_ref(), name).then(|| value.span().start))
        }),
        DeValue::Array(items) => items.iter().find_map(|item| {
            find(item.get_ref(), name).or_else(|| is(item.get_ref(), name).then(|| item.span().start))
        }),
        _ => None,
    }
}

fn is(value: &DeValue<'_>, name: &str) -> bool {
    matches!(value, DeValue::String(text) if text.as_ref() == name)
}

fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}
