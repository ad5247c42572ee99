//! Who made a model.

use super::{MAX_DEVELOPER, path, spelling};

/// What says who made a model, in the order in which it is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hints<'a> {
    /// What the id says.
    pub(super) organisation: Option<&'a str>,
    /// What the provider's list says.
    pub(super) listed: Option<&'a str>,
    /// Who serves it.
    pub(super) provider: &'a str,
    /// Whether the id names a smaller copy, which others make than made the model.
    pub(super) repacked: bool,
}

/// Writes the developer before a name.
pub(super) fn prepend(hints: &Hints<'_>, name: &mut String) {
    let from_name = family(name);
    let mut unknown = String::new();
    let maker = match hints.organisation {
        Some(organisation) => match known(organisation) {
            Some(maker) if hints.repacked => from_name.unwrap_or(maker),
            Some(maker) => maker,
            None => {
                spelling::append(organisation, &mut unknown);
                spelling::bound(&mut unknown, MAX_DEVELOPER);
                match known(&unknown) {
                    Some(maker) => maker,
                    None if unknown.is_empty() || path::is_place(&unknown) => from_name.unwrap_or_default(),
                    None if REPACKERS.binary_search(&unknown.as_str()).is_ok() => from_name.unwrap_or(&unknown),
                    None => &unknown,
                }
            }
        },
        None => from_name
            .or_else(|| hints.listed.and_then(known))
            .or_else(|| known(hints.provider).filter(|_| !HOSTS.contains(&hints.provider)))
            .unwrap_or_default(),
    };
    if !maker.is_empty() {
        name.insert(0, '/');
        name.insert_str(0, maker);
    }
}

/// The slug of a developer by any of its names, in any case.
pub(super) fn known(text: &str) -> Option<&'static str> {
    let mut lower = [0; 24];
    let lower = lower.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    let at = DEVELOPERS
        .binary_search_by(|(name, _)| name.as_bytes().cmp(lower))
        .ok()?;
    DEVELOPERS.get(at).map(|&(_, slug)| slug)
}

/// Who makes the models that are called like this one.
pub(super) fn family(name: &str) -> Option<&'static str> {
    let end = name
        .bytes()
        .position(|byte| !byte.is_ascii_lowercase())
        .unwrap_or(name.len());
    let (word, rest) = name.split_at(end);
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| rest.starts_with(prefix));
    match word {
        "llama" | "mistral" | "nemotron" if name.contains("nemotron") => Some("nvidia"),
        "o" if starts(&["1", "3", "4"]) => Some("openai"),
        "text" if starts(&["-embedding-3", "-embedding-ada", "-davinci"]) => Some("openai"),
        "text" if starts(&["-embedding-0", "-multilingual"]) => Some("google"),
        "dall" if starts(&["-e"]) => Some("openai"),
        "stable" if starts(&["-diffusion", "-image"]) => Some("stabilityai"),
        "kat" if starts(&["-coder", "-dev"]) => Some("kwaipilot"),
        "step" if starts(&["-"]) && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Some("stepfun"),
        "hy" if starts(&["3"]) => Some("tencent"),
        "r" if starts(&["1-1776"]) => Some("perplexity"),
        "embed" if starts(&["-english", "-multilingual", "-v"]) => Some("cohere"),
        "rerank" if starts(&["-english", "-multilingual", "-v"]) => Some("cohere"),
        word => {
            let at = FAMILIES.binary_search_by(|(family, _)| (*family).cmp(word)).ok()?;
            FAMILIES.get(at).map(|&(_, slug)| slug)
        }
    }
}

/// Developers that serve other developers' models too. Their name as a provider says nothing about who made a model.
const HOSTS: &[&str] = &[
    "alibaba",
    "nvidia",
    "databricks",
    "perplexity",
    "snowflake",
    "tencent",
    "amazon",
];

/// Those who publish others' models in smaller or other forms, under the same name. Sorted.
const REPACKERS: &[&str] = &[
    "bartowski",
    "casperhansen",
    "cyankiwi",
    "hugging-quants",
    "lmstudio-community",
    "mlx-community",
    "neuralmagic",
    "quanttrio",
    "redhatai",
    "thebloke",
    "unsloth",
];

/// The names of developers and their slugs. Sorted by name.
const DEVELOPERS: &[(&str, &str)] = &[
    ("01-ai", "01-ai"),
    ("01ai", "01-ai"),
    ("abacusai", "abacusai"),
    ("ai21", "ai21"),
    ("ai21labs", "ai21"),
    ("aion-labs", "aion-labs"),
    ("alibaba", "alibaba"),
    ("alibaba-cloud", "alibaba"),
    ("alibaba-nlp", "alibaba"),
    ("allenai", "allenai"),
    ("amazon", "amazon"),
    ("anthropic", "anthropic"),
    ("arcee", "arcee-ai"),
    ("arcee-ai", "arcee-ai"),
    ("baai", "baai"),
    ("baidu", "baidu"),
    ("black-forest-labs", "black-forest-labs"),
    ("bytedance", "bytedance"),
    ("bytedance-seed", "bytedance"),
    ("cohere", "cohere"),
    ("cohereforai", "cohere"),
    ("coherelabs", "cohere"),
    ("databricks", "databricks"),
    ("deepcogito", "deepcogito"),
    ("deepseek", "deepseek"),
    ("deepseek-ai", "deepseek"),
    ("google", "google"),
    ("grok", "xai"),
    ("huggingfacetb", "huggingfacetb"),
    ("ibm", "ibm"),
    ("ibm-granite", "ibm"),
    ("inception", "inception"),
    ("inceptionlabs", "inception"),
    ("inclusionai", "inclusionai"),
    ("jinaai", "jinaai"),
    ("kimi", "moonshotai"),
    ("kwaipilot", "kwaipilot"),
    ("liquid", "liquid"),
    ("liquidai", "liquid"),
    ("llama", "meta"),
    ("meituan", "meituan"),
    ("meituan-longcat", "meituan"),
    ("meta", "meta"),
    ("meta-llama", "meta"),
    ("metaai", "meta"),
    ("microsoft", "microsoft"),
    ("minimax", "minimax"),
    ("minimaxai", "minimax"),
    ("mistral", "mistral"),
    ("mistralai", "mistral"),
    ("moonshot", "moonshotai"),
    ("moonshotai", "moonshotai"),
    ("nous", "nousresearch"),
    ("nousresearch", "nousresearch"),
    ("nvidia", "nvidia"),
    ("openai", "openai"),
    ("perplexity", "perplexity"),
    ("perplexity-ai", "perplexity"),
    ("prime-intellect", "prime-intellect"),
    ("primeintellect", "prime-intellect"),
    ("qwen", "alibaba"),
    ("rekaai", "rekaai"),
    ("sakana", "sakana"),
    ("sarvam", "sarvam"),
    ("sarvamai", "sarvam"),
    ("snowflake", "snowflake"),
    ("stability", "stabilityai"),
    ("stabilityai", "stabilityai"),
    ("stepfun", "stepfun"),
    ("stepfun-ai", "stepfun"),
    ("tencent", "tencent"),
    ("thudm", "zai"),
    ("tiiuae", "tiiuae"),
    ("tngtech", "tngtech"),
    ("upstage", "upstage"),
    ("writer", "writer"),
    ("x-ai", "xai"),
    ("xai", "xai"),
    ("xai-org", "xai"),
    ("xiaomi", "xiaomi"),
    ("xiaomimimo", "xiaomi"),
    ("z-ai", "zai"),
    ("zai", "zai"),
    ("zai-org", "zai"),
    ("zhipu", "zai"),
    ("zhipuai", "zai"),
];

/// The first words of names that only one developer's models have. Sorted by word.
const FAMILIES: &[(&str, &str)] = &[
    ("abab", "minimax"),
    ("aya", "cohere"),
    ("bge", "baai"),
    ("chatglm", "zai"),
    ("chatgpt", "openai"),
    ("claude", "anthropic"),
    ("codegemma", "google"),
    ("codellama", "meta"),
    ("codestral", "mistral"),
    ("codex", "openai"),
    ("command", "cohere"),
    ("dbrx", "databricks"),
    ("deepseek", "deepseek"),
    ("devstral", "mistral"),
    ("doubao", "bytedance"),
    ("ernie", "baidu"),
    ("flux", "black-forest-labs"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("glm", "zai"),
    ("gpt", "openai"),
    ("granite", "ibm"),
    ("grok", "xai"),
    ("hunyuan", "tencent"),
    ("imagen", "google"),
    ("jamba", "ai21"),
    ("kimi", "moonshotai"),
    ("llama", "meta"),
    ("longcat", "meituan"),
    ("magistral", "mistral"),
    ("mathstral", "mistral"),
    ("medgemma", "google"),
    ("mimo", "xiaomi"),
    ("minimax", "minimax"),
    ("ministral", "mistral"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("moonshot", "moonshotai"),
    ("nemotron", "nvidia"),
    ("olmo", "allenai"),
    ("omni", "openai"),
    ("paligemma", "google"),
    ("palmyra", "writer"),
    ("phi", "microsoft"),
    ("pixtral", "mistral"),
    ("qvq", "alibaba"),
    ("qwen", "alibaba"),
    ("qwq", "alibaba"),
    ("shieldgemma", "google"),
    ("sonar", "perplexity"),
    ("sora", "openai"),
    ("veo", "google"),
    ("voxtral", "mistral"),
    ("whisper", "openai"),
    ("wizardlm", "microsoft"),
    ("yi", "01-ai"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(DEVELOPERS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(FAMILIES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(REPACKERS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_slug_is_the_name_of_its_developer() {
        for slug in DEVELOPERS.iter().chain(FAMILIES).map(|(_, slug)| slug) {
            assert_eq!(known(slug), Some(*slug));
        }
    }
}
