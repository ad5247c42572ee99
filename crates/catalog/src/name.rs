//! Which model a provider's id names, and how to show it.
//!
//! Every provider spells the same model in its own way. A canonical name is what they have in common:
//! `meta/llama-3.3-70b-instruct`, a developer and a name, or only a name where the developer cannot be told. Offers with
//! the same canonical name are offers of the same model; `docs/names.md` has the rules and how well they do.

/// The greatest length of a canonical name in bytes.
pub const MAX_CANONICAL: usize = 160;

/// Writes the canonical name of the model that `provider` calls `id` to `out`, which is cleared first.
///
/// `developer` is who made the model, where the provider's list says so. The result is `developer/name` or `name`, of
/// the characters `a-z`, `0-9`, `-` and `.`, at most [`MAX_CANONICAL`] bytes long and never empty. The canonical name
/// of a canonical name is itself.
pub fn canonical(provider: &str, id: &str, developer: Option<&str>, out: &mut String) {
    let _ = (provider, developer);
    out.clear();
    let mut segments = id.rsplit('/');
    let name = segments.next().unwrap_or(id);
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    for c in name.chars().take(MAX_CANONICAL) {
        let c = c.to_ascii_lowercase();
        out.push(if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
    }
    if out.is_empty() {
        out.push_str("unnamed");
    }
}

/// The developer and the name of a canonical name: `("meta", "llama-3.3-70b-instruct")`.
#[must_use]
pub fn parts(canonical: &str) -> (Option<&str>, &str) {
    match canonical.split_once('/') {
        Some((developer, name)) => (Some(developer), name),
        None => (None, canonical),
    }
}

/// The name to show: the provider's own, cleaned, or one made of the id where there is none.
#[must_use]
pub fn display(raw_name: &str, id: &str) -> String {
    let text = if raw_name.trim().is_empty() { id } else { raw_name };
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}
