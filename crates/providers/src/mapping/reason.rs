//! Why a row or a field was left out: a closed set, which operators see as labels.

/// Why a row or a field was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The row is no JSON, or no UTF-8.
    RowUnreadable,
    /// The row is no object.
    RowNotObject,
    /// The row is longer than any row.
    RowTooLong,
    /// The row is deeper than any row.
    RowTooDeep,
    /// The row has no id.
    IdMissing,
    /// The id is too long, or has control characters.
    IdInvalid,
    /// An earlier row has the same id: the last one counts.
    Duplicate,
    /// The provider says that it does not serve it.
    NotServed,
    /// A price is no number.
    PriceUnreadable,
    /// A price is so high that its unit must be another one.
    PriceAbsurd,
    /// A price is negative: it is decided per request.
    PricePerRequest,
    /// A price is zero where that does not mean free.
    PriceZero,
    /// A price is not in US dollars.
    PriceCurrency,
    /// A price is not per token.
    PriceUnit,
    /// Those who serve it do not agree on the price.
    PriceDisagreed,
    /// The price fields cannot be kept as they were sent.
    PriceRawDropped,
    /// A word for what goes in or comes out is not known.
    ModalityUnknown,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RowUnreadable => "row-unreadable",
            Self::RowNotObject => "row-not-object",
            Self::RowTooLong => "row-too-long",
            Self::RowTooDeep => "row-too-deep",
            Self::IdMissing => "id-missing",
            Self::IdInvalid => "id-invalid",
            Self::Duplicate => "duplicate",
            Self::NotServed => "not-served",
            Self::PriceUnreadable => "price-unreadable",
            Self::PriceAbsurd => "price-absurd",
            Self::PricePerRequest => "price-per-request",
            Self::PriceZero => "price-zero",
            Self::PriceCurrency => "price-currency",
            Self::PriceUnit => "price-unit",
            Self::PriceDisagreed => "price-disagreed",
            Self::PriceRawDropped => "price-raw-dropped",
            Self::ModalityUnknown => "modality-unknown",
        }
    }

    /// Whether a row was left out because nobody can make sense of it.
    pub(crate) const fn is_unreadable_row(self) -> bool {
        matches!(
            self,
            Self::RowUnreadable
                | Self::RowNotObject
                | Self::RowTooLong
                | Self::RowTooDeep
                | Self::IdMissing
                | Self::IdInvalid
        )
    }
}
