//! The form of a value on the server: one line of text, then the payload.
//!
//! ```text
//! gz1 <schema> <codec> <identity> <source time> <ttl> <stale>\n<payload>
//! ```
//!
//! Times are Unix milliseconds and milliseconds. The codec is `json`, `json+zstd`, or `absent` for a proven absence.
//! The identity is that of the server that granted the fill lease.

use std::{io::Read, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use gatewayz_cache_core::{Stored, UnixMillis};

/// The first word of every value.
pub(crate) const TAG: &str = "gz1";
/// Compression below this size costs more than it saves.
const WORTH_COMPRESSING: usize = 4 << 10;
const LEVEL: i32 = 1;
/// A header is never longer.
const LONGEST_HEADER: usize = 160;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    pub(crate) schema: u32,
    pub(crate) compress: bool,
}

/// How values are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoding {
    pub(crate) schema: u32,
    /// The greatest payload, compressed or not.
    pub(crate) largest: usize,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Not a value of ours, or the header is broken.
    Format,
    /// Of another schema version.
    Schema,
    /// The payload does not decompress.
    Compression,
    /// The payload is larger than allowed.
    Size,
    /// The key holds another type of Redis.
    Type,
    /// A plain value that never expires.
    Endless,
}

impl Damage {
    pub(crate) const ALL: [Self; 6] = [
        Self::Format,
        Self::Schema,
        Self::Compression,
        Self::Size,
        Self::Type,
        Self::Endless,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Schema => "schema",
            Self::Compression => "compression",
            Self::Size => "size",
            Self::Type => "type",
            Self::Endless => "endless",
        }
    }
}

/// Writes a value that is filled under a lease of the server `identity`.
pub(crate) fn encode(stored: &Stored, identity: &str, encoding: Encoding) -> Bytes {
    let packed = stored
        .payload
        .as_ref()
        .filter(|payload| encoding.compress && payload.len() > WORTH_COMPRESSING)
        .and_then(|payload| {
            // An encoder that fails only costs space.
            let packed = zstd::bulk::compress(payload, LEVEL).ok()?;
            (packed.len() < payload.len()).then_some(packed)
        });
    let (codec, payload): (_, &[u8]) = match (&packed, &stored.payload) {
        (Some(packed), _) => ("json+zstd", packed),
        (None, Some(payload)) => ("json", payload),
        (None, None) => ("absent", &[]),
    };
    let header = format!(
        "{TAG} {} {codec} {identity} {} {} {}\n",
        encoding.schema,
        stored.source_time.0,
        stored.ttl.as_millis(),
        stored.stale.as_millis(),
    );
    let mut out = BytesMut::with_capacity(header.len() + payload.len());
    out.put_slice(header.as_bytes());
    out.put_slice(payload);
    out.freeze()
}

/// Reads a value. Any bytes are an answer, never a panic.
pub(crate) fn decode(bytes: &Bytes, decoding: Decoding) -> Result<Stored, Damage> {
    let header = Header::parse(bytes).ok_or(Damage::Format)?;
    if header.schema != decoding.schema {
        return Err(Damage::Schema);
    }
    let rest = bytes.slice(header.len..);
    let payload = match header.codec {
        "absent" => None,
        "json" if rest.len() <= decoding.largest => Some(rest),
        "json" => return Err(Damage::Size),
        "json+zstd" => Some(unpack(&rest, decoding.largest)?),
        _ => return Err(Damage::Format),
    };
    Ok(Stored {
        payload,
        source_time: UnixMillis(header.source_time),
        ttl: Duration::from_millis(header.ttl),
        stale: Duration::from_millis(header.stale),
    })
}

/// Whether a value is one of ours, whatever its version.
pub(crate) fn is_framed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"gz") && bytes.get(2).is_some_and(u8::is_ascii_digit)
}

/// Whether a value is plain JSON; `any` also takes what is neither an object nor an array.
pub(crate) fn is_plain(bytes: &[u8], any: bool) -> bool {
    match bytes.first() {
        Some(b'{' | b'[') => true,
        Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => any,
        _ => false,
    }
}

struct Header<'a> {
    schema: u32,
    codec: &'a str,
    source_time: u64,
    ttl: u64,
    stale: u64,
    len: usize,
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..bytes.len().min(LONGEST_HEADER))?;
        let end = head.iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(head.get(..end)?).ok()?;
        let mut words = line.split(' ');
        if words.next()? != TAG {
            return None;
        }
        let schema = words.next()?.parse().ok()?;
        let codec = words.next()?;
        let _identity = words.next()?;
        let header = Self {
            schema,
            codec,
            source_time: words.next()?.parse().ok()?,
            ttl: words.next()?.parse().ok()?,
            stale: words.next()?.parse().ok()?,
            len: end + 1,
        };
        words.next().is_none().then_some(header)
    }
}

fn unpack(packed: &[u8], largest: usize) -> Result<Bytes, Damage> {
    let decoder = zstd::stream::read::Decoder::new(packed).map_err(|_hidden| Damage::Compression)?;
    let mut out = Vec::new();
    // One byte more than allowed tells a payload of just the right size from a bomb.
    let limit = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|_hidden| Damage::Compression)?;
    if out.len() > largest {
        return Err(Damage::Size);
    }
    Ok(Bytes::from(out))
}

#[cfg(test)]
mod tests;
