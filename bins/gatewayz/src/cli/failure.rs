//! How commands end.

use std::{error::Error, fmt, process::ExitCode};

use super::output;
use crate::config::ConfigError;

/// What the process says at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything worked.
    Fine,
    /// It did not work.
    Failed,
    /// The arguments or the configuration cannot be used.
    Usage,
    /// Some of several did not work.
    Partly,
    /// There is no gateway where one was looked for.
    Unreachable,
}

impl Exit {
    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::Unreachable => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what it was asked for: what is wrong, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    said: Said,
}

#[derive(Clone, Debug)]
enum Said {
    /// In our words.
    Ours(String),
    /// With its own beginning, and more than one line.
    Whole(String),
    /// Nobody listens.
    Nothing,
}

impl Failure {
    /// A failure: `what is wrong; what to do`.
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            said: Said::Ours(text.into()),
        }
    }

    /// What did not work, with an error's causes behind it.
    pub(crate) fn because(what: &str, error: &(dyn Error + 'static)) -> Self {
        let causes = causes(error);
        let text = if what.is_empty() {
            causes
        } else {
            format!("{what}: {causes}")
        };
        Self::new(Exit::Failed, text)
    }

    /// Arguments that make no sense.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        Self {
            exit: Exit::Usage,
            said: Said::Whole(error.to_string()),
        }
    }

    /// The reader of the output is gone, which is its right.
    pub(crate) const fn unread() -> Self {
        Self {
            exit: Exit::Fine,
            said: Said::Nothing,
        }
    }

    /// Tells it on standard error.
    pub(crate) fn tell(&self) -> ExitCode {
        match &self.said {
            Said::Ours(text) => output::note(&format!("gatewayz: {text}")),
            Said::Whole(text) => output::note(text.trim_end()),
            Said::Nothing => {}
        }
        self.exit.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Said::Ours(text) | Said::Whole(text) => f.write_str(text),
            Said::Nothing => Ok(()),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

/// An error and what it comes from, on one line. What an error says already is not said again.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::{Exit, Failure};

    #[derive(Debug, Error)]
    #[error("the file is not there")]
    struct Outer(#[source] io::Error);

    #[test]
    fn each_end_has_its_number() {
        let ends = [Exit::Fine, Exit::Failed, Exit::Usage, Exit::Partly, Exit::Unreachable];
        assert_eq!(ends.map(Exit::code), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn causes_are_told_once() {
        let error = Outer(io::Error::other("no such file"));
        let failure = Failure::because("import", &error);
        assert_eq!(failure.to_string(), "import: the file is not there: no such file");
        assert_eq!(failure.exit, Exit::Failed);
        let plain = io::Error::other("gone");
        assert_eq!(Failure::because("", &plain).to_string(), "gone");
    }
}
