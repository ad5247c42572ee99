//! Answers of the server, part by part.

use bytes::Bytes;
use fred::types::Value;

use crate::fault::Fault;

/// The parts of an answer that is a list, taken in order.
#[derive(Debug)]
pub(crate) struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    pub(crate) fn of(answer: Value) -> Result<Self, Fault> {
        match answer {
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(Fault::protocol("an answer that should be a list")),
        }
    }

    /// The next part, `Null` after the last.
    pub(crate) fn value(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Null)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Fault> {
        number(&self.value())
    }

    pub(crate) fn text(&mut self) -> Result<String, Fault> {
        text(self.value())
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Fault> {
        bytes(self.value())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

/// A text.
pub(crate) fn text(value: Value) -> Result<String, Fault> {
    value
        .into_string()
        .ok_or_else(|| Fault::protocol("an answer that should be a text"))
}

/// A number, not below zero.
pub(crate) fn number(value: &Value) -> Result<u64, Fault> {
    value
        .as_i64()
        .and_then(|number| u64::try_from(number).ok())
        .ok_or_else(|| Fault::protocol("an answer that should be a number"))
}

/// Bytes.
pub(crate) fn bytes(value: Value) -> Result<Bytes, Fault> {
    value
        .into_bytes()
        .ok_or_else(|| Fault::protocol("an answer that should be bytes"))
}
