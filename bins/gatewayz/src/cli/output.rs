//! Everything that commands write: to standard output what was asked for, to standard error what is said about it.

use std::io::{self, ErrorKind, IsTerminal as _, Write};

use bytes::Bytes;
use serde::Serialize;

use super::{
    failure::{Exit, Failure},
    table::Table,
};

/// Writes a text, with the end of a line behind it.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    write(|out| {
        out.write_all(text.as_bytes())?;
        if text.ends_with('\n') {
            Ok(())
        } else {
            out.write_all(b"\n")
        }
    })
}

/// Writes parts of a text one after the other, with the end of a line behind them.
pub(crate) fn parts(parts: impl Iterator<Item = Bytes>) -> Result<(), Failure> {
    write(|out| {
        for part in parts {
            out.write_all(&part)?;
        }
        out.write_all(b"\n")
    })
}

/// Writes a value as JSON, indented.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Failure::because("", &error))?;
    text(&json)
}

/// Writes a value as JSON on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(|error| Failure::because("", &error))?;
    text(&json)
}

/// Writes a table, on a terminal no wider than that.
pub(crate) fn table(table: &Table) -> Result<(), Failure> {
    text(&table.render(width()))
}

/// Says something about the output, to people.
pub(crate) fn note(text: &str) {
    let mut error = io::stderr().lock();
    // Where even this cannot be written, there is nobody to tell.
    drop(writeln!(error, "{text}"));
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is one.
pub(crate) fn is_attended() -> bool {
    io::stderr().is_terminal()
}

/// How many columns the terminal has, if it is one.
pub(crate) fn width() -> Option<usize> {
    if !is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn write(what: impl FnOnce(&mut io::BufWriter<io::StdoutLock<'static>>) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match what(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) => {
            // What was not written is not wanted: it must not be tried again when the buffer goes.
            let (_stdout, _unwritten) = out.into_parts();
            Err(match error.kind() {
                ErrorKind::BrokenPipe => Failure::unread(),
                _ => Failure::new(Exit::Failed, format!("the output cannot be written: {error}")),
            })
        }
    }
}
