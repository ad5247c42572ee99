//! The server's life: from its listeners to its last answer.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, atomic::Ordering},
};

use thiserror::Error;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    app::App,
    background,
    config::Config,
    engine::{Engine, OpenFailed},
    http::{Bound, Draining, InvalidTls, Limits, TlsAcceptor, bind, serve},
    layers,
    telemetry::Recorder,
};

/// Why the server cannot serve.
#[derive(Debug, Error)]
pub(crate) enum ServeFailed {
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {error}; set GATEWAYZ_LISTEN to another address")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The parts cannot be put together.
    #[error(transparent)]
    Open(#[from] OpenFailed),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
    /// A bug: the routes are wrong.
    #[error("{0}")]
    Routes(String),
    /// The operating system refuses threads or signals.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

/// A server that serves.
#[derive(Debug)]
pub(crate) struct Server {
    /// What its rooms share.
    pub(crate) app: Arc<App>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where administration is served, if elsewhere.
    pub(crate) admin_address: Option<SocketAddr>,
    /// The configuration that was read last.
    read: Config,
    tls: Option<TlsAcceptor>,
    serving: Draining,
    jobs: tokio::task::JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Listens, answers, and begins with what it does in the background. Must be called on a runtime with more than one
    /// thread.
    ///
    /// # Errors
    ///
    /// [`ServeFailed`]
    pub(crate) async fn start(config: Config, recorder: Recorder) -> Result<Self, ServeFailed> {
        let bound = listeners(&config)?;
        let tls = config
            .server
            .tls
            .as_ref()
            .map(|files| TlsAcceptor::new(&files.certificate, &files.key))
            .transpose()?;
        let limits = Limits {
            header: config.server.header_timeout,
            idle: config.server.idle_timeout,
            answer: config.server.idle_timeout,
            max_header_bytes: config.server.max_header_bytes,
            max_connections: config.server.max_connections,
        };
        let address = bound.first().map_or(config.server.listen, |bound| bound.address);
        let admin_address = bound.get(1).map(|bound| bound.address);
        let engine = Engine::open(&config).await?;
        let app = App::new(config.clone(), engine, recorder).map_err(ServeFailed::Routes)?;
        let front = layers::stack(&app);
        let serving = serve(bound, &front, limits, &app.connections, tls.as_ref())?;
        let (stop, stopped) = watch::channel(false);
        let jobs = background::start(&app, &stopped);
        Ok(Self {
            app,
            address,
            admin_address,
            read: config,
            tls,
            serving,
            jobs,
            stop,
        })
    }

    /// Serves until the process is told to end, and then ends in order.
    ///
    /// # Errors
    ///
    /// [`ServeFailed::System`] where signals cannot be listened to.
    pub(crate) async fn run(mut self, reload: impl Fn() -> Option<Config> + Send) -> Result<(), ServeFailed> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => {
                    if let Some(config) = reload() {
                        self.reconfigure(config);
                    }
                }
            }
        }
        self.end().await;
        Ok(())
    }

    /// Takes what can be taken of another configuration, and says what cannot.
    fn reconfigure(&mut self, config: Config) {
        let changes = self.read.changes(&config);
        // Also where its path is the same: certificates are renewed in their place.
        if let (Some(tls), Some(files)) = (&self.tls, &config.server.tls)
            && let Err(error) = tls.replace(&files.certificate, &files.key)
        {
            tracing::error!(%error, "the certificate was not replaced");
        }
        self.app.reconfigure(&config);
        self.read = config;
        tracing::info!(applied = changes.applied.join(", "), "the configuration was read anew");
        if !changes.needs_restart.is_empty() {
            tracing::warn!(
                settings = changes.needs_restart.join(", "),
                "some changes are taken at the next start only"
            );
        }
    }

    /// Answers what is under way, and ends.
    pub(crate) async fn end(mut self) {
        let limit = self.app.config().server.drain_timeout;
        tracing::info!(
            connections = self.app.connections.count(),
            "ending: no more connections are taken, requests under way are answered"
        );
        self.app.draining.store(true, Ordering::Relaxed);
        let left = self.serving.drain(limit).await;
        if left > 0 {
            tracing::warn!(connections = left, "some connections were cut off");
        }
        self.stop.send_replace(true);
        let ended = async { while self.jobs.join_next().await.is_some() {} };
        if tokio::time::timeout(std::time::Duration::from_secs(5), ended)
            .await
            .is_err()
        {
            tracing::warn!("some work in the background was broken off");
        }
        self.app.close().await;
        tracing::info!("ended");
    }
}

fn listeners(config: &Config) -> Result<Vec<Bound>, ServeFailed> {
    let listen =
        |address, threads, admin| bind(address, threads, admin).map_err(|error| ServeFailed::Listen { address, error });
    let mut bound = vec![listen(config.server.listen, config.server.workers, false)?];
    if let Some(address) = config.admin.listen {
        bound.push(listen(address, NonZeroUsize::MIN, true)?);
    }
    Ok(bound)
}
