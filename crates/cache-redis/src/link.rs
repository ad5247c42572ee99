//! One set of connections, and how a command goes over them.

use std::{path::Path, time::Duration};

use fred::{
    clients::Client,
    interfaces::{ClientLike, ClusterInterface, LuaInterface},
    types::{
        Builder, ClusterHash, ConnectHandle, CustomCommand, RespVersion, Value,
        config::{ClusterDiscoveryPolicy, Config, Options, ReconnectPolicy, Server, ServerConfig, TcpConfig},
    },
};

use crate::{
    answer::Parts,
    config::{InvalidConfig, RedisConfig, Secret, Topology},
    fault::{Fault, Kind},
    scripts::Script,
};

/// How often a lost connection is tried again.
const RECONNECT_MS: u32 = 100;
/// How many messages wait for the applier; over it, the node joins anew.
pub(crate) const MESSAGES: usize = 1024;

/// The parts of the client's configuration that can be wrong.
#[derive(Debug)]
pub(crate) struct Blueprint {
    config: Config,
    settings: RedisConfig,
}

impl Blueprint {
    pub(crate) fn new(settings: &RedisConfig) -> Result<Self, InvalidConfig> {
        settings.check()?;
        let endpoint = &settings.endpoint;
        let host = |host: &crate::config::Host| Server::new(host.name.as_str(), host.port);
        let server = match &endpoint.topology {
            Topology::Single(single) => ServerConfig::Centralized { server: host(single) },
            Topology::Unix(path) => ServerConfig::Unix { path: path.clone() },
            Topology::Sentinel {
                nodes,
                service,
                username,
                password,
            } => ServerConfig::Sentinel {
                hosts: nodes.iter().map(host).collect(),
                service_name: service.clone(),
                username: username.clone(),
                password: password.as_ref().map(|password| password.expose().to_owned()),
            },
            Topology::Cluster(nodes) => ServerConfig::Clustered {
                hosts: nodes.iter().map(host).collect(),
                policy: ClusterDiscoveryPolicy::default(),
            },
        };
        #[cfg_attr(not(feature = "tls"), expect(unused_mut, reason = "only TLS is set later"))]
        let mut config = Config {
            // A server that is not there yet is tried until it is.
            fail_fast: false,
            server,
            username: endpoint.username.clone(),
            password: endpoint
                .password
                .as_ref()
                .map(|password: &Secret| password.expose().to_owned()),
            version: RespVersion::RESP3,
            database: (endpoint.database != 0).then_some(endpoint.database),
            ..Config::default()
        };
        #[cfg(feature = "tls")]
        if endpoint.tls {
            config.tls = Some(crate::tls::connector(settings.tls_ca_file.as_deref())?);
        }
        let _used_with_tls: Option<&Path> = settings.tls_ca_file.as_deref();
        Ok(Self {
            config,
            settings: settings.clone(),
        })
    }

    fn client(&self, channel: usize) -> Option<Client> {
        let mut builder = Builder::from_config(self.config.clone());
        builder
            .with_connection_config(|connection| {
                connection.connection_timeout = self.settings.connect_timeout;
                connection.internal_command_timeout = self.settings.socket_timeout;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = self.settings.max_queued;
                connection.tcp = TcpConfig {
                    nodelay: Some(true),
                    ..TcpConfig::default()
                };
            })
            .with_performance_config(|performance| {
                performance.default_command_timeout = self.settings.command_timeout;
                performance.broadcast_channel_capacity = channel;
            })
            .set_policy(ReconnectPolicy::new_constant(0, RECONNECT_MS));
        // It fails without a configuration, and here is one.
        builder.build().ok()
    }

    /// Opens a set of connections, without waiting for them. Must be called within a runtime.
    pub(crate) fn open(&self) -> Option<Link> {
        let connections = self.settings.max_connections;
        let commands = self.client(32)?;
        let events = self.client(MESSAGES)?;
        let bulk = if connections >= 3 {
            self.client(32)?
        } else {
            commands.clone()
        };
        let tracking = (self.settings.tracking && connections >= 4)
            .then(|| self.client(MESSAGES))
            .flatten();
        let mut tasks = vec![commands.connect(), events.connect()];
        if connections >= 3 {
            tasks.push(bulk.connect());
        }
        tasks.extend(tracking.as_ref().map(ClientLike::connect));
        Some(Link {
            commands,
            bulk,
            events,
            tracking,
            tasks,
            options: self.options(self.settings.command_timeout),
            bulk_options: self.options(self.settings.bulk_timeout),
            clustered: matches!(self.settings.endpoint.topology, Topology::Cluster(_)),
        })
    }

    fn options(&self, timeout: Duration) -> Options {
        Options {
            max_attempts: Some(1),
            timeout: Some(timeout),
            fail_fast: true,
            ..Options::default()
        }
    }
}

/// A set of connections. Dropping it closes them.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) commands: Client,
    pub(crate) events: Client,
    pub(crate) tracking: Option<Client>,
    bulk: Client,
    tasks: Vec<ConnectHandle>,
    options: Options,
    bulk_options: Options,
    pub(crate) clustered: bool,
}

impl Drop for Link {
    fn drop(&mut self) {
        // `quit` would wait for a socket that may be full. The task owns the connection and closes it.
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Which connection a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Small values and scripts, with a short time-out.
    Commands,
    /// Large values, with a long one.
    Bulk,
}

/// A command with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    name: &'static str,
    slot: u16,
    args: Vec<Value>,
}

impl Request {
    /// A command on the slot of `key`.
    pub(crate) fn new(name: &'static str, key: &str, args: Vec<Value>) -> Self {
        Self {
            name,
            slot: fred::util::redis_keyslot(key.as_bytes()),
            args,
        }
    }

    /// A script by its digest. fred's own `evalsha` waits for all answers before it sends the next command, so that
    /// all callers would queue behind one round trip each.
    pub(crate) fn script(script: &Script, keys: Vec<Value>, args: Vec<Value>) -> Self {
        Self::evaluate("EVALSHA", &script.digest, keys, args)
    }

    /// A script with its text, for where a digest would have to be sent to every server first.
    pub(crate) fn evaluate_text(script: &Script, keys: Vec<Value>) -> Self {
        Self::evaluate("EVAL", &script.text, keys, Vec::new())
    }

    fn evaluate(name: &'static str, script: &str, keys: Vec<Value>, args: Vec<Value>) -> Self {
        let slot = keys
            .first()
            .and_then(Value::as_bytes)
            .map_or(0, fred::util::redis_keyslot);
        let mut all = Vec::with_capacity(2 + keys.len() + args.len());
        all.push(Value::from(script));
        all.push(Value::from(i64::try_from(keys.len()).unwrap_or(0)));
        all.extend(keys);
        all.extend(args);
        Self { name, slot, args: all }
    }

    fn command(&self) -> CustomCommand {
        CustomCommand::new_static(self.name, ClusterHash::Custom(self.slot), false)
    }
}

impl Link {
    fn lane(&self, lane: Lane) -> (&Client, &Options) {
        match lane {
            Lane::Commands => (&self.commands, &self.options),
            Lane::Bulk => (&self.bulk, &self.bulk_options),
        }
    }

    pub(crate) async fn call(&self, lane: Lane, request: Request) -> Result<Value, Fault> {
        let (client, options) = self.lane(lane);
        let command = request.command();
        // Boxed: the client's futures are large, and every caller's would be.
        let client = client.with_options(options);
        Ok(Box::pin(client.custom(command, request.args)).await?)
    }

    /// Runs a script, and gives it to the server where it does not have it.
    pub(crate) async fn script(
        &self,
        lane: Lane,
        script: &Script,
        keys: Vec<Value>,
        args: Vec<Value>,
    ) -> Result<Value, Fault> {
        let request = Request::script(script, keys.clone(), args.clone());
        match self.call(lane, request).await {
            Err(fault) if fault.kind == Kind::NoScript => {
                self.call(lane, Request::evaluate("EVAL", &script.text, keys, args))
                    .await
            }
            answer => answer,
        }
    }

    /// Gives scripts to every server.
    pub(crate) async fn load(&self, scripts: &[&Script]) -> Result<(), Fault> {
        for script in scripts {
            let client = self.commands.with_options(&self.options);
            let _digest: Value = Box::pin(client.script_load_cluster(script.text.as_str())).await?;
        }
        Ok(())
    }

    /// Sends commands together. On one server they are carried out in this order.
    pub(crate) async fn pipeline(&self, requests: Vec<Request>) -> Result<Vec<Value>, Fault> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let expected = requests.len();
        let pipeline = self.commands.pipeline().with_options(&self.options);
        for request in requests {
            let command = request.command();
            let _queued: Value = Box::pin(pipeline.custom(command, request.args)).await?;
        }
        let answers: Vec<Value> = Box::pin(pipeline.try_all::<Value>())
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        if answers.len() == expected {
            Ok(answers)
        } else {
            Err(Fault::protocol("a pipeline with too few answers"))
        }
    }

    /// The primaries, each to be asked by itself; `None` stands for the only one.
    pub(crate) fn primaries(&self) -> Vec<Option<Server>> {
        self.primaries_of(&self.commands)
    }

    /// The primaries that a client knows, none before it has found the cluster.
    pub(crate) fn primaries_of(&self, client: &Client) -> Vec<Option<Server>> {
        if !self.clustered {
            return vec![None];
        }
        let state = client.cached_cluster_state();
        let nodes = state.map(|state| state.unique_primary_nodes()).unwrap_or_default();
        nodes.into_iter().map(Some).collect()
    }

    /// Has writes to keys with these prefixes pushed to `client`, from every primary.
    pub(crate) async fn track(
        &self,
        client: &Client,
        primaries: &[Option<Server>],
        prefixes: &[String],
    ) -> Result<(), Fault> {
        if primaries.is_empty() {
            return Err(Fault::new(Kind::Disconnected, "no primary of the cluster is known"));
        }
        for primary in primaries {
            let options = Options {
                cluster_node: primary.clone(),
                ..self.options.clone()
            };
            let client = client.with_options(&options);
            let command = || CustomCommand::new_static("CLIENT", ClusterHash::Random, false);
            let _off: Value = Box::pin(client.custom(command(), vec!["TRACKING", "OFF"])).await?;
            let mut args = vec!["TRACKING", "ON", "BCAST"];
            for prefix in prefixes {
                args.extend(["PREFIX", prefix.as_str()]);
            }
            let _on: Value = Box::pin(client.custom(command(), args)).await?;
        }
        Ok(())
    }

    /// One page of a scan of one primary.
    pub(crate) async fn scan(
        &self,
        primary: Option<&Server>,
        cursor: &str,
        pattern: &str,
    ) -> Result<(String, Vec<String>), Fault> {
        let options = Options {
            cluster_node: primary.cloned(),
            ..self.options.clone()
        };
        let command = CustomCommand::new_static("SCAN", ClusterHash::Random, false);
        let args = vec![cursor, "MATCH", pattern, "COUNT", "1000"];
        let client = self.commands.with_options(&options);
        let page: Value = Box::pin(client.custom(command, args)).await?;
        let mut page = Parts::of(page)?;
        let cursor = page.text()?;
        let mut found = Parts::of(page.value())?;
        let mut keys = Vec::new();
        while !found.is_empty() {
            // A key that is no text is none of ours.
            keys.extend(found.text());
        }
        Ok((cursor, keys))
    }
}
