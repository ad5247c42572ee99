//! The circuit breakers of all providers.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use gatewayz_cache_core::Propagation;
use gatewayz_catalog::{Provider, Slug};
use gatewayz_providers::{BreakerState, BreakerView};

use super::{health::picture, models::unknown_provider};
use crate::{
    admin::{Deed, carry_out},
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&LIST, &ONE, &RESET, &RESET_ALL];

/// How many breakers are reset at once.
const AT_ONCE: usize = 16;

const PROVIDER: Param = Param::path("provider", Kind::Gateway, "A provider's name.");

const BASE: Route = Route {
    name: "",
    verb: Verb::Get,
    paths: &[],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(|_app, _call| json(&())),
    chapter: "Circuit breakers",
    summary: "",
    answers: Answers::text("text/plain"),
};

static LIST: Route = Route {
    name: "circuitBreakers",
    paths: &["/circuit-breakers"],
    handler: Handler::Later(list),
    summary: "The circuit breakers of all providers.",
    answers: Answers::json(CircuitBreakers::schema),
    ..BASE
};

static ONE: Route = Route {
    name: "circuitBreaker",
    paths: &["/circuit-breakers/{provider}"],
    params: &[PROVIDER],
    handler: Handler::Later(one),
    summary: "The circuit breaker of one provider.",
    answers: Answers::json(CircuitBreaker::schema).or(&[Code::ProviderNotFound]),
    ..BASE
};

static RESET: Route = Route {
    name: "resetCircuitBreaker",
    verb: Verb::Post,
    paths: &["/circuit-breakers/{provider}/reset"],
    access: Access::Admin,
    params: &[PROVIDER],
    handler: Handler::Later(reset),
    summary: "Closes a provider's circuit breaker, and forgets its failures: it is asked again at once.",
    answers: Answers::json(CircuitBreakerReset::schema).or(&[Code::ProviderNotFound]),
    ..BASE
};

static RESET_ALL: Route = Route {
    name: "resetCircuitBreakers",
    verb: Verb::Post,
    paths: &["/circuit-breakers/reset-all"],
    access: Access::Admin,
    handler: Handler::Later(reset_all),
    summary: "Closes all circuit breakers, and forgets all failures.",
    answers: Answers::json(CircuitBreakersReset::schema),
    ..BASE
};

shape! {
    /// The circuit breakers of all providers.
    struct CircuitBreakers {
        circuit_breakers: BTreeMap<Slug, CircuitBreaker>,
        total_count: usize,
        open_count: usize,
        half_open_count: usize,
        closed_count: usize,
    }

    /// The circuit breaker of one provider.
    pub(crate) struct CircuitBreaker {
        provider: Slug,
        /// `closed`, `open` or `half_open`.
        state: &'static str,
        /// Failures in a row.
        failure_count: u32,
        /// Successful probes in a row.
        success_count: u32,
        /// The part of this node's calls of the last minute that failed, from 0 to 1.
        failure_rate: f64,
        /// How many those were.
        recent_requests: u32,
        opened_at: Option<String>,
        /// For how long calls are still refused.
        seconds_until_retry: u64,
    }

    /// That a circuit breaker was closed.
    struct CircuitBreakerReset {
        success: bool,
        message: String,
        provider: Slug,
        circuit_breaker: CircuitBreaker,
        /// `acknowledged`: every node knows. `deferred`: the others hear of it when Redis answers.
        propagation: &'static str,
        timestamp: String,
    }

    /// That all circuit breakers were closed.
    struct CircuitBreakersReset {
        success: bool,
        message: String,
        reset_count: usize,
        /// `acknowledged`: every node knows. `deferred`: the others hear of it when Redis answers.
        propagation: &'static str,
        timestamp: String,
    }
}

impl CircuitBreaker {
    pub(crate) fn of(provider: &Slug, view: &BreakerView) -> Self {
        let rate = if view.recent_calls == 0 {
            0.0
        } else {
            f64::from(view.recent_failures) / f64::from(view.recent_calls)
        };
        Self {
            provider: provider.clone(),
            state: view.state.as_str(),
            failure_count: view.failure_count,
            success_count: view.success_count,
            failure_rate: (rate * 10_000.0).round() / 10_000.0,
            recent_requests: view.recent_calls,
            opened_at: view.opened_at.map(|at| at.to_string()),
            // To the next second: at the time that is told, a call may go.
            seconds_until_retry: view.retry_in.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
        }
    }
}

fn list(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let picture = picture(&app).await;
        let count = |state: BreakerState| {
            let gateways = picture.gateways.iter();
            gateways.filter(|gateway| gateway.state.breaker.state == state).count()
        };
        let breaker = |gateway: &super::health::Gateway| {
            let slug = &gateway.provider.slug;
            (slug.clone(), CircuitBreaker::of(slug, &gateway.state.breaker))
        };
        json(&CircuitBreakers {
            circuit_breakers: picture.gateways.iter().map(breaker).collect(),
            total_count: picture.gateways.len(),
            open_count: count(BreakerState::Open),
            half_open_count: count(BreakerState::HalfOpen),
            closed_count: count(BreakerState::Closed),
        })
    })
}

fn known(app: &App, call: &Call) -> Result<Arc<Provider>, Problem> {
    let params = call.params()?;
    let name = params.always("provider");
    let known = app.catalog.directory().resolve(name).cloned();
    known.ok_or_else(|| unknown_provider(app, name))
}

fn one(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let slug = &known(&app, &call)?.slug;
        let view = app.lists.states().breakers().view(slug).await;
        json(&CircuitBreaker::of(slug, &view))
    })
}

fn reset(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let slug = known(&app, &call)?.slug.clone();
        let deed = Deed::begin(&call, "reset the circuit breaker", slug.as_str());
        let (app_, of) = (Arc::clone(&app), slug.clone());
        let (propagation, view) = carry_out(async move {
            let states = app_.lists.states();
            let propagation = states.reset(&of).await;
            deed.done(Some(propagation));
            Ok((propagation, states.breakers().view(&of).await))
        })
        .await?;
        app.picture.forget().await;
        json(&CircuitBreakerReset {
            success: true,
            message: format!("Circuit breaker reset for {slug}"),
            circuit_breaker: CircuitBreaker::of(&slug, &view),
            provider: slug,
            propagation: propagation.as_str(),
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

fn reset_all(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deed = Deed::begin(&call, "reset the circuit breakers", "all");
        let app_ = Arc::clone(&app);
        let (count, propagation) = carry_out(async move {
            let slugs: Vec<Slug> = app_
                .catalog
                .directory()
                .iter()
                .map(|known| known.slug.clone())
                .collect();
            let count = slugs.len();
            let propagation = stream::iter(slugs)
                .map(|slug| {
                    let app = Arc::clone(&app_);
                    async move { app.lists.states().reset(&slug).await }
                })
                .buffer_unordered(AT_ONCE)
                .fold(Propagation::Acknowledged, |all, one| std::future::ready(all.and(one)))
                .await;
            deed.done(Some(propagation));
            Ok((count, propagation))
        })
        .await?;
        app.picture.forget().await;
        json(&CircuitBreakersReset {
            success: true,
            message: "All circuit breakers reset".to_owned(),
            reset_count: count,
            propagation: propagation.as_str(),
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_cache_core::UnixMillis;
    use gatewayz_catalog::Slug;
    use gatewayz_providers::{BreakerState, BreakerView};

    use super::CircuitBreaker;

    #[test]
    fn a_breaker_has_the_documented_fields() {
        let mut view = BreakerView::default();
        view.state = BreakerState::Open;
        view.failure_count = 5;
        view.opened_at = Some(UnixMillis(0));
        view.retry_in = Duration::from_millis(59_001);
        view.recent_calls = 3;
        view.recent_failures = 1;
        let shown = CircuitBreaker::of(&Slug::new("groq").unwrap(), &view);
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            serde_json::json!({ "provider": "groq", "state": "open", "failure_count": 5, "success_count": 0,
                "failure_rate": 0.3333, "recent_requests": 3, "opened_at": "1970-01-01T00:00:00.000Z",
                "seconds_until_retry": 60 })
        );
    }
}
