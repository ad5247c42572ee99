//! Looks out for writes from outside, such as `redis-cli DEL key`. An accelerator, never the guarantee.

use std::sync::Arc;

use gatewayz_cache_core::NodePort;

use crate::{inner::Inner, link::Link, supervisor::Task};

pub(crate) fn spawn(_inner: &Arc<Inner>, _link: &Arc<Link>, _port: &NodePort) -> Option<Task> {
    None
}
