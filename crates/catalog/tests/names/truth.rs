//! Which offers are offers of one model, as public catalogues say, and how well canonical names agree with that.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    io::Read as _,
    path::Path,
};

use gatewayz_catalog::name;

/// One offer, and the model that it is said to be of.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) id: String,
}

impl Offer {
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::new();
        name::canonical(&self.provider, &self.id, None, &mut out);
        out
    }

    /// Whether its model is of the half on which rules may be tuned.
    pub(crate) fn tuned(&self) -> bool {
        let hash = self.model.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // The low bits of FNV are its weakest.
        (hash ^ (hash >> 32)).count_ones().is_multiple_of(2)
    }
}

/// The files of a tar archive, by path.
fn untar(archive: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    let mut long_name = None;
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            let bytes = &header[range];
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).ok()?;
        let body = archive.get(at + 512..at + 512 + size)?;
        match header[156] {
            b'L' => long_name = Some(String::from_utf8_lossy(body).trim_end_matches('\0').to_owned()),
            b'0' | 0 => {
                let prefix = text(345..500);
                let path = if prefix.is_empty() {
                    text(0..100)
                } else {
                    format!("{prefix}/{}", text(0..100))
                };
                let path = long_name.take().unwrap_or(path);
                files.insert(path, String::from_utf8_lossy(body).into_owned());
            }
            _ => long_name = None,
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    Some(files)
}

/// The offers in the archive of models.dev that name their base model.
///
/// A base model that only differs from another in being called the `(latest)` of it is the same: `claude-haiku-4-5`
/// and `claude-haiku-4-5-20251001`.
pub(crate) fn models_dev(archive: &Path) -> Option<Vec<Offer>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(archive).ok()?;
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).ok()?;
    let files = untar(&bytes)?;
    let (mut same, mut bases, mut offers) = (HashMap::new(), HashMap::new(), Vec::new());
    for (path, text) in &files {
        let path = path.trim_start_matches("./");
        let Some(path) = path.strip_suffix(".toml") else {
            continue;
        };
        let Ok(toml) = text.parse::<toml::Table>() else {
            continue;
        };
        let field = |name: &str| {
            toml.get(name)
                .map_or_else(String::new, |value| value.as_str().unwrap_or("").to_owned())
        };
        if let Some(base) = path.strip_prefix("models/") {
            let developer = base.split('/').next()?.to_owned();
            let plain = field("name").replace(" (latest)", "");
            // The first by path is the one without a date.
            let first = same
                .entry((developer, plain))
                .or_insert_with(|| base.to_owned())
                .clone();
            bases.insert(base.to_owned(), first);
        } else if let Some((provider, id)) = path.strip_prefix("providers/").and_then(|p| p.split_once("/models/")) {
            let base = field("base_model");
            if !base.is_empty() {
                offers.push((base, provider.to_owned(), id.to_owned()));
            }
        }
    }
    let offers = offers.into_iter().map(|(base, provider, id)| Offer {
        model: bases.get(&base).cloned().unwrap_or(base),
        provider,
        id,
    });
    Some(offers.collect())
}

/// OpenRouter's rows and the ids on Hugging Face that it says they have: two spellings of each open model.
pub(crate) fn hugging_face(lists: &[std::path::PathBuf]) -> Option<Vec<Offer>> {
    let mut offers = BTreeMap::new();
    for list in lists {
        let list: serde_json::Value = serde_json::from_slice(&std::fs::read(list).ok()?).ok()?;
        for row in list["data"].as_array()? {
            let (Some(id), Some(hf)) = (row["id"].as_str(), row["hugging_face_id"].as_str()) else {
                continue;
            };
            if hf.is_empty() {
                continue;
            }
            let mut add = |provider: &str, id: &str| {
                let offer = Offer {
                    model: hf.to_ascii_lowercase(),
                    provider: provider.to_owned(),
                    id: id.to_owned(),
                };
                offers.insert((provider.to_owned(), id.to_owned()), offer);
            };
            add("openrouter", id);
            add("huggingface", hf);
        }
    }
    Some(offers.into_values().collect())
}

/// How well canonical names agree with the truth.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Score {
    pub(crate) offers: usize,
    pub(crate) groups: usize,
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) missed: usize,
    pub(crate) exact: usize,
}

impl Score {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn ratio(part: usize, whole: usize) -> f64 {
        if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
    }

    /// Of the pairs with one canonical name, how many are of one model.
    pub(crate) fn precision(&self) -> f64 {
        Self::ratio(self.right, self.right + self.wrong)
    }

    /// Of the pairs of one model, how many have one canonical name.
    pub(crate) fn recall(&self) -> f64 {
        Self::ratio(self.right, self.right + self.missed)
    }

    /// Of the models, how many have one canonical name that no other model has.
    pub(crate) fn exact(&self) -> f64 {
        Self::ratio(self.exact, self.groups)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:5} offers of {:3} models: precision {:.4}, recall {:.4}, exact groups {:.4}",
            self.offers,
            self.groups,
            self.precision(),
            self.recall(),
            self.exact()
        )
    }
}

/// The score of the offers that `counts`, against all offers.
pub(crate) fn score(offers: &[Offer], counts: impl Fn(&Offer) -> bool) -> Score {
    let named: Vec<_> = offers
        .iter()
        .map(|offer| (offer, offer.canonical(), counts(offer)))
        .collect();
    let mut score = Score::default();
    for (at, (one, one_name, one_counts)) in named.iter().enumerate() {
        score.offers += usize::from(*one_counts);
        for (other, other_name, other_counts) in &named[at + 1..] {
            if !one_counts && !other_counts {
                continue;
            }
            match (one.model == other.model, one_name == other_name) {
                (true, true) => score.right += 1,
                (true, false) => score.missed += 1,
                (false, true) => score.wrong += 1,
                (false, false) => {}
            }
        }
    }
    let mut models: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
    for (offer, name, counts) in &named {
        if *counts {
            models.entry(&offer.model).or_default().push(name);
        }
        names.entry(name).or_default().push(&offer.model);
    }
    score.groups = models.len();
    score.exact = models
        .iter()
        .filter(|(model, own)| {
            own.iter().all(|name| *name == own[0]) && names[own[0]].iter().all(|other| other == *model)
        })
        .count();
    score
}

/// The providers and ids of all recorded lists; `None` if one of them has another shape than the index says.
pub(crate) fn recorded_ids(index: &Path) -> Option<Vec<(String, String)>> {
    let read = |path: &Path| -> Option<serde_json::Value> {
        let bytes = std::fs::read(path).ok()?;
        if path.extension()? == "gz" {
            return serde_json::from_reader(flate2::read::GzDecoder::new(&*bytes)).ok();
        }
        serde_json::from_slice(&bytes).ok()
    };
    let mut ids = Vec::new();
    for file in read(index)?.as_array()? {
        let mut list = &read(&index.with_file_name(file["file"].as_str()?))?;
        for key in file["list_path"]
            .as_str()?
            .split('.')
            .filter(|key| list.is_object() && !key.is_empty())
        {
            list = &list[key];
        }
        for row in list.as_array()? {
            let id = ["id", "model_id", "modelId", "endpoint_id", "modelName", "name"]
                .iter()
                .find_map(|key| row[key].as_str());
            ids.push((file["slug"].as_str()?.to_owned(), id?.to_owned()));
        }
    }
    Some(ids)
}
