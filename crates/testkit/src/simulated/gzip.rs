//! Packing bodies.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, write::GzEncoder};

/// What a bomb repeats.
const UNIT: usize = 1 << 20;
/// Deflate, no name, no time, an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// The last block, which is empty.
const END: [u8; 2] = [3, 0];

/// Packs `body`.
pub(super) fn pack(body: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    Ok(encoder.finish()?.into())
}

/// Returns about a thousandth of `unpacked` bytes that are unpacked to so many zeros, rounded up to a mebibyte. It is one member,
/// and right to the checksum: nothing but its size is wrong with it.
pub(super) fn bomb(unpacked: u64) -> Bytes {
    let zeros = vec![0; UNIT];
    let mut unit = Vec::with_capacity(UNIT / 64);
    // A full flush forgets what came before and ends on a byte: the unit can stand after itself. A vector has room for all.
    let flushed = Compress::new(Compression::best(), false).compress_vec(&zeros, &mut unit, FlushCompress::Full);
    debug_assert!(flushed.is_ok(), "{flushed:?}");
    let mut unit_crc = Crc::new();
    unit_crc.update(&zeros);

    let mut body = HEAD.to_vec();
    let mut crc = Crc::new();
    for _ in 0..unpacked.div_ceil(UNIT as u64) {
        body.extend_from_slice(&unit);
        crc.combine(&unit_crc);
    }
    body.extend_from_slice(&END);
    body.extend_from_slice(&crc.sum().to_le_bytes());
    body.extend_from_slice(&crc.amount().to_le_bytes());
    body.into()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use flate2::{read::GzDecoder, write::GzDecoder as Unpacker};

    use super::{bomb, pack};

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut unpacked = String::new();
        GzDecoder::new(&*pack(b"models").unwrap())
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, "models");
    }

    #[test]
    fn a_bomb_is_small_and_sound() {
        let packed = bomb((20 << 20) - 5);
        assert!(packed.len() < 30_000, "{}", packed.len());
        let mut unpacker = Unpacker::new(Vec::new());
        unpacker.write_all(&packed).unwrap();
        let unpacked = unpacker.finish().unwrap();
        assert_eq!(unpacked.len(), 20 << 20);
        assert!(unpacked.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_gigabyte_takes_a_megabyte() {
        assert!(bomb(1 << 30).len() < 3 << 19);
    }
}
