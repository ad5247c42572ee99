//! What of a provider's rows only code can say.

use serde::Deserialize;

use crate::mapping::{Draft, Node};

mod cloudflare;
mod near;
mod onerouter;
mod vercel;
mod vertex;
mod zenmux;

/// A named function that looks at each row after the data was read.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// Cloudflare Workers AI: a list of properties, each with a name.
    CloudflareProperties,
    /// NEAR: amounts with a scale.
    NearAmounts,
    /// Infron AI: what is on sale, and otherwise what it costs in general.
    OnerouterSale,
    /// Vercel: prices by size of the prompt, each price on its own.
    VercelTiers,
    /// Vertex AI: names with a publisher in them.
    VertexNames,
    /// ZenMux: lists of amounts with a unit and conditions.
    ZenmuxAmounts,
}

impl Quirk {
    pub(crate) fn apply(self, row: &Node<'_>, draft: &mut Draft<'_>) {
        match self {
            Self::CloudflareProperties => cloudflare::properties(row, draft),
            Self::NearAmounts => near::amounts(row, draft),
            Self::OnerouterSale => onerouter::sale(row, draft),
            Self::VercelTiers => vercel::tiers(row, draft),
            Self::VertexNames => vertex::names(row, draft),
            Self::ZenmuxAmounts => zenmux::amounts(row, draft),
        }
    }
}
