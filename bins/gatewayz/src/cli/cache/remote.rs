//! A running gateway, over HTTP.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use gatewayz_providers::{Client, ClientConfig, EgressPolicy, Secret, SendError};
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use url::Url;

use crate::{
    cli::{
        context::Globals,
        failure::{Exit, Failure},
    },
    config::Config,
};

/// The greatest answer that is read.
const LARGEST: usize = 64 << 20;
/// The greatest file with a key.
const LARGEST_KEY: u64 = 64 << 10;
const URL: &str = "GATEWAYZ_URL";

/// A gateway, and what proves that one may administer it.
#[derive(Debug)]
pub(super) struct Remote {
    client: Client,
    base: Url,
    key: Option<Secret>,
}

impl Remote {
    /// The gateway that is meant.
    pub(super) fn of(globals: &Globals, url: Option<String>, key_file: Option<&PathBuf>) -> Result<Self, Failure> {
        let sources = globals.sources()?;
        let named = url.or_else(|| {
            sources
                .environment
                .get(URL)
                .filter(|url| !url.trim().is_empty())
                .cloned()
        });
        let key_of_file = key_file.map(read_key).transpose()?;
        let loaded = globals.start()?;
        let base = match named {
            Some(url) => base(&url)?,
            None => usual(&loaded.config)?,
        };
        let mut config = ClientConfig::default();
        config.egress = EgressPolicy::new().with_allowed_host(base.host_str().unwrap_or_default());
        config.stall_timeout = Duration::from_secs(120);
        Ok(Self {
            client: Client::new(&config).map_err(|error| Failure::because("", &error))?,
            base,
            key: key_of_file.or(loaded.config.admin.key),
        })
    }

    /// Asks for something, and reads what comes back.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let asked = Box::pin(self.answer(method, &url));
        let answered = tokio::time::timeout(limit, asked).await;
        let (status, body) =
            answered.map_err(|_elapsed| self.unreachable(&format!("no answer within {limit:?}")))??;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            if value.is_null() {
                return Err(Failure::new(
                    Exit::Failed,
                    format!("what `{}` answers is no JSON; is it a gateway?", self.base),
                ));
            }
            return Ok(value);
        }
        Err(refused(status, &value, self.key.is_some()))
    }

    async fn answer(&self, method: Method, url: &Url) -> Result<(StatusCode, Vec<u8>), Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| Failure::because("", &error))?;
        if let Some(key) = &self.key {
            let value = HeaderValue::try_from(format!("Bearer {}", key.expose()));
            // What is wrong with it is not told: it would be shown.
            let mut value = value.map_err(|_hidden| {
                Failure::new(
                    Exit::Usage,
                    "the key of administrators cannot be sent; it has other than printable ASCII",
                )
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let mut answer = self.client.send(request).await.map_err(|error| match error {
            SendError::Connect(_) | SendError::ConnectTimedOut(_) | SendError::Broken(_) | SendError::Tls(_) => {
                self.unreachable(&error.to_string())
            }
            other => Failure::because("the gateway was not asked", &other),
        })?;
        let mut body = Vec::new();
        loop {
            let chunk = answer.body_mut().chunk().await;
            match chunk.map_err(|error| self.unreachable(&error.to_string()))? {
                Some(bytes) if body.len() + bytes.len() <= LARGEST => body.extend_from_slice(&bytes),
                Some(_) => return Err(Failure::new(Exit::Failed, "the answer is larger than any of a gateway")),
                None => return Ok((answer.status(), body)),
            }
        }
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::new(
            Exit::Unreachable,
            format!(
                "there is no gateway at {}: {why}; start one with `gatewayz serve`, or name another with `--url`",
                self.base.as_str().trim_end_matches('/')
            ),
        )
    }
}

fn refused(status: StatusCode, value: &Value, has_key: bool) -> Failure {
    let said = value.pointer("/error/message").and_then(Value::as_str);
    let said = said.or_else(|| status.canonical_reason()).unwrap_or("no reason");
    let hint = match (status, has_key) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, false) => {
            "; set ADMIN_API_KEY to the key of that gateway, or name a file that has it with `--key-file`"
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, true) => "; the key is not one of that gateway",
        _ => "",
    };
    let said: String = said
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(400)
        .collect();
    Failure::new(
        Exit::Failed,
        format!("the gateway refuses ({}): {said}{hint}", status.as_u16()),
    )
}

fn base(text: &str) -> Result<Url, Failure> {
    let wrong = |what: &str| {
        Failure::new(
            Exit::Usage,
            format!("the URL of the gateway {what}; write http://host:port"),
        )
    };
    let url = Url::parse(text.trim()).map_err(|error| wrong(&format!("cannot be used: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong("has more than a host, a port and a path"));
    }
    Ok(url)
}

/// Where a gateway with this configuration administers, seen from its own machine.
fn usual(config: &Config) -> Result<Url, Failure> {
    let listen = config.admin.listen.unwrap_or(config.server.listen);
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    base(&format!("{scheme}://{}", near(listen)))
}

/// An address as one gets to it from the same machine.
pub(crate) fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn read_key(path: &PathBuf) -> Result<Secret, Failure> {
    let failed = |why: &str| {
        Failure::new(
            Exit::Usage,
            format!("the key in `{}` cannot be used: {why}", path.display()),
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| failed(&error.to_string()))?
        .len();
    if size > LARGEST_KEY {
        return Err(failed("the file is much larger than a key"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error.to_string()))?;
    match text.trim() {
        "" => Err(failed("the file is empty")),
        key => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::{base, near, refused};
    use crate::cli::failure::Exit;

    #[test]
    fn urls_are_checked() {
        assert!(base("http://127.0.0.1:8080").is_ok() && base("https://gateway.example/under/").is_ok());
        for wrong in [
            "",
            "127.0.0.1:8080",
            "ftp://host",
            "http://u:p@host",
            "http://host/?a=b",
        ] {
            let failure = base(wrong).expect_err(wrong);
            assert_eq!(failure.exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_gateway_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(near(listen.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let body = json!({ "error": { "message": "this needs a key" } });
        let failure = refused(StatusCode::UNAUTHORIZED, &body, false);
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.to_string().contains("this needs a key") && failure.to_string().contains("ADMIN_API_KEY"));
    }
}
