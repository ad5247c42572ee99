//! The description as Markdown: `docs/api.md`.

use std::fmt::Write as _;

use super::Good;
use crate::http::{Access, Code, Kind, Payload, Place, Route};

const HEAD: &str = "\
# API

Written from the routes by `gatewayz openapi --markdown`. For programs: `GET /openapi.json`, OpenAPI 3.1 with the form of
every answer; for people on a running gateway: `GET /docs`.

- Every answer carries `X-Request-Id`: the caller's, or a random one.
- What comes from the catalogue has a strong `ETag` that is bound to its content, `Cache-Control: public, max-age=300`
  (`private, no-cache` where the request had a key), `Vary`, `Age` in seconds since the database said so, and `X-Cache:
  HIT|STALE|MISS; tier=local|shared|store|degraded; age=…`. `If-None-Match` is answered with 304, `HEAD` like `GET`
  without the body, and `Accept-Encoding` with zstd or gzip where the body has 10 KiB or more.
- Parameters are checked: a wrong one is answered with 400 that names it. Those that a route does not know are ignored.
- Administration needs `Authorization: Bearer <ADMIN_API_KEY>`, or the key of an administrator in the store.

## Errors

Every error has this form:

```json
{\"error\": {\"type\": \"invalid_request_error\", \"message\": \"the parameter `limit` must be a whole number from 1 to 10000\",
  \"code\": \"INVALID_PARAMETER\", \"status\": 400, \"request_id\": \"…\", \"timestamp\": \"2026-02-09T12:00:00.000Z\",
  \"context\": {\"parameter\": \"limit\", \"value\": \"0\", \"expected\": \"a whole number from 1 to 10000\"}}}
```

`detail`, `suggestions` and `context` are there where there is something to say. 503 comes with `Retry-After`, 405 with
`Allow`.

| status | code | type |
|--:|---|---|
";

/// The whole text.
pub(crate) fn reference(routes: &[&'static Route]) -> String {
    let mut text = String::from(HEAD);
    for code in Code::ALL {
        add(
            &mut text,
            format_args!(
                "| {} | `{}` | `{}` |\n",
                code.status().as_u16(),
                code.as_str(),
                code.family()
            ),
        );
    }
    let mut chapters: Vec<&str> = Vec::new();
    for route in routes {
        if !chapters.contains(&route.chapter) {
            chapters.push(route.chapter);
        }
    }
    for chapter in chapters {
        add(&mut text, format_args!("\n## {chapter}\n"));
        for route in routes.iter().filter(|route| route.chapter == chapter) {
            chapter_of(route, &mut text);
        }
    }
    text
}

fn chapter_of(route: &Route, text: &mut String) {
    let path = route.paths[0].replace("{*", "{");
    add(
        text,
        format_args!("\n### `{} {path}`\n\n{}", route.verb.as_str(), route.summary),
    );
    text.push_str(match route.access {
        Access::Public => "",
        Access::Local => " Open on this machine; elsewhere for administrators.",
        Access::Key => " Needs a key.",
        Access::Admin => " For administrators.",
        Access::CacheAdmin => " For administrators, or everybody with `CACHE_ADMIN_OPEN=true`.",
    });
    text.push_str(match route.answers.good {
        Good::Json(_) if route.answers.kept => " May be kept.",
        Good::Json(_) | Good::JsonOr503(_) | Good::Text(_) => "",
    });
    text.push('\n');
    if let Some(others) = route.paths.get(1..).filter(|others| !others.is_empty()) {
        let others: Vec<String> = others
            .iter()
            .map(|path| format!("`{}`", path.replace("{*", "{")))
            .collect();
        add(text, format_args!("\nAlso {}.\n", others.join(", ")));
    }
    if matches!(route.payload, Payload::Json(_)) {
        text.push_str("\nTakes a JSON body; its form is in the description for programs.\n");
    }
    if !route.params.is_empty() {
        text.push_str("\n| parameter | in | value | meaning |\n|---|---|---|---|\n");
    }
    for param in route.params {
        let kind = words(param.kind);
        let default = param
            .default
            .map(|value| format!("; `{value}` if absent"))
            .unwrap_or_default();
        let place = if param.place == Place::Path { "path" } else { "query" };
        let must = if param.required && param.place == Place::Query {
            ", required"
        } else {
            ""
        };
        add(
            text,
            format_args!(
                "| `{}` | {place}{must} | {kind}{default} | {} |\n",
                param.name, param.about
            ),
        );
    }
}

/// What a parameter may be, for people.
pub(super) fn words(kind: Kind) -> String {
    match kind {
        Kind::Text(most) => format!("text of up to {most} characters"),
        Kind::Flag => "true or false".to_owned(),
        Kind::Whole { least, most } => format!("{least} to {most}"),
        Kind::Price => "USD per token".to_owned(),
        Kind::Word(words) => words.join(", "),
        Kind::Gateway => "a provider or all".to_owned(),
        Kind::List { most, each } => format!("up to {most} texts of up to {each} characters"),
        Kind::Modality => "such as text+image->text".to_owned(),
    }
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing into a string never fails.
    let _written = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    #[test]
    fn the_reference_is_the_document() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
        let reference = super::reference(&crate::routes::all());
        if fs::read_to_string(&path).unwrap_or_default() != reference {
            let (_, new) = tempfile::NamedTempFile::new().unwrap().keep().unwrap();
            fs::write(&new, reference).unwrap();
            panic!("docs/api.md is not what the routes say; copy {} there", new.display());
        }
    }
}
