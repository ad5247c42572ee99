//! What an invalidation names, and the graph by which one thing's change names others.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    key::{CacheKey, encode_first_part},
    keyspace::Keyspace,
};

/// A set of names in the shared tier that are no longer true.
///
/// It is also the message by which nodes tell each other, as JSON: `{"k":["models:stats"],"p":["catalog:v2:all:"]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalidation {
    #[serde(rename = "k", default, skip_serializing_if = "BTreeSet::is_empty")]
    keys: BTreeSet<String>,
    #[serde(rename = "p", default, skip_serializing_if = "BTreeSet::is_empty")]
    prefixes: BTreeSet<String>,
}

impl Invalidation {
    /// Creates an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one key of a keyspace.
    pub fn key<K: CacheKey>(mut self, keyspace: &Keyspace, key: &K) -> Self {
        self.keys.insert(keyspace.shared_name(key));
        self
    }

    /// Adds every key of a keyspace.
    pub fn keyspace(mut self, keyspace: &Keyspace) -> Self {
        self.add_keyspace(keyspace.name);
        self
    }

    /// Adds every key whose name begins with the keyspace's name, a colon, and `part`, encoded as a first part.
    pub fn under(mut self, keyspace: &Keyspace, part: &str) -> Self {
        self.add_under(keyspace.name, part);
        self
    }

    /// Adds a name as the shared tier has it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.keys.insert(name.into());
        self
    }

    /// Adds every name that begins with `prefix`. An empty prefix names everything.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.insert(prefix.into());
        self
    }

    /// Adds all that another one names.
    pub fn merge(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.prefixes.extend(other.prefixes);
    }

    /// The single names.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// The prefixes.
    pub fn prefixes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.prefixes.iter().map(String::as_str)
    }

    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.prefixes.is_empty()
    }

    /// How many names and prefixes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len() + self.prefixes.len()
    }

    /// Whether a name is meant.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.keys.contains(name) || self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// Removes what is named twice: what is left covers every name once.
    fn simplify(&mut self) {
        let prefixes = std::mem::take(&mut self.prefixes);
        for prefix in prefixes {
            // In their order, a prefix comes before all that it covers.
            if !self.prefixes.iter().any(|shorter| prefix.starts_with(shorter.as_str())) {
                self.prefixes.insert(prefix);
            }
        }
        let prefixes = &self.prefixes;
        self.keys
            .retain(|key| !prefixes.iter().any(|prefix| key.starts_with(prefix.as_str())));
    }

    fn add_keyspace(&mut self, name: &str) {
        self.keys.insert(name.to_owned());
        self.prefixes.insert(format!("{name}:"));
    }

    fn add_under(&mut self, name: &str, part: &str) {
        let mut encoded = String::new();
        part.to_owned().encode(&mut encoded);
        let mut prefix = format!("{name}:");
        encode_first_part(&encoded, &mut prefix);
        self.prefixes.insert(prefix);
    }
}

/// What else is no longer true when a subject changes.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// The key of this keyspace that is the subject's id.
    SameKey(&'static Keyspace),
    /// The only key of this keyspace, or all of its keys.
    Whole(&'static Keyspace),
    /// All keys of this keyspace whose first part is the subject's id.
    Under(&'static Keyspace),
    /// All keys of this keyspace whose first part is this one: `all`.
    UnderPart(&'static Keyspace, &'static str),
    /// Another subject with the same id.
    Subject(&'static str),
}

/// The declared consequences of changes: provider P means provider key P, the full catalogue, the unique models, the
/// statistics, and P's pages.
///
/// A subject is a word (`provider`), or the name of a keyspace: invalidating a key of that keyspace then has these
/// consequences too.
#[derive(Clone, Debug, Default)]
pub struct InvalidationGraph {
    edges: HashMap<&'static str, Vec<Target>>,
}

/// Why a graph cannot be declared.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("invalidation graph: `{from}` names the subject `{to}`, which has no targets; declare it or drop the edge")]
pub struct UnknownSubject {
    /// The subject with the edge.
    pub from: &'static str,
    /// The subject that it names.
    pub to: &'static str,
}

impl InvalidationGraph {
    /// Creates a graph without edges.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares what a change of `subject` means.
    #[must_use]
    pub fn on(mut self, subject: &'static str, targets: &[Target]) -> Self {
        self.edges.entry(subject).or_default().extend_from_slice(targets);
        self
    }

    /// Checks that every subject that an edge names is declared.
    ///
    /// # Errors
    ///
    /// [`UnknownSubject`] names the edge to mend.
    pub fn check(&self) -> Result<(), UnknownSubject> {
        for (&from, targets) in &self.edges {
            for target in targets {
                if let Target::Subject(to) = *target
                    && !self.edges.contains_key(to)
                {
                    return Err(UnknownSubject { from, to });
                }
            }
        }
        Ok(())
    }

    /// Everything that a change of the subject `id` makes untrue. Subjects may name each other in circles.
    pub fn expand(&self, subject: &str, id: &str) -> Invalidation {
        let mut part = String::new();
        id.to_owned().encode(&mut part);
        let mut out = Invalidation::new();
        self.walk(subject, Some(&part), &mut BTreeSet::new(), &mut out);
        out
    }

    /// `part` is the id as names have it; without one, every id is meant.
    fn walk<'a>(&'a self, subject: &'a str, part: Option<&str>, seen: &mut BTreeSet<&'a str>, out: &mut Invalidation) {
        if !seen.insert(subject) {
            return;
        }
        for target in self.edges.get(subject).into_iter().flatten() {
            match (*target, part) {
                (Target::SameKey(keyspace), Some(part)) => {
                    out.keys.insert(format!("{}:{part}", keyspace.name));
                    self.walk(keyspace.name, Some(part), seen, out);
                }
                (Target::Whole(keyspace), _) | (Target::SameKey(keyspace), None) => {
                    out.add_keyspace(keyspace.name);
                    self.walk(keyspace.name, None, seen, out);
                }
                (Target::Under(keyspace), Some(part)) => {
                    let mut prefix = format!("{}:", keyspace.name);
                    encode_first_part(part, &mut prefix);
                    out.prefixes.insert(prefix);
                }
                (Target::Under(keyspace), None) => out.add_keyspace(keyspace.name),
                (Target::UnderPart(keyspace, part), _) => out.add_under(keyspace.name, part),
                (Target::Subject(name), part) => self.walk(name, part, seen, out),
            }
        }
    }

    /// Adds the consequences that the keys and prefixes themselves have, by the names of their keyspaces.
    pub(crate) fn complete(&self, invalidation: &mut Invalidation) {
        let mut more = Invalidation::new();
        for &subject in self.edges.keys() {
            let mut expand = |part: Option<&str>| self.walk(subject, part, &mut BTreeSet::new(), &mut more);
            for name in invalidation.keys() {
                match name.strip_prefix(subject).map(|rest| (rest, rest.strip_prefix(':'))) {
                    Some((_, Some(part))) => expand(Some(part)),
                    Some(("", None)) => expand(None),
                    _ => {}
                }
            }
            // A prefix may stand for any number of ids: all of them, then.
            if invalidation.prefixes().any(|prefix| {
                subject.starts_with(prefix) || prefix.strip_prefix(subject).is_some_and(|rest| rest.starts_with(':'))
            }) {
                expand(None);
            }
        }
        invalidation.merge(more);
        invalidation.simplify();
    }
}

#[cfg(test)]
mod tests;
