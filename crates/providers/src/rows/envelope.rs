//! What lies beside the rows of one page.

use serde_json::Value;

/// What lies beside the rows of one page: cursors, totals. The rows themselves are replaced by an empty array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    value: Value,
    rows: u64,
}

impl Envelope {
    pub(super) const fn new(value: Value, rows: u64) -> Self {
        Self { value, rows }
    }

    /// How many rows the page had, readable or not.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The text or number at a path of keys joined by `.`, as text; `None` where it is absent, null or empty.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        match self.at(path)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The boolean at a path of keys joined by `.`.
    #[must_use]
    pub fn flag(&self, path: &str) -> Option<bool> {
        self.at(path)?.as_bool()
    }

    /// The whole number at a path of keys joined by `.`; digits in a text count as one.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<u64> {
        match self.at(path)? {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64(),
        }
    }

    fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.value, |value, key| value.get(key))
    }
}
