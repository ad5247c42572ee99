//! How a connection is made: resolved, judged, opened, judged again, encrypted.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::{
    client::{ClientConfig, InvalidClient, SendError},
    egress,
    stream::{Answers, Inner, Stream},
};

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Rules>);

struct Rules {
    config: ClientConfig,
    #[cfg(feature = "tls")]
    tls: super::tls::Tls,
}

impl Connector {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, InvalidClient> {
        Ok(Self(Arc::new(Rules {
            config: config.clone(),
            #[cfg(feature = "tls")]
            tls: super::tls::Tls::new(&config.extra_authorities)?,
        })))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SendError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let limit = rules.config.connect_timeout;
            match timeout(limit, rules.connect(&uri)).await {
                Ok(connected) => Ok(TokioIo::new(connected?)),
                Err(_elapsed) => Err(SendError::ConnectTimedOut(limit)),
            }
        })
    }
}

/// The address that a host is spelled as, if it is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl Rules {
    async fn connect(&self, uri: &Uri) -> Result<Stream, SendError> {
        let host = uri.host().unwrap_or_default();
        let by_name = self.config.egress.allows(host);
        let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        if !encrypted && !by_name {
            return Err(SendError::refused(host, "it would not be encrypted"));
        }
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let mut addresses = self.resolve(host, port).await?;
        if !by_name {
            let first = addresses.first().and_then(|address| egress::forbidden(address.ip()));
            addresses.retain(|address| egress::forbidden(address.ip()).is_none());
            if let (true, Some(kind)) = (addresses.is_empty(), first) {
                return Err(SendError::refused(host, kind));
            }
        }
        let tcp = self.open(&addresses).await?;
        // What counts is who is at the other end, not what was asked for.
        let peer = tcp.peer_addr().map_err(|error| SendError::Connect(error.to_string()))?;
        if let (false, Some(kind)) = (by_name, egress::forbidden(peer.ip())) {
            return Err(SendError::refused(host, kind));
        }
        tcp.set_nodelay(true)
            .map_err(|error| SendError::Connect(error.to_string()))?;
        let inner = if encrypted {
            self.encrypt(host, tcp).await?
        } else {
            Inner::Plain(tcp)
        };
        Ok(Stream {
            inner,
            answers: Answers::default(),
        })
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
        if let Some(address) = literal(host) {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if let Some(addresses) = self.config.hosts.get(&egress::plain(host)) {
            return Ok(addresses
                .iter()
                .map(|address| SocketAddr::new(*address, port))
                .collect());
        }
        let found: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| SendError::Connect(format!("`{host}` is not found: {error}")))?
            .collect();
        if found.is_empty() {
            return Err(SendError::Connect(format!("`{host}` has no address")));
        }
        Ok(found)
    }

    /// The first address that answers; each gets its part of the time.
    async fn open(&self, addresses: &[SocketAddr]) -> Result<TcpStream, SendError> {
        let mut last = SendError::Connect("no address".to_owned());
        let parts = u32::try_from(addresses.len()).unwrap_or(u32::MAX).clamp(1, 4);
        let each: Duration = self.config.connect_timeout / parts;
        for address in addresses {
            match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => last = SendError::Connect(error.to_string()),
                Err(_elapsed) => last = SendError::ConnectTimedOut(each),
            }
        }
        Err(last)
    }

    #[cfg(feature = "tls")]
    async fn encrypt(&self, host: &str, tcp: TcpStream) -> Result<Inner, SendError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Inner::Tls(Box::new(self.tls.wrap(host, tcp).await?)))
    }

    #[cfg(not(feature = "tls"))]
    async fn encrypt(&self, _host: &str, _tcp: TcpStream) -> Result<Inner, SendError> {
        std::future::ready(Err(SendError::Tls("built without the feature `tls`".to_owned()))).await
    }
}
