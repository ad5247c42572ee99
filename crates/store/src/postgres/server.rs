//! Where the server is, from a URL.

use std::{fmt, path::PathBuf, time::Duration};

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use crate::error::OpenError;

/// A server, as a URL names it.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    #[cfg(feature = "tls")]
    root_cert: Option<PathBuf>,
}

impl Server {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let invalid = |why: &str| OpenError::InvalidUrl(why.to_owned());
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut rest, mut root_cert, mut encrypted) = (Vec::new(), None, false);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslrootcert", "system")) => {}
                Some(("sslrootcert", path)) if !path.contains('%') => root_cert = Some(PathBuf::from(path)),
                Some(("sslrootcert", _)) => return Err(invalid("has an `sslrootcert` with a `%`; write it plainly")),
                Some(("sslmode", "require" | "verify-full")) => encrypted = true,
                Some(("sslmode", "disable" | "prefer")) => rest.push(parameter),
                Some(("sslmode", _)) => {
                    return Err(invalid(
                        "has an `sslmode` other than `disable`, `prefer`, `require`, `verify-full`",
                    ));
                }
                _ => rest.push(parameter),
            }
        }
        if (encrypted || root_cert.is_some()) && !cfg!(feature = "tls") {
            return Err(OpenError::NotBuilt("TLS for PostgreSQL (feature `tls`)"));
        }
        let mut config: Config = match format!("{base}?{}", rest.join("&")).parse() {
            Ok(config) => config,
            // Its error may show parts of the URL.
            Err(_) => return Err(invalid("has a part that cannot be read, or an unknown parameter")),
        };
        if encrypted {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_hosts().is_empty() {
            return Err(invalid("names no host"));
        }
        Ok(Self {
            config,
            #[cfg(feature = "tls")]
            root_cert,
        })
    }

    #[cfg(feature = "tls")]
    pub(super) fn root_cert(&self) -> Option<&std::path::Path> {
        self.root_cert.as_deref()
    }

    /// The settings of a connection. What the URL says of options comes last and wins.
    pub(super) fn client(&self, call_limit: Duration, busy_limit: Duration) -> Config {
        let mut config = self.config.clone();
        let (call, busy) = (call_limit.as_millis().max(1), busy_limit.as_millis().max(1));
        let own = format!(
            "-c statement_timeout={call} -c lock_timeout={busy} -c idle_in_transaction_session_timeout={}",
            call * 2
        );
        let options = match config.get_options() {
            Some(options) => format!("{own} {options}"),
            None => own,
        };
        config.options(options);
        if config.get_application_name().is_none() {
            config.application_name("gatewayz");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(busy_limit);
        }
        config.keepalives_idle(Duration::from_secs(30));
        config
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            let port = self.config.get_ports().get(at).or(self.config.get_ports().first());
            write!(f, ":{}", port.copied().unwrap_or(5432))?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}
