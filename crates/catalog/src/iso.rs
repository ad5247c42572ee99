//! Times as callers read them.

use std::fmt;

use gatewayz_cache_core::UnixMillis;
use serde::{Serialize, Serializer};

/// Seconds since 1970, written as `2026-02-09T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Iso(pub(crate) u64);

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", UnixMillis(self.0.saturating_mul(1000)))
    }
}

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
