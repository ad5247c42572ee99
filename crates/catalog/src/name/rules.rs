//! What may be left out of a name because it says how a model is offered and not which model it is.

use super::{developer, families};

/// Words at the end of a name that say how it is offered. Sorted.
const OFFER_WORDS: &[&str] = &["free", "hf", "latest", "maas", "serverless", "tee", "tput"];

/// Words at the end of a name that say in what form the weights are. Sorted.
const FORM_WORDS: &[&str] = &[
    "4bit",
    "6bit",
    "8bit",
    "awq",
    "bf16",
    "fp16",
    "fp4",
    "fp8",
    "gguf",
    "gptq",
    "int4",
    "int8",
    "mlx",
    "mxfp4",
    "nvfp4",
    "quantized",
    "w4a16",
    "w8a8",
];

/// What may follow a `:` without naming another model. Sorted.
const OFFER_TAGS: &[&str] = &[
    "batch",
    "beta",
    "cheapest",
    "cloud",
    "default",
    "exacto",
    "extended",
    "fastest",
    "floor",
    "free",
    "latest",
    "nitro",
    "online",
    "preferred",
    "thinking",
];

/// Words before a name that say who serves it. What follows must be a known family.
const HOST_WORDS: &[&str] = &["coding", "databricks", "snowflake", "umans"];

/// Whether a tag says how a model is offered and not which it is.
pub(super) fn is_offer_tag(tag: &str) -> bool {
    OFFER_TAGS.binary_search(&tag).is_ok() || super::path::is_place(tag)
}

/// Writes the name and the version of `maker.name-v1:0`; `tag` is what follows the colon.
pub(super) fn bedrock_version(maker: Option<&str>, tag: Option<&str>, out: &mut String) {
    match tag.map(|tag| tag.split_once(':').map_or(tag, |(version, _)| version)) {
        None | Some("0") => {
            let length = out
                .strip_suffix("-v1")
                .or_else(|| tag.and_then(|_| out.strip_suffix("-1")))
                .map(str::len);
            out.truncate(length.unwrap_or(out.len()));
        }
        Some(minor) if !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()) => {
            out.push(if out.ends_with(|c: char| c.is_ascii_digit()) {
                '.'
            } else {
                '-'
            });
            out.push_str(minor);
        }
        Some(_) => {}
    }
    // `deepseek.r1`. Its `deepseek.v3` is the 3.1.
    if maker == Some("deepseek") && developer::family(out).is_none() {
        if out == "v3" {
            out.push_str(".1");
        }
        out.insert_str(0, "deepseek-");
    }
}

/// Leaves out what does not say which model it is; says whether that was the form of the weights.
pub(super) fn simplify(provider: &str, name: &mut String) -> bool {
    let mut repacked = false;
    // Every step but the last makes the name shorter or puts it in its one form.
    for _ in 0..8 {
        let mut changed = strip_front(name);
        changed |= strip_end(name, &mut repacked);
        changed |= families::rewrite(provider, name);
        if !changed {
            break;
        }
    }
    repacked
}

/// Takes words off the front that say who made or serves the model, when the rest does not need them.
fn strip_front(name: &mut String) -> bool {
    let length = name.len();
    if let Some((host, rest)) = name.split_once('-')
        && HOST_WORDS.contains(&host)
        && (developer::family(rest).is_some() || maker(rest).is_some())
    {
        name.drain(..=host.len());
    }
    if let Some(end) = maker(name) {
        name.drain(..=end);
    }
    name.len() != length
}

/// Where the maker's name at the front ends: `zai-org` of `zai-org-glm-5`.
fn maker(name: &str) -> Option<usize> {
    name.match_indices('-').map(|(at, _)| at).take(3).find(|&at| {
        let (word, rest) = (
            name.get(..at).unwrap_or_default(),
            name.get(at + 1..).unwrap_or_default(),
        );
        developer::known(word).is_some_and(|maker| developer::family(rest) == Some(maker))
    })
}

/// Takes words off the end that say how the model is offered.
fn strip_end(name: &mut String, repacked: &mut bool) -> bool {
    let mut changed = false;
    while let Some((rest, word)) = name.rsplit_once('-') {
        let form = FORM_WORDS.binary_search(&word).is_ok() || (word == "dynamic" && rest.ends_with("-fp8"));
        let offer = OFFER_WORDS.binary_search(&word).is_ok()
            || (matches!(word, "turbo" | "lite" | "reference" | "fast") && is_whole(rest))
            || (word == "fast" && FAST.iter().any(|family| rest.starts_with(family)));
        if !form && !offer {
            break;
        }
        *repacked |= form;
        changed = true;
        let length = rest.len();
        name.truncate(length);
    }
    changed
}

/// Families whose faster offers run the same model.
const FAST: &[&str] = &["claude-", "deepseek-", "glm-", "kimi-", "qwen3"];

/// Whether a name is complete, so that a word after it says how it is run: `llama-3.1-8b-instruct` + `turbo`.
fn is_whole(name: &str) -> bool {
    let last = name.rsplit('-').next().unwrap_or(name);
    let size = |word: &str| {
        word.strip_suffix('b').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
    };
    matches!(last, "instruct" | "it" | "chat" | "fp8") || size(last) || matches!(name, "deepseek-r1" | "deepseek-v3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [OFFER_WORDS, FORM_WORDS, OFFER_TAGS] {
            assert!(table.is_sorted_by(|a, b| a < b));
        }
    }
}
