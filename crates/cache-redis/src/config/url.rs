//! The URL forms.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::{Host as UrlHost, Url};

use super::{Endpoint, Host, InvalidConfig, Secret, Topology};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl Endpoint {
    /// Reads a URL.
    ///
    /// | form | meaning |
    /// |---|---|
    /// | `redis://[user[:password]@]host[:port][/db]` | one server |
    /// | `unix:///path/to.sock[?db=n]` | one server on a unix socket |
    /// | `redis-sentinel://host[:port][/db]?sentinelServiceName=main&node=host:port` | a primary under Sentinel; the password is that of the primary, `sentinelUsername` and `sentinelPassword` are for the sentinels |
    /// | `redis-cluster://host[:port]?node=host:port` | Redis Cluster |
    ///
    /// `rediss`, `rediss-sentinel` and `rediss-cluster` are the same over TLS, and `valkey` may stand for `redis`.
    /// User and password are percent-encoded.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] says what is wrong, without quoting the URL.
    pub fn parse(url: &str) -> Result<Self, InvalidConfig> {
        let url = Url::parse(url.trim()).map_err(|_hidden| {
            invalid("is not a URL; write `redis://host:port/db`, and percent-encode what is special in a password")
        })?;
        let (scheme, tls) = scheme(&url)?;
        let database = match (scheme, parameter(&url, "db")) {
            (_, Some(db)) => database(&db)?,
            (Scheme::Unix, None) => 0,
            (_, None) => database(url.path().trim_start_matches('/'))?,
        };
        let topology = match scheme {
            Scheme::Unix => Topology::Unix(PathBuf::from(decoded(url.path())?)),
            Scheme::Single => Topology::Single(host(&url, PORT)?),
            Scheme::Sentinel => Topology::Sentinel {
                nodes: nodes(&url, SENTINEL_PORT)?,
                service: parameter(&url, "sentinelServiceName")
                    .filter(|name| !name.is_empty())
                    .ok_or(invalid("names no `sentinelServiceName`; add it after `?`"))?,
                username: parameter(&url, "sentinelUsername"),
                password: parameter(&url, "sentinelPassword").map(Secret::new),
            },
            Scheme::Cluster => Topology::Cluster(nodes(&url, PORT)?),
        };
        if let Topology::Unix(path) = &topology
            && !path.is_absolute()
        {
            return Err(invalid("has no path of a socket; write `unix:///path/to.sock`"));
        }
        let username = Some(decoded(url.username())?).filter(|name| !name.is_empty());
        let password = url.password().map(decoded).transpose()?.map(Secret::new);
        Ok(Self {
            topology,
            tls,
            username,
            password,
            database,
        })
    }
}

#[derive(Clone, Copy)]
enum Scheme {
    Single,
    Unix,
    Sentinel,
    Cluster,
}

const fn invalid(problem: &'static str) -> InvalidConfig {
    InvalidConfig::new("endpoint", problem)
}

fn scheme(url: &Url) -> Result<(Scheme, bool), InvalidConfig> {
    Ok(match url.scheme() {
        "redis" | "valkey" => (Scheme::Single, false),
        "rediss" | "valkeys" => (Scheme::Single, true),
        "unix" | "redis+unix" | "valkey+unix" => (Scheme::Unix, false),
        "redis-sentinel" | "valkey-sentinel" => (Scheme::Sentinel, false),
        "rediss-sentinel" | "valkeys-sentinel" => (Scheme::Sentinel, true),
        "redis-cluster" | "valkey-cluster" => (Scheme::Cluster, false),
        "rediss-cluster" | "valkeys-cluster" => (Scheme::Cluster, true),
        _ => {
            return Err(invalid(
                "has an unknown scheme; use `redis`, `rediss`, `unix`, `redis-sentinel` or `redis-cluster`",
            ));
        }
    })
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn database(text: &str) -> Result<u8, InvalidConfig> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse()
        .map_err(|_hidden| invalid("names a database that is no number from 0 to 255"))
}

fn decoded(text: &str) -> Result<String, InvalidConfig> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_hidden| invalid("is not UTF-8 when percent-decoded"))
}

fn host(url: &Url, port: u16) -> Result<Host, InvalidConfig> {
    let name = match url.host() {
        Some(UrlHost::Domain(name)) if !name.is_empty() => decoded(name)?,
        Some(UrlHost::Ipv4(address)) => address.to_string(),
        Some(UrlHost::Ipv6(address)) => address.to_string(),
        Some(UrlHost::Domain(_)) | None => return Err(invalid("names no host")),
    };
    Ok(Host {
        name,
        port: url.port().unwrap_or(port),
    })
}

fn nodes(url: &Url, port: u16) -> Result<Vec<Host>, InvalidConfig> {
    let mut nodes = vec![host(url, port)?];
    for (key, value) in url.query_pairs() {
        if key == "node" {
            let other = Url::parse(&format!("redis://{value}"))
                .map_err(|_hidden| invalid("has a `node` that is not `host:port`"))?;
            nodes.push(host(&other, port)?);
        }
    }
    Ok(nodes)
}
