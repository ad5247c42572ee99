//! What each family of models has of its own: where its version stands, which dates are other models.

use super::aliases;

/// Puts a name into the one form that its family has; says whether that changed it.
pub(super) fn rewrite(provider: &str, name: &mut String) -> bool {
    let mut changed = space(name);
    changed |= match name.as_bytes() {
        [b'c', b'l', b'a', b'u', b'd', b'e', b'-', ..] => claude(name),
        [b'g', b'e', b'm', b'i', b'n', b'i', b'-', ..] => gemini(name),
        [b'g', b'p', b't', ..] | [b'o', b'1' | b'3' | b'4', ..] | [b'c', b'h', b'a', b't', b'g', ..] => openai(name),
        [b'l', b'l', b'a', b'm', b'a', b'-', ..] => llama(provider, name),
        [b'j', b'a', b'm', b'b', b'a', b'-', ..] => month(name),
        [b'n', b'o', b'v', b'a', b'-', ..] => strip(name, "-v1"),
        [b'e', b'r', b'n', b'i', b'e', b'-', ..] => strip(name, "-pt"),
        _ => mistral(name),
    };
    if let Some(plain) = aliases::plain(name) {
        name.clear();
        name.push_str(plain);
        changed = true;
    }
    changed
}

/// Families, and whether a `-` stands between their name and the version.
const FAMILIES: &[(&str, bool)] = &[
    ("claude", true),
    ("gemini", true),
    ("gemma", true),
    ("glm", true),
    ("gpt", true),
    ("granite", true),
    ("grok", true),
    ("llama", true),
    ("minimax-m", false),
    ("phi", true),
    ("qwen", false),
];

/// `llama3.3` is `llama-3.3`, `qwen-2.5` is `qwen2.5`, `gpt-52` is `gpt-5.2`.
fn space(name: &mut String) -> bool {
    let Some((family, dash)) = FAMILIES.iter().find(|(family, _)| name.starts_with(family)) else {
        return false;
    };
    let at = family.len();
    let rest = name.get(at..).unwrap_or_default();
    let (dashed, version) = rest.strip_prefix('-').map_or((false, rest), |version| (true, version));
    let version = version
        .strip_prefix('v')
        .filter(|_| *family == "llama")
        .unwrap_or(version);
    let end = version.find('-').unwrap_or(version.len());
    let mut number = version.get(..end).unwrap_or_default();
    let plain = |number: &str| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // `qwen-72b` has no version; `gpt4o` and `gemma2` have theirs at once after the name.
    if !number.starts_with(|c: char| c.is_ascii_digit()) || (dashed && !plain(number)) {
        return false;
    }
    let squeezed = number.len() == 2 && plain(number) && !number.contains('.') && *family != "claude";
    if dashed == *dash && !squeezed && version.len() + usize::from(dashed) == rest.len() {
        return false;
    }
    let (major, minor) = if squeezed { number.split_at(1) } else { ("", "") };
    number = if squeezed { major } else { number };
    let tail = version.get(end..).unwrap_or_default();
    let mut spaced = String::with_capacity(name.len() + 2);
    spaced.push_str(family);
    if *dash {
        spaced.push('-');
    }
    spaced.push_str(number);
    if squeezed {
        spaced.push('.');
        spaced.push_str(minor);
    }
    spaced.push_str(tail);
    *name = spaced;
    true
}

fn strip(name: &mut String, end: &str) -> bool {
    let length = name.strip_suffix(end).filter(|rest| !rest.is_empty()).map(str::len);
    name.truncate(length.unwrap_or(name.len()));
    length.is_some()
}

/// `jamba-large-1.7-2025-07` is `jamba-large-1.7`.
fn month(name: &mut String) -> bool {
    let dated = name.len().checked_sub(8).and_then(|at| name.split_at_checked(at));
    let is_month = |date: &str| {
        date.bytes()
            .zip("-2000-00".bytes())
            .all(|(byte, like)| byte == like || (like == b'0' && byte.is_ascii_digit()))
    };
    let length = dated.filter(|(_, date)| is_month(date)).map(|(rest, _)| rest.len());
    name.truncate(length.unwrap_or(name.len()));
    length.is_some()
}

/// The name before a date at its end, `-20241022` or `-2024-10-22`, and the date.
fn split_date(name: &str) -> Option<(&str, &str)> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let long = name.len().checked_sub(11).and_then(|at| name.split_at_checked(at));
    if let Some((rest, date)) = long
        && date.starts_with("-20")
        && let [year, month, day] = [date.get(1..5)?, date.get(6..8)?, date.get(9..)?]
        && digits(year)
        && digits(month)
        && digits(day)
        && [date.get(5..6), date.get(8..9)] == [Some("-"); 2]
    {
        return Some((rest, &date[1..]));
    }
    let (rest, date) = name.rsplit_once('-')?;
    (date.len() == 8 && date.starts_with("20") && digits(date)).then_some((rest, date))
}

/// `claude-3.5-sonnet` up to version 3, `claude-sonnet-4` from 4 on. Each version is one model, whatever its date;
/// only 3.5 Sonnet came out twice.
fn claude(name: &mut String) -> bool {
    const TIERS: [&str; 4] = ["fable", "haiku", "opus", "sonnet"];
    let number = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.len() <= 3
            && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let (mut tier, mut version, mut rest) = (None, None, String::new());
    let mut dated = false;
    for word in name.split('-').skip(1) {
        if let Some(found) = TIERS
            .iter()
            .find(|tier| word.starts_with(**tier))
            .filter(|_| tier.is_none())
        {
            let tail = word.get(found.len()..).unwrap_or_default();
            if !tail.is_empty() && (version.is_some() || !number(tail)) {
                return false;
            }
            tier = Some(*found);
            version = version.or((!tail.is_empty()).then_some(tail));
        } else if version.is_none() && number(word) {
            version = Some(word);
        } else if word.len() == 8 && word.starts_with("20") {
            dated = true;
            if word == "20240620" {
                rest.push_str("-20240620");
            }
        } else if word == "thinking" || (word == "v2" && version == Some("3.5")) || (word == "v1" && dated) {
        } else {
            rest.push('-');
            rest.push_str(word);
        }
    }
    let (Some(tier), Some(version)) = (tier, version) else {
        return false;
    };
    let version = version.strip_suffix(".0").unwrap_or(version);
    let old = version.starts_with(['1', '2', '3']);
    let (first, second) = if old { (version, tier) } else { (tier, version) };
    let rest = if rest == "-20240620" && (tier, version) != ("sonnet", "3.5") {
        ""
    } else {
        &rest
    };
    let whole = format!("claude-{first}-{second}{rest}");
    let changed = whole != *name;
    *name = whole;
    changed
}

/// A date says nothing more of OpenAI's models, but for GPT-4o, what chats, and what hears or speaks: those came out
/// several times.
fn openai(name: &mut String) -> bool {
    let Some((rest, _)) = split_date(name) else {
        return false;
    };
    if rest == "gpt-4o"
        || ["audio", "chat", "realtime", "transcribe", "tts"]
            .iter()
            .any(|word| rest.contains(word))
    {
        return false;
    }
    let length = rest.len();
    name.truncate(length);
    true
}

/// `gemini-flash-1.5` is `gemini-1.5-flash`; `gemini-2.0-flash-001` has no `-002`.
fn gemini(name: &mut String) -> bool {
    if name.starts_with("gemini-2") && !name.contains("embedding") && strip(name, "-001") {
        return true;
    }
    for tier in ["flash", "pro"] {
        let turned = name
            .strip_prefix("gemini-")
            .and_then(|rest| rest.strip_prefix(tier))
            .and_then(|rest| {
                let version = rest.strip_prefix('-')?;
                let end = version.find('-').unwrap_or(version.len());
                let (version, tail) = version.split_at(end);
                (version.len() == 3 && version.contains('.')).then(|| format!("gemini-{version}-{tier}{tail}"))
            });
        if let Some(turned) = turned {
            *name = turned;
            return true;
        }
    }
    false
}

/// Groq names Llama after its speed; Cerebras leaves out that it only has what follows instructions.
fn llama(provider: &str, name: &mut String) -> bool {
    if strip(name, "-versatile") || strip(name, "-instant") || (provider == "cerebras" && name.ends_with('b')) {
        name.push_str("-instruct");
        return true;
    }
    name.contains("nemotron") && strip(name, "-v1")
}

/// The lines of Mistral's models, of which each month of release is one model whatever else its name has, and whether
/// sizes tell its models apart.
const MISTRAL: &[(&str, bool)] = &[
    ("codestral", false),
    ("devstral", false),
    ("devstral-medium", false),
    ("devstral-small", false),
    ("magistral-medium", false),
    ("magistral-small", false),
    ("ministral", true),
    ("mistral-large", false),
    ("mistral-medium", false),
    ("mistral-small", false),
    ("pixtral", true),
    ("pixtral-large", false),
    ("voxtral-mini", false),
    ("voxtral-small", false),
];

/// `mistral-small-3.2-24b-instruct-2506` is `mistral-small-2506`.
fn mistral(name: &mut String) -> bool {
    let Some((rest, month)) = name.rsplit_once('-') else {
        return false;
    };
    if month.len() != 4 || !month.starts_with('2') || !month.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Some((line, sized)) = MISTRAL.iter().rev().find(|(line, _)| {
        rest.strip_prefix(line)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }) else {
        return false;
    };
    let mut plain = String::with_capacity(name.len());
    plain.push_str(line);
    for word in rest
        .get(line.len()..)
        .unwrap_or_default()
        .split('-')
        .filter(|word| !word.is_empty())
    {
        let size = word.ends_with('b') && word.starts_with(|c: char| c.is_ascii_digit());
        let version = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if (size && !sized) || version || word == "instruct" {
            continue;
        }
        plain.push('-');
        plain.push_str(word);
    }
    plain.push('-');
    plain.push_str(month);
    let changed = plain != *name;
    *name = plain;
    changed
}
