//! JSON that is read in passing: entries one by one, fields as they are written.
//!
//! Numbers are never turned into binary floats: a field is the text between its commas.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The deepest nesting of a value that is kept as it was sent.
const MAX_DEPTH: usize = 8;
/// The greatest length of a value that is kept as it was sent.
const MAX_KEPT: usize = 4096;

/// Hands the values of a JSON object to `each`, in their order, also those with the same key.
pub(super) fn entries<'a, F>(json: &'a str, each: F) -> serde_json::Result<()>
where
    F: FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), String>,
{
    whole(json, Object(each))
}

/// Hands the values of a JSON array to `each`, in their order.
pub(super) fn elements<'a, F>(json: &'a str, each: F) -> serde_json::Result<()>
where
    F: FnMut(&'a RawValue) -> Result<(), String>,
{
    whole(json, Array(each))
}

fn whole<'a, S: DeserializeSeed<'a>>(json: &'a str, seed: S) -> serde_json::Result<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Object<F>(F);

impl<'a, F> DeserializeSeed<'a> for Object<F>
where
    F: FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), String>,
{
    type Value = ();

    fn deserialize<D: de::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a, F> Visitor<'a> for Object<F>
where
    F: FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), String>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Key(key), value)) = map.next_entry::<Key<'a>, &'a RawValue>()? {
            (self.0)(key, value).map_err(de::Error::custom)?;
        }
        Ok(())
    }
}

struct Array<F>(F);

impl<'a, F> DeserializeSeed<'a> for Array<F>
where
    F: FnMut(&'a RawValue) -> Result<(), String>,
{
    type Value = ();

    fn deserialize<D: de::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a, F> Visitor<'a> for Array<F>
where
    F: FnMut(&'a RawValue) -> Result<(), String>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&'a RawValue>()? {
            (self.0)(value).map_err(de::Error::custom)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Flag,
    Number,
    Text,
    Array,
    Object,
}

/// What a value is, told by its first byte: it is known to be valid JSON.
pub(super) fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'"') => Kind::Text,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b't' | b'f') => Kind::Flag,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Null,
    }
}

/// A field that is there, but not of the type that it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherType;

/// The fields of one object.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields of an object; `None` where the value is something else.
    pub(super) fn of(value: &'a RawValue) -> Option<Self> {
        let mut fields = Vec::new();
        let read = entries(value.get(), |key, value| {
            fields.push((key, value));
            Ok(())
        });
        read.is_ok().then_some(Self(fields))
    }

    /// All fields, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (&**key, *value))
    }

    /// A field that is there and not null. Of those with the same name the last one counts, as everywhere.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        (kind(value) != Kind::Null).then_some(*value)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, OtherType> {
        self.get(name).map(text).transpose()
    }

    /// A decimal, sent as a number or as a text, as it is written.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Cow<'a, str>>, OtherType> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match kind(value) {
            Kind::Number => Ok(Some(Cow::Borrowed(value.get()))),
            Kind::Text => text(value).map(Some),
            Kind::Null | Kind::Flag | Kind::Array | Kind::Object => Err(OtherType),
        }
    }

    /// A whole number that may be written `200000.0`. What does not fit into 32 bits is of another type.
    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, OtherType> {
        let Some(written) = self.decimal(name)? else {
            return Ok(None);
        };
        let digits = match written.split_once('.') {
            Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
            _ => &*written,
        };
        digits.parse().map(Some).or(Err(OtherType))
    }

    /// Whether a flag is set; a missing one is not.
    pub(super) fn flag(&self, name: &str) -> Result<bool, OtherType> {
        match self.get(name).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(OtherType),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, OtherType> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let mut texts = Vec::new();
        let read = elements(value.get(), |element| {
            let Ok(text) = text(element) else {
                return Err(String::new());
            };
            texts.push(text);
            Ok(())
        });
        if read.is_ok() { Ok(Some(texts)) } else { Err(OtherType) }
    }

    /// The fields of an object inside.
    pub(super) fn inner(&self, name: &str) -> Result<Option<Self>, OtherType> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        Fields::of(value).map(Some).ok_or(OtherType)
    }
}

fn text(value: &RawValue) -> Result<Cow<'_, str>, OtherType> {
    match serde_json::from_str(value.get()) {
        Ok(Key(text)) => Ok(text),
        Err(_) => Err(OtherType),
    }
}

/// Some fields as one object, in their order, without white space; `None` where there is none, or too much.
pub(super) fn keep<'f>(fields: impl Iterator<Item = (&'f str, &'f RawValue)>) -> Option<Box<RawValue>> {
    let mut out = String::from("{");
    for (name, value) in fields {
        if value.get().len() > 2 * MAX_KEPT {
            return None;
        }
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(name).ok()?);
        out.push(':');
        squeeze(value.get(), &mut out)?;
        if out.len() >= MAX_KEPT {
            return None;
        }
    }
    out.push('}');
    if out.len() == 2 {
        return None;
    }
    RawValue::from_string(out).ok()
}

/// Appends JSON without the white space between its parts; `None` where it is nested too deep.
fn squeeze(json: &str, out: &mut String) -> Option<()> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for character in json.chars() {
        if in_text {
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else {
            match character {
                ' ' | '\t' | '\n' | '\r' => continue,
                '"' => in_text = true,
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return None;
            }
        }
        out.push(character);
    }
    Some(())
}

/// Whether a document begins with this byte: whether it is an array, or an object.
pub(super) fn begins_with(json: &str, byte: u8) -> bool {
    json.trim_start().as_bytes().first() == Some(&byte)
}

#[cfg(test)]
mod tests;
