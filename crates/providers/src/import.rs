//! Fills a catalogue from a file: public catalogues that others keep, for a gateway without a way out.
//!
//! What is read here is second-hand, and taken with care: a price is only a price where the catalogue tells its unit,
//! and a zero is not a free model unless the model says so in its name (or the provider itself wrote the list).
//! Everything that is left out is counted, with the reason.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read},
};

use flate2::read::MultiGzDecoder;
use gatewayz_catalog::{Directory, Listing, Skipped, Slug};
use thiserror::Error;

use self::collect::Collector;

mod collect;
mod draft;
mod json;
mod lite_llm;
mod models_dev;
mod names;
mod open_router;

/// The greatest size of a catalogue in bytes, unpacked.
pub const MAX_BYTES: u64 = 64 << 20;
/// The greatest number of rows of a catalogue.
pub const MAX_ROWS: u64 = 100_000;

/// A public catalogue of models and their prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Catalogue {
    /// `api.json` of models.dev: an object of providers, prices in US dollars per million tokens.
    ModelsDev,
    /// `model_prices_and_context_window.json` of LiteLLM: an object of models, prices in US dollars per token.
    LiteLlm,
    /// The answer of OpenRouter's `/models`: a list, prices as text in US dollars per token.
    OpenRouter,
}

impl Catalogue {
    /// The word that imported listings carry in `imported_from`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ModelsDev => "models.dev",
            Self::LiteLlm => "litellm",
            Self::OpenRouter => "openrouter",
        }
    }

    /// Which catalogue a text is, told by its first entries.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        let mut found = None;
        if json::begins_with(text, b'[') {
            // A failure here only ends the search: reading reports it.
            drop(json::elements(text, |row| {
                found = json::Fields::of(row).and_then(|row| open_router::is_row(&row).then_some(Self::OpenRouter));
                Err("seen enough".to_owned())
            }));
            return found;
        }
        let mut seen = 0;
        drop(json::entries(text, |key, value| {
            found = if key == "data" && json::kind(value) == json::Kind::Array {
                Some(Self::OpenRouter)
            } else {
                json::Fields::of(value).and_then(|fields| {
                    if models_dev::is_provider(&fields) {
                        Some(Self::ModelsDev)
                    } else if lite_llm::is_row(&fields) {
                        Some(Self::LiteLlm)
                    } else {
                        None
                    }
                })
            };
            seen += 1;
            if found.is_some() || seen == 100 {
                return Err("seen enough".to_owned());
            }
            Ok(())
        }));
        found
    }
}

impl fmt::Display for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a catalogue has for the providers of a directory.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Which catalogue it was.
    pub catalogue: Catalogue,
    /// Per provider its listings, sorted by id, each id once.
    pub lists: BTreeMap<Slug, Vec<Listing>>,
    /// How many rows the catalogue has: each is a listing, or of an unknown provider, or left out.
    pub rows: u64,
    /// Per provider that the directory does not have, its rows.
    pub unknown_providers: BTreeMap<String, u64>,
    /// How many rows of known providers were left out.
    pub rows_left_out: u64,
    /// Why rows were left out, and single fields of rows that were not.
    pub skipped: Skipped,
}

impl Imported {
    /// How many listings there are.
    #[must_use]
    pub fn listings(&self) -> usize {
        self.lists.values().map(Vec::len).sum()
    }
}

/// Why a file is no catalogue.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It cannot be read, or its compression is damaged.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is larger than any catalogue.
    #[error("the file has more than {MAX_BYTES} bytes, unpacked")]
    TooLarge,
    /// It has more rows than any catalogue.
    #[error("the file has more than {MAX_ROWS} rows")]
    TooManyRows,
    /// It is no text.
    #[error("the file is no UTF-8 text")]
    NotText,
    /// None of the known catalogues looks like that.
    #[error("the file is none of the known catalogues: models.dev, LiteLLM, OpenRouter")]
    Unrecognised,
    /// It is no JSON, was cut off, or is of another shape.
    #[error("the file is no list of {catalogue}: {message}")]
    Malformed {
        /// What it was read as.
        catalogue: Catalogue,
        /// What is wrong, and where.
        message: String,
    },
    /// It has no rows: most likely it is another catalogue.
    #[error("the file has no rows of {catalogue}")]
    NoRows {
        /// What it was read as.
        catalogue: Catalogue,
    },
}

/// Reads a file whole: gzip is unpacked, a byte order mark is dropped.
///
/// # Errors
///
/// [`ImportError`] when it cannot be read, is no text, or is larger than [`MAX_BYTES`], packed or unpacked.
pub fn unpack(mut source: impl Read) -> Result<String, ImportError> {
    let mut start = Vec::new();
    source
        .by_ref()
        .take(2)
        .read_to_end(&mut start)
        .map_err(ImportError::Unreadable)?;
    let packed = start == [0x1f, 0x8b];
    let source = io::Cursor::new(start).chain(source).take(MAX_BYTES + 1);
    let bytes = if packed {
        bounded(MultiGzDecoder::new(source))?
    } else {
        bounded(source)?
    };
    let Ok(mut text) = String::from_utf8(bytes) else {
        return Err(ImportError::NotText);
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn bounded(source: impl Read) -> Result<Vec<u8>, ImportError> {
    let mut bytes = Vec::new();
    let read = source.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ImportError::TooLarge);
    }
    read.map_err(ImportError::Unreadable)?;
    Ok(bytes)
}

/// Reads an unpacked catalogue.
///
/// # Errors
///
/// [`ImportError`] when the text is not this catalogue. Rows that are not what they should be are no error: they are
/// left out and counted.
pub fn read(catalogue: Catalogue, text: &str, directory: &Directory) -> Result<Imported, ImportError> {
    let mut rows = Collector::new(catalogue, directory);
    let read = match catalogue {
        Catalogue::ModelsDev => models_dev::read(text, &mut rows),
        Catalogue::LiteLlm => lite_llm::read(text, &mut rows),
        Catalogue::OpenRouter => open_router::read(text, &mut rows),
    };
    if let Err(error) = read {
        return Err(if rows.is_over_full() {
            ImportError::TooManyRows
        } else {
            ImportError::Malformed {
                catalogue,
                message: error.to_string(),
            }
        });
    }
    let imported = rows.finish();
    if imported.rows == 0 {
        return Err(ImportError::NoRows { catalogue });
    }
    Ok(imported)
}

/// Unpacks a file, finds out which catalogue it is, and reads it.
///
/// # Errors
///
/// As [`unpack`] and [`read`]; [`ImportError::Unrecognised`] when it is none of the catalogues.
pub fn read_any(source: impl Read, directory: &Directory) -> Result<Imported, ImportError> {
    let text = unpack(source)?;
    let catalogue = Catalogue::detect(&text).ok_or(ImportError::Unrecognised)?;
    read(catalogue, &text, directory)
}
