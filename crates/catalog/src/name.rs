//! Which model a provider's id names, and how to show it.
//!
//! Every provider spells the same model in its own way. A canonical name is what they have in common:
//! `meta/llama-3.3-70b-instruct`, a developer and a name, or only a name where the developer cannot be told. Offers with
//! the same canonical name are offers of the same model; `docs/names.md` has the rules and how well they do.
//!
//! Two names too many cost a comparison of prices; one name too few shows, and bills, one model as another. So a rule
//! is only here when it is safe, and what no rule knows stays apart.

mod aliases;
mod developer;
mod display;
mod families;
mod path;
mod rules;
mod spelling;

pub use self::display::{MAX_DISPLAY, display};

/// The greatest length of a canonical name in bytes.
pub const MAX_CANONICAL: usize = 160;
/// The greatest length of the developer's part.
const MAX_DEVELOPER: usize = 48;
/// The name of what has neither letters nor digits in its id.
const UNNAMED: &str = "unnamed";

/// Writes the canonical name of the model that `provider` calls `id` to `out`, which is cleared first.
///
/// `developer` is who made the model, where the provider's list says so. The result is `developer/name` or `name`, of
/// the characters `a-z`, `0-9`, `-` and `.`, at most [`MAX_CANONICAL`] bytes long and never empty. The canonical name
/// of a canonical name, at no provider, is itself.
pub fn canonical(provider: &str, id: &str, developer: Option<&str>, out: &mut String) {
    out.clear();
    let path = path::split(provider, id);
    spelling::append(path.name, out);
    if path.dotted {
        rules::bedrock_version(path.organisation, path.tag, out);
    } else if let Some(tag) = path.tag.filter(|tag| !rules::is_offer_tag(tag)) {
        spelling::append(tag, out);
    }
    spelling::join_versions(out);
    let repacked = rules::simplify(provider, out);
    // What was moved may now stand behind a number: `claude-5-sonnet-12` is Sonnet 5.12.
    spelling::join_versions(out);
    spelling::bound(out, MAX_CANONICAL - MAX_DEVELOPER - 1);
    if out.is_empty() {
        out.push_str(UNNAMED);
    }
    let hints = developer::Hints {
        organisation: path.organisation,
        listed: developer,
        provider,
        repacked,
    };
    developer::prepend(&hints, out);
}

/// The developer and the name of a canonical name: `(Some("meta"), "llama-3.3-70b-instruct")`.
#[must_use]
pub fn parts(canonical: &str) -> (Option<&str>, &str) {
    match canonical.split_once('/') {
        Some((developer, name)) => (Some(developer), name),
        None => (None, canonical),
    }
}
