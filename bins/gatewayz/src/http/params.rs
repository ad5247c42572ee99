//! Parameters: what a route takes in its path and its query, and reading it.
//!
//! One table per route says it once, for the reader and for the documentation.

use std::borrow::Cow;

use gatewayz_catalog::{Modalities, Modality, Price, Token};
use percent_encoding::percent_decode;

use super::{Code, Problem, Route};

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the path; always there.
    Path,
    /// In the query.
    Query,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text of so many characters at most.
    Text(usize),
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole { least: u64, most: u64 },
    /// A price in US dollars per token: a plain decimal.
    Price,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The name of a provider, or `all`.
    Gateway,
    /// Several texts: one after the other with commas between them, or each under the parameter's name.
    List { most: usize, each: usize },
    /// What goes into a model and comes out: `text+image->text`, or only the one, or `->` and the other.
    Modality,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// What is taken where it is absent, for the documentation.
    pub(crate) default: Option<&'static str>,
    pub(crate) about: &'static str,
}

impl Param {
    /// A part of the path.
    pub(crate) const fn path(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            place: Place::Path,
            kind,
            required: true,
            default: None,
            about,
        }
    }

    /// A part of the query that may be left out.
    pub(crate) const fn query(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            place: Place::Query,
            kind,
            required: false,
            default: None,
            about,
        }
    }

    /// The same that must be there.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same with what is taken where it is absent.
    pub(crate) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Whether it counts as absent where it has no value, as forms send it.
    pub(crate) const fn may_be_empty(&self) -> bool {
        matches!(self.place, Place::Query) && !self.required && !matches!(self.kind, Kind::Text(_))
    }

    fn check(&self, value: &str) -> Result<(), Problem> {
        let wrong = |expected: &dyn std::fmt::Display| Err(Problem::parameter(self.name, value, expected));
        match self.kind {
            Kind::Text(most) if value.chars().count() > most => wrong(&format_args!("at most {most} characters")),
            Kind::Text(_) if value.chars().any(char::is_control) => wrong(&"free of control characters"),
            Kind::Text(_) => Ok(()),
            Kind::Flag if flag(value).is_none() => wrong(&"true or false"),
            Kind::Flag => Ok(()),
            Kind::Whole { least, most } => match whole(value) {
                Some(number) if (least..=most).contains(&number) => Ok(()),
                _ => wrong(&format_args!("a whole number from {least} to {most}")),
            },
            Kind::Price if value.parse::<Price<Token>>().is_err() => {
                wrong(&"a price in US dollars per token, a plain decimal such as 0.0000025")
            }
            Kind::Price => Ok(()),
            Kind::Word(words) if !words.contains(&value) => wrong(&format_args!("one of {}", words.join(", "))),
            Kind::Word(_) => Ok(()),
            Kind::Gateway if value.is_empty() || value.chars().count() > 80 => wrong(&"the name of a provider, or all"),
            Kind::Gateway => Ok(()),
            Kind::List { most, each } => {
                let mut items = items(value);
                let is_long = |item: &str| item.chars().count() > each || item.chars().any(char::is_control);
                if items.clone().count() > most || items.any(is_long) {
                    return wrong(&format_args!(
                        "at most {most} texts of at most {each} characters, with commas between them"
                    ));
                }
                Ok(())
            }
            Kind::Modality if modality(value).is_none() => wrong(&format_args!(
                "such as text+image->text, of the words {}",
                Modality::ALL.map(Modality::as_str).join(", ")
            )),
            Kind::Modality => Ok(()),
        }
    }
}

/// No route has more.
const MOST: usize = 24;

/// The parameters of one call, all of them checked.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    declared: &'static [Param],
    values: [Option<Cow<'a, str>>; MOST],
}

impl<'a> Params<'a> {
    /// Reads a path's segments and a query. Parameters that the route does not know are left alone.
    pub(crate) fn read(
        route: &'static Route,
        segments: &'a [(&'static str, String)],
        query: &'a str,
    ) -> Result<Self, Problem> {
        let declared = route.params;
        let mut values = [const { None }; MOST];
        for (name, value) in segments {
            let at = declared.iter().position(|param| param.name == *name);
            if let Some(at) = at {
                declared[at].check(value)?;
                values[at] = Some(Cow::Borrowed(value.as_str()));
            }
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).ok_or_else(|| undecodable(name))?;
            let known = |param: &Param| param.place == Place::Query && param.name == name;
            let Some(at) = declared.iter().position(known) else {
                continue;
            };
            let value = decoded(value).ok_or_else(|| undecodable(&name))?;
            let is_list = matches!(declared[at].kind, Kind::List { .. });
            if values[at].is_some() && !is_list {
                return Err(Problem::parameter(&name, &value, "given once"));
            }
            if value.is_empty() && declared[at].may_be_empty() {
                continue;
            }
            let value = match values[at].take() {
                Some(before) => Cow::Owned(format!("{before},{value}")),
                None => value,
            };
            declared[at].check(&value)?;
            values[at] = Some(value);
        }
        for (at, param) in declared.iter().enumerate() {
            if param.required && values[at].is_none() {
                return Err(Problem::new(
                    Code::InvalidParameter,
                    format!("the parameter `{}` is missing", param.name),
                )
                .context(serde_json::json!({ "parameter": param.name })));
            }
        }
        Ok(Self { declared, values })
    }

    /// The text of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let at = self.declared.iter().position(|param| param.name == name);
        debug_assert!(at.is_some(), "`{name}` is not declared");
        self.values.get(at?)?.as_deref()
    }

    /// A parameter that the route says is always there.
    pub(crate) fn always(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// A flag; `false` where it is absent.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.maybe_flag(name).unwrap_or(false)
    }

    /// A flag.
    pub(crate) fn maybe_flag(&self, name: &str) -> Option<bool> {
        flag(self.text(name)?)
    }

    /// A whole number.
    pub(crate) fn whole(&self, name: &str) -> Option<u64> {
        whole(self.text(name)?)
    }

    /// A whole number that the route says to be one of 32 bits.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.whole(name).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// What goes in, and what comes out.
    pub(crate) fn modality(&self, name: &str) -> (Modalities, Modalities) {
        self.text(name).and_then(modality).unwrap_or_default()
    }

    /// The texts of a list; none where it is absent.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        items(self.text(name).unwrap_or_default())
    }

    /// A price.
    pub(crate) fn price(&self, name: &str) -> Option<Price<Token>> {
        self.text(name)?.parse().ok()
    }
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

fn undecodable(name: &str) -> Problem {
    Problem::parameter(name, "", "text in UTF-8")
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

/// The texts of a list; empty ones are left out.
fn items(list: &str) -> impl Iterator<Item = &str> + Clone {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// What goes in and what comes out. A plus sign is a blank by the time that a query is read.
fn modality(text: &str) -> Option<(Modalities, Modalities)> {
    let words = |words: &str| -> Option<Modalities> {
        let known = |word: &str| Modality::ALL.into_iter().find(|known| known.as_str() == word);
        let words = words.split([' ', '+', ',']).filter(|word| !word.is_empty());
        words.map(known).collect()
    };
    let (input, output) = text.split_once("->").unwrap_or((text, ""));
    Some((words(input)?, words(output)?))
}

fn whole(text: &str) -> Option<u64> {
    // No sign, no blanks: what `u64` reads beyond digits is nothing that a caller means.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Code, Kind, Params, Problem};
    use crate::http::Route;

    fn route() -> &'static Route {
        let all = crate::routes::all();
        all.into_iter().find(|route| route.name == "listModels").unwrap()
    }

    #[track_caller]
    fn refused(query: &str, parameter: &str) {
        let problem: Problem = Params::read(route(), &[], query).unwrap_err();
        assert_eq!(problem.code(), Code::InvalidParameter, "{query}");
        assert!(
            problem.message().contains(&format!("`{parameter}`")),
            "{query}: {}",
            problem.message()
        );
    }

    #[test]
    fn wrong_values_are_named() {
        refused("limit=0", "limit");
        refused("limit=10001", "limit");
        refused("limit=-1", "limit");
        refused("limit=+1", "limit");
        refused("limit=1e3", "limit");
        refused("limit=99999999999999999999", "limit");
        refused("offset=x", "offset");
        refused("is_private=maybe", "is_private");
        refused("limit=1&limit=1", "limit");
        refused("gateway=%ff", "gateway");
        refused("provider=a%00b", "provider");
    }

    #[test]
    fn values_are_decoded_and_others_left_alone() {
        let params = Params::read(route(), &[], "provider=meta%20llama+3&limit=7&utm_source=x&&offset=").unwrap();
        assert_eq!(params.text("provider"), Some("meta llama 3"));
        assert_eq!(params.number("limit"), Some(7));
        assert_eq!(params.whole("offset"), None);
        assert!(!params.flag("unique_models"));
        // Lengths are those of the description: characters.
        let long = format!("gateway={}", "\u{e9}".repeat(80));
        assert!(Params::read(route(), &[], &long).is_ok());
        refused(&format!("{long}e"), "gateway");
    }

    proptest! {
        #[test]
        fn no_query_breaks_anything(query in ".{0,200}") {
            for route in crate::routes::all() {
                if let Err(problem) = Params::read(route, &[], &query) {
                    prop_assert!(problem.code().status().is_client_error());
                }
            }
        }

        #[test]
        fn whole_numbers_are_read_as_they_are_written(number in 1_u64..=10_000) {
            let query = format!("limit={number}");
            prop_assert_eq!(Params::read(route(), &[], &query).unwrap().whole("limit"), Some(number));
        }
    }

    #[test]
    fn every_default_is_a_value_that_is_taken() {
        for route in crate::routes::all() {
            for param in route.params {
                if let Some(default) = param.default {
                    assert!(param.check(default).is_ok(), "{}: {}", route.name, param.name);
                }
                assert!(!matches!(param.kind, Kind::Word([])), "{}: {}", route.name, param.name);
            }
        }
    }
}
