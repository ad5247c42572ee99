//! A provider of models that serves what a test wants, with faults.
//!
//! # Examples
//!
//! ```
//! use gatewayz_testkit::{
//!     SimulatedProvider,
//!     simulated::{Fault, Reply, Route},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let provider = SimulatedProvider::start().await?;
//! provider.route("/v1/models", Reply::json(r#"{"data":[]}"#));
//! provider.route("/v1/paged", Route::of(|request| match request.query("after") {
//!     None => Reply::json(r#"{"data":[{"id":"a"}],"next":"a"}"#),
//!     Some(_) => Reply::json(r#"{"data":[]}"#),
//! }));
//! provider.fault_times("/v1/models", 2, Fault::instead(Reply::status(503).header("retry-after", "1")));
//! // .. the code under test asks `provider.url()` ..
//! assert!(provider.requests().iter().all(|request| request.header("authorization") == Some("Bearer key")));
//! # Ok(())
//! # }
//! ```

mod connection;
mod fault;
mod gzip;
mod provider;
mod recorded;
mod reply;
mod request;
mod routes;

pub use self::{
    fault::Fault,
    provider::SimulatedProvider,
    recorded::{RecordedList, RecordedPage, recorded_lists},
    reply::{Reply, Route},
    request::Request,
};
