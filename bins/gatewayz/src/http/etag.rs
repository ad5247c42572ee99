//! `If-None-Match`.

use http::{HeaderMap, header};

/// Whether a caller has what this strong tag, with its quotes, stands for.
pub(crate) fn matches_any(headers: &HeaderMap, tag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let Ok(value) = value.to_str() else { return false };
        value.trim() == "*"
            || value
                .split(',')
                .map(|item| item.trim().trim_start_matches("W/"))
                .any(|item| item == tag)
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::matches_any;

    #[test]
    fn lists_weak_tags_and_the_star_match() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            matches_any(&headers, "\"abc\"")
        };
        assert!(with("\"abc\"") && with("W/\"abc\"") && with("\"x\", \"abc\"") && with("*"));
        assert!(!with("\"ab\"") && !with("abc") && !with(""));
        assert!(!matches_any(&HeaderMap::new(), "\"abc\""));
    }
}
