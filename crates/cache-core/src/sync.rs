//! The locks of the parts whose interleavings are explored: `tests/` compiles those files over another `sync`.

pub(crate) use parking_lot::Mutex;
