//! A coherent read-through cache.
