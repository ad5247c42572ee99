//! The configuration as it is in effect, without secrets.

use std::fmt;

use serde::Serialize;

use super::{
    Loaded, Origin,
    table::{Initial, SETTINGS},
};

/// All settings with their values and where those were said. As text a table, as JSON a list.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Shown {
    /// One per setting.
    pub(crate) rows: Vec<Row>,
}

/// One setting.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Its path.
    pub(crate) path: String,
    /// Its value; secrets are `(set)`, passwords in URLs `***`.
    pub(crate) value: String,
    /// Where it was said.
    pub(crate) origin: Origin,
}

impl Loaded {
    /// All settings in effect.
    pub(crate) fn show(&self) -> Shown {
        let origin = |path: &str| self.origins.get(path).cloned().unwrap_or(Origin::Default);
        let settings = SETTINGS.iter().map(|setting| Row {
            path: setting.path.to_owned(),
            value: match (self.config.values.get(setting.path), setting.default) {
                (Some(value), _) => value.show(),
                (None, Initial::Then(what)) => format!("({what})"),
                (None, _) => "(not set)".to_owned(),
            },
            origin: origin(setting.path),
        });
        let providers = self.provided.iter().map(|row| Row {
            path: row.path.clone(),
            value: row.value.show(),
            origin: row.origin.clone(),
        });
        Shown {
            rows: settings.chain(providers).collect(),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Row) -> &str| self.rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        // A long value must not push all origins off the screen.
        let (path, value) = (width(|row| &row.path), width(|row| &row.value).min(44));
        self.rows
            .iter()
            .try_for_each(|row| writeln!(f, "{:path$}  {:value$}  {}", row.path, row.value, row.origin))
    }
}
