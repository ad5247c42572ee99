//! How the gateways are: for programs, for load balancers, and as a page for people.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gatewayz_catalog::Slug;
use http::{HeaderValue, Response, StatusCode, header};

use super::{
    BASE,
    judge::GatewayCounts,
    picture::{Gateway, Picture, picture},
};
use crate::{
    app::App,
    http::{Body, Call, Code, Handler, Kind, Outcome, Param, Route, json},
    openapi::{Answers, Shape as _, shape},
    routes::{breakers::CircuitBreaker, cache::seconds, models::unknown_provider},
};

pub(super) static ROUTES: &[&Route] = &[&ALL, &RAILWAY, &DASHBOARD, &DASHBOARD_DATA, &ONE];

static ALL: Route = Route {
    name: "healthGateways",
    paths: &["/health/gateways"],
    handler: Handler::Later(all),
    summary: "How all gateways are, as far as lists and calls that were made anyway say.",
    answers: Answers::json(GatewaysHealth::schema),
    ..BASE
};

static RAILWAY: Route = Route {
    name: "healthRailway",
    paths: &["/health/railway"],
    handler: Handler::Later(railway),
    summary: "Whether the deployment works: 503 while the database cannot be used, or when less than 30 of a hundred \
              configured gateways are healthy, or not asked yet.",
    answers: Answers::or_503(RailwayHealth::schema),
    ..BASE
};

static DASHBOARD: Route = Route {
    name: "healthGatewaysDashboard",
    paths: &["/health/gateways/dashboard"],
    handler: Handler::Later(dashboard),
    summary: "How all gateways are, as a page for people.",
    answers: Answers::text("text/html"),
    ..BASE
};

static DASHBOARD_DATA: Route = Route {
    name: "healthGatewaysDashboardData",
    paths: &["/health/gateways/dashboard/data"],
    handler: Handler::Later(dashboard_data),
    summary: "What that page shows.",
    answers: Answers::json(GatewaysDashboard::schema),
    ..BASE
};

static ONE: Route = Route {
    name: "healthGateway",
    paths: &["/health/{gateway}"],
    params: &[Param::path("gateway", Kind::Gateway, "A provider's name.")],
    handler: Handler::Later(one),
    summary: "How one gateway is.",
    answers: Answers::json(GatewayHealthDetail::schema).or(&[Code::ProviderNotFound]),
    ..BASE
};

shape! {
    /// How all gateways are.
    struct GatewaysHealth {
        success: bool,
        data: BTreeMap<Slug, GatewayHealth>,
        summary: GatewayCounts,
        timestamp: String,
        metadata: HealthMetadata,
    }

    /// How a gateway is.
    struct GatewayHealth {
        /// `healthy`; `degraded`: it is being tried out, its last list did not come, or its list is an old one;
        /// `unhealthy`: it is left alone; `unconfigured`: a setting is missing; `unknown`: nobody has asked it yet.
        status: &'static str,
        /// How long its list took last, in milliseconds.
        latency_ms: Option<u64>,
        available: bool,
        /// When its list came last.
        last_check: Option<String>,
        /// What is missing, or went wrong last.
        error: Option<String>,
    }

    /// Where this comes from.
    struct HealthMetadata {
        cache_age_seconds: Option<f64>,
        data_source: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        warning: Option<&'static str>,
    }

    /// How one gateway is, with its circuit breaker.
    struct GatewayHealthDetail {
        success: bool,
        gateway: Slug,
        name: String,
        data: GatewayHealth,
        models: u32,
        /// Failures of its list in a row.
        failure_count: u32,
        /// When it is asked again.
        retry_at: Option<String>,
        circuit_breaker: CircuitBreaker,
        timestamp: String,
    }

    /// Whether the deployment works.
    struct RailwayHealth {
        /// `healthy`, or `unhealthy` with status 503.
        status: &'static str,
        /// `connected`, `unavailable` or `not_initialized`.
        database: &'static str,
        gateways: GatewayCounts,
        timestamp: String,
    }

    /// What the page for people shows.
    struct GatewaysDashboard {
        success: bool,
        summary: GatewayCounts,
        gateways: Vec<GatewaysDashboardRow>,
        timestamp: String,
    }

    /// One row of it.
    struct GatewaysDashboardRow {
        id: Slug,
        name: String,
        status: &'static str,
        models: u32,
        breaker: &'static str,
        failure_count: u32,
        last_check: Option<String>,
        retry_at: Option<String>,
        latency_ms: Option<u64>,
        error: Option<String>,
    }
}

impl GatewayHealth {
    fn of(gateway: &Gateway) -> Self {
        Self {
            status: gateway.standing.as_str(),
            latency_ms: gateway.list_ms,
            available: gateway.standing.is_available(),
            last_check: gateway.listed_at.map(|at| at.to_string()),
            error: gateway.error.clone(),
        }
    }
}

fn metadata(app: &App, picture: &Picture) -> HealthMetadata {
    let is_cut_off = app.tier.as_ref().is_some_and(|tier| tier.stats().breaker_open);
    HealthMetadata {
        cache_age_seconds: Some(seconds(app.node.time().wall().since(picture.at))),
        data_source: if picture.counts.tracked() > 0 {
            "provider-states"
        } else {
            "none"
        },
        warning: is_cut_off.then_some("Redis does not answer: what other nodes found out is not known here"),
    }
}

fn all(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let picture = picture(&app).await;
        let health = |gateway: &Gateway| (gateway.provider.slug.clone(), GatewayHealth::of(gateway));
        json(&GatewaysHealth {
            success: true,
            data: picture.gateways.iter().map(health).collect(),
            summary: picture.counts.clone(),
            timestamp: app.node.time().wall().to_string(),
            metadata: metadata(&app, &picture),
        })
    })
}

fn one(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let name = params.always("gateway");
        let unknown = || unknown_provider(&app, name);
        let slug = app.catalog.directory().resolve(name).ok_or_else(unknown)?.slug.clone();
        let picture = picture(&app).await;
        let gateway = picture.gateways.iter().find(|gateway| gateway.provider.slug == slug);
        let gateway = gateway.ok_or_else(unknown)?;
        json(&GatewayHealthDetail {
            success: true,
            name: gateway.provider.name.clone(),
            data: GatewayHealth::of(gateway),
            models: gateway.models,
            failure_count: gateway.state.failure_count,
            retry_at: gateway.state.retry_at.map(|at| at.to_string()),
            circuit_breaker: CircuitBreaker::of(&slug, &gateway.state.breaker),
            gateway: slug,
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

fn railway(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let picture = picture(&app).await;
        let (database, why) = super::database(&app);
        let is_working = why.is_none() && !picture.counts.is_failing();
        let mut response = json(&RailwayHealth {
            status: if is_working { "healthy" } else { "unhealthy" },
            database,
            gateways: picture.counts.clone(),
            timestamp: app.node.time().wall().to_string(),
        })?;
        if !is_working {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
    })
}

fn row(gateway: &Gateway) -> GatewaysDashboardRow {
    GatewaysDashboardRow {
        id: gateway.provider.slug.clone(),
        name: gateway.provider.name.clone(),
        status: gateway.standing.as_str(),
        models: gateway.models,
        breaker: gateway.state.breaker.state.as_str(),
        failure_count: gateway.state.failure_count,
        last_check: gateway.listed_at.map(|at| at.to_string()),
        retry_at: gateway.state.retry_at.map(|at| at.to_string()),
        latency_ms: gateway.list_ms,
        error: gateway.error.clone(),
    }
}

fn dashboard_data(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let picture = picture(&app).await;
        json(&GatewaysDashboard {
            success: true,
            summary: picture.counts.clone(),
            gateways: picture.gateways.iter().map(row).collect(),
            timestamp: picture.at.to_string(),
        })
    })
}

fn dashboard(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let picture = picture(&app).await;
        let rows: Vec<GatewaysDashboardRow> = picture.gateways.iter().map(row).collect();
        let page = page(&picture.counts, &rows, &picture.at.to_string());
        let mut response = Response::new(Body::from(Bytes::from(page)));
        let headers = response.headers_mut();
        let values = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'",
            ),
        ];
        for (name, value) in values {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    })
}

/// Text in which nothing is a tag.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1c2024;background:#fff}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd}\
    td.n{text-align:right}.healthy{color:#18794e}.degraded{color:#ad5700}.unhealthy{color:#cd2b31}\
    .unconfigured,.unknown{color:#687076}\
    @media(prefers-color-scheme:dark){body{color:#eee;background:#16181a}th,td{border-color:#333}}";

fn page(counts: &GatewayCounts, rows: &[GatewaysDashboardRow], at: &str) -> String {
    let mut out = String::with_capacity(512 + rows.len() * 256);
    out.push_str(&format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"30\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Gateways</title><style>{STYLE}</style></head>\
         <body><h1>Gateways</h1><p>{} gateways: <span class=\"healthy\">{} healthy</span>, \
         <span class=\"degraded\">{} degraded</span>, <span class=\"unhealthy\">{} unhealthy</span>, \
         {} unconfigured, {} unknown. {}</p><table><thead><tr><th>Gateway<th>Status<th>Models<th>Breaker\
         <th>Last list<th>Asked again<th>Error</tr></thead><tbody>",
        counts.total_gateways,
        counts.healthy,
        counts.degraded,
        counts.unhealthy,
        counts.unconfigured,
        counts.unknown,
        escaped(at),
    ));
    for row in rows {
        let or_none = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), escaped);
        out.push_str(&format!(
            "<tr><td title=\"{0}\">{1}<td class=\"{2}\">{2}<td class=\"n\">{3}<td>{4}<td>{5}<td>{6}<td>{7}</tr>",
            escaped(row.id.as_str()),
            escaped(&row.name),
            row.status,
            row.models,
            row.breaker,
            or_none(&row.last_check),
            or_none(&row.retry_at),
            or_none(&row.error),
        ));
    }
    out.push_str("</tbody></table></body></html>");
    out
}

#[cfg(test)]
mod tests {
    use gatewayz_catalog::Slug;

    use super::{GatewaysDashboardRow, page};
    use crate::routes::health::judge::{GatewayCounts, Standing};

    #[test]
    fn the_page_is_whole_and_nothing_in_it_is_a_tag() {
        let row = GatewaysDashboardRow {
            id: Slug::new("groq").unwrap(),
            name: "<b>Groq</b>".to_owned(),
            status: "unhealthy",
            models: 3,
            breaker: "open",
            failure_count: 5,
            last_check: None,
            retry_at: None,
            latency_ms: None,
            error: Some("<script>alert(\"1\")</script>".to_owned()),
        };
        let text = page(&GatewayCounts::of([Standing::Unhealthy]), &[row], "now");
        assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>"));
        assert!(
            !text.contains("<script") && !text.contains("<b>") && !text.contains("src="),
            "{text}"
        );
        assert!(text.contains("&lt;b&gt;Groq&lt;/b&gt;"), "{text}");
        assert!(
            text.contains("<td class=\"unhealthy\">unhealthy<td class=\"n\">3<td>open<td>–<td>–<td>&lt;script"),
            "{text}"
        );
    }
}
