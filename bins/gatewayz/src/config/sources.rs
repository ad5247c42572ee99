//! Where values come from: flags, the environment, a file.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fmt,
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use super::{
    error::{ConfigError, Fault, Problem},
    origin::Origin,
    table::{OWN, PORT, SETTINGS},
};

/// The greatest file that is read.
const LARGEST: u64 = 1 << 20;
/// The file that is read where none is named.
const USUAL: &str = "gatewayz.toml";
/// The variable that names the file.
const NAMED: &str = "GATEWAYZ_CONFIG";

/// All that values come from, read and not yet understood.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    /// Values of the command line, by the paths of their settings.
    pub(crate) flags: BTreeMap<String, String>,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The file, if there is one.
    pub(crate) file: Option<FileText>,
}

/// A file, read.
#[derive(Clone)]
pub(crate) struct FileText {
    /// Where it is, as it was named.
    pub(crate) path: PathBuf,
    /// What is in it.
    pub(crate) text: String,
}

impl Sources {
    /// Reads the environment, once, and the file: the one that is named, else the one that `GATEWAYZ_CONFIG` names,
    /// else `gatewayz.toml` in the working directory where there is one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a file that is named is not there, or a file cannot be read.
    pub(crate) fn gather(flags: BTreeMap<String, String>, explicit_file: Option<PathBuf>) -> Result<Self, ConfigError> {
        // The one place that reads the environment of the process.
        Self::of(flags, explicit_file, env::vars_os(), Path::new(""))
    }

    pub(super) fn of(
        flags: BTreeMap<String, String>,
        explicit_file: Option<PathBuf>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let (mut environment, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, value) in variables {
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    environment.insert(name, value);
                }
                Err(_) if is_ours(&name) => {
                    problems.push(Problem::new(Origin::Variable(name.clone()), name, Fault::NotUtf8));
                }
                Err(_) => {}
            }
        }
        let named = explicit_file.or_else(|| {
            environment
                .get(NAMED)
                .filter(|path| !path.trim().is_empty())
                .map(PathBuf::from)
        });
        let file = match (&named, directory.join(USUAL)) {
            (Some(path), _) => read(path),
            (None, usual) => match read(&usual) {
                Err(Absent::NotThere(_)) => Ok(None),
                other => other,
            },
        };
        let file = file.unwrap_or_else(|absent| {
            let (Absent::NotThere(problem) | Absent::Unusable(problem)) = absent;
            problems.push(problem);
            None
        });
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        Ok(Self {
            flags,
            environment,
            file,
        })
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("flags", &self.flags.keys())
            .field("environment", &self.environment.keys())
            .field("file", &self.file)
            .finish()
    }
}

impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileText")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn is_ours(name: &str) -> bool {
    let known = |setting: &super::table::Setting| setting.variables.iter().any(|(known, _)| *known == name);
    name == PORT || name.starts_with(OWN) || SETTINGS.iter().any(known)
}

enum Absent {
    NotThere(Problem),
    Unusable(Problem),
}

fn read(path: &Path) -> Result<Option<FileText>, Absent> {
    let unusable = |fault| Absent::Unusable(Problem::file(path, fault));
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Absent::NotThere(Problem::file(path, Fault::Unreadable(error.to_string()))),
        _ => unusable(Fault::Unreadable(error.to_string())),
    })?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unusable(Fault::Unreadable(error.to_string())))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(unusable(Fault::TooLarge(super::value::show_bytes(LARGEST))));
    }
    let text = String::from_utf8(bytes).map_err(|_hidden| unusable(Fault::NotUtf8))?;
    Ok(Some(FileText {
        path: path.to_owned(),
        text,
    }))
}
