//! Takes an id apart: whose model it is, what it is called, and which tag it has.

use super::developer;

/// The parts of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// Who made it or packed it, as the id says.
    pub(super) organisation: Option<&'a str>,
    /// The name, as it is spelled.
    pub(super) name: &'a str,
    /// What follows a `:` or `@`: `free`, `thinking`, `30b`.
    pub(super) tag: Option<&'a str>,
    /// Whether it is spelled `developer.name-v1:0`.
    pub(super) dotted: bool,
}

/// Parts of paths that name a place and not a model or its maker. Sorted.
const PLACES: &[&str] = &[
    "@cf",
    "@hf",
    "accounts",
    "aihubmix",
    "anannas",
    "anthropic-messages",
    "azure",
    "azure-openai",
    "azure_ai",
    "baseten",
    "bedrock",
    "cerebras",
    "chat-completion",
    "chutes",
    "cloudflare",
    "completion",
    "deepinfra",
    "dedicated",
    "fal-ai",
    "featherless",
    "fireworks",
    "fireworks_ai",
    "foundation-model",
    "friendli",
    "gemini",
    "gmi",
    "google-ai-studio",
    "google-vertex",
    "groq",
    "hf",
    "huggingface",
    "hyperbolic",
    "lambda",
    "locations",
    "lora",
    "models",
    "near",
    "nebius",
    "novita",
    "nscale",
    "nvidia_nim",
    "ollama",
    "onerouter",
    "openrouter",
    "ovhcloud",
    "parasail",
    "perplexity-agent",
    "pro",
    "projects",
    "publishers",
    "replicate",
    "route",
    "sambanova",
    "siliconflow",
    "tee",
    "text-generation",
    "together",
    "together_ai",
    "togethercomputer",
    "vertex",
    "vertex_ai",
    "watsonx",
    "workers-ai",
];

/// The regions that Bedrock writes before a model: `us.anthropic.claude-…`.
const REGIONS: &[&str] = &["us", "eu", "apac", "ap", "jp", "au", "ca", "sa", "global", "us-gov"];

/// Whether a part of a path names a place.
pub(super) fn is_place(part: &str) -> bool {
    if part.len() > 20 {
        return false;
    }
    let mut lower = [0; 20];
    let lower = lower.get_mut(..part.len()).unwrap_or_default();
    lower.copy_from_slice(part.as_bytes());
    lower.make_ascii_lowercase();
    PLACES.binary_search_by(|place| place.as_bytes().cmp(lower)).is_ok()
}

/// Takes an id apart.
pub(super) fn split<'a>(provider: &str, id: &'a str) -> Path<'a> {
    let id = id.trim();
    let id = id
        .strip_prefix("https://")
        .map_or(id, |url| url.split_once('/').map_or(url, |(_, path)| path));
    let mut path = Path {
        organisation: None,
        name: id,
        tag: None,
        dotted: false,
    };
    // fal's endpoints are paths below a model: all of it is the name.
    if provider == "fal" {
        path.name = id.strip_prefix("fal-ai/").unwrap_or(id);
        return path;
    }
    let id = unaddressed(id);
    path.name = id;
    if let Some((before, name)) = id.trim_end_matches('/').rsplit_once('/') {
        path.name = name;
        path.organisation = organisation(before);
    }
    untag(&mut path);
    undot(&mut path);
    path
}

/// The id without what stands before a `:` at its front: `hf:org/name`, or the key of who serves it.
fn unaddressed(id: &str) -> &str {
    match id.split_once(':') {
        Some((address, rest))
            if !rest.is_empty()
                && (is_place(address)
                    || (address.len() >= 32 && address.bytes().all(|b| b.is_ascii_alphanumeric()))) =>
        {
            rest
        }
        _ => id,
    }
}

/// The last part of a path that names somebody.
fn organisation(before: &str) -> Option<&str> {
    let mut parts = before.rsplit('/').filter(|part| !part.is_empty()).peekable();
    // `user/application/models/name`: the application says nothing.
    if parts.next_if(|part| part.eq_ignore_ascii_case("models")).is_some() && before.matches('/').count() >= 2 {
        let first = before.split('/').next();
        return first
            .filter(|first| !is_place(first))
            .or_else(|| parts.find(|part| !is_place(part)));
    }
    parts.find(|part| !is_place(part))
}

fn untag(path: &mut Path<'_>) {
    let Some(at) = path.name.find([':', '@']) else { return };
    if at > 0 {
        path.tag = path.name.get(at + 1..);
        path.name = path.name.get(..at).unwrap_or(path.name);
    }
}

/// `us.anthropic.claude-3-5-haiku-20241022-v1:0`
fn undot(path: &mut Path<'_>) {
    if path.organisation.is_some() {
        return;
    }
    let mut name = path.name;
    if let Some((region, rest)) = name.split_once('.')
        && REGIONS.contains(&region)
    {
        name = rest;
    }
    if let Some((maker, rest)) = name.split_once('.')
        && rest.starts_with(|c: char| c.is_ascii_alphabetic())
        && developer::known(maker).is_some()
    {
        *path = Path {
            organisation: Some(maker),
            name: rest,
            dotted: true,
            ..*path
        };
    }
}
