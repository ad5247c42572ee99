//! Vertex AI: `publishers/google/models/gemini-2.5-pro`.

use gatewayz_catalog::ModelId;

use crate::mapping::{Draft, Node};

/// The id is the last part; models of other publishers than Google keep theirs in front.
pub(super) fn names(_row: &Node<'_>, draft: &mut Draft<'_>) {
    let id = draft.listing.id.shared();
    let Some((publisher, model)) = id
        .strip_prefix("publishers/")
        .and_then(|rest| rest.split_once("/models/"))
    else {
        return;
    };
    let id = if publisher == "google" {
        model.to_owned()
    } else {
        format!("{publisher}/{model}")
    };
    if let Ok(id) = ModelId::new(&id) {
        draft.listing.name = id.to_string();
        draft.listing.id = id;
        draft.listing.developer = Some(publisher.to_owned());
    }
}
