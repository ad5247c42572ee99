//! The table of prices that providers publish, but not in their lists of models.

use thiserror::Error;

/// Prices by provider and model.
#[derive(Clone, Debug, Default)]
pub struct ManualPrices {}

impl ManualPrices {
    /// The table that ships with the gateway.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
    }

    /// Reads a table.
    ///
    /// # Errors
    ///
    /// [`InvalidPrices`] names the entry that cannot be read.
    pub fn parse(toml: &str) -> Result<Self, InvalidPrices> {
        let _ = toml;
        Ok(Self::default())
    }

    /// The table with the entries of `other` over its own; entries that `other` does not have stay.
    #[must_use]
    pub fn overlay(self, other: Self) -> Self {
        let _ = other;
        self
    }
}

/// Why a table of prices cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct InvalidPrices(String);
