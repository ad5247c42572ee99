//! A client of HTTP/2.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

type Sender = SendRequest<Empty<Bytes>>;

/// Begins; the second part has to run.
pub(crate) async fn handshake<S>(socket: S) -> (Sender, impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
        .await
        .unwrap();
    let connection = async move {
        connection.await.ok();
    };
    (sender, connection)
}

/// The status and the body of a page.
pub(crate) async fn get(sender: &mut Sender, url: &str) -> (u16, Vec<u8>) {
    let request = http::Request::get(url).body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    let id = answer.headers().get("x-request-id").unwrap();
    assert!(!id.is_empty());
    (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}
