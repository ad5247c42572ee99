//! Where the workspace is, and cargo inside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::report::Failure;

/// The workspace that this program was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    cargo: PathBuf,
}

impl Workspace {
    /// Finds the workspace of the cargo that started this program.
    ///
    /// # Errors
    ///
    /// Returns a failure when cargo did not start it.
    pub(crate) fn find() -> Result<Self, Failure> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Failure::new("start this with `cargo xtask`: it needs cargo's environment"))?;
        let root = Path::new(&package)
            .ancestors()
            .nth(2)
            .ok_or_else(|| Failure::new("xtask is not two folders below the workspace"))?;
        let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        Ok(Self {
            root: root.to_path_buf(),
            cargo,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns a cargo command at the root of the workspace.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(args).current_dir(&self.root);
        process::forget_own_package(&mut command);
        command
    }
}
