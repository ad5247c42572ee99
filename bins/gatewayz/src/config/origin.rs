//! Where a value was said.

use std::{fmt, path::Path, sync::Arc};

use serde::{Serialize, Serializer};

use super::error::shown;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere: it is what the program takes by itself.
    Default,
    /// In the file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1.
        line: Option<usize>,
    },
    /// In a variable of the environment.
    Variable(String),
    /// On the command line.
    Flag,
}

impl Origin {
    pub(super) fn file(path: &Arc<Path>, line: Option<usize>) -> Self {
        Self::File {
            path: Arc::clone(path),
            line,
        }
    }

    /// As compilers name places: `gatewayz.toml:3`.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File { path, line: Some(line) } => format!("{}:{line}", shown(path)),
            Self::File { path, line: None } => shown(path),
            Self::Default | Self::Variable(_) | Self::Flag => self.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { .. } => write!(f, "file {}", self.place()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The line of a byte, from 1.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}
