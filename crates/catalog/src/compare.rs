//! The offers of a model side by side, and which of them to take.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use crate::{
    model::Model,
    name,
    snapshot::Snapshot,
    source::HealthStatus,
    unique::{OfferJson, UniqueModel, by_cost},
};

/// What makes one offer better than another. What is not known is never better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// The lower mean price of a token; of those without, the lower price of a prompt token.
    #[default]
    Price,
    /// The longer context.
    Context,
    /// The better health, and the sooner answer.
    Availability,
}

impl Criterion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Price, Self::Context, Self::Availability];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Context => "context",
            Self::Availability => "availability",
        }
    }

    /// The criterion that a word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|criterion| criterion.as_str() == word)
    }

    /// The better one first.
    fn compare(self, a: &Model, b: &Model) -> Ordering {
        match self {
            Self::Price => by_cost(a, b),
            // `None` is the least.
            Self::Context => b.context_length.cmp(&a.context_length),
            Self::Availability => {
                let time = |row: &Model| (row.average_response_time_ms.is_none(), row.average_response_time_ms);
                standing(a.health)
                    .cmp(&standing(b.health))
                    .then_with(|| time(a).cmp(&time(b)))
            }
        }
    }

    /// Whether it is known of an offer.
    fn knows(self, row: &Model) -> bool {
        match self {
            Self::Price => row.pricing.mean().or(row.pricing.prompt).is_some(),
            Self::Context => row.context_length.is_some(),
            Self::Availability => row.health != HealthStatus::Unknown || row.average_response_time_ms.is_some(),
        }
    }

    /// Why an offer is the best.
    fn reason(self, row: &Model) -> String {
        match (self, row.pricing.mean(), row.pricing.prompt) {
            (Self::Price, Some(mean), _) => format!("lowest mean price of a token: {mean} USD"),
            (Self::Price, None, Some(prompt)) => format!("lowest price of a prompt token: {prompt} USD"),
            (Self::Price, None, None) => "price not known".to_owned(),
            (Self::Context, ..) => match row.context_length {
                Some(tokens) => format!("longest context: {tokens} tokens"),
                None => "context not known".to_owned(),
            },
            (Self::Availability, ..) => match row.average_response_time_ms {
                Some(time) => format!("{}, answers in {time} ms on average", row.health.as_str()),
                None => row.health.as_str().to_owned(),
            },
        }
    }
}

/// Nobody asked yet: that is better than bad news.
const fn standing(health: HealthStatus) -> u8 {
    match health {
        HealthStatus::Healthy => 0,
        HealthStatus::Unknown => 1,
        HealthStatus::Degraded => 2,
        HealthStatus::Down => 3,
    }
}

/// The offers of one model, the best first; equal ones from cheap to dear, then in the order of providers.
///
/// As JSON `{"id", "name", "canonical_slug", "criteria", "providers": [offer], "recommendation"}`: an offer is that of
/// `/v1/models/unique`, the recommendation `{"provider", "model_id", "reason"}` or `null`.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    snapshot: &'a Snapshot,
    /// The model.
    pub model: UniqueModel<'a>,
    /// By what its offers are compared.
    pub criterion: Criterion,
    /// One row per provider, the best first.
    pub offers: Vec<u32>,
}

impl<'a> Comparison<'a> {
    fn new(snapshot: &'a Snapshot, model: UniqueModel<'a>, criterion: Criterion) -> Self {
        let row = |at: u32| &snapshot.rows()[at as usize];
        let mut offers = model.offers().to_vec();
        offers.sort_by(|&a, &b| criterion.compare(row(a), row(b)));
        Self {
            snapshot,
            model,
            criterion,
            offers,
        }
    }

    /// The best offer that is not down, unless nothing is known of it.
    #[must_use]
    pub fn recommended(&self) -> Option<u32> {
        let row = |at: &u32| &self.snapshot.rows()[*at as usize];
        let is_up = |at: &u32| row(at).health != HealthStatus::Down;
        self.offers
            .iter()
            .copied()
            .find(is_up)
            .filter(|at| self.criterion.knows(row(at)))
    }

    fn recommended_row(&self) -> Option<&'a Model> {
        self.snapshot.rows().get(self.recommended()? as usize)
    }

    fn recommendation(&self) -> Option<Recommendation<'a>> {
        let row = self.recommended_row()?;
        Some(Recommendation {
            provider: row.provider.slug.as_str(),
            model_id: &row.id,
            reason: self.criterion.reason(row),
        })
    }
}

#[derive(Debug, Serialize)]
struct Recommendation<'a> {
    provider: &'a str,
    model_id: &'a str,
    reason: String,
}

impl Serialize for Comparison<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            id: &'a str,
            name: &'a str,
            canonical_slug: &'a str,
            criteria: Criterion,
            providers: Vec<OfferJson<'a>>,
            recommendation: Option<Recommendation<'a>>,
        }
        Json {
            id: self.model.id(),
            name: self.model.name(),
            canonical_slug: self.model.canonical(),
            criteria: self.criterion,
            providers: self.offers.iter().map(|&at| OfferJson::of(self.snapshot, at)).collect(),
            recommendation: self.recommendation(),
        }
        .serialize(serializer)
    }
}

/// Several models side by side.
///
/// As JSON `{"criteria", "models": [comparison], "not_found": [name], "recommendation"}`: the recommendation is
/// `{"id", "canonical_slug", "provider", "model_id", "reason"}` of the best of the models' recommended offers, or
/// `null`.
#[derive(Clone, Debug)]
pub struct BatchComparison<'a> {
    /// By what.
    pub criterion: Criterion,
    /// Each model once, in the order in which they were named.
    pub models: Vec<Comparison<'a>>,
    /// Names of which no model is known.
    pub not_found: Vec<String>,
}

impl BatchComparison<'_> {
    /// Of which model the recommended offer is the best.
    #[must_use]
    pub fn best(&self) -> Option<&Comparison<'_>> {
        let offers = self
            .models
            .iter()
            .filter_map(|model| Some((model.recommended_row()?, model)));
        let best = offers.min_by(|(a, _), (b, _)| self.criterion.compare(a, b));
        best.map(|(_, model)| model)
    }
}

impl Serialize for BatchComparison<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Best<'a> {
            id: &'a str,
            canonical_slug: &'a str,
            #[serde(flatten)]
            recommendation: Option<Recommendation<'a>>,
        }
        #[derive(Serialize)]
        struct Json<'a> {
            criteria: Criterion,
            models: &'a [Comparison<'a>],
            not_found: &'a [String],
            recommendation: Option<Best<'a>>,
        }
        let best = self.best().map(|comparison| Best {
            id: comparison.model.id(),
            canonical_slug: comparison.model.canonical(),
            recommendation: comparison.recommendation(),
        });
        Json {
            criteria: self.criterion,
            models: &self.models,
            not_found: &self.not_found,
            recommendation: best,
        }
        .serialize(serializer)
    }
}

impl Snapshot {
    /// The model that a name means: a canonical name, a provider's id, a provider's slug and its id, or another
    /// spelling of a canonical name; the first of these that is known.
    ///
    /// Where several providers call different models by one id, it is the first provider's.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<UniqueModel<'_>> {
        let of_row = |row: u32| self.unique_model(&self.rows()[row as usize].canonical);
        if let Some(model) = self.unique_model(name) {
            return Some(model);
        }
        if let Some(&row) = self.with_id(name).first() {
            return of_row(row);
        }
        if let Some((provider, id)) = name.split_once('/')
            && let Some(provider) = self.directory().resolve(provider)
            && let Some(row) = self.find(&provider.slug, id)
        {
            return of_row(row);
        }
        let mut canonical = String::new();
        name::canonical("", name, None, &mut canonical);
        self.unique_model(&canonical)
    }

    /// The offers of one model; `None` where none is called so. See [`Snapshot::named`].
    #[must_use]
    pub fn compare(&self, name: &str, criterion: Criterion) -> Option<Comparison<'_>> {
        Some(Comparison::new(self, self.named(name)?, criterion))
    }

    /// The offers of the model of a row.
    #[must_use]
    pub fn compare_row(&self, row: u32, criterion: Criterion) -> Option<Comparison<'_>> {
        let model = self.unique_model(&self.rows().get(row as usize)?.canonical)?;
        Some(Comparison::new(self, model, criterion))
    }

    /// The offers of several models. Names of one and the same model count once. The caller bounds how many there are.
    #[must_use]
    pub fn compare_all<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        criterion: Criterion,
    ) -> BatchComparison<'_> {
        let mut models: Vec<Comparison<'_>> = Vec::new();
        let mut not_found: Vec<String> = Vec::new();
        for name in names {
            match self.named(name) {
                Some(model) if models.iter().any(|known| known.model.canonical() == model.canonical()) => {}
                Some(model) => models.push(Comparison::new(self, model, criterion)),
                None if not_found.iter().any(|known| known == name) => {}
                None => not_found.push(name.to_owned()),
            }
        }
        BatchComparison {
            criterion,
            models,
            not_found,
        }
    }
}

#[cfg(test)]
mod tests;
