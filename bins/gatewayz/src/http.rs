//! What a request and its answer are, and how they get on and off a connection.

mod answer;
mod body;
mod call;
mod connection;
mod encoding;
mod etag;
mod listener;
mod params;
mod problem;
mod reply;
mod request_id;
mod route;
mod tls;
mod watch;

pub(crate) use self::{
    answer::Answer,
    body::{Body, RequestBody},
    call::{Call, Caller, Peer},
    connection::{Connections, Limits},
    encoding::accepted,
    etag::matches_any,
    listener::{Bound, Draining, bind, serve},
    params::{Kind, Param, Params, Place},
    problem::{Code, Problem},
    reply::{document, form, json, page},
    request_id::RequestId,
    route::{Access, Deadline, Handler, NotFound, Outcome, Payload, Route, Router, Verb},
    tls::{InvalidTls, TlsAcceptor},
};
