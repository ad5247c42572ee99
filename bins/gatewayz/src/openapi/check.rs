//! Whether an answer has the form that the description says: as much of JSON Schema as the description uses.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Words that say nothing about what may stand in an answer, or that are not looked at.
const PLAIN: [&str; 6] = ["description", "format", "default", "title", "examples", "pattern"];

/// Says what is wrong with a value, and where.
pub(crate) fn check(schemas: &BTreeMap<String, Value>, schema: &Value, value: &Value) -> Result<(), String> {
    Check { schemas }.value(schema, value, "$")
}

struct Check<'a> {
    schemas: &'a BTreeMap<String, Value>,
}

impl Check<'_> {
    fn value(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Some(schema) = schema.as_object() else {
            return Err(format!("{at}: the schema {schema} is no object"));
        };
        for (word, says) in schema {
            self.word(schema, word, says, value, at)?;
        }
        Ok(())
    }

    fn word(
        &self,
        schema: &Map<String, Value>,
        word: &str,
        says: &Value,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let holds = match word {
            "$ref" => {
                let name = says
                    .as_str()
                    .and_then(|path| path.strip_prefix("#/components/schemas/"));
                let named = name.and_then(|name| self.schemas.get(name));
                let named = named.ok_or_else(|| format!("{at}: there is no schema {says}"))?;
                return self.value(named, value, at);
            }
            "anyOf" => {
                let each = list(says).iter().map(|schema| self.value(schema, value, at));
                let wrong: Vec<String> = each.filter_map(Result::err).collect();
                if wrong.len() < list(says).len() {
                    return Ok(());
                }
                return Err(format!("{at}: none of ({})", wrong.join("; ")));
            }
            "type" => match says {
                Value::Array(types) => types.iter().any(|says| is(says, value)),
                says => is(says, value),
            },
            "const" => says == value,
            "enum" => list(says).contains(value),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= says.as_f64()),
            "maximum" => value.as_f64().is_none_or(|number| Some(number) <= says.as_f64()),
            "minItems" => value
                .as_array()
                .is_none_or(|items| Some(items.len() as u64) >= says.as_u64()),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| Some(items.len() as u64) <= says.as_u64()),
            "minLength" | "maxLength" => {
                let len = value.as_str().map(|text| text.chars().count() as u64);
                len.is_none_or(|len| {
                    if word == "minLength" {
                        Some(len) >= says.as_u64()
                    } else {
                        Some(len) <= says.as_u64()
                    }
                })
            }
            "items" => {
                for (index, item) in list(value).iter().enumerate() {
                    self.value(says, item, &format!("{at}[{index}]"))?;
                }
                true
            }
            "required" => {
                let Some(object) = value.as_object() else { return Ok(()) };
                let missing = list(says)
                    .iter()
                    .filter_map(Value::as_str)
                    .find(|name| !object.contains_key(*name));
                if let Some(missing) = missing {
                    return Err(format!("{at}: `{missing}` is missing"));
                }
                true
            }
            "properties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = says.get(name) {
                        self.value(schema, item, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties");
                for (name, item) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.get(name).is_some()) {
                        continue;
                    }
                    match says {
                        Value::Bool(true) => {}
                        Value::Bool(false) => return Err(format!("{at}: `{name}` is not described")),
                        says => self.value(says, item, &format!("{at}.{name}"))?,
                    }
                }
                true
            }
            word if PLAIN.contains(&word) => true,
            // What is not understood must not pass.
            word => return Err(format!("{at}: the word `{word}` is not known here")),
        };
        if holds {
            return Ok(());
        }
        let shown: String = value.to_string().chars().take(80).collect();
        Err(format!("{at}: {shown} is not {word} {says}"))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(says: &Value, value: &Value) -> bool {
    match says.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

#[test]
fn what_is_not_described_is_refused() {
    use serde_json::json;
    let schemas = BTreeMap::from([("Id".to_owned(), json!({ "type": "string", "minLength": 1 }))]);
    let object = json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": { "$ref": "#/components/schemas/Id" },
            "kind": { "const": "a" },
            "word": { "enum": ["x", "y"] },
            "count": { "type": "integer", "minimum": 1, "maximum": 3 },
            "list": { "type": "array", "items": { "type": "boolean" }, "minItems": 1, "maxItems": 2 },
            "maybe": { "anyOf": [{ "type": "number" }, { "type": "null" }] },
            "either": { "type": ["object", "null"] },
            "map": { "type": "object", "additionalProperties": { "type": "integer" } },
        },
    });
    let good = [
        json!({ "id": "a" }),
        json!({ "id": "a", "kind": "a", "word": "y", "count": 3, "list": [true], "maybe": 1.5, "either": null }),
        json!({ "id": "a", "maybe": null, "either": {}, "map": { "x": 1 } }),
    ];
    for value in good {
        check(&schemas, &object, &value).unwrap();
    }
    let bad = [
        json!([]),
        json!({}),
        json!({ "id": 1 }),
        json!({ "id": "" }),
        json!({ "id": "a", "other": 1 }),
        json!({ "id": "a", "kind": "b" }),
        json!({ "id": "a", "word": "z" }),
        json!({ "id": "a", "count": 0 }),
        json!({ "id": "a", "count": 4 }),
        json!({ "id": "a", "count": 1.5 }),
        json!({ "id": "a", "count": null }),
        json!({ "id": "a", "list": [] }),
        json!({ "id": "a", "list": [true, 1] }),
        json!({ "id": "a", "list": [true, true, true] }),
        json!({ "id": "a", "maybe": "x" }),
        json!({ "id": "a", "either": [] }),
        json!({ "id": "a", "map": { "x": "y" } }),
    ];
    for value in bad {
        assert!(check(&schemas, &object, &value).is_err(), "{value} passed");
    }
    assert!(check(&schemas, &json!({ "$ref": "#/components/schemas/None" }), &json!(1)).is_err());
    assert!(check(&schemas, &json!({ "oneOf": [] }), &json!(1)).is_err());
}
