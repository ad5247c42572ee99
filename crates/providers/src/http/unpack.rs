//! Compressed answers, unpacked as they come, within bounds.

use std::io::{self, Write};

use flate2::write::GzDecoder;
use gatewayz_catalog::ListError;
use http::{HeaderMap, header};

/// So many packed bytes are unpacked at a time: at the format's greatest ratio they make a megabyte.
const STEP: usize = 1 << 10;
/// A list that is packed better than this is no list ..
const GREATEST_RATIO: u64 = 250;
/// .. once it is longer than this.
const FROM: u64 = 8 << 20;

/// Turns the bytes of a body into those of the list.
pub(crate) enum Unpack {
    /// As they are.
    Plain,
    /// Unpacked.
    Gzip(Box<Gzip>),
}

pub(crate) struct Gzip {
    decoder: GzDecoder<Room>,
    packed: u64,
    unpacked: u64,
}

/// Takes unpacked bytes as long as there is room.
struct Room {
    out: Vec<u8>,
    left: u64,
}

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len() as u64;
        if len > self.left {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.left -= len;
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unpack {
    /// As the headers of the answer say, for at most `room` bytes.
    pub(crate) fn of(headers: &HeaderMap, room: u64) -> Result<Self, ListError> {
        let Some(coding) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(Self::Plain);
        };
        match coding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip(Box::new(Gzip {
                decoder: GzDecoder::new(Room {
                    out: Vec::new(),
                    left: room,
                }),
                packed: 0,
                unpacked: 0,
            }))),
            _ => Err(malformed("its encoding was not asked for")),
        }
    }

    /// Gives the list's bytes to `each`, in parts of about a megabyte at most.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        limit: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), ListError>,
    ) -> Result<(), ListError> {
        match self {
            Self::Plain => each(bytes),
            Self::Gzip(gzip) => {
                for step in bytes.chunks(STEP) {
                    let out = gzip.step(step, limit)?;
                    if !out.is_empty() {
                        each(&out)?;
                        gzip.reuse(out);
                    }
                }
                Ok(())
            }
        }
    }

    /// Ends a body, and gives what was left of the list.
    pub(crate) fn finish(
        &mut self,
        limit: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), ListError>,
    ) -> Result<(), ListError> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(gzip) => {
                gzip.decoder.try_finish().map_err(|error| failed(&error, limit))?;
                let out = std::mem::take(&mut gzip.decoder.get_mut().out);
                if out.is_empty() { Ok(()) } else { each(&out) }
            }
        }
    }
}

impl Gzip {
    fn step(&mut self, step: &[u8], limit: u64) -> Result<Vec<u8>, ListError> {
        self.packed += step.len() as u64;
        self.decoder
            .write_all(step)
            .and_then(|()| self.decoder.flush())
            .map_err(|error| failed(&error, limit))?;
        let out = std::mem::take(&mut self.decoder.get_mut().out);
        self.unpacked += out.len() as u64;
        if self.unpacked > FROM && self.unpacked / self.packed > GREATEST_RATIO {
            return Err(ListError::TooLarge { limit });
        }
        Ok(out)
    }

    /// Keeps the buffer for the next step.
    fn reuse(&mut self, mut out: Vec<u8>) {
        out.clear();
        self.decoder.get_mut().out = out;
    }
}

fn failed(error: &io::Error, limit: u64) -> ListError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => ListError::TooLarge { limit },
        io::ErrorKind::UnexpectedEof => malformed("it is cut off in its packed form"),
        _ => malformed("it cannot be unpacked"),
    }
}

fn malformed(what: &str) -> ListError {
    ListError::Malformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use gatewayz_catalog::ListError;
    use http::{HeaderMap, HeaderValue, header};

    use super::Unpack;

    const LIMIT: u64 = 16 << 20;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(packed: &[u8], limit: u64, piece: usize) -> Result<(Vec<u8>, usize), ListError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let mut unpack = Unpack::of(&headers, limit)?;
        let mut all = Vec::new();
        let mut largest = 0;
        let mut each = |bytes: &[u8]| {
            largest = largest.max(bytes.len());
            all.extend_from_slice(bytes);
            Ok(())
        };
        for piece in packed.chunks(piece) {
            unpack.push(piece, limit, &mut each)?;
        }
        unpack.finish(limit, &mut each)?;
        Ok((all, largest))
    }

    #[test]
    fn what_was_packed_comes_back_in_any_pieces() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| format!("{n},").into_bytes()).collect();
        let packed = pack(&text);
        for piece in [1, 7, 1024, packed.len()] {
            assert_eq!(unpack(&packed, LIMIT, piece).unwrap().0, text);
        }
    }

    #[test]
    fn a_bomb_is_put_out_before_it_fills_memory() {
        // 64 MiB of zeros.
        let bomb = pack(&vec![0; 64 << 20]);
        let error = unpack(&bomb, LIMIT, bomb.len()).unwrap_err();
        assert!(matches!(error, ListError::TooLarge { limit: LIMIT }), "{error}");
        // A small one goes through, in parts.
        let small = pack(&vec![0; 4 << 20]);
        let (all, largest) = unpack(&small, LIMIT, small.len()).unwrap();
        assert_eq!(all.len(), 4 << 20);
        assert!(largest <= 2 << 20, "{largest} bytes at once");
    }

    #[test]
    fn the_limit_is_that_of_what_comes_out() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let packed = pack(&text);
        assert!(unpack(&packed, text.len() as u64, 512).is_ok());
        let error = unpack(&packed, text.len() as u64 - 1, 512).unwrap_err();
        assert!(matches!(error, ListError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn damage_is_told() {
        let packed = pack(b"{\"data\":[]}");
        for damaged in [&packed[..packed.len() - 1], &packed[..6], b"{\"data\":[]}"] {
            assert!(matches!(unpack(damaged, LIMIT, 3), Err(ListError::Malformed(_))));
        }
        let mut wrong_sum = packed.clone();
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        assert!(matches!(unpack(&wrong_sum, LIMIT, 3), Err(ListError::Malformed(_))));
        let mut followed = packed;
        followed.extend_from_slice(b"more");
        assert!(matches!(unpack(&followed, LIMIT, 3), Err(ListError::Malformed(_))));
    }
}
