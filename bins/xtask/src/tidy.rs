//! The rules of the source tree that no compiler checks.

use std::path::Path;

use crate::report::Failure;

/// A source file this long has more than one subject. Tests do not count.
const MAX_LINES: usize = 800;

/// The folders with sources of the workspace.
const FOLDERS: [&str; 4] = ["crates", "bins", "tests", "benches"];

/// What must not stand in the code of any file. Comments may speak of it. Written in two pieces where a plain search of
/// the tree would find the rule itself.
const NOT_IN_CODE: [(&str, &str); 5] = [
    (
        concat!("#[", "ignore"),
        "an ignored test tests nothing: fix it or delete it",
    ),
    ("#[allow(", "say `#[expect(.., reason = \"..\")]`"),
    ("#![allow(", "say `#![expect(.., reason = \"..\")]`"),
    (concat!("todo", "!("), "do it, or file an issue"),
    (concat!("unimplemented", "!("), "do it, or file an issue"),
];

/// What must not stand anywhere, written so that this file may say it.
const NOT_AT_ALL: (&str, &str) = (concat!("FIX", "ME"), "fix it, or file an issue");

/// Returns every violation under `root`, one line each.
///
/// # Errors
///
/// Returns a failure when the tree cannot be read.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let mut violations = Vec::new();
    for folder in FOLDERS {
        check_folder(root, &root.join(folder), &mut violations)?;
    }
    for package in entries(&root.join("crates"))? {
        if package.join("Cargo.toml").is_file() {
            check_crate(root, &package, &mut violations)?;
        }
    }
    Ok(violations)
}

fn check_folder(root: &Path, folder: &Path, violations: &mut Vec<String>) -> Result<(), Failure> {
    for path in entries(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "fuzz" | "target") {
                check_folder(root, &path, violations)?;
            }
        } else if name.ends_with(".rs") {
            check_source(&relative(root, &path), &read(&path)?, violations);
        }
    }
    Ok(())
}

fn check_crate(root: &Path, package: &Path, violations: &mut Vec<String>) -> Result<(), Failure> {
    let name = relative(root, package);
    if !package.join("README.md").is_file() {
        violations.push(format!("{name}: has no README.md"));
    }
    let lib = package.join("src/lib.rs");
    if !lib.is_file() {
        violations.push(format!("{name}: has no src/lib.rs"));
    } else if !starts_with_docs(&read(&lib)?) {
        violations.push(format!("{name}/src/lib.rs: does not start with its documentation"));
    }
    Ok(())
}

fn starts_with_docs(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    first.starts_with("//!") || first.starts_with("#![doc")
}

fn check_source(path: &str, text: &str, violations: &mut Vec<String>) {
    for (idx, line) in text.lines().enumerate() {
        let mut complain = |word: &str, advice: &str| {
            violations.push(format!("{path}:{}: `{word}`: {advice}", idx + 1));
        };
        let code = code_of(line);
        for (word, advice) in NOT_IN_CODE {
            if code.contains(word) {
                complain(word, advice);
            }
        }
        let (word, advice) = NOT_AT_ALL;
        if line.contains(word) {
            complain(word, advice);
        }
    }
    let n_lines = lines_without_tests(text);
    if n_lines > MAX_LINES && !is_test(path) {
        violations.push(format!(
            "{path}: {n_lines} lines, more than {MAX_LINES}: cut it by subject"
        ));
    }
}

/// Returns the line without its comment and without what stands in quotes.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut characters = line.chars().peekable();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => {
                characters.next();
            }
            '\'' if !quoted && characters.peek() == Some(&'"') => {
                characters.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && characters.peek() == Some(&'/') => break,
            _ if !quoted => code.push(character),
            _ => {}
        }
    }
    code
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Returns the number of lines before the unit tests at the end of the file.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).position(|two| two == ["#[cfg(test)]", "mod tests {"]);
    tests.unwrap_or(lines.len())
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let read = || -> std::io::Result<Vec<_>> { std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = read().map_err(|error| Failure::new(format!("{} cannot be read: {error}", folder.display())))?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

#[cfg(test)]
mod tests;
