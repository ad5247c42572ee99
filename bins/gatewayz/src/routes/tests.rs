//! What the catalogue's routes answer, all the way through the layers: against the description, and against requests
//! that are wrong.

mod administration;

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use gatewayz_catalog::{
    CatalogStore as _, HealthStatus, Listing, Modality, ModelHealth, ModelId, Pricing, Quote, Slug, Tier, WriteMode,
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};
use tower::Service as _;

use crate::{
    app::App,
    config::{Config, Sources},
    engine::Engine,
    http::{Kind, Params, Place, RequestBody, Route},
    layers,
    openapi::{self, Book, Good},
    telemetry::Recorder,
};

/// A gateway with the catalogue that comes with it, in a directory of its own.
struct Gateway {
    app: Arc<App>,
    _directory: tempfile::TempDir,
}

#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Gateway {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("gatewayz.db").display());
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let sources = Sources {
            flags: settings.iter().map(owned).collect(),
            environment: BTreeMap::from([("DATABASE_URL".to_owned(), database)]),
            ..Sources::default()
        };
        let config = Config::load(&sources).unwrap().config;
        let engine = Engine::open(&config).await.unwrap();
        Self {
            app: App::new(config, engine, Recorder::detached()).unwrap(),
            _directory: directory,
        }
    }

    /// One with models, of which some were measured.
    async fn furnished() -> Self {
        let gateway = Self::new(&[]).await;
        gateway.app.migrate().await.unwrap();
        gateway.app.furnish(true).await.unwrap();
        let full = BTreeMap::from([(Slug::new("novita").unwrap(), vec![full_listing()])]);
        let written = gateway.app.catalog.import(full, WriteMode::Apply, true).await.unwrap();
        assert!(written.total.written() > 0);
        let first = gateway.app.catalog.snapshot().await.unwrap();
        let shared = first.groups().find(|group| group.len() > 1).unwrap().to_vec();
        for (row, time) in shared.into_iter().zip([90, 700]) {
            let model = &first.rows()[row as usize];
            let health = ModelHealth {
                status: HealthStatus::Healthy,
                average_response_time_ms: Some(time),
                checked_at: None,
            };
            let id = ModelId::new(&model.id).unwrap();
            let written = gateway
                .app
                .store
                .set_model_health(&model.provider.slug, &id, &health)
                .await;
            assert!(written.unwrap());
        }
        gateway.app.catalog.reload().await.unwrap();
        gateway
    }

    async fn ask(&self, method: Method, path: &str, head: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost");
        for (name, value) in head {
            request = request.header(*name, *value);
        }
        let body = RequestBody::ready(Bytes::copy_from_slice(body.as_bytes()));
        let mut stack = layers::stack(&self.app);
        let (head, body) = stack.call(request.body(body).unwrap()).await.unwrap().into_parts();
        Got {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.ask(Method::GET, path, &[], "").await
    }

    /// The route of a path.
    fn route(&self, method: &Method, path: &str) -> &'static Route {
        let path = path.split('?').next().unwrap();
        self.app.router.find(method, path).unwrap().route
    }

    /// Fails unless an answer has the form that its route says.
    fn check(&self, method: &Method, path: &str, got: &Got) {
        assert_eq!(got.status, StatusCode::OK, "{path}: {:?}", got.body);
        let mut book = Book::default();
        let schema = match self.route(method, path).answers.good {
            Good::Json(schema) | Good::JsonOr503(schema) => schema(&mut book),
            Good::Text(_) => panic!("{path} answers text"),
        };
        openapi::check(&book.into_schemas(), &schema, &got.json()).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
    }
}

/// A model of which everything is known.
fn full_listing() -> Listing {
    let raw = |json: &str| Some(RawValue::from_string(json.to_owned()).unwrap());
    let price = |dollars: &str| Quote::UsdPerMillion.price(dollars).unwrap();
    let tier = Tier {
        above: 1000,
        prompt: price("2"),
        completion: price("3"),
        input_cache_read: price("4"),
        input_cache_write: price("5"),
    };
    let mut listing = Listing::new(ModelId::new("acme/\"full\"/model").unwrap());
    listing.developer = Some("acme".to_owned());
    listing.created = Some(1_700_000_000);
    listing.description = Some("A model\nof which everything is known.".to_owned());
    listing.context_length = NonZeroU32::new(1000);
    listing.max_output = NonZeroU32::new(100);
    listing.input = Modality::ALL.into_iter().collect();
    listing.output = Modality::ALL.into_iter().collect();
    listing.tokenizer = Some("BPE".to_owned());
    listing.instruct_type = Some("chatml".to_owned());
    listing.pricing = Pricing {
        prompt: price("1"),
        completion: price("2"),
        input_cache_read: price("0.1"),
        input_cache_write: price("0.2"),
        internal_reasoning: price("3"),
        audio: price("4"),
        request: Quote::UsdPerUnit.price("0.001").unwrap(),
        image: Quote::UsdPerUnit.price("0.01").unwrap(),
        web_search: Quote::UsdPerUnit.price("0.02").unwrap(),
        tiers: vec![tier],
    };
    listing.supported_parameters = vec!["temperature".to_owned(), "tools".to_owned()];
    listing.default_parameters = raw(r#"{"temperature":0.7}"#);
    listing.per_request_limits = raw(r#"{"prompt_tokens":"1000"}"#);
    listing.tags = vec!["new".to_owned()];
    listing.hugging_face_id = Some("acme/full".to_owned());
    listing
}

/// Every route of the catalogue, in every form.
const PATHS: [&str; 40] = [
    "/v1/models",
    "/v1/models?gateway=all&limit=1000",
    "/models?gateway=all&limit=1000&unique_models=true",
    "/v1/models?gateway=all&limit=3&offset=2",
    "/api/models/all?limit=2",
    "/v1/models/openai/gpt-5.5",
    "/models/openai%2Fgpt-5.5",
    "/v1/models/openai/gpt-5.5/",
    "/v1/models/openai?limit=2&offset=1",
    "/v1/models/anthropic?gateway=openai",
    "/api/models/detail?modelId=gpt-5.5",
    "/api/models/detail?developer=openai&modelName=gpt-5.5",
    "/v1/models/openai/gpt-oss-120b/compare",
    "/models/openai/gpt-oss-120b/compare?criteria=availability",
    "/v1/models/unique?limit=1000",
    "/models/unique?limit=5&min_providers=2&sort_by=cheapest_price&order=asc",
    "/v1/models/search?q=gpt&limit=100",
    "/models/search?q=claude&modality=text%2Bimage-%3Etext&min_context=1000&max_context=9000000&min_price=0.0000001\
     &max_price=1&is_private=false&sort_by=popularity",
    "/v1/models/low-latency",
    "/models/low-latency?include_ultra_only=true&include_alternatives=false",
    "/v1/models/trending?sort_by=tokens&time_range=7d&gateway=openai",
    "/v1/gateways",
    "/gateways/status",
    "/v1/gateways/summary?time_range=30d",
    "/v1/gateway/openai/stats",
    "/gateway/all/stats",
    "/v1/provider",
    "/providers?limit=2&offset=1&gateway=openai",
    "/catalog/providers?moderated_only=true",
    "/v1/provider/openai/stats",
    "/provider/groq/stats",
    "/v1/provider/anthropic/top-models?limit=2",
    "/v1/provider/groq/top-models",
    "/v1/routers",
    "/v1/provider/OpenAI/stats?gateway=all",
    "/v1/models/gpt-5.5",
    "/v1/models/trending",
    "/v1/models/search?modality=text+image-%3Etext&sort_by=context&order=asc",
    "/v1/models/acme",
    "/v1/models/novita/acme%2F%22full%22%2Fmodel/compare",
];

#[tokio::test]
async fn answers_are_as_they_are_described() {
    let gateway = Gateway::furnished().await;
    for path in PATHS {
        let got = gateway.get(path).await;
        gateway.check(&Method::GET, path, &got);
        let kept = gateway.route(&Method::GET, path).answers.kept;
        assert_eq!(got.headers.contains_key(header::ETAG), kept, "{path}");
        let Some(tag) = got.headers.get(header::ETAG) else {
            continue;
        };
        assert!(got.headers["x-cache"].to_str().unwrap().contains("tier="), "{path}");
        assert_eq!(got.headers[header::CACHE_CONTROL], "public, max-age=300", "{path}");
        let known = [("if-none-match", tag.to_str().unwrap())];
        let again = gateway.ask(Method::GET, path, &known, "").await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
        assert!(again.body.is_empty(), "{path}");
        let head = gateway.ask(Method::HEAD, path, &[], "").await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{path}");
    }
}

#[tokio::test]
async fn comparisons_take_ids_from_the_query_or_from_the_body() {
    let gateway = Gateway::furnished().await;
    let json = [("content-type", "application/json")];
    let body = r#"{"model_ids": ["openai/gpt-5.5", "no-such"], "criteria": "context"}"#;
    let asked = [
        ("/v1/models/batch-compare", &json[..], body),
        (
            "/models/batch-compare?model_ids=openai/gpt-5.5,no-such&criteria=context",
            &[][..],
            "",
        ),
        (
            "/v1/models/batch-compare?model_ids=openai/gpt-5.5&model_ids=no-such&criteria=context",
            &[][..],
            "",
        ),
        (
            "/v1/models/batch-compare?model_ids=openai/gpt-5.5&model_ids=no-such&criteria=context",
            &json[..],
            "{}",
        ),
    ];
    for (path, head, body) in asked {
        let got = gateway.ask(Method::POST, path, head, body).await;
        gateway.check(&Method::POST, path, &got);
        let answer = got.json();
        assert_eq!(answer["criteria"], "context", "{path}");
        assert_eq!(answer["models"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(answer["not_found"], json!(["no-such"]), "{path}");
    }
    let many = format!("/v1/models/batch-compare?model_ids={}", vec!["a"; 51].join(","));
    let many_in_body = json!({ "model_ids": vec!["a"; 51] }).to_string();
    let wrong = [
        ("/v1/models/batch-compare", &[][..], "", "model_ids"),
        ("/v1/models/batch-compare?model_ids=,", &[][..], "", "model_ids"),
        (&many, &[][..], "", "model_ids"),
        ("/v1/models/batch-compare", &json[..], &many_in_body, "model_ids"),
        (
            "/v1/models/batch-compare",
            &json[..],
            r#"{"model_ids":[""]}"#,
            "model_ids",
        ),
        (
            "/v1/models/batch-compare?model_ids=a",
            &json[..],
            r#"{"model_ids":["b"]}"#,
            "model_ids",
        ),
        (
            "/v1/models/batch-compare?model_ids=a",
            &json[..],
            r#"{"model_ids":[]}"#,
            "model_ids",
        ),
        (
            "/v1/models/batch-compare",
            &json[..],
            r#"{"model_ids":["b"],"criteria":"x"}"#,
            "criteria",
        ),
        (
            "/v1/models/batch-compare?model_ids=a&criteria=x",
            &[][..],
            "",
            "criteria",
        ),
    ];
    for (path, head, body, parameter) in wrong {
        let got = gateway.ask(Method::POST, path, head, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert_eq!(got.json()["error"]["context"]["parameter"], parameter, "{path} {body}");
    }
}

#[tokio::test]
async fn a_model_is_found_by_each_of_its_names() {
    let gateway = Gateway::furnished().await;
    for path in [
        "/v1/models/openai/gpt-5.5",
        "/v1/models/openai%2Fgpt-5.5",
        "/v1/models/gpt-5.5",
        "/v1/models/OpenAI/gpt-5.5?gateway=openai",
        "/api/models/detail?modelId=openai%2Fgpt-5.5",
    ] {
        let answer = gateway.get(path).await.json();
        assert_eq!(answer["id"], "gpt-5.5", "{path}");
        assert_eq!(answer["object"], "model", "{path}");
        assert_eq!(answer["owned_by"], "openai", "{path}");
        assert_eq!(answer["data"]["id"], "gpt-5.5", "{path}");
        assert_eq!(answer["model"], "gpt-5.5", "{path}");
    }
    let compared = gateway.get("/v1/models/openai/gpt-oss-120b/compare").await.json();
    assert_eq!(compared["canonical_slug"], "openai/gpt-oss-120b");
    assert!(compared["providers"].as_array().unwrap().len() > 1);
    let soon = gateway.get("/v1/models/low-latency").await.json();
    assert_eq!((&soon["count"], &soon["total"]), (&json!(1), &json!(1)));
    assert_eq!(soon["providers_by_speed"].as_array().unwrap().len(), 2);
    assert_eq!(soon["alternatives"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_answered_with_what_may_be_meant() {
    let gateway = Gateway::furnished().await;
    let missing = [
        ("/v1/models/openai/gpt-5.55", "MODEL_NOT_FOUND", Some("openai/gpt-5.5")),
        (
            "/v1/models/openai/gpt-5.55/compare",
            "MODEL_NOT_FOUND",
            Some("openai/gpt-5.5"),
        ),
        ("/v1/models/nobody", "MODEL_NOT_FOUND", None),
        (
            "/v1/models/openai/gpt-5.5?gateway=groq",
            "MODEL_NOT_FOUND",
            Some("openai/gpt-5.5"),
        ),
        (
            "/v1/models/openai/gpt-5.5?gateway=opnai",
            "PROVIDER_NOT_FOUND",
            Some("openai"),
        ),
        ("/v1/models/search?gateway=opnai", "PROVIDER_NOT_FOUND", Some("openai")),
        ("/v1/gateway/opnai/stats", "PROVIDER_NOT_FOUND", Some("openai")),
        ("/v1/provider/opnai/stats", "PROVIDER_NOT_FOUND", Some("openai")),
        ("/v1/provider/opnai/top-models", "PROVIDER_NOT_FOUND", Some("openai")),
        ("/api/models/detail?modelId=none", "MODEL_NOT_FOUND", None),
    ];
    for (path, code, suggestion) in missing {
        let got = gateway.get(path).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
        let error = got.json()["error"].clone();
        assert_eq!(error["code"], code, "{path}");
        let suggestions = error["suggestions"].as_array().cloned().unwrap_or_default();
        assert!(suggestions.len() <= 6, "{path}");
        if let Some(suggestion) = suggestion {
            assert!(suggestions.contains(&json!(suggestion)), "{path}: {suggestions:?}");
        }
    }
    let long = format!("/v1/models/{}/{}", "a".repeat(80), "b/".repeat(250));
    assert_eq!(gateway.get(&long).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn unknown_providers_have_nothing_where_the_operator_wants_it_so() {
    let gateway = Gateway::new(&[("catalog.unknown_gateway", "empty")]).await;
    gateway.app.migrate().await.unwrap();
    gateway.app.furnish(true).await.unwrap();
    for (path, total) in [
        ("/v1/models?gateway=nobody", "/total"),
        ("/v1/models?gateway=nobody&unique_models=true", "/total"),
        ("/v1/models/search?gateway=nobody", "/meta/total"),
        ("/v1/gateway/nobody/stats", "/data/models/total_models"),
        ("/v1/provider?gateway=nobody", "/total"),
    ] {
        let got = gateway.get(path).await;
        gateway.check(&Method::GET, path, &got);
        assert_eq!(got.json().pointer(total), Some(&json!(0)), "{path}");
    }
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_told() {
    // Without its schema there is nothing to read.
    let gateway = Gateway::new(&[]).await;
    for path in [
        "/v1/models/openai/gpt-5.5",
        "/v1/models/openai",
        "/v1/models/search",
        "/v1/models/unique",
        "/v1/gateways",
        "/v1/gateways/status",
        "/v1/provider",
    ] {
        let got = gateway.get(path).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(got.headers.contains_key(header::RETRY_AFTER), "{path}");
    }
}

#[tokio::test]
async fn wrong_values_are_refused_by_name() {
    let gateway = Gateway::furnished().await;
    for route in super::all().into_iter().filter(|route| is_of_the_catalogue(route)) {
        let path = route.paths[0].replace("{provider}/{*model}", "openai/gpt-5.5");
        let path = path.replace("{gateway}", "openai").replace("{name}", "openai");
        let path = path.replace("{developer}", "openai").replace("{id}", "x");
        let method = Method::from_bytes(route.verb.as_str().as_bytes()).unwrap();
        for param in route.params.iter().filter(|param| param.place == Place::Query) {
            for value in wrong_values(param.kind) {
                let asked = format!("{path}?{}={value}", param.name);
                let got = gateway.ask(method.clone(), &asked, &[], "").await;
                assert_eq!(got.status, StatusCode::BAD_REQUEST, "{asked}");
                let error = got.json()["error"].clone();
                assert_eq!(error["code"], "INVALID_PARAMETER", "{asked}");
                assert_eq!(error["context"]["parameter"], param.name, "{asked}");
                assert!(error["message"].as_str().unwrap().contains(param.name), "{asked}");
            }
            if !matches!(param.kind, Kind::List { .. }) {
                let asked = format!("{path}?{0}=true&{0}=true", param.name);
                let got = gateway.ask(method.clone(), &asked, &[], "").await;
                assert_eq!(got.status, StatusCode::BAD_REQUEST, "{asked}");
            }
        }
    }
    for (path, names) in [
        ("/v1/models/search?min_price=2&max_price=1", ["min_price", "max_price"]),
        (
            "/v1/models/search?min_context=2&max_context=1",
            ["min_context", "max_context"],
        ),
    ] {
        let got = gateway.get(path).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{path}");
        let message = got.json()["error"]["message"].to_string();
        assert!(names.iter().all(|name| message.contains(name)), "{message}");
    }
    let got = gateway.get("/api/models/detail?modelId=a&modelName=b").await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

fn is_of_the_catalogue(route: &Route) -> bool {
    matches!(route.chapter, "Models" | "Providers" | "Modelz")
}

fn wrong_values(kind: Kind) -> Vec<String> {
    let some = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    match kind {
        Kind::Text(most) => vec!["%00".to_owned(), "%ff".to_owned(), "a".repeat(most + 1)],
        Kind::Flag => some(&["yes", "2", "TRUE"]),
        Kind::Whole { least, most } => {
            let mut values: Vec<String> = some(&["x", "-1", "1.5", "%2B1", "99999999999999999999999"]);
            values.push((most + 1).to_string());
            values.extend(least.checked_sub(1).map(|below| below.to_string()));
            values
        }
        Kind::Price => some(&["x", "-1", "NaN", "inf", "99999999"]),
        Kind::Word(_) => some(&["no-such-word"]),
        Kind::Gateway => vec!["a".repeat(81)],
        Kind::List { most, each } => vec![vec!["a"; most + 1].join(","), "a".repeat(each + 1), "%00".to_owned()],
        Kind::Modality => some(&["smell", "text-%3Esmell", "text-%3Etext-%3Etext"]),
    }
}

proptest! {
    #[test]
    fn any_query_is_read_or_refused(query in "\\PC{0,80}", name in 0_usize..24, value in "[ -~]{0,40}", twice: bool) {
        for route in super::all() {
            let named = route.params.get(name).map_or("x", |param| param.name);
            let mut asked = format!("{query}&{named}={value}");
            if twice {
                asked = format!("{named}={value}&{asked}");
            }
            let segments = [("provider", value.clone()), ("model", query.clone()), ("developer", value.clone())];
            if let Err(problem) = Params::read(route, &segments, &asked) {
                prop_assert!(problem.code().status().is_client_error());
            }
        }
    }
}

#[test]
fn no_query_is_a_fault_of_the_server() {
    let values = prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,20}",
        "[0-9]{1,12}",
        "0\\.[0-9]{1,15}",
        "(text|image|->|,|\\+){1,4}",
        Just("all".to_owned()),
        Just("openai".to_owned()),
        Just("true".to_owned()),
        "(asc|desc|price|context|popularity|name|cheapest_price|provider_count)",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let gateway = runtime.block_on(Gateway::furnished());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let pairs = proptest::collection::vec((0_usize..24, values.clone()), 0..4);
    let routes: Vec<&Route> = super::all()
        .into_iter()
        .filter(|route| is_of_the_catalogue(route) && route.chapter != "Modelz")
        .collect();
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let asked = (0..routes.len(), pairs, values.clone(), values);
    let held = runner.run(&asked, |(route, pairs, first, second)| {
        let route = routes[route];
        let mut path = route.paths[0].replace("{*model}", &format!("x{}", encoded(&second)));
        for name in ["provider", "developer", "gateway", "name"] {
            path = path.replace(&format!("{{{name}}}"), &format!("x{}", encoded(&first)));
        }
        path.push('?');
        for (at, value) in pairs {
            let name = route.params.get(at).map_or("x", |param| param.name);
            path.push_str(&format!("{name}={}&", encoded(&value)));
        }
        let method = Method::from_bytes(route.verb.as_str().as_bytes()).unwrap();
        let got = runtime.block_on(gateway.ask(method.clone(), &path, &[], ""));
        prop_assert!(
            got.status == StatusCode::OK || got.status.is_client_error(),
            "{path}: {:?}",
            got.body
        );
        if got.status == StatusCode::OK {
            gateway.check(&method, &path, &got);
        }
        Ok(())
    });
    held.unwrap();
}

#[test]
fn forms_have_names_of_their_own() {
    // A name that two forms have would describe one of them wrongly: each is written where it is mentioned alone.
    let whole = openapi::document(&super::all());
    let schemas = whole["components"]["schemas"].as_object().unwrap();
    for route in super::all() {
        let (Good::Json(schema) | Good::JsonOr503(schema)) = route.answers.good else {
            continue;
        };
        let mut book = Book::default();
        schema(&mut book);
        for (name, alone) in book.into_schemas() {
            assert_eq!(schemas.get(&name), Some(&alone), "`{name}` of {}", route.name);
        }
    }
    let known: Vec<&str> = schemas.keys().map(String::as_str).collect();
    assert!(known.contains(&"Model"), "{known:?}");
}

#[test]
fn slugs_of_nobody_are_slugs() {
    assert!(Slug::new("unknown").is_ok());
}
