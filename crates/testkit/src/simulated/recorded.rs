//! The recorded lists of the shared data.

use std::{io::Read, path::Path};

use bytes::Bytes;
use flate2::read::GzDecoder;
use serde::Deserialize;

use super::reply::{Reply, Route};
use crate::{data::require_shared_data, error::RecordedError};

const FOLDER: &str = "provider-models";

/// A row of `index.json`.
#[derive(Debug, Deserialize)]
struct Row {
    file: String,
    slug: String,
    url: String,
    captured: String,
    records: usize,
    list_path: String,
}

/// One answer of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedPage {
    /// The query that asked for it, such as `pageToken=abc`; empty for most.
    pub query: String,
    /// How many records it has.
    pub records: usize,
    /// The answer, unpacked.
    pub body: Bytes,
}

/// A list of models that a provider once answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedList {
    /// The provider.
    pub slug: String,
    /// The name of its file without the ending: the slug, and for other captures than the main one `<slug>.<date>`.
    pub name: String,
    /// The day, as the index says it.
    pub captured: String,
    /// Where it was asked for, as the index says it; a remark in parentheses where that is not known.
    pub url: String,
    /// The key under which the records are; `None` for an array without a name.
    pub list_path: Option<String>,
    /// Where it is served: `/<name>` and the path of `url`, or `/<name>/v1/models`. May have `{any}` for a segment.
    pub path: String,
    /// The pages: the first one, and those that follow it.
    pub pages: Vec<RecordedPage>,
}

impl RecordedList {
    /// Returns how many records all pages have.
    #[must_use]
    pub fn records(&self) -> usize {
        self.pages.iter().map(|page| page.records).sum()
    }
}

impl From<&RecordedList> for Route {
    /// A request gets the page whose query it has among its own, or else the first.
    fn from(list: &RecordedList) -> Self {
        let pages = list.pages.clone();
        Self::of(move |request| {
            let (first, others) = match pages.split_first() {
                Some(split) => split,
                None => return Reply::status(404),
            };
            let page = others.iter().find(|page| {
                let mut pairs = page
                    .query
                    .split('&')
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                pairs.all(|(name, value)| request.query(name) == Some(value))
            });
            Reply::json(page.unwrap_or(first).body.clone())
        })
    }
}

/// Returns the recorded lists, in the order of their files' names.
///
/// # Errors
///
/// Returns [`RecordedError::Absent`] when the shared data is not there, and others when it cannot be read.
pub fn recorded_lists() -> Result<Vec<RecordedList>, RecordedError> {
    let folder = require_shared_data(FOLDER)?;
    let index = std::fs::read(folder.join("index.json"))?;
    let rows: Vec<Row> = serde_json::from_slice(&index).map_err(std::io::Error::from)?;
    let mut lists: Vec<RecordedList> = Vec::new();
    for row in rows {
        let (name, is_later_page) = name_of(&row.file);
        let (path, query) = place_of(&row.url);
        let page = RecordedPage {
            // What asked for the first page asked for no page.
            query: if is_later_page { query } else { String::new() },
            records: row.records,
            body: read(&folder.join(&row.file))?,
        };
        match lists.iter_mut().find(|list| is_later_page && list.name == name) {
            Some(list) => list.pages.push(page),
            None => lists.push(RecordedList {
                path: format!("/{name}{path}"),
                slug: row.slug,
                name,
                captured: row.captured,
                url: row.url,
                list_path: Some(row.list_path).filter(|key| !key.starts_with('(')),
                pages: vec![page],
            }),
        }
    }
    Ok(lists)
}

/// Returns the name of a list, and whether the file is a later page of it: `<name>.page<n>.json`.
fn name_of(file: &str) -> (String, bool) {
    let stem = file.trim_end_matches(".gz").trim_end_matches(".json");
    match stem.rsplit_once(".page") {
        Some((name, n)) if n.parse::<u32>().is_ok() => (name.to_owned(), true),
        _ => (stem.to_owned(), false),
    }
}

/// Returns the path and the query of a URL.
fn place_of(url: &str) -> (String, String) {
    let rest = url
        .split_once("://")
        .and_then(|(_, rest)| Some(&rest[rest.find('/')?..]));
    let (path, query) = rest.map_or(("/v1/models", ""), |rest| rest.split_once('?').unwrap_or((rest, "")));
    (path.to_owned(), query.to_owned())
}

fn read(file: &Path) -> Result<Bytes, RecordedError> {
    let body = std::fs::read(file)?;
    if file.extension().is_none_or(|ending| ending != "gz") {
        return Ok(body.into());
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&*body).read_to_end(&mut unpacked)?;
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use super::{name_of, place_of};

    #[test]
    fn pages_belong_to_their_list() {
        assert_eq!(name_of("a.json"), ("a".to_owned(), false));
        assert_eq!(name_of("a.json.gz"), ("a".to_owned(), false));
        assert_eq!(name_of("a.2025-01-02.json"), ("a.2025-01-02".to_owned(), false));
        assert_eq!(name_of("a.page2.json"), ("a".to_owned(), true));
        assert_eq!(name_of("a.pages.json"), ("a.pages".to_owned(), false));
    }

    #[test]
    fn places_are_paths_and_queries() {
        let pair = |path: &str, query: &str| (path.to_owned(), query.to_owned());
        assert_eq!(place_of("https://a.b/v1/models"), pair("/v1/models", ""));
        assert_eq!(place_of("http://localhost:1/models?a=b&c"), pair("/models", "a=b&c"));
        assert_eq!(place_of("(a proxy) /v1/models"), pair("/v1/models", ""));
        assert_eq!(place_of("https://a.b"), pair("/v1/models", ""));
    }
}
