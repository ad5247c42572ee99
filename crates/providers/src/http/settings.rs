//! Keys and other settings, by the names under which the binary read them.

use std::{borrow::Borrow, collections::BTreeMap, fmt, sync::Arc};

/// A text that is shown nowhere: neither by `Debug` nor in an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Settings by name, such as `OPENAI_API_KEY` or `CLOUDFLARE_ACCOUNT_ID`. All values are treated as secrets.
///
/// Values lose the white space around them; what is empty then counts as not set.
///
/// ```
/// use gatewayz_providers::Settings;
///
/// let settings: Settings = [("OPENAI_API_KEY", "sk-1234\n"), ("XAI_API_KEY", " ")].into_iter().collect();
/// assert!(settings.has("OPENAI_API_KEY") && !settings.has("XAI_API_KEY"));
/// assert!(!format!("{settings:?}").contains("1234"));
/// ```
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, Secret>,
}

impl Settings {
    /// No settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a setting, if it is set.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Secret> {
        self.values.get(name)
    }

    /// Whether a setting is set.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The first of some settings that is set, with its name.
    pub(crate) fn first<'a, N: Borrow<str>>(&self, names: &'a [N]) -> Option<(&'a str, &Secret)> {
        names.iter().find_map(|name| {
            let name = name.borrow();
            self.value(name).map(|value| (name, value))
        })
    }
}

impl<N: Into<String>, V: AsRef<str>> FromIterator<(N, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        let mut all = BTreeMap::new();
        for (name, value) in values {
            let value = value.as_ref().trim();
            if !value.is_empty() {
                all.insert(name.into(), Secret::new(value));
            }
        }
        Self { values: all }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Takes secrets out of texts that others wrote, such as a provider that repeats the key it refuses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    secrets: Vec<Secret>,
}

/// Values of settings that are no keys are hidden from this length on; shorter ones are words such as `us`.
const TELLING: usize = 8;
/// The greatest number of characters of a message.
const LONGEST: usize = 300;

impl Redactor {
    /// Hides a key.
    pub(crate) fn hide(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.secrets.push(Secret::new(secret));
        }
    }

    /// Hides the value of a setting that need not be a key.
    pub(crate) fn hide_setting(&mut self, value: &str) {
        if value.len() >= TELLING {
            self.hide(value);
        }
    }

    /// The beginning of a text on one line, without secrets and control characters.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "***");
            }
        }
        let mut out = String::new();
        let mut gap = false;
        for (n, character) in text.chars().enumerate() {
            if n >= LONGEST {
                out.push('…');
                break;
            }
            if character.is_control() || character.is_whitespace() {
                gap = !out.is_empty();
            } else {
                if gap {
                    out.push(' ');
                    gap = false;
                }
                out.push(character);
            }
        }
        out
    }
}
