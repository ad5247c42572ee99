//! `gatewayz serve`

use std::{collections::BTreeMap, process::ExitCode};

use thiserror::Error;

use crate::{
    config::{Config, ConfigError, Loaded, Sources},
    serve::{ServeFailed, Server},
    telemetry::{InvalidLog, install_recorder, start_log},
};

/// Why the server did not start.
#[derive(Debug, Error)]
enum Failed {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] InvalidLog),
    #[error("metrics cannot be recorded: {0}")]
    Recorder(#[from] metrics_exporter_prometheus::BuildError),
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
    #[error(transparent)]
    Serve(#[from] ServeFailed),
}

/// Serves until told to end.
pub(super) fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the log may not have started")]
            {
                eprintln!("gatewayz: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn load() -> Result<Loaded, ConfigError> {
    Config::load(&Sources::gather(BTreeMap::new(), None)?)
}

fn serve() -> Result<(), Failed> {
    let loaded = load()?;
    let log = start_log(&loaded.config.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let recorder = install_recorder()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("gatewayz")
        .enable_all()
        .build()?;
    let reload = move || match load() {
        Ok(loaded) => {
            if let Err(error) = log.filter(&loaded.config.log.filter) {
                tracing::error!(%error, "the log stays as it is");
            }
            tracing::info!("the configuration was read anew");
            Some(loaded.config)
        }
        Err(error) => {
            tracing::error!(%error, "the configuration stays as it is");
            None
        }
    };
    runtime.block_on(async {
        let server = Server::start(loaded.config, recorder).await?;
        tracing::info!(address = %server.address, "listening on http://{}", server.address);
        server.run(reload).await
    })?;
    Ok(())
}
