//! What is wrong with a configuration, all of it at once, and never a secret's text.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::origin::Origin;
use crate::spelling;

/// Why a configuration cannot be used. It lists everything that was found.
#[derive(Clone, Debug, Error)]
pub(crate) struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Those of the file come first, in its order.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| match &problem.origin {
            Origin::File { line, .. } => (false, *line),
            Origin::Default | Origin::Variable(_) | Origin::Flag => (true, None),
        });
        Self { problems }
    }

    /// Everything that was found.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => write!(f, "the configuration cannot be used: {problem}"),
            problems => {
                write!(f, "the configuration cannot be used, for {} reasons", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Where it was said.
    pub(crate) origin: Origin,
    /// The setting, the key of the file, or what else it was said of.
    pub(crate) subject: String,
    /// What is wrong, and what to write instead.
    pub(crate) fault: Fault,
}

impl Problem {
    pub(super) fn new(origin: Origin, subject: impl Into<String>, fault: Fault) -> Self {
        Self {
            origin,
            subject: subject.into(),
            fault,
        }
    }

    /// A problem with a file as a whole.
    pub(super) fn file(path: &Path, fault: Fault) -> Self {
        Self::new(Origin::file(&Arc::from(path), None), "", fault)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { .. } => write!(f, "{}: ", self.origin.place())?,
            Origin::Variable(name) if *name == self.subject => {}
            Origin::Variable(_) | Origin::Flag | Origin::Default => write!(f, "{}: ", self.origin)?,
        }
        if !self.subject.is_empty() {
            write!(f, "`{}` ", self.subject)?;
        }
        self.fault.fmt(f)
    }
}

/// What is wrong, and what to write instead.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing of this name is known.
    #[error("is not known{}", meant(.nearest.as_deref()))]
    Unknown {
        /// The name that is spelled most like it.
        nearest: Option<String>,
    },
    /// The value is not one of this setting.
    #[error("{0}")]
    Invalid(Invalid),
    /// The value is fine, and does not go with another.
    #[error("{what}; {instead}")]
    Conflict {
        /// What does not go together.
        what: String,
        /// What to write instead.
        instead: String,
    },
    /// The file is no TOML.
    #[error("is no TOML: {0}; text stands in quotes, and every key once")]
    Syntax(String),
    /// A provider cannot be what the file makes of it.
    #[error("{0}")]
    Provider(String),
    /// A file cannot be read.
    #[error("cannot be read: {0}; name another file, or make it readable")]
    Unreadable(String),
    /// A file is greater than it may be.
    #[error("has more than {0}; a configuration needs much less")]
    TooLarge(String),
    /// The value of a variable is no UTF-8.
    #[error("is no UTF-8; write it in UTF-8")]
    NotUtf8,
}

impl Fault {
    pub(super) fn conflict(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::Conflict {
            what: what.into(),
            instead: instead.into(),
        }
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; docs/configuration.md has all names".to_owned(),
        |nearest| format!("; did you mean `{nearest}`?"),
    )
}

/// A value that is none of its kind.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}; {instead}")]
pub(crate) struct Invalid {
    /// What is wrong.
    pub(crate) what: String,
    /// What to write instead.
    pub(crate) instead: String,
}

impl Invalid {
    pub(super) fn new(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            instead: instead.into(),
        }
    }
}

/// A value as errors show it: short, on one line.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The word that is spelled most like another, if one is spelled alike at all.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    spelling::nearest(word, known).first().copied()
}

/// The path of a file as messages show it.
pub(super) fn shown(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}
