//! The name of a model for people.

use super::{developer, path, rules, spelling};

/// The greatest length of a name to show in bytes.
pub const MAX_DISPLAY: usize = 160;

/// The name to show: the provider's own, cleaned, or one made of the id where there is none.
///
/// It is one line of at most [`MAX_DISPLAY`] bytes, without characters that steer a terminal or the direction of text,
/// and without the developer in front: `Meta: Llama 3.3 70B Instruct (free)` is `Llama 3.3 70B Instruct (free)`.
#[must_use]
pub fn display(raw_name: &str, id: &str) -> String {
    let mut name = clean(raw_name);
    if name.is_empty() || name == id {
        name = clean(&of_id(id));
    }
    if let Some((maker, rest)) = name.split_once(": ")
        && !rest.is_empty()
        && is_developer(maker)
    {
        name = rest.to_owned();
    }
    name
}

fn is_developer(text: &str) -> bool {
    let mut spelled = String::new();
    spelling::append(text, &mut spelled);
    developer::known(&spelled).is_some()
}

/// One line, with single spaces, of what can be seen.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_DISPLAY));
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            space = true;
        } else if !is_invisible(c) {
            if out.len() + c.len_utf8() + usize::from(space) > MAX_DISPLAY {
                break;
            }
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push(c);
        }
    }
    out
}

/// Marks that take no room, and those that turn the direction of text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Words that are not written like others. Sorted by the word.
const WORDS: &[(&str, &str)] = &[
    ("ai", "AI"),
    ("awq", "AWQ"),
    ("bf16", "BF16"),
    ("bge", "BGE"),
    ("chatgpt", "ChatGPT"),
    ("dall", "DALL"),
    ("deepseek", "DeepSeek"),
    ("ernie", "ERNIE"),
    ("fp16", "FP16"),
    ("fp8", "FP8"),
    ("glm", "GLM"),
    ("gpt", "GPT"),
    ("gptq", "GPTQ"),
    ("it", "IT"),
    ("longcat", "LongCat"),
    ("mimo", "MiMo"),
    ("minimax", "MiniMax"),
    ("oss", "OSS"),
    ("qvq", "QVQ"),
    ("qwq", "QwQ"),
    ("tee", "TEE"),
    ("tts", "TTS"),
    ("vl", "VL"),
    ("wizardlm", "WizardLM"),
];

/// `Llama 3.3 70B` of `meta-llama/llama-3.3-70b`.
fn of_id(id: &str) -> String {
    let path = path::split("", id);
    let mut name = String::with_capacity(id.len() + 8);
    if path.name.bytes().any(|byte| byte.is_ascii_uppercase()) || !path.name.is_ascii() {
        // Whoever wrote this cared how it looks.
        name.extend(path.name.chars().map(|c| if matches!(c, '-' | '_') { ' ' } else { c }));
    } else {
        let mut spelled = String::new();
        spelling::append(path.name, &mut spelled);
        if path.dotted {
            rules::bedrock_version(path.organisation, path.tag, &mut spelled);
        }
        spelling::join_versions(&mut spelled);
        for word in spelled.split('-') {
            // `GPT-4o`, but `GPT OSS`.
            let hyphen = name.ends_with("GPT") && word.starts_with(|c: char| c.is_ascii_digit());
            name.push(if hyphen { '-' } else { ' ' });
            push_word(word, &mut name);
        }
    }
    if let Some(tag) = path
        .tag
        .filter(|tag| !path.dotted && *tag != "latest" && *tag != "default")
    {
        name.push_str(" (");
        name.push_str(tag);
        name.push(')');
    }
    if name.trim().is_empty() { id.to_owned() } else { name }
}

fn push_word(word: &str, out: &mut String) {
    if let Ok(at) = WORDS.binary_search_by(|(known, _)| (*known).cmp(word)) {
        out.push_str(WORDS.get(at).map_or(word, |(_, written)| written));
        return;
    }
    let size = word.strip_suffix(['b', 'm', 'k']).is_some_and(|number| {
        let number = number.strip_prefix(['a', 'e']).unwrap_or(number);
        number.starts_with(|c: char| c.is_ascii_digit())
            && number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'x'))
    });
    if size {
        // `8x7b` is 8x7B.
        out.extend(word.chars().map(|c| if c == 'x' { c } else { c.to_ascii_uppercase() }));
    } else if matches!(word.as_bytes(), [b'o', digit, ..] if digit.is_ascii_digit()) {
        out.push_str(word);
    } else {
        let mut chars = word.chars();
        out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
