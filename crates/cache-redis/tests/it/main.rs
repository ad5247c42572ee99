//! The tier against real servers.

mod control;
mod support;
mod values;
