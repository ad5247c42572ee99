//! Rows: no bytes make the reader panic, the pieces make no difference, and of what is JSON it cuts what a parser that
//! sees all of it finds.
#![no_main]

use gatewayz_providers::{Cut, RowLimits, RowReader};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PATHS: [&str; 5] = ["", "data", "data.models", "models|data", "|data"];

fn read(path: &str, pieces: impl Iterator<Item = Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let mut reader = RowReader::new(path, RowLimits::of_bytes(1 << 20));
    let mut rows = Vec::new();
    for piece in pieces {
        reader
            .push(&piece, |cut| {
                if let Cut::Row(row) = cut {
                    rows.push(row.to_vec());
                }
            })
            .ok()?;
    }
    reader.finish_page().ok()?;
    Some(rows)
}

fuzz_target!(|data: &[u8]| {
    let [choice, size, document @ ..] = data else { return };
    let path = PATHS[usize::from(*choice) % PATHS.len()];
    let size = usize::from(*size).max(1);
    let whole = read(path, std::iter::once(document.to_vec()));
    let pieces = read(path, document.chunks(size).map(<[u8]>::to_vec));
    assert_eq!(whole, pieces);
    // Of keys that are there twice, and of what is deeper than any list, the two say different things.
    if let (Some(rows), "" | "data", Ok(value)) = (whole, path, serde_json::from_slice::<Value>(document)) {
        let array = if path.is_empty() { Some(&value) } else { value.get(path) };
        if let Some(array) = array.and_then(Value::as_array) {
            let rows: Vec<Value> = rows.iter().filter_map(|row| serde_json::from_slice(row).ok()).collect();
            assert!(rows == *array || rows.len() < array.len());
        }
    }
});
