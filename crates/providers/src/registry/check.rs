//! What the types of the registry's fields do not say.

use crate::spec::{Auth, ListSpec};

/// Checks the parts of a list that are texts with a form of their own.
pub(super) fn list(list: &ListSpec) -> Result<(), String> {
    url("url", &list.url)?;
    for fallback in &list.fallback_urls {
        url("fallback_urls", fallback)?;
    }
    if let Auth::Exchange(exchange) = &list.auth {
        url("auth", exchange)?;
    }
    if let Auth::Header(name) = &list.auth {
        header("auth", name)?;
    }
    for (name, value) in &list.headers {
        header("headers", name)?;
        filled("headers", value)?;
    }
    for key in &list.key_env {
        setting("key_env", key)?;
    }
    let plain = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_path = |path: &str| path.is_empty() || path.split('.').all(plain);
    if !list.rows.split('|').all(|path| is_path(path.trim())) {
        return Err(format!("`rows`: `{}` is not keys joined by `.`", list.rows));
    }
    Ok(())
}

/// An absolute URL with `https`, or with `http` on this machine, after its settings are filled in.
pub(super) fn url(field: &str, text: &str) -> Result<(), String> {
    let filled = filled(field, text)?;
    let url = url::Url::parse(&filled).map_err(|error| format!("`{field}`: `{text}` is no URL: {error}"))?;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && local) {
        Ok(())
    } else {
        Err(format!("`{field}`: `{text}` is neither https nor on this machine"))
    }
}

/// The text with something in place of each `{NAME}` and `{NAME:default}`.
fn filled(field: &str, text: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after
            .split_once('}')
            .ok_or_else(|| format!("`{field}`: `{text}` lacks a `}}`"))?;
        let (name, default) = inside.split_once(':').unwrap_or((inside, "filled"));
        setting(field, name)?;
        out.push_str(before);
        // A whole URL may be a setting.
        let whole = out.is_empty() && inside == name;
        out.push_str(if whole { "https://filled" } else { default });
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn setting(field: &str, name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(format!("`{field}`: `{name}` is not the name of a setting"))
    }
}

fn header(field: &str, name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(format!("`{field}`: `{name}` is not the name of a header"))
    }
}
