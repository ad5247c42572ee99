//! Texts with places for settings: `{NAME}` and `{NAME:default}`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::settings::{Redactor, Settings};

/// What stands for itself in any part of a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into a URL: values are percent-encoded, except a base URL that it begins with.
    Url,
    /// Into a header: values stand as they are.
    Header,
}

/// Fills a text, and hides the values that it takes. The error is the name of a setting that is missing.
pub(crate) fn fill(
    template: &str,
    place: Place,
    settings: &Settings,
    redactor: &mut Redactor,
) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((inside, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        let (name, default) = match inside.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        match (settings.value(name), default) {
            (Some(value), _) => {
                let value = value.expose();
                redactor.hide_setting(value);
                match place {
                    Place::Header => out.push_str(value),
                    Place::Url if out.is_empty() => out.push_str(value.trim_end_matches('/')),
                    Place::Url => {
                        let encoded = utf8_percent_encode(value, ENCODED).to_string();
                        redactor.hide_setting(&encoded);
                        out.push_str(&encoded);
                    }
                }
            }
            (None, Some(default)) => out.push_str(default),
            (None, None) => return Err(name.to_owned()),
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Place, fill};
    use crate::http::settings::{Redactor, Settings};

    fn url(template: &str) -> Result<String, String> {
        let settings: Settings = [
            ("ACCOUNT", "a/b c?d#e"),
            ("BASE", "https://models.example/v2/"),
            ("EMPTY", " "),
        ]
        .into_iter()
        .collect();
        fill(template, Place::Url, &settings, &mut Redactor::default())
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_url() {
        assert_eq!(
            url("https://api.example/{ACCOUNT}/models").unwrap(),
            "https://api.example/a%2Fb%20c%3Fd%23e/models"
        );
    }

    #[test]
    fn a_url_may_begin_with_a_base_that_the_operator_chose() {
        assert_eq!(url("{BASE}/models").unwrap(), "https://models.example/v2/models");
        assert_eq!(
            url("{OTHER:https://x.example/v1}/models").unwrap(),
            "https://x.example/v1/models"
        );
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_empty_is_missing() {
        assert_eq!(url("https://x/{NOBODY}").unwrap_err(), "NOBODY");
        assert_eq!(url("https://x/{EMPTY}").unwrap_err(), "EMPTY");
        assert_eq!(url("https://x/{EMPTY:us}/y").unwrap(), "https://x/us/y");
    }

    #[test]
    fn braces_that_name_nothing_stay() {
        assert_eq!(url("https://x/{open").unwrap(), "https://x/{open");
    }
}
