//! The description of what is served, made from the routes and the types that answer.

#[cfg(test)]
mod check;
mod reference;
mod shape;
mod site;

use std::collections::BTreeMap;

use gatewayz_catalog::Modality;
use serde_json::{Map, Value, json};

#[cfg(test)]
pub(crate) use self::check::check;
pub(crate) use self::{
    reference::reference,
    shape::{Book, Shape, shape},
    site::page,
};
use crate::http::{Access, Code, Kind, Param, Payload, Place, Route, Verb};

/// What a route answers besides the errors that every route may answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    /// What comes back when it went well.
    pub(crate) good: Good,
    /// What may go wrong, beyond what may go wrong everywhere.
    pub(crate) problems: &'static [Code],
    /// Whether the answer has a tag and may be kept: then 304 is an answer as well.
    pub(crate) kept: bool,
}

/// The body of an answer that went well.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Good {
    /// JSON of this form.
    Json(fn(&mut Book) -> Value),
    /// JSON of this form, also with status 503.
    JsonOr503(fn(&mut Book) -> Value),
    /// Text of this media type.
    Text(&'static str),
}

impl Answers {
    /// JSON of a type.
    pub(crate) const fn json(schema: fn(&mut Book) -> Value) -> Self {
        Self {
            good: Good::Json(schema),
            problems: &[],
            kept: false,
        }
    }

    /// JSON of a type, under a tag.
    pub(crate) const fn kept(schema: fn(&mut Book) -> Value) -> Self {
        Self {
            good: Good::Json(schema),
            problems: &[],
            kept: true,
        }
    }

    /// Text of a media type.
    pub(crate) const fn text(media: &'static str) -> Self {
        Self {
            good: Good::Text(media),
            problems: &[],
            kept: false,
        }
    }

    /// JSON of a type, also with status 503.
    pub(crate) const fn or_503(schema: fn(&mut Book) -> Value) -> Self {
        Self {
            good: Good::JsonOr503(schema),
            problems: &[],
            kept: false,
        }
    }

    /// With what may go wrong.
    pub(crate) const fn or(mut self, problems: &'static [Code]) -> Self {
        self.problems = problems;
        self
    }
}

/// The whole description.
pub(crate) fn document(routes: &[&'static Route]) -> Value {
    let mut book = Book::default();
    let error = book.reference("Error", error_schema);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        for (at, path) in route.paths.iter().enumerate() {
            let shown = path.replace("{*", "{");
            let operation = operation(route, at, &mut book, &error);
            paths
                .entry(shown)
                .or_default()
                .insert(route.verb.as_str().to_lowercase(), operation);
        }
    }
    let mut chapters: Vec<&str> = Vec::new();
    for route in routes {
        if !chapters.contains(&route.chapter) {
            chapters.push(route.chapter);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatewayz",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One API in front of many providers of language models, and one catalogue of their models. \
                Besides what an operation says, any request may be refused before its operation is looked at: its head \
                (408, 431), a body that is too large (413) or packed (415).",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": chapters.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": book.into_schemas(),
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "An API key, or the key of administrators." },
            },
        },
    })
}

fn operation(route: &Route, at: usize, book: &mut Book, error: &Value) -> Value {
    let path = route.paths[at];
    let id = if at == 0 {
        route.name.to_owned()
    } else {
        format!("{}_{at}", route.name)
    };
    let stands = |param: &&Param| param.place == Place::Query || path.contains(&format!("{}}}", param.name));
    let params: Vec<Value> = route.params.iter().filter(stands).map(parameter).collect();
    let mut answers = Map::new();
    match route.answers.good {
        Good::Json(schema) => drop(answers.insert("200".to_owned(), good(schema(book)))),
        Good::JsonOr503(schema) => {
            let schema = schema(book);
            answers.insert("200".to_owned(), good(schema.clone()));
            let either = json!({ "anyOf": [schema, error] });
            answers.insert("503".to_owned(), described("Not at present.", either));
        }
        Good::Text(media) => {
            let content = json!({ media: { "schema": { "type": "string" } } });
            answers.insert("200".to_owned(), json!({ "description": "Text.", "content": content }));
        }
    }
    if route.answers.kept {
        answers.insert(
            "304".to_owned(),
            json!({ "description": "The caller has it: see `If-None-Match`." }),
        );
    }
    let mut problems = vec![
        Code::MalformedRequest,
        Code::Internal,
        Code::Overloaded,
        Code::GatewayTimeout,
    ];
    if !route.params.is_empty() {
        problems.push(Code::InvalidParameter);
    }
    if matches!(route.payload, Payload::Json(_)) {
        problems.extend([
            Code::InvalidBody,
            Code::RequestTimeout,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
        ]);
    }
    if route.access != Access::Public {
        problems.extend([Code::InvalidApiKey, Code::Forbidden]);
    }
    problems.extend_from_slice(route.answers.problems);
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in problems {
        let words = by_status.entry(code.status().as_u16()).or_default();
        if !words.contains(&code.as_str()) {
            words.push(code.as_str());
        }
    }
    for (status, words) in by_status {
        let about = format!("`{}`", words.join("`, `"));
        answers
            .entry(status.to_string())
            .or_insert_with(|| described(&about, error.clone()));
    }
    let mut operation = json!({
        "operationId": id,
        "tags": [route.chapter],
        "summary": route.summary,
        "parameters": params,
        "responses": answers,
    });
    if at > 0 {
        operation["description"] = json!(format!("Another name of `{}`.", route.paths[0]));
    }
    if let Payload::Json(schema) = route.payload {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema(book) } } });
    }
    match route.access {
        Access::Public => {}
        // On this machine without.
        Access::Local => operation["security"] = json!([{}, { "key": [] }]),
        Access::Key | Access::Admin | Access::CacheAdmin => operation["security"] = json!([{ "key": [] }]),
    }
    debug_assert!(route.verb != Verb::Get || matches!(route.payload, Payload::None));
    operation
}

fn good(schema: Value) -> Value {
    described("It went well.", schema)
}

fn described(about: &str, schema: Value) -> Value {
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

fn parameter(param: &Param) -> Value {
    let mut schema = match param.kind {
        Kind::Text(most) => {
            json!({ "type": "string", "maxLength": most, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Price => json!({ "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,12})?$" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Gateway => json!({ "type": "string", "minLength": 1, "maxLength": 80 }),
        Kind::List { most, each } => json!({
            "type": "array",
            "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": each,
                "pattern": "^[^,\\u0000-\\u001f\\u007f-\\u009f]*$",
            },
            "maxItems": most,
        }),
        Kind::Modality => {
            let words = Modality::ALL.map(Modality::as_str).join("|");
            let pattern = format!("^(({words})(\\+({words}))*)?(->(({words})(\\+({words}))*)?)?$");
            json!({ "type": "string", "pattern": pattern })
        }
    };
    if let Some(default) = param.default {
        schema["default"] = match param.kind {
            Kind::Flag => json!(default == "true"),
            Kind::Whole { .. } => default.parse::<u64>().map_or(Value::Null, Value::from),
            _ => json!(default),
        };
    }
    if param.place == Place::Path && matches!(param.kind, Kind::Text(_)) {
        schema["minLength"] = json!(1);
    }
    let mut described = json!({
        "name": param.name,
        "in": if param.place == Place::Path { "path" } else { "query" },
        "required": param.required,
        "description": param.about,
        "schema": schema,
    });
    if param.may_be_empty() {
        described["allowEmptyValue"] = json!(true);
    }
    described
}

fn error_schema(_book: &mut Book) -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "What every error looks like.",
        "required": ["error"],
        "additionalProperties": false,
        "properties": { "error": {
            "type": "object",
            "required": ["type", "message", "code", "status", "request_id", "timestamp"],
            "additionalProperties": false,
            "properties": {
                "type": { "type": "string" },
                "message": { "type": "string", "description": "What is wrong and what to do, for people." },
                "code": { "type": "string", "enum": codes },
                "status": { "type": "integer" },
                "request_id": { "type": "string" },
                "timestamp": { "type": "string", "format": "date-time" },
                "detail": { "type": "string" },
                "suggestions": { "type": "array", "items": { "type": "string" } },
                "context": { "type": "object" },
            },
        } },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::{Book, Good, document};

    #[test]
    fn no_two_forms_have_one_name() {
        let mut forms: BTreeMap<String, (Value, &str)> = BTreeMap::new();
        for route in crate::routes::all() {
            let (Good::Json(schema) | Good::JsonOr503(schema)) = route.answers.good else {
                continue;
            };
            let mut book = Book::default();
            schema(&mut book);
            for (name, form) in book.into_schemas() {
                let (known, of) = forms.entry(name.clone()).or_insert_with(|| (form.clone(), route.name));
                assert_eq!(
                    *known, form,
                    "`{name}` is another thing for `{of}` and for `{}`",
                    route.name
                );
            }
        }
    }

    #[test]
    fn what_is_taken_is_what_is_described() {
        let whole = document(&crate::routes::all());
        let of = |path: &str| whole["paths"][path]["get"].clone();
        // A parameter without a value counts as absent; a text without a character is one.
        let list = of("/v1/models");
        for param in list["parameters"].as_array().unwrap() {
            let is_text = ["provider", "cursor"].contains(&param["name"].as_str().unwrap());
            assert_eq!(param["allowEmptyValue"] == true, !is_text, "{param}");
        }
        // What is open on this machine may be asked without a key.
        assert_eq!(of("/metrics")["security"], serde_json::json!([{}, { "key": [] }]));
    }

    #[test]
    fn the_description_names_every_path() {
        let routes = crate::routes::all();
        let whole = document(&routes);
        for path in routes.iter().flat_map(|route| route.paths) {
            let path = path.replace("{*", "{");
            assert!(whole["paths"][&path].is_object(), "{path}");
        }
    }
}
