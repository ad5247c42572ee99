//! The form of a type as JSON, written down once: with the type.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value, json};

/// The named forms of a description.
#[derive(Debug, Default)]
pub(crate) struct Book {
    schemas: BTreeMap<String, Value>,
}

impl Book {
    /// A reference to a named form, which is written at the first mention.
    pub(crate) fn reference(&mut self, name: &str, write: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.schemas.contains_key(name) {
            // Marks the name first: a form may mention itself.
            self.schemas.insert(name.to_owned(), Value::Null);
            let schema = write(self);
            self.schemas.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// An object of these fields and no others: each with its form, its meaning, and whether it is always there.
    pub(crate) fn object(&mut self, about: &str, fields: &[(&str, Value, &str, bool)]) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, schema, about, always) in fields {
            let name = name.strip_prefix("r#").unwrap_or(name);
            let mut schema = schema.clone();
            if let (Some(schema), false) = (schema.as_object_mut(), about.is_empty()) {
                schema.insert("description".to_owned(), json!(about.trim()));
            }
            properties.insert(name.to_owned(), schema);
            if *always {
                required.push(name);
            }
        }
        let mut object = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        if !about.trim().is_empty() {
            object["description"] = json!(about.trim());
        }
        object
    }

    pub(crate) fn into_schemas(self) -> BTreeMap<String, Value> {
        self.schemas
    }
}

/// A type that says what it looks like as JSON.
pub(crate) trait Shape {
    /// The schema.
    fn schema(book: &mut Book) -> Value;
}

macro_rules! plain {
    ($($type:ty => $schema:tt),* $(,)?) => {
        $(impl Shape for $type {
            fn schema(_book: &mut Book) -> Value {
                json!($schema)
            }
        })*
    };
}

plain! {
    bool => { "type": "boolean" },
    u16 => { "type": "integer", "minimum": 0 },
    u32 => { "type": "integer", "minimum": 0 },
    u64 => { "type": "integer", "minimum": 0 },
    usize => { "type": "integer", "minimum": 0 },
    i64 => { "type": "integer" },
    f64 => { "type": "number" },
    String => { "type": "string" },
    &str => { "type": "string" },
    Cow<'_, str> => { "type": "string" },
    // Anything.
    Value => {},
    gatewayz_catalog::Slug => { "type": "string" },
}

impl<T: Shape> Shape for Option<T> {
    fn schema(book: &mut Book) -> Value {
        json!({ "anyOf": [T::schema(book), { "type": "null" }] })
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn schema(book: &mut Book) -> Value {
        json!({ "type": "array", "items": T::schema(book) })
    }
}

impl<K, T: Shape> Shape for BTreeMap<K, T> {
    fn schema(book: &mut Book) -> Value {
        json!({ "type": "object", "additionalProperties": T::schema(book) })
    }
}

/// Declares a struct that is written as JSON, together with its form: the comments are the documentation.
///
/// A field that may be missing has `#[serde(skip_serializing_if = "..")]`.
macro_rules! shape {
    ($(
        $(#[doc = $about:expr])*
        $visible:vis struct $name:ident {
            $(
                $(#[doc = $meaning:expr])*
                $(#[serde($($serde:tt)*)])?
                $field_visible:vis $field:ident: $type:ty
            ),* $(,)?
        }
    )*) => {
        $(
            $(#[doc = $about])*
            #[derive(Clone, Debug, serde::Serialize)]
            $visible struct $name {
                $(
                    $(#[doc = $meaning])*
                    $(#[serde($($serde)*)])?
                    $field_visible $field: $type
                ),*
            }

            impl $crate::openapi::Shape for $name {
                fn schema(book: &mut $crate::openapi::Book) -> serde_json::Value {
                    book.reference(stringify!($name), |book| {
                        let fields = [
                            $((
                                stringify!($field),
                                <$type as $crate::openapi::Shape>::schema(book),
                                concat!($($meaning),*),
                                true $(&& { let _ = stringify!($($serde)*); false })?,
                            )),*
                        ];
                        book.object(concat!($($about),*), &fields)
                    })
                }
            }
        )*
    };
}

pub(crate) use shape;
