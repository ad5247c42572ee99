//! What is cut out of the present snapshot for one call, and what such answers have in common.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatewayz_cache_core::{Lookup, UnixMillis};
use gatewayz_catalog::{Gateway, Slug, Snapshot};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::{models, schemas};
use crate::{
    app::App,
    http::{Call, Code, Kind, Outcome, Param, Problem, document},
    openapi::{Book, Shape},
};

/// The time over which figures of use are counted.
pub(super) const TIME_RANGE: Param = Param::query(
    "time_range",
    Kind::Word(&["1h", "24h", "7d", "30d"]),
    "Echoed: requests are not recorded yet.",
)
.default("24h");
/// The usual [`TIME_RANGE`].
pub(super) const USUAL_RANGE: &str = "24h";
/// Why there are no figures of use.
pub(super) const UNRECORDED: &str = "Requests are not recorded yet: what is told here is of the catalogue alone.";

/// What is made of a snapshot for a call: JSON.
pub(super) type Made = Result<Vec<u8>, Problem>;

/// What is found in the snapshot if that is in memory. `None`: it has to be waited for, or looked for longer.
pub(super) fn at_hand(
    app: &Arc<App>,
    call: &Call,
    make: fn(&App, &Call, &Snapshot) -> Option<Made>,
) -> Option<Outcome> {
    let lookup = app.catalog.snapshot_at_hand()?;
    let made = make(app, call, lookup.value.as_deref()?)?;
    Some(made.map(|body| document(call, body, lookup.status, lookup.age())))
}

/// What is made of the snapshot, which is waited for.
pub(super) fn later(
    app: Arc<App>,
    call: Call,
    make: fn(&App, &Call, &Snapshot) -> Made,
) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        // Whoever asks for what there is not is told so, whether the catalogue can be read or not.
        call.params()?;
        let lookup = snapshot(&app).await?;
        let body = make(&app, &call, present(&lookup)?)?;
        Ok(document(&call, body, lookup.status, lookup.age()))
    })
}

/// The snapshot, and how it was found.
pub(super) async fn snapshot(app: &App) -> Result<Lookup<Snapshot>, Problem> {
    app.catalog
        .snapshot_lookup()
        .await
        .map_err(|error| models::unavailable(&error))
}

/// The snapshot that a lookup found.
pub(super) fn present(lookup: &Lookup<Snapshot>) -> Result<&Snapshot, Problem> {
    lookup
        .value
        .as_deref()
        .ok_or_else(|| Problem::new(Code::Unavailable, "the catalogue cannot be read at present"))
}

/// JSON of an answer.
pub(super) fn written(answer: &impl Serialize) -> Made {
    serde_json::to_vec(answer)
        .map_err(|error| Problem::new(Code::Internal, "the answer cannot be written").detail(error.to_string()))
}

/// Whose models a name means; nobody's where nobody is called so and the operator wants an empty answer then.
pub(super) fn gateway_or_nobody(app: &App, name: &str) -> Result<Gateway, Problem> {
    match models::gateway_named(app, name)? {
        Some(gateway) => Ok(gateway),
        None => Slug::new("unknown")
            .map(Gateway::Provider)
            .map_err(|_invalid| models::unknown_provider(app, name)),
    }
}

/// When the catalogue changed last: the time that answers are of. The same on every node, as their tags are.
pub(super) fn changed_at(snapshot: &Snapshot) -> String {
    format!("{:.0}", UnixMillis(snapshot.changed_at().saturating_mul(1000)))
}

/// The position or number of something in a snapshot.
pub(super) fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// A model as the catalogue writes it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct ModelObject(Box<RawValue>);

impl ModelObject {
    /// That of a row.
    pub(super) fn of(snapshot: &Snapshot, row: u32) -> Result<Self, Problem> {
        serde_json::from_slice(&snapshot.object(row))
            .map(Self)
            .map_err(|error| Problem::new(Code::Internal, "a model cannot be read").detail(error.to_string()))
    }

    /// Those of several rows.
    pub(super) fn all(snapshot: &Snapshot, rows: impl IntoIterator<Item = u32>) -> Result<Vec<Self>, Problem> {
        rows.into_iter().map(|row| Self::of(snapshot, row)).collect()
    }
}

impl Shape for ModelObject {
    fn schema(book: &mut Book) -> Value {
        schemas::model(book)
    }
}
