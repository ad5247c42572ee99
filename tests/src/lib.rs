//! Tests over the whole workspace.

pub mod checker;
pub mod model;
