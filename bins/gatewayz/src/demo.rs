//! The gateway with made-up providers: to look at it without a network, keys or a database.

mod lists;
mod providers;

use std::{collections::BTreeMap, fmt::Write as _, io::ErrorKind, net::SocketAddr, path::PathBuf, time::Duration};

use rand::RngExt as _;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{
    lists::{KEY, SIMULATED},
    providers::Providers,
};
use crate::{
    app::App,
    background::Job,
    cli::{
        failure::{Exit, Failure},
        output, runtime,
    },
    config::{Config, FileText, Sources},
    serve::{ServeFailed, Server},
    telemetry::{Recorder, install_recorder, start_log},
};

/// How long the first lists are waited for: the slow provider takes two seconds.
const FIRST_LISTS: Duration = Duration::from_secs(60);
/// Where it listens where nobody says where, if that is free.
const USUAL: &str = "127.0.0.1:8080";

/// Serves until told to end, and leaves nothing behind.
pub(crate) fn run(flags: &BTreeMap<String, String>, listen: Option<&String>) -> Result<Exit, Failure> {
    let directory = TempDir::with_prefix("gatewayz-demo-")
        .map_err(|error| Failure::because("a temporary directory cannot be made", &error))?;
    let runtime = runtime()?;
    let ended = runtime.block_on(Box::pin(demonstrate(flags, listen, &directory)));
    drop(runtime);
    let path = directory.path().to_owned();
    if let Err(error) = directory.close() {
        output::note(&format!(
            "gatewayz: warning: `{}` was not removed: {error}",
            path.display()
        ));
    }
    ended
}

async fn demonstrate(
    flags: &BTreeMap<String, String>,
    listen: Option<&String>,
    directory: &TempDir,
) -> Result<Exit, Failure> {
    let system = |error| Failure::because("the operating system refuses", &error);
    let mut end = End::new().map_err(system)?;
    let providers = Providers::start().await.map_err(system)?;
    let admin_key = random_key();
    let file = file(providers.address)?;
    let load = |listen: &str| {
        let mut flags = flags.clone();
        let usual = [
            ("server.listen", listen.to_owned()),
            ("admin.key", admin_key.clone()),
            (
                "database.url",
                format!("sqlite://{}", directory.path().join("demo.db").display()),
            ),
            ("log.filter", "warn".to_owned()),
        ];
        for (path, value) in usual {
            flags.entry(path.to_owned()).or_insert(value);
        }
        // Neither keys nor a database of this machine are touched.
        let environment = BTreeMap::new();
        Config::load(&Sources {
            flags,
            environment,
            file: Some(file.clone()),
        })
    };
    let loaded = load(listen.map_or(USUAL, String::as_str))?;
    start_log(&loaded.config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let recorder = install_recorder().map_err(|error| Failure::because("metrics cannot be recorded", &error))?;
    output::text(&welcome())?;
    let started = match start(loaded.config, &recorder).await {
        Err(ServeFailed::Listen { error, .. }) if listen.is_none() && error.kind() == ErrorKind::AddrInUse => {
            start(load("127.0.0.1:0")?.config, &recorder).await
        }
        started => started,
    };
    let server = started.map_err(|error| Failure::because("", &error))?;
    let said = tokio::select! {
        () = end.wait() => Ok(()),
        said = introduce(&server, &admin_key, directory) => {
            if said.is_ok() {
                end.wait().await;
            }
            said
        }
    };
    server.end().await;
    said.map(|()| Exit::Fine)
}

async fn start(config: Config, recorder: &Recorder) -> Result<Server, ServeFailed> {
    Box::pin(Server::start(config, recorder.clone())).await
}

/// What is pasted first.
async fn introduce(server: &Server, admin_key: &str, directory: &TempDir) -> Result<(), Failure> {
    let is_complete = tokio::time::timeout(FIRST_LISTS, first_lists(&server.app))
        .await
        .is_ok();
    let models = server.app.catalog.snapshot().await.map_or(0, |snapshot| snapshot.len());
    if !is_complete {
        output::note("gatewayz: warning: the first lists take long; not all models are there yet");
    }
    output::text(&invitation(server.address, admin_key, models, directory))
}

async fn first_lists(app: &App) {
    let is_over = || {
        let reports = app.jobs.reports();
        let sync = reports.iter().find(|report| report.job == Job::Sync.as_str());
        sync.is_some_and(|report| report.runs + report.failures > 0)
    };
    while !is_over() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn welcome() -> String {
    format!(
        "This is a demonstration of Gatewayz. Its {} providers are made up: they run inside this process, their \
         models and\nprices are examples, and no network is needed. Two of them misbehave: `together` takes two \
         seconds to answer, `novita`\nfails every other time. Fetching their lists ..",
        SIMULATED.len()
    )
}

fn invitation(address: SocketAddr, admin_key: &str, models: usize, directory: &TempDir) -> String {
    let base = format!("http://{}", crate::cli::near(address));
    let key = format!("-H 'Authorization: Bearer {admin_key}'");
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing into a text does not fail.
        let _written = writeln!(text, "{line}");
    };
    line(format_args!(
        "\n{models} models are there. Serving on {base}, for people at {base}/docs"
    ));
    line(format_args!(
        "The key of administrators, for this run only: {admin_key}\n\nTry:\n"
    ));
    line(format_args!("  # some models of all providers"));
    line(format_args!("  curl -fsS '{base}/v1/models?gateway=all&limit=3'"));
    line(format_args!("  # the cheapest that are called gpt"));
    line(format_args!(
        "  curl -fsS '{base}/v1/models/search?q=gpt&sort_by=price&limit=3'"
    ));
    line(format_args!("  # who serves one model, and for how much"));
    line(format_args!(
        "  curl -fsS '{base}/v1/models/groq/openai/gpt-oss-120b/compare'"
    ));
    line(format_args!("  # what is cached of each provider"));
    line(format_args!("  curl -fsS {key} '{base}/cache/status'"));
    line(format_args!("  # forget it; the next request reads it again"));
    line(format_args!("  curl -fsS -X POST {key} '{base}/cache/clear'"));
    line(format_args!(
        "\nCtrl-C ends it and removes {}, where its database is.",
        directory.path().display()
    ));
    text
}

/// 32 letters and digits.
fn random_key() -> String {
    let mut rng = rand::rng();
    let letters = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let letter = |_| char::from(letters.get(rng.random_range(0..letters.len())).copied().unwrap_or(b'x'));
    (0..32).map(letter).collect()
}

/// The configuration: these providers at this address, and nobody else.
fn file(address: SocketAddr) -> Result<FileText, Failure> {
    let registry = gatewayz_providers::Registry::builtin().map_err(|error| Failure::because("", &error))?;
    let mut text = "[sync]\non_startup = true\ninterval = \"1m\"\nskip = []\nseed = false\n".to_owned();
    for adapter in registry.iter() {
        let slug = adapter.slug().as_str();
        // Writing into a text does not fail.
        let _written = if SIMULATED.iter().any(|simulated| simulated.slug == slug) {
            write!(
                text,
                "[providers.{slug}]\nbase_url = \"http://{address}/{slug}\"\nmodels_url = \
                 \"http://{address}/{slug}/models\"\napi_key = \"{KEY}\"\nallow_private = true\nmin_models = 1\n"
            )
        } else {
            write!(text, "[providers.{slug}]\nenabled = false\n")
        };
    }
    Ok(FileText {
        path: PathBuf::from("demonstration"),
        text,
    })
}

/// Being told to end, from the beginning on: nothing may be left behind.
struct End([Signal; 3]);

impl End {
    fn new() -> std::io::Result<Self> {
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn wait(&mut self) {
        let [terminate, interrupt, hang_up] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{SIMULATED, file, random_key};
    use crate::config::{Config, Sources};

    #[test]
    fn the_configuration_has_the_made_up_providers_and_no_others() {
        let file = file("127.0.0.1:4711".parse().unwrap()).expect("the registry is fine");
        let sources = Sources {
            flags: BTreeMap::from([("admin.key".to_owned(), random_key())]),
            environment: BTreeMap::new(),
            file: Some(file),
        };
        let config = Config::load(&sources).expect("it is fine").config;
        let mut active: Vec<&str> = config
            .providers
            .registry
            .iter()
            .filter(|adapter| adapter.provider().active)
            .map(|adapter| adapter.slug().as_str())
            .collect();
        let mut simulated: Vec<&str> = SIMULATED.iter().map(|simulated| simulated.slug).collect();
        active.sort_unstable();
        simulated.sort_unstable();
        assert_eq!(active, simulated);
        for adapter in config
            .providers
            .registry
            .iter()
            .filter(|adapter| adapter.provider().active)
        {
            let url = adapter.list().map(|list| list.url.as_str()).unwrap_or_default();
            assert_eq!(url, format!("http://127.0.0.1:4711/{}/models", adapter.slug()));
        }
        assert_eq!(config.providers.private_hosts, ["127.0.0.1"]);
    }
}
