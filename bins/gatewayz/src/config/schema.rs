//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value as Json, json};

use super::table::{Form, Initial, PROVIDER_FIELDS, SECTIONS, SETTINGS, Setting};
use super::value::Kind;

/// The file's schema, JSON Schema draft 2020-12.
pub(crate) fn schema() -> Json {
    let mut properties = Map::new();
    for (section, about) in SECTIONS {
        let inner: Map<String, Json> = SETTINGS
            .iter()
            .filter(|setting| setting.parts().0 == *section)
            .map(|setting| (setting.parts().1.to_owned(), of(setting)))
            .collect();
        properties.insert((*section).to_owned(), object(about, &inner));
    }
    let fields: Map<String, Json> = PROVIDER_FIELDS
        .iter()
        .map(|field| (field.name.to_owned(), form(field.form, field.help)))
        .collect();
    properties.insert(
        "providers".to_owned(),
        json!({
            "type": "object",
            "description": "Providers, by slug.",
            "patternProperties": { "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$": object("One provider.", &fields) },
            "additionalProperties": false,
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gatewayz.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn object(about: &str, properties: &Map<String, Json>) -> Json {
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn of(setting: &Setting) -> Json {
    let mut schema = match setting.kind {
        Kind::Address => json!({ "type": "string", "pattern": "^.+:[0-9]{1,5}$" }),
        Kind::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Duration(..) => json!({ "type": "string", "pattern": "^ *[0-9]+(\\.[0-9]+)? *(ms|s|m|h|d) *$" }),
        Kind::Bytes(..) => json!({ "type": "string", "pattern": "^ *[0-9]+(\\.[0-9]+)? *(B|KiB|MiB|GiB) *$" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Switch => json!({ "enum": [true, false, "on", "off"] }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Secret(least) => json!({ "type": "string", "minLength": least, "writeOnly": true }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Path | Kind::Url => json!({ "type": "string", "minLength": 1 }),
    };
    schema["description"] = setting.help.into();
    if let Initial::Is(text) = setting.default {
        schema["default"] = match setting.kind {
            Kind::Count(..) | Kind::Bool | Kind::Switch => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            Kind::List => text.split(',').filter(|item| !item.is_empty()).collect(),
            _ => text.into(),
        };
    }
    schema
}

fn form(form: Form, about: &str) -> Json {
    let mut schema = match form {
        Form::Text => json!({ "type": "string" }),
        Form::Secret => json!({ "type": "string", "minLength": 1, "writeOnly": true }),
        Form::Bool => json!({ "type": "boolean" }),
        Form::Count => json!({ "type": "integer", "minimum": 0 }),
        Form::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Form::Table => json!({ "type": "object" }),
        Form::Tables => json!({ "type": "array", "items": { "type": "object" } }),
    };
    if !about.is_empty() {
        schema["description"] = about.into();
    }
    schema
}
