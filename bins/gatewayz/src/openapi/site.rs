//! The description as a page for people, without anything from elsewhere.

use std::fmt::Write as _;

use super::reference::words;
use crate::http::{Access, Payload, Place, Route};

/// The page.
pub(crate) fn page(routes: &[&'static Route]) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Gatewayz API</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
         padding:0 1rem}code{background:#8882;padding:.1em .3em;border-radius:.2em}table{border-collapse:collapse}\
         td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}h3{margin:2rem 0 .3rem}\
         .verb{font-weight:700}.aside{opacity:.7}</style><h1>Gatewayz API</h1>\
         <p>For programs: <a href=\"/openapi.json\"><code>/openapi.json</code></a>. Every error has the same form, with a \
         <code>code</code> of its own; every answer carries <code>X-Request-Id</code>.</p>",
    );
    let mut chapter = "";
    for route in routes {
        if route.chapter != chapter {
            chapter = route.chapter;
            add(&mut html, format_args!("<h2>{}</h2>", Escaped(chapter)));
        }
        add(
            &mut html,
            format_args!(
                "<h3><span class=\"verb\">{}</span> <code>{}</code></h3><p>{}{}</p>",
                route.verb.as_str(),
                Escaped(route.paths[0]),
                Escaped(route.summary),
                match route.access {
                    Access::Public => "",
                    Access::Key => " Needs a key.",
                    Access::Admin | Access::CacheAdmin => " Needs the key of administrators.",
                    Access::Local => " Open on this machine; needs the key of administrators elsewhere.",
                },
            ),
        );
        if let Some(others) = route.paths.get(1..).filter(|others| !others.is_empty()) {
            let others: Vec<String> = others
                .iter()
                .map(|path| format!("<code>{}</code>", Escaped(path)))
                .collect();
            add(
                &mut html,
                format_args!("<p class=\"aside\">Also {}.</p>", others.join(", ")),
            );
        }
        if matches!(route.payload, Payload::Json(_)) {
            add(&mut html, format_args!("<p class=\"aside\">Takes a JSON body.</p>"));
        }
        if route.params.is_empty() {
            continue;
        }
        html.push_str("<table>");
        for param in route.params {
            let kind = words(param.kind);
            let place = if param.place == Place::Path { "path" } else { "query" };
            let default = param
                .default
                .map(|value| format!(", {value} if absent"))
                .unwrap_or_default();
            add(
                &mut html,
                format_args!(
                    "<tr><td><code>{}</code></td><td class=\"aside\">{place}: {}{}</td><td>{}</td></tr>",
                    param.name,
                    Escaped(&kind),
                    Escaped(&default),
                    Escaped(param.about)
                ),
            );
        }
        html.push_str("</table>");
    }
    html.push_str("</html>");
    html
}

fn add(html: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string never fails.
    let _written = html.write_fmt(text);
}

/// A text in which no character is markup.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in self.0.split_inclusive(['&', '<', '>', '"']) {
            let (text, mark) = part.split_at(part.len() - usize::from(part.ends_with(['&', '<', '>', '"'])));
            f.write_str(text)?;
            f.write_str(match mark {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "\"" => "&quot;",
                _ => "",
            })?;
        }
        Ok(())
    }
}
