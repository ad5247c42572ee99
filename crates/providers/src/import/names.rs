//! What the catalogues call providers, and who made a model.

use gatewayz_catalog::{Directory, Provider};

use super::Catalogue;

/// A provider of ours behind a catalogue's name of it. Of two rows of one model, that of the lower rank wins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'d> {
    pub(super) provider: &'d Provider,
    pub(super) rank: u8,
}

/// Whose list a row with this provider belongs to.
///
/// The table comes first: a catalogue's `google` is not what an alias of that name means to people. A provider that the
/// table names and the directory does not have is unknown, never another one that has the name as an alias.
pub(super) fn provider<'d>(kind: Catalogue, name: &str, directory: &'d Directory) -> Option<Known<'d>> {
    let (slug, rank) = match kind {
        Catalogue::ModelsDev => models_dev(name),
        Catalogue::LiteLlm => lite_llm(name),
        Catalogue::OpenRouter => ("openrouter", 0),
    };
    if slug.is_empty() {
        return None;
    }
    let provider = directory.resolve(slug)?;
    Some(Known { provider, rank })
}

/// Hosts in China have prices and keys of their own, and coding plans are paid by the month: neither is the provider.
fn models_dev(name: &str) -> (&str, u8) {
    match name {
        "amazon-bedrock" => ("bedrock", 0),
        "azure" => ("azure-openai", 0),
        "azure-cognitive-services" => ("azure-openai", 1),
        "fireworks-ai" => ("fireworks", 0),
        "google" => ("google-gemini", 0),
        "google-vertex" => ("google-vertex", 0),
        "google-vertex-anthropic" => ("google-vertex", 1),
        "inference" => ("inference-net", 0),
        "llama" => ("meta", 0),
        "moonshotai" => ("moonshot", 0),
        "nearai" => ("near", 0),
        "togetherai" => ("together", 0),
        "vercel" => ("vercel-ai-gateway", 0),
        "zhipuai" => ("zai", 1),
        "alibaba-cn"
        | "alibaba-coding-plan"
        | "alibaba-coding-plan-cn"
        | "kimi-for-coding"
        | "minimax-cn"
        | "moonshotai-cn"
        | "siliconflow-cn"
        | "zai-coding-plan"
        | "zhipuai-coding-plan" => ("", 0),
        other => (other, 0),
    }
}

fn lite_llm(name: &str) -> (&str, u8) {
    match name {
        "azure" => ("azure-openai", 0),
        "azure_text" => ("azure-openai", 1),
        "azure_ai" => ("azure-openai", 2),
        "bedrock" | "bedrock_converse" | "bedrock_mantle" => ("bedrock", 0),
        "cloudflare" => ("cloudflare-workers-ai", 0),
        "cohere" | "cohere_chat" => ("cohere", 0),
        "dashscope" => ("alibaba", 0),
        "fal_ai" => ("fal", 0),
        "featherless_ai" => ("featherless", 0),
        "fireworks_ai" | "fireworks_ai-embedding-models" => ("fireworks", 0),
        "friendliai" => ("friendli", 0),
        "gemini" => ("google-gemini", 0),
        "github_copilot" => ("github-copilot", 0),
        "gradient_ai" => ("digitalocean", 0),
        "meta_llama" => ("meta", 0),
        "nvidia_nim" => ("nvidia", 0),
        "text-completion-openai" => ("openai", 1),
        "together_ai" => ("together", 0),
        "vercel_ai_gateway" => ("vercel-ai-gateway", 0),
        "vertex_ai" => ("google-vertex", 0),
        _ if name.starts_with("vertex_ai-") => ("google-vertex", 0),
        other => (other, 0),
    }
}

/// What a provider's own id is inside a key of `LiteLLM`: the first part is dropped where it names the provider.
pub(super) fn without_prefix<'k>(key: &'k str, provider: &str) -> Option<&'k str> {
    let (first, rest) = key.split_once('/')?;
    let names_it = match provider {
        "amazon_nova" => first == "amazon-nova",
        "azure_text" => first == "azure",
        "bedrock_converse" => first == "bedrock",
        "fireworks_ai-embedding-models" => first == "fireworks_ai",
        "cohere_chat" => first == "cohere",
        "text-completion-openai" => first == "openai",
        _ if provider.starts_with("vertex_ai") => first == "vertex_ai",
        _ => first == provider,
    };
    names_it.then_some(rest)
}

/// Providers that serve what they make.
const MAKERS: &[(&str, &str)] = &[
    ("ai21", "ai21"),
    ("anthropic", "anthropic"),
    ("cohere", "cohere"),
    ("deepseek", "deepseek"),
    ("google-gemini", "google"),
    ("meta", "meta-llama"),
    ("minimax", "minimax"),
    ("mistral", "mistralai"),
    ("moonshot", "moonshotai"),
    ("openai", "openai"),
    ("perplexity", "perplexity"),
    ("xai", "x-ai"),
    ("zai", "z-ai"),
];

/// Words with which the names of well-known models begin.
const FAMILIES: &[(&str, &str)] = &[
    ("claude", "anthropic"),
    ("codestral", "mistralai"),
    ("command", "cohere"),
    ("dall-e", "openai"),
    ("deepseek", "deepseek"),
    ("devstral", "mistralai"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("glm", "z-ai"),
    ("gpt-", "openai"),
    ("grok", "x-ai"),
    ("imagen", "google"),
    ("jamba", "ai21"),
    ("kimi", "moonshotai"),
    ("llama", "meta-llama"),
    ("magistral", "mistralai"),
    ("meta-llama", "meta-llama"),
    ("minimax", "minimax"),
    ("ministral", "mistralai"),
    ("mistral", "mistralai"),
    ("mixtral", "mistralai"),
    ("nova-", "amazon"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("pixtral", "mistralai"),
    ("qvq", "qwen"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("sonar", "perplexity"),
    ("text-embedding-", "openai"),
    ("titan", "amazon"),
    ("voxtral", "mistralai"),
    ("whisper", "openai"),
];

/// Spellings of developers that differ from their slugs.
const SPELLINGS: &[(&str, &str)] = &[
    ("alibaba", "qwen"),
    ("deepseek-ai", "deepseek"),
    ("meta", "meta-llama"),
    ("minimaxai", "minimax"),
    ("mistral", "mistralai"),
    ("moonshot", "moonshotai"),
    ("xai", "x-ai"),
    ("zai", "z-ai"),
    ("zai-org", "z-ai"),
    ("zhipuai", "z-ai"),
];

/// Parts of ids that say where a model is, not who made it.
const PLACES: &[&str] = &[
    "accounts",
    "apac",
    "au",
    "ca",
    "eu",
    "global",
    "hf",
    "jp",
    "models",
    "us",
    "us-gov",
    "workers-ai",
];

/// Who made a model, as far as its id tells.
pub(super) fn developer(provider: &str, id: &str) -> Option<String> {
    let id = id.to_ascii_lowercase();
    let id = id.strip_prefix("workers-ai/").unwrap_or(&id);
    let id = id
        .strip_prefix("@cf/")
        .or_else(|| id.strip_prefix("@hf/"))
        .unwrap_or(id);
    if let Some((first, _)) = id.split_once('/')
        && !PLACES.contains(&first)
    {
        return slug(first);
    }
    let name = id.rsplit('/').next().unwrap_or(id);
    if provider == "bedrock" {
        return name.split('.').find(|part| !PLACES.contains(part)).and_then(slug);
    }
    let by_family = FAMILIES.iter().find(|(begin, _)| name.starts_with(begin));
    let by_maker = || MAKERS.iter().find(|(maker, _)| *maker == provider);
    by_family
        .or_else(by_maker)
        .map(|(_, developer)| (*developer).to_owned())
}

fn slug(word: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    if word.is_empty() || word.len() > 64 || !word.bytes().all(plain) {
        return None;
    }
    let spelled = SPELLINGS.iter().find(|(other, _)| *other == word);
    Some(spelled.map_or(word, |(_, slug)| slug).to_owned())
}
