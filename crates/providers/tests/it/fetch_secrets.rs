//! Keys show nowhere.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use gatewayz_catalog::ListSource as _;
use gatewayz_testkit::{
    Cut, SimulatedProvider,
    simulated::{Fault, Reply, Route},
};
use serde_json::json;
use tracing::{Event, Metadata, Subscriber, field::Field, field::Visit, span};

use crate::fetch_support::{LIST, Setup, TWO};

const CANARIES: [&str; 4] = [
    "sk-canary-9f8e7d6c5b4a",
    "acc-canary-31415926",
    "tok-canary-27182818",
    "app-canary-16180339",
];
const PEM: &str = include_str!("../fixtures/throwaway-key-for-tests.pem");

/// Writes down all that is logged, of every crate, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

#[tokio::test(flavor = "current_thread")]
async fn no_key_is_seen_in_an_error_a_log_or_a_debug() {
    let log = Log::default();
    // For the whole process: what other tests log must not have a key in it either.
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let mut shown = String::new();
    let [key, account, token, app] = CANARIES;
    let service = json!({
        "client_email": "a@b", "private_key": PEM, "token_uri": "URL/token",
    });

    for auth in ["bearer", "google", "exchange", "header"] {
        let provider = SimulatedProvider::start().await.unwrap();
        let (list, secret) = match auth {
            "google" => (
                "auth = \"google-service-account\"",
                service.to_string().replace("URL", &provider.url()),
            ),
            "exchange" => ("auth = { exchange = \"URL/token\" }", key.to_owned()),
            "header" => ("auth = { header = \"x-api-key\" }", key.to_owned()),
            _ => ("", key.to_owned()),
        };
        let world = Setup {
            url: "URL/v1/{ACCOUNT}/models",
            settings: [("TEST_KEY", secret.as_str()), ("ACCOUNT", account), ("APP_CODE", app)]
                .into_iter()
                .collect(),
            retries: 1,
            ..Setup::list(&format!(
                "{list}\nkey_env = [\"TEST_KEY\"]\ntimeout_secs = 1\nheaders = {{ app-code = \"{{APP_CODE}}\" }}"
            ))
        }
        .with(provider);
        let path = format!("/v1/{account}/models");
        world.provider.route(
            "/token",
            Reply::json(format!(r#"{{"token":"{token}","expires_in":3600}}"#)),
        );

        // A provider that repeats all that it was sent.
        let echo = |status: u16| {
            Route::of(move |request| {
                let all = format!("{} {:?}", request.target, request.headers);
                Reply::json(json!({ "error": { "message": all } }).to_string()).with_status(status)
            })
        };
        for status in [200, 400, 401, 403, 429, 500] {
            world.provider.route(&path, echo(status));
            let error = world.list_anew().await.unwrap_err();
            writeln!(shown, "{error} {error:?}").unwrap();
            writeln!(shown, "{:?}", world.lists.states().state(&world.slug).await).unwrap();
            let again = world.list().await.unwrap_err();
            writeln!(shown, "{again} {again:?}").unwrap();
        }
        world.provider.route(&path, Reply::json(TWO));
        // Google's key goes to nobody, so nobody can repeat it.
        let all = if auth == "google" {
            format!("{account} {token}")
        } else {
            format!("{key} {account}")
        };
        for fault in [
            Fault::Hang,
            Fault::Drop(Cut::Reset),
            Fault::CutAfter(5, Cut::Finish),
            Fault::instead(Reply::html("<html>")),
            Fault::instead(Reply::redirect(302, &format!("https://x.example/?key={key}"))),
            Fault::instead(Reply::status(500).header("x-echo", key).body(all)),
        ] {
            world.provider.fault(&path, fault);
            let error = world.list_anew().await.unwrap_err();
            writeln!(shown, "{error} {error:?}").unwrap();
        }
        world.provider.heal_all();
        writeln!(shown, "{:?}", world.list_anew().await.unwrap()).unwrap();
        // An exchange that repeats what it was sent.
        world.clock.advance(std::time::Duration::from_secs(7200));
        world.provider.route(
            "/token",
            Route::of(|request| {
                let all = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
                Reply::json(json!({ "error_description": all }).to_string()).with_status(400)
            }),
        );
        if let Err(error) = world.list_anew().await {
            writeln!(shown, "{error} {error:?}").unwrap();
        }
        writeln!(
            shown,
            "{:?} {:?} {:?}",
            world.lists,
            world.lists.states(),
            world.lists.registry()
        )
        .unwrap();
        world.provider.route(LIST, Reply::json(TWO));
        drop(world.lists.list(&world.slug).await);
    }

    let log = log.0.lock().unwrap().clone();
    assert!(log.contains("provider left alone"), "the log is listened to");
    assert!(shown.contains("***"), "something was there to hide");
    let pem_line = PEM.lines().nth(5).unwrap();
    for canary in CANARIES.into_iter().chain([pem_line, "PRIVATE KEY"]) {
        for (what, text) in [("error or debug", &shown), ("log", &log)] {
            if let Some(at) = text.find(canary) {
                panic!("{what} shows {canary}: ..{}", &text[at.saturating_sub(120)..at]);
            }
        }
    }
}
