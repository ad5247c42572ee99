//! What can be wrong with an answer.

use std::time::Duration;

use bytes::Bytes;

use super::reply::Reply;
use crate::proxy::Cut;

/// What is wrong with the answers of a route. Bytes are counted in the body as it is sent: packed, and without framing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Another answer: a status with its headers, a page of HTML, a redirect, a bomb.
    Instead(Reply),
    /// The answer is late by so much.
    Late(Duration),
    /// The request is read and never answered; the connection stays open until the client closes it.
    Hang,
    /// So many bytes of the body come, and then nothing; the connection stays open until the client closes it.
    HangAfter(usize),
    /// So many bytes of the body come, and then the connection is closed. With zero, the head alone comes; with a reset, the
    /// kernel may lose what it has not delivered yet.
    CutAfter(usize, Cut),
    /// The connection is closed without any answer.
    Drop(Cut),
    /// These bytes come instead of an answer in HTTP, and then the connection is closed.
    Rubbish(Bytes),
    /// So many bytes of the body come at a time, with a pause after each.
    Drip(usize, Duration),
    /// The head says that the body has so many bytes, whatever it has; after the body, the connection is closed.
    ContentLength(u64),
}

impl Fault {
    /// Returns [`Fault::Instead`].
    #[must_use]
    pub const fn instead(reply: Reply) -> Self {
        Self::Instead(reply)
    }
}
