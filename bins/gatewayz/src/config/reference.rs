//! The reference of all settings, made from the table.

use std::fmt::Write as _;

use super::table::{Initial, PROVIDER_FIELDS, SECTIONS, SETTINGS, Setting};
use super::value::Plain;

/// A whole file, as the reference shows it.
pub(super) const EXAMPLE: &str = r#"[server]
listen = "0.0.0.0:8080"          # others can reach it: ADMIN_API_KEY must be set
request_timeout = "55s"
max_body_bytes = "16MiB"
cors_origins = ["https://app.example.com"]

[database]
url = "sqlite://gatewayz.db"

[redis]
url = "redis://cache.internal:6379/0"   # the password is in REDIS_PASSWORD

[cache]
full_ttl = "15m"

[sync]
interval = "30m"
skip = ["featherless"]

[log]
format = "json"
filter = "info,gatewayz_catalog=debug"

[providers.openai]
api_key = "env:MY_OPENAI_KEY"

[providers.groq]
enabled = false

[providers.ollama]
base_url = "{OLLAMA_URL}"
models_url = "{OLLAMA_URL}/models"
allow_private = true

[providers.example-models]
name = "Example Models"
base_url = "https://models.example.com/v1"
models_url = "https://models.example.com/v1/models"
api_key_env = "EXAMPLE_MODELS_API_KEY"
"#;

const HEAD: &str = "\
# Configuration

<!-- Made from the table in `bins/gatewayz/src/config/table.rs`; a test of `gatewayz` compares, and writes the new text. \
-->

Values come from four places. A flag wins over a variable of the environment, that over the file, and that over the
default. `gatewayz config show` says where each value comes from, `gatewayz config schema` prints the file's JSON Schema.

The file is the one that `--config` names, else the one that `GATEWAYZ_CONFIG` names, else `gatewayz.toml` in the working
directory, if there is one. A file that is named must be there. Keys that are not known are errors, and so are variables
that begin with `GATEWAYZ_` and are not known.

- **Times and sizes** have a unit: `\"250ms\"`, `\"15s\"`, `\"30m\"`, `\"1.5h\"`, `\"64MiB\"`. In the environment, a plain \
number
  counts what the table says of the variable.
- **Yes and no** are `true` and `false`; in the environment also 1, 0, yes, no, on, off.
- **Lists** are separated by commas in the environment, where an empty variable is an empty list. All other variables
  that are empty count as not set, except yes and no, where that is an error.
- **Secrets** are never shown. Keep them in the environment.
- **Reloads**: what has a *yes* there takes effect on SIGHUP; everything else needs a restart. A file with an error in
  it changes nothing.

All problems of a configuration are reported at once, each with its place.
";

const PROVIDERS: &str = "\
## Providers

A provider that comes with the gateway needs its key and nothing else: docs/providers.md names the variable of each, such
as `OPENAI_API_KEY`. Variables that several providers name are the key of all of them. `GOOGLE_APPLICATION_CREDENTIALS`
may be the file of a service account, as Google's own tools have it, or its JSON.

A table `[providers.SLUG]` changes one, or adds one where it has a `name`. An alias may stand for the slug. A URL without
TLS must be on this machine; a server in a private network is named by a variable that has its URL, and needs
`allow_private`.

| field | meaning |
|---|---|
";

/// The reference, in Markdown.
pub(crate) fn reference() -> String {
    let mut out = HEAD.to_owned();
    for (section, about) in SECTIONS {
        line(&mut out, format_args!("\n## `[{section}]`\n\n{about}\n"));
        line(
            &mut out,
            format_args!("| setting | environment | value | default | meaning | reloads |"),
        );
        line(&mut out, format_args!("|---|---|---|---|---|---|"));
        for setting in SETTINGS.iter().filter(|setting| setting.parts().0 == *section) {
            row(&mut out, setting);
        }
    }
    out.push('\n');
    out.push_str(PROVIDERS);
    for field in PROVIDER_FIELDS.iter().filter(|field| !field.help.is_empty()) {
        line(&mut out, format_args!("| `{}` | {} |", field.name, field.help));
    }
    let rest: Vec<String> = PROVIDER_FIELDS
        .iter()
        .filter(|field| field.help.is_empty())
        .map(|field| format!("`{}`", field.name))
        .collect();
    line(
        &mut out,
        format_args!(
            "\nAll fields of the registry may stand there as well: {}.\n\nKeys and `enabled` reload; the other fields \
             need a restart.\n\n## An example\n\n```toml\n{EXAMPLE}```",
            rest.join(", ")
        ),
    );
    out
}

fn row(out: &mut String, setting: &Setting) {
    let variables: Vec<String> = setting
        .variables
        .iter()
        .map(|(name, plain)| match plain {
            Plain::No => format!("`{name}`"),
            counted => format!("`{name}` ({})", counted.words()),
        })
        .collect();
    let default = match setting.default {
        Initial::Is("") => "empty".to_owned(),
        Initial::Is(text) => format!("`{text}`"),
        Initial::Unset => "not set".to_owned(),
        Initial::Then(what) => what.to_owned(),
    };
    line(
        out,
        format_args!(
            "| `{}` | {} | {} | {default} | {} | {} |",
            setting.path,
            variables.join(", "),
            setting.kind.words(),
            setting.help,
            if setting.reload { "yes" } else { "" },
        ),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a text does not fail.
    let _written = writeln!(out, "{text}");
}
