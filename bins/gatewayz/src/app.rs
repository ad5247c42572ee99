//! What the server's rooms share.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
};

use arc_swap::{ArcSwap, Guard};
use gatewayz_cache_core::UnixMillis;

use crate::{
    background::{Jobs, Vitals},
    config::Config,
    engine::Engine,
    http::{Connections, Peer, Router},
    layers::{AdminKeys, Gate},
    routes::health::LastPicture,
    telemetry::{HttpMetrics, Recorder},
};

/// Everything that answering needs.
#[derive(Debug)]
pub(crate) struct App {
    config: ArcSwap<Config>,
    engine: Engine,
    /// The keys of administrators.
    pub(crate) admin_keys: ArcSwap<AdminKeys>,
    /// What is served.
    pub(crate) router: Router,
    /// What was answered.
    pub(crate) http: HttpMetrics,
    /// How many calls wait at once.
    pub(crate) gate: Arc<Gate>,
    /// The connections that are open.
    pub(crate) connections: Connections,
    /// What was recorded.
    pub(crate) recorder: Recorder,
    /// Where traces go, if anywhere.
    #[cfg(feature = "traces")]
    pub(crate) traces: Option<crate::telemetry::Traces>,
    /// What is done without being asked.
    pub(crate) jobs: Jobs,
    /// What the database and Redis said of themselves last.
    pub(crate) vitals: Vitals,
    /// How the gateways were a moment ago.
    pub(crate) picture: LastPicture,
    /// Whose turn it is to sync.
    pub(crate) sync_turn: Arc<tokio::sync::Mutex<()>>,
    /// Where what waits runs.
    pub(crate) background: tokio::runtime::Handle,
    /// When the process began to serve.
    pub(crate) started: UnixMillis,
    /// Whether the server is about to end.
    pub(crate) draining: AtomicBool,
}

impl std::ops::Deref for App {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl App {
    /// Puts it together. Must be called on the runtime of the background.
    ///
    /// # Errors
    ///
    /// Says which two routes there are for one path, or what is wrong with the collector of traces.
    pub(crate) fn new(config: Config, engine: Engine, recorder: Recorder) -> Result<Arc<Self>, String> {
        let router = Router::new(crate::routes::all())?;
        let keys = AdminKeys::new(config.admin.key.as_ref(), config.admin.key_secret.as_ref());
        Ok(Arc::new(Self {
            http: HttpMetrics::new(router.routes()),
            router,
            admin_keys: ArcSwap::from_pointee(keys),
            gate: Arc::new(Gate::new(config.server.concurrency)),
            connections: Connections::default(),
            recorder,
            #[cfg(feature = "traces")]
            traces: crate::telemetry::Traces::start(&config.traces)?,
            jobs: Jobs::default(),
            vitals: Vitals::default(),
            picture: LastPicture::default(),
            sync_turn: Arc::default(),
            background: tokio::runtime::Handle::current(),
            started: engine.node.time().wall(),
            draining: AtomicBool::new(false),
            config: ArcSwap::from_pointee(config),
            engine,
        }))
    }

    /// The present configuration.
    pub(crate) fn config(&self) -> Guard<Arc<Config>> {
        self.config.load()
    }

    /// Takes what can be taken of another configuration without starting anew.
    pub(crate) fn reconfigure(&self, new: &Config) {
        let config = self.config.load().taking(new);
        let keys = AdminKeys::new(config.admin.key.as_ref(), config.admin.key_secret.as_ref());
        self.admin_keys.store(Arc::new(keys));
        self.lists.replace(&config);
        self.config.store(Arc::new(config));
    }

    /// Whether a connection came in where only this machine or administrators get to.
    pub(crate) fn is_local(&self, peer: &Peer) -> bool {
        let reached: IpAddr = self.config().server.listen.ip();
        peer.admin_listener || reached.is_loopback()
    }
}
