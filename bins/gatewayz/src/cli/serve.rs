//! `gatewayz serve`

use clap::{Arg, ArgMatches, Command};

use super::{
    context::{Database, Globals, runtime},
    failure::{Exit, Failure},
};
use crate::{
    config::Config,
    serve::{ServeFailed, Server},
    telemetry::{install_recorder, start_log},
};

pub(super) fn command() -> Command {
    Command::new("serve")
        .about("Serves, until told to end (what is done without a command)")
        .arg(listen("Where to listen, as in 0.0.0.0:8080"))
}

/// The flag for where a server listens.
pub(super) fn listen(help: &'static str) -> Arg {
    Arg::new("listen").long("listen").value_name("ADDRESS").help(help)
}

/// Serves until told to end.
pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let listen = matches.try_get_one::<String>("listen").ok().flatten();
    let globals = globals.clone().with("server.listen", listen);
    let loaded = globals.load()?;
    let log = start_log(&loaded.config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let recorder = install_recorder().map_err(|error| Failure::because("metrics cannot be recorded", &error))?;
    let database = Database::of(&loaded);
    let is_first = database.is_new();
    let reload = move || match globals.load() {
        Ok(loaded) => {
            if let Err(error) = log.filter(&loaded.config.log.filter) {
                tracing::error!(%error, "the log stays as it is");
            }
            Some(loaded.config)
        }
        Err(error) => {
            tracing::error!(%error, "the configuration stays as it is");
            None
        }
    };
    runtime()?
        .block_on(serve(loaded.config, recorder, is_first.then_some(database), reload))
        .map_err(|error| Failure::because("", &error))?;
    Ok(Exit::Fine)
}

async fn serve(
    config: Config,
    recorder: crate::telemetry::Recorder,
    first: Option<Database>,
    reload: impl Fn() -> Option<Config> + Send,
) -> Result<(), ServeFailed> {
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let server = Box::pin(Server::start(config, recorder)).await?;
    let address = server.address;
    tracing::info!(%address, "listening on {scheme}://{address}");
    if let Some(address) = server.admin_address {
        tracing::info!(%address, "administration listens on {scheme}://{address}");
    }
    if let Some(database) = first {
        welcome(&database, &format!("{scheme}://{address}"));
    }
    server.run(reload).await
}

/// What somebody wants to know who starts it for the first time.
fn welcome(database: &Database, url: &str) {
    tracing::info!(
        "first start: `{}` is made now, with the models that come with the gateway",
        database.url
    );
    tracing::info!(
        "to have a provider's own list, set its key, such as OPENAI_API_KEY, or write [providers.NAME] into \
         gatewayz.toml; `gatewayz providers` names the variable of each"
    );
    tracing::info!("the API is described at {url}/docs; try {url}/v1/models?gateway=all");
}
