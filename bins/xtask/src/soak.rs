//! The long run.

use crate::process;
use crate::report::Failure;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// Builds the soak of the tests package with optimisation and runs it.
///
/// # Errors
///
/// Returns a failure when Redis is missing, or the soak does not build or found something.
pub(crate) fn run(workspace: &Workspace, minutes: u64, rest: &[String]) -> Result<(), Failure> {
    tools::prepare(workspace, &[Tool::Redis])?;
    let seconds = minutes.saturating_mul(60).to_string();
    let args = [
        "run",
        "--profile",
        "testrelease",
        "-p",
        "gatewayz-tests",
        "--bin",
        "soak",
        "--",
        "--seconds",
        &seconds,
    ];
    process::run(workspace.cargo(&args).args(rest))
}
