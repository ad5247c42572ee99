//! The forms of what the catalogue renders by itself.

use serde_json::{Value, json};

use crate::openapi::Book;

/// The list of models.
pub(super) fn model_list(book: &mut Book) -> Value {
    book.reference("ModelList", |_book| json!({ "type": "object" }))
}
