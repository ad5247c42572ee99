//! Tests over the whole workspace.

pub mod model;
