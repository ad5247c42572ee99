//! Equal things once: the rows of a catalogue repeat developers, prices and sets of parameters.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use crate::pricing::Pricing;

/// A sorted set of parameters.
type Parameters = Arc<[Arc<str>]>;

#[derive(Debug)]
struct Pool<T: ?Sized>(HashSet<Arc<T>, foldhash::fast::RandomState>);

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

impl<T: Eq + Hash + ?Sized> Pool<T> {
    fn share<'a>(&mut self, value: &'a T) -> Arc<T>
    where
        Arc<T>: From<&'a T>,
    {
        if let Some(known) = self.0.get(value) {
            return Arc::clone(known);
        }
        let shared = Arc::from(value);
        self.0.insert(Arc::clone(&shared));
        shared
    }
}

/// What the rows of one snapshot share.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: Pool<str>,
    parameters: Pool<[Arc<str>]>,
    /// Sets as the rows have them.
    listed: HashMap<Box<[String]>, Parameters, foldhash::fast::RandomState>,
    pricings: HashSet<Arc<Pricing>, foldhash::fast::RandomState>,
}

impl Interner {
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        self.texts.share(text)
    }

    /// A sorted set of parameters, for which rows mostly have the same list.
    pub(super) fn listed_parameters(&mut self, names: &[String]) -> Parameters {
        if let Some(known) = self.listed.get(names) {
            return Arc::clone(known);
        }
        let set = self.parameters(names);
        self.listed.insert(names.into(), Arc::clone(&set));
        set
    }

    /// A sorted set of parameters.
    pub(super) fn parameters<S: AsRef<str>>(&mut self, names: &[S]) -> Parameters {
        let mut names: Vec<Arc<str>> = names.iter().map(|name| self.text(name.as_ref())).collect();
        names.sort_unstable();
        names.dedup();
        self.parameters.share(&names[..])
    }

    pub(super) fn pricing(&mut self, pricing: Pricing) -> Arc<Pricing> {
        if let Some(known) = self.pricings.get(&pricing) {
            return Arc::clone(known);
        }
        let shared = Arc::new(pricing);
        self.pricings.insert(Arc::clone(&shared));
        shared
    }
}
