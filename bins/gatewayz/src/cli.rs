//! The command line.

mod serve;

use std::process::ExitCode;

/// Does what the arguments say.
pub(crate) fn run() -> ExitCode {
    serve::run()
}
