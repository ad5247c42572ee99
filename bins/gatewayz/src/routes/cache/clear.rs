//! Making the caches forget.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatewayz_cache_core::Propagation;
use gatewayz_catalog::Provider;

use super::{BASE, GATEWAY, named, target, timestamp};
use crate::{
    admin::{Deed, carry_out},
    app::App,
    http::{Call, Code, Handler, Kind, Outcome, Param, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(super) static ROUTES: &[&Route] = &[&CLEAR, &INVALIDATE];

static CLEAR: Route = Route {
    name: "clearCache",
    verb: Verb::Post,
    paths: &["/cache/clear", "/api/system/cache/clear"],
    params: &[GATEWAY],
    handler: Handler::Later(clear),
    summary: "Forgets the catalogue, or what is cached of one provider, on every node.",
    answers: Answers::json(CacheCleared::schema).or(&[Code::ProviderNotFound]),
    ..BASE
};

static INVALIDATE: Route = Route {
    name: "invalidateCache",
    verb: Verb::Post,
    paths: &["/api/cache/invalidate"],
    params: &[
        Param::query(
            "cache_type",
            Kind::Word(&["models", "providers", "pricing"]),
            "What is no longer true. Everything where it is absent. Providers and prices stand in every list, which go \
             with them.",
        ),
        GATEWAY,
    ],
    handler: Handler::Later(invalidate),
    summary: "Forgets what is no longer true, on every node.",
    answers: Answers::json(CacheInvalidated::schema).or(&[Code::ProviderNotFound]),
    ..BASE
};

shape! {
    /// What was forgotten.
    struct CacheCleared {
        success: bool,
        message: String,
        /// Whose lists were, where it was all.
        #[serde(skip_serializing_if = "Option::is_none")]
        gateways_cleared: Option<Vec<String>>,
        /// Whose list was, where it was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        gateway: Option<String>,
        /// `acknowledged`: no node serves it any more. `deferred`: this node does not; the others hear of it when Redis
        /// answers, and serve it for some seconds at most.
        propagation: &'static str,
        timestamp: String,
    }

    /// What was forgotten.
    struct CacheInvalidated {
        success: bool,
        message: &'static str,
        invalidated: Vec<String>,
        /// As in the answer of `/cache/clear`.
        propagation: &'static str,
        timestamp: String,
    }
}

fn clear(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let provider = named(&app, &call.params()?)?;
        let deed = Deed::begin(&call, "clear the cache", target(provider.as_ref()));
        let propagation = forget(&app, provider.clone(), deed).await?;
        let mut cleared = CacheCleared {
            success: true,
            message: "All caches cleared".to_owned(),
            gateways_cleared: None,
            gateway: None,
            propagation: propagation.as_str(),
            timestamp: timestamp(&app),
        };
        match provider {
            Some(provider) => {
                cleared.message = format!("Cache cleared for {}", provider.slug);
                cleared.gateway = Some(provider.slug.as_str().to_owned());
            }
            None => {
                let mut all = slugs(&app);
                all.push("providers".to_owned());
                cleared.gateways_cleared = Some(all);
            }
        }
        json(&cleared)
    })
}

/// Forgets what is cached of a provider, or everything, whether or not the caller waits for it.
async fn forget(app: &Arc<App>, provider: Option<Arc<Provider>>, deed: Deed) -> Result<Propagation, Problem> {
    let app = Arc::clone(app);
    carry_out(async move {
        let propagation = match provider {
            Some(provider) => app.catalog.invalidate_providers([&provider.slug]).await,
            None => app.catalog.clear_all_model_caches().await,
        };
        deed.done(Some(propagation));
        Ok(propagation)
    })
    .await
}

fn slugs(app: &App) -> Vec<String> {
    let providers = app.catalog.directory().iter();
    providers.map(|provider| provider.slug.as_str().to_owned()).collect()
}

fn invalidate(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let provider = named(&app, &params)?;
        let kind = params.text("cache_type");
        let on = format!("{} of {}", kind.unwrap_or("everything"), target(provider.as_ref()));
        let deed = Deed::begin(&call, "invalidate the cache", on);
        // Prices and names of providers are part of every row: lists go with them. One provider's lists are enough where
        // it is named.
        let propagation = forget(&app, provider.clone(), deed).await?;
        let whose = provider.map_or_else(|| slugs(&app), |provider| vec![provider.slug.as_str().to_owned()]);
        json(&CacheInvalidated {
            success: true,
            message: "Cache invalidated successfully",
            invalidated: said(kind, &whose),
            propagation: propagation.as_str(),
            timestamp: timestamp(&app),
        })
    })
}

/// What an answer says was forgotten.
fn said(kind: Option<&str>, whose: &[String]) -> Vec<String> {
    let models = || whose.iter().map(|slug| format!("models:{slug}"));
    match kind {
        Some("models") => models().collect(),
        Some(kind) => vec![kind.to_owned()],
        None => models().chain(["providers".to_owned(), "pricing".to_owned()]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn answers_say_what_was_meant() {
        let whose = ["groq".to_owned(), "xai".to_owned()];
        assert_eq!(
            said(None, &whose),
            ["models:groq", "models:xai", "providers", "pricing"]
        );
        assert_eq!(said(Some("models"), &whose[..1]), ["models:groq"]);
        assert_eq!(said(Some("pricing"), &whose), ["pricing"]);
        assert_eq!(said(Some("providers"), &whose), ["providers"]);
    }
}
