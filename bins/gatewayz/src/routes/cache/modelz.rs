//! The cached tokens that Modelz trades.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gatewayz_providers::ModelzStatus;

use super::{BASE, seconds, timestamp};
use crate::{
    admin::Deed,
    app::App,
    http::{Call, Code, Deadline, Handler, Outcome, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(super) static ROUTES: &[&Route] = &[&STATUS, &REFRESH, &CLEAR];

static STATUS: Route = Route {
    name: "modelzCacheStatus",
    paths: &["/cache/modelz/status"],
    handler: Handler::Later(status),
    summary: "How old the cached tokens of Modelz are.",
    answers: Answers::json(ModelzAnswer::schema),
    ..BASE
};

static REFRESH: Route = Route {
    name: "refreshModelzCache",
    verb: Verb::Post,
    paths: &["/cache/modelz/refresh"],
    deadline: Deadline::Long(Duration::from_secs(45)),
    handler: Handler::Later(refresh),
    summary: "Asks ModelzAnswer for its tokens now.",
    answers: Answers::json(ModelzAnswer::schema).or(&[Code::ProviderFailed]),
    ..BASE
};

static CLEAR: Route = Route {
    name: "clearModelzCache",
    verb: Verb::Delete,
    paths: &["/cache/modelz/clear"],
    handler: Handler::Later(clear),
    summary: "Forgets the tokens of ModelzAnswer, on every node.",
    answers: Answers::json(ModelzAnswer::schema),
    ..BASE
};

shape! {
    /// The cached tokens of Modelz.
    struct ModelzAnswer {
        success: bool,
        data: ModelzCache,
        /// Where they were forgotten: `acknowledged` or `deferred`.
        #[serde(skip_serializing_if = "Option::is_none")]
        propagation: Option<&'static str>,
        timestamp: String,
    }

    /// How old they are.
    struct ModelzCache {
        /// `empty`, `valid` or `stale`.
        status: &'static str,
        message: &'static str,
        cache_size: usize,
        /// When Modelz gave them, in seconds since 1970.
        timestamp: Option<f64>,
        ttl: u64,
        age_seconds: Option<f64>,
        is_valid: bool,
    }
}

impl ModelzCache {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
    fn of(status: &ModelzStatus, message: Option<&'static str>) -> Self {
        let (word, about) = match (status.age, status.is_valid) {
            (None, _) => ("empty", "No tokens are cached"),
            (Some(_), true) => ("valid", "The tokens are fresh"),
            (Some(_), false) => ("stale", "The tokens are old; they are asked for at the next look-up"),
        };
        Self {
            status: word,
            message: message.unwrap_or(about),
            cache_size: status.cache_size,
            timestamp: status.timestamp.map(|at| at.0 as f64 / 1000.0),
            ttl: status.ttl.as_secs(),
            age_seconds: status.age.map(seconds),
            is_valid: status.is_valid,
        }
    }
}

async fn answer(app: &App, message: Option<&'static str>, propagation: Option<&'static str>) -> Outcome {
    let status = app.modelz.status().await;
    json(&ModelzAnswer {
        success: true,
        data: ModelzCache::of(&status, message),
        propagation,
        timestamp: timestamp(app),
    })
}

fn status(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { answer(&app, None, None).await })
}

fn refresh(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deed = Deed::begin(&call, "refresh the cache", "modelz");
        match app.modelz.refresh().await {
            Ok(_tokens) => deed.done(None),
            Err(error) => {
                deed.failed(&error.to_string());
                let message = "Modelz gives no tokens at present; those that are cached stay";
                return Err(Problem::new(Code::ProviderFailed, message).detail(error.to_string()));
            }
        }
        answer(&app, Some("The tokens were refreshed"), None).await
    })
}

fn clear(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deed = Deed::begin(&call, "clear the cache", "modelz");
        let propagation = app.modelz.clear().await;
        deed.done(Some(propagation));
        answer(&app, Some("The tokens were forgotten"), Some(propagation.as_str())).await
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_cache_core::UnixMillis;
    use gatewayz_providers::ModelzStatus;

    use super::ModelzCache;

    #[test]
    fn the_age_decides_what_is_said() {
        let mut status = ModelzStatus::default();
        assert_eq!(ModelzCache::of(&status, None).status, "empty");
        status.age = Some(Duration::from_secs(2000));
        status.timestamp = Some(UnixMillis(1_700_000_000_500));
        let stale = ModelzCache::of(&status, None);
        assert_eq!((stale.status, stale.timestamp), ("stale", Some(1_700_000_000.5)));
        status.is_valid = true;
        assert_eq!(ModelzCache::of(&status, Some("x")).message, "x");
    }
}
