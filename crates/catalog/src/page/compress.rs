//! The compressed forms of a page.

use std::{borrow::Cow, io::Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::Page;

/// In which form a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip, level 5.
    Gzip,
    /// Zstandard, level 3.
    Zstd,
}

impl Encoding {
    /// The word in `Content-Encoding`; `None` for the body as it is.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

impl Page {
    /// The body in a form; `None` for [`Encoding::Identity`], whose parts are [`Page::parts`], and where compression
    /// fails.
    ///
    /// The first call compresses, for about a millisecond per 100 KB; every other only clones a handle. Callers of
    /// large pages make the first call where blocking is allowed: [`Page::is_ready`] says whether it is over.
    pub fn compressed(&self, encoding: Encoding) -> Option<Bytes> {
        let made = |form: std::io::Result<Vec<u8>>| form.map(Bytes::from).unwrap_or_default();
        let bytes = match encoding {
            Encoding::Identity => return None,
            Encoding::Gzip => self.gzip.get_or_init(|| made(gzip(self))),
            Encoding::Zstd => self.zstd.get_or_init(|| made(zstd(self))),
        };
        Some(bytes.clone()).filter(|bytes| !bytes.is_empty())
    }

    /// Whether a form has been made.
    #[must_use]
    pub fn is_ready(&self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Identity => true,
            Encoding::Gzip => self.gzip.get().is_some(),
            Encoding::Zstd => self.zstd.get().is_some(),
        }
    }

    /// The entity tag of a form, with its quotes: different bytes have different tags.
    #[must_use]
    pub fn etag_of(&self, encoding: Encoding) -> Cow<'_, str> {
        match encoding.as_str() {
            None => Cow::Borrowed(self.etag()),
            Some(word) => Cow::Owned(format!("{}-{word}\"", self.etag().trim_end_matches('"'))),
        }
    }
}

fn gzip(page: &Page) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 4), Compression::new(5));
    for part in page.parts() {
        encoder.write_all(&part)?;
    }
    encoder.finish()
}

fn zstd(page: &Page) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::with_capacity(page.len() / 4), 3)?;
    for part in page.parts() {
        encoder.write_all(&part)?;
    }
    encoder.finish()
}
