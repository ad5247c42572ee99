#![doc = include_str!("../README.md")]

mod spec;

pub use self::spec::{Auth, ListSpec, Paging};
