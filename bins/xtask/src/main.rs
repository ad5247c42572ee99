//! Tests, benches and soaks of the workspace, in one command each.
fn main() {}
