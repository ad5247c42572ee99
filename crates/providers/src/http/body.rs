//! The body of an answer, as it comes.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::timeout;

/// The body of an answer. Dropped before its end, it closes its connection.
///
/// As a [`http_body::Body`] it can be passed on; [`chunk`](Self::chunk) reads it with a bound on silence.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    stall: Duration,
}

/// Why a body ended too early.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection broke before the end.
    #[error("the connection broke in the middle of the answer: {0}")]
    Broken(String),
    /// Nothing more came for this long.
    #[error("nothing came for {0:?} in the middle of the answer")]
    Stalled(Duration),
}

impl Body {
    pub(crate) const fn new(incoming: Incoming, stall: Duration) -> Self {
        Self { incoming, stall }
    }

    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`BodyError`] when the end does not come.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let frame = timeout(self.stall, self.incoming.frame())
                .await
                .map_err(|_elapsed| BodyError::Stalled(self.stall))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(BodyError::Broken(super::client::root_cause(&error))),
                Some(Ok(frame)) => {
                    // Trailers say nothing that anybody asked for.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// All bytes, as far as there are at most `most`; `None`: there are more.
    pub(crate) async fn all(&mut self, most: usize) -> Result<Option<Vec<u8>>, BodyError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if all.len() + bytes.len() > most {
                return Ok(None);
            }
            all.extend_from_slice(&bytes);
        }
        Ok(Some(all))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.get_mut().incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
