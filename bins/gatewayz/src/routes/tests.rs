//! Answers against the description.
