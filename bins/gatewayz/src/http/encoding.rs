//! In which form a caller takes a body.

use gatewayz_catalog::Encoding;
use http::{HeaderMap, header};

/// The best form that a caller takes: zstd, then gzip, then as it is; by the caller's own order where there is one.
///
/// A caller that refuses everything gets the body as it is.
pub(crate) fn accepted(headers: &HeaderMap) -> Encoding {
    let mut best = (Encoding::Identity, 0);
    let mut identity = None;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        let Ok(value) = value.to_str() else { continue };
        for item in value.split(',') {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(weight_of).map_or(1000, thousandths);
            let form = if name.eq_ignore_ascii_case("zstd") {
                Encoding::Zstd
            } else if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                Encoding::Gzip
            } else {
                if name.eq_ignore_ascii_case("identity") {
                    identity = Some(weight);
                }
                continue;
            };
            let wins = weight > best.1 || (weight == best.1 && weight > 0 && form == Encoding::Zstd);
            if wins {
                best = (form, weight);
            }
        }
    }
    if identity.is_some_and(|identity| identity > best.1) {
        return Encoding::Identity;
    }
    best.0
}

/// What stands behind `q=`, which may be a capital as well.
fn weight_of(part: &str) -> Option<&str> {
    let (name, weight) = part.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then_some(weight)
}

/// A weight such as `0.8` in thousandths; 0 for what is none.
fn thousandths(text: &str) -> u16 {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let part = format!("{part:0<3}").parse().unwrap_or(0);
    match whole {
        "0" => part,
        "1" => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use gatewayz_catalog::Encoding::{self, Gzip, Identity, Zstd};
    use http::{HeaderMap, HeaderValue, header};

    use super::accepted;

    #[track_caller]
    fn check(value: &'static str, expected: Encoding) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        assert_eq!(accepted(&headers), expected, "{value}");
    }

    #[test]
    fn the_best_of_what_is_taken() {
        check("gzip, deflate, br, zstd", Zstd);
        check("gzip, deflate", Gzip);
        check("GZIP;q=0.5", Gzip);
        check("zstd;q=0.1, gzip;q=0.9", Gzip);
        check("zstd;q=0, gzip;q=0", Identity);
        check("identity, gzip;q=0.5", Identity);
        check("zstd;q=0, gzip", Gzip);
        check("zstd;Q=0, gzip;Q=0.5", Gzip);
        check("ZSTD; Q=0", Identity);
        check("br", Identity);
        check("gzip;q=oops", Identity);
        check("", Identity);
        check("*", Identity);
    }
}
