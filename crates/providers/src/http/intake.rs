//! What comes in of a list: counted, looked at, and given on.

use gatewayz_catalog::ListError;
use http::{HeaderMap, header};
use ring::digest::{Context, SHA256};

use super::refusal;
use crate::rows::Envelope;

/// Takes the bytes of a list, page by page.
pub trait ListSink: Send {
    /// Takes the next bytes of a page.
    ///
    /// # Errors
    ///
    /// [`ListError`] when they are no part of a list.
    fn push(&mut self, bytes: &[u8]) -> Result<(), ListError>;

    /// Ends a page: what lay beside its rows.
    ///
    /// # Errors
    ///
    /// [`ListError`] when the page is no list.
    fn finish_page(&mut self) -> Result<Envelope, ListError>;
}

/// Where a list's bytes go, and how many there may be.
pub(super) struct Intake<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) limit: u64,
    pub(super) bytes: u64,
    /// The beginning of the page.
    pub(super) head: Vec<u8>,
    pub(super) page_bytes: u64,
    digest: Option<Context>,
}

impl<'a, S: ListSink> Intake<'a, S> {
    /// For a list of at most `limit` bytes.
    pub(super) const fn new(sink: &'a mut S, limit: u64) -> Self {
        Self {
            sink,
            limit,
            bytes: 0,
            head: Vec::new(),
            page_bytes: 0,
            digest: None,
        }
    }

    /// What tells the page from others, where they are compared.
    pub(super) fn digest(&mut self) -> Option<[u8; 32]> {
        let digest = self.digest.take()?.finish();
        let mut out = [0; 32];
        out.copy_from_slice(digest.as_ref());
        Some(out)
    }

    pub(super) fn begin(&mut self, compared: bool) {
        self.head.clear();
        self.page_bytes = 0;
        self.digest = compared.then(|| Context::new(&SHA256));
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), ListError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            return Err(ListError::TooLarge { limit: self.limit });
        }
        if self.page_bytes == 0 {
            check_beginning(bytes)?;
        }
        self.page_bytes += bytes.len() as u64;
        let room = refusal::LONGEST.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.sink.push(bytes)
    }
}

pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) fn check_type(headers: &HeaderMap) -> Result<(), ListError> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // Some send JSON without saying so.
    let plausible = kind.contains("json") || matches!(kind, "" | "application/octet-stream" | "text/plain");
    if plausible {
        Ok(())
    } else {
        let kind: String = kind.chars().filter(|c| !c.is_control()).take(60).collect();
        Err(ListError::Malformed(format!("it is `{kind}`")))
    }
}

fn check_beginning(bytes: &[u8]) -> Result<(), ListError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => Err(ListError::Malformed("it is a page for people".to_owned())),
        _ => Ok(()),
    }
}
