//! Criterion benches of the caches beside their peers.
