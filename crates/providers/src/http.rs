//! How providers are spoken to: the pooled client, what is sent to whom, and how answers are read.

pub(crate) mod body;
pub(crate) mod client;
mod connector;
pub(crate) mod egress;
pub(crate) mod fetch;
pub(crate) mod intake;
mod page;
pub(crate) mod refusal;
pub(crate) mod request;
mod retry_after;
pub(crate) mod settings;
mod stream;
mod template;
#[cfg(feature = "tls")]
mod tls;
mod unpack;
