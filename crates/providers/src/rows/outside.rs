//! What lies beside the array: kept, bounded, and searched for the place where the array begins.

use gatewayz_catalog::ListError;
use serde_json::Value;

use super::{Envelope, MAX_DEPTH, is_blank, malformed, shown};

/// The longest key that is compared with a path.
const MAX_KEY: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Outside {
    text: Vec<u8>,
    max_bytes: usize,
    /// The open brackets, each with the key under which it lies, where it lies in an object.
    open: Vec<(u8, Option<String>)>,
    in_string: bool,
    escaped: bool,
    /// The string that is read, where it is a key.
    key: Option<Vec<u8>>,
    /// The key whose value comes next.
    named: Option<String>,
    /// The last byte that is neither blank nor in a string.
    last: u8,
    /// Whether the array was found.
    rows: bool,
    /// What is where the array should be.
    instead: Option<&'static str>,
}

pub(super) enum Found {
    Nothing,
    /// The array begins.
    Rows,
    /// The document ended.
    End,
}

impl Outside {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self {
            text: Vec::new(),
            max_bytes,
            open: Vec::new(),
            in_string: false,
            escaped: false,
            key: None,
            named: None,
            last: 0,
            rows: false,
            instead: None,
        }
    }

    /// Reads until the array begins or the document ends.
    pub(super) fn read(&mut self, piece: &[u8], paths: &[Vec<String>]) -> Result<(usize, Found), ListError> {
        for (at, &byte) in piece.iter().enumerate() {
            if self.text.len() >= self.max_bytes {
                return Err(malformed(format!(
                    "more than {} bytes lie beside the rows",
                    self.max_bytes
                )));
            }
            self.text.push(byte);
            match self.byte(byte, paths, &piece[at..])? {
                Found::Nothing => {}
                found => return Ok((at + 1, found)),
            }
        }
        Ok((piece.len(), Found::Nothing))
    }

    /// The array ended: `true` where it was the whole document.
    pub(super) fn close_rows(&mut self) -> Result<bool, ListError> {
        self.text.push(b']');
        if self.rows {
            return Err(malformed("the rows are there twice"));
        }
        self.rows = true;
        self.last = b']';
        Ok(self.open.is_empty())
    }

    pub(super) fn finish(self, rows: u64, paths: &[Vec<String>]) -> Result<Envelope, ListError> {
        let value: Value =
            serde_json::from_slice(&self.text).map_err(|error| malformed(format!("beside the rows: {error}")))?;
        if self.rows {
            return Ok(Envelope::new(value, rows));
        }
        let path = paths
            .iter()
            .map(|path| path.join("."))
            .collect::<Vec<_>>()
            .join("` or `");
        let found = match (self.instead, &value) {
            (Some(instead), _) => format!("{instead} is there"),
            (None, Value::Object(fields)) => {
                let keys: Vec<_> = fields.keys().take(6).map(|key| printable(key.as_bytes())).collect();
                format!("the keys are: {}", keys.join(", "))
            }
            (None, _) => "it is an array".to_owned(),
        };
        Err(malformed(format!("no array at `{path}`: {found}")))
    }

    fn byte(&mut self, byte: u8, paths: &[Vec<String>], from_here: &[u8]) -> Result<Found, ListError> {
        if self.in_string {
            self.string(byte);
            return Ok(Found::Nothing);
        }
        if is_blank(byte) {
            return Ok(Found::Nothing);
        }
        match byte {
            b'"' => self.begin_string(paths, from_here)?,
            b'{' | b'[' => {
                if self.is_at(paths) {
                    if byte == b'[' {
                        return Ok(Found::Rows);
                    }
                    self.instead = Some("an object");
                }
                let kind = self.open.last().map(|(kind, _)| *kind);
                if self.open.is_empty() && byte == b'[' && !paths.iter().any(Vec::is_empty) {
                    self.instead = Some("a bare array");
                }
                let named = self.named.take().filter(|_| kind == Some(b'{'));
                self.open.push((byte, named));
                if self.open.len() > MAX_DEPTH {
                    return Err(malformed(format!("it is more than {MAX_DEPTH} levels deep")));
                }
            }
            b'}' | b']' => {
                let closed = self.open.pop().map(|(kind, _)| kind);
                if closed != Some(if byte == b'}' { b'{' } else { b'[' }) {
                    return Err(malformed(format!("{} closes nothing", shown(byte))));
                }
                self.named = None;
                if self.open.is_empty() {
                    return Ok(Found::End);
                }
            }
            _ if self.open.is_empty() => return Err(no_json(from_here)),
            b':' => {}
            b',' => self.named = None,
            // A scalar: only its first byte comes after a colon.
            _ if self.last == b':' && self.is_at(paths) => {
                self.instead = Some(match byte {
                    b'n' => "null",
                    b't' | b'f' => "a boolean",
                    _ => "a number",
                });
            }
            _ => {}
        }
        self.last = byte;
        Ok(Found::Nothing)
    }

    fn begin_string(&mut self, paths: &[Vec<String>], from_here: &[u8]) -> Result<(), ListError> {
        let Some((kind, _)) = self.open.last() else {
            return Err(no_json(from_here));
        };
        self.in_string = true;
        if *kind == b'{' && matches!(self.last, b'{' | b',') {
            self.key = Some(Vec::new());
        } else if self.is_at(paths) {
            self.instead = Some("a string");
        }
        Ok(())
    }

    fn string(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            self.last = b'"';
            if let Some(key) = self.key.take() {
                self.named = unescaped(&key);
            }
            return;
        }
        if let Some(key) = &mut self.key
            && key.len() <= MAX_KEY
        {
            key.push(byte);
        }
    }

    /// Whether the value that begins here is at one of the paths.
    fn is_at(&self, paths: &[Vec<String>]) -> bool {
        let Some((kind, _)) = self.open.last() else {
            return paths.iter().any(Vec::is_empty);
        };
        if *kind != b'{' || self.last != b':' {
            return false;
        }
        let Some(named) = &self.named else {
            return false;
        };
        paths.iter().any(|path| {
            let Some((last, before)) = path.split_last() else {
                return false;
            };
            // The outermost bracket lies under no key.
            last == named
                && before.len() + 1 == self.open.len()
                && before
                    .iter()
                    .zip(&self.open[1..])
                    .all(|(key, (_, name))| name.as_ref() == Some(key))
        })
    }
}

/// A key without its escapes; `None` for one that no path has.
fn unescaped(key: &[u8]) -> Option<String> {
    if key.len() > MAX_KEY {
        return None;
    }
    let text = std::str::from_utf8(key).ok()?;
    if text.contains('\\') {
        return serde_json::from_str(&format!("\"{text}\"")).ok();
    }
    Some(text.to_owned())
}

fn no_json(from_here: &[u8]) -> ListError {
    let beginning = printable(&from_here[..from_here.len().min(60)]);
    let html = beginning.trim_start().starts_with('<');
    malformed(format!(
        "it is {}: it begins with `{beginning}`",
        if html { "HTML" } else { "no JSON object or array" }
    ))
}

/// The beginning of a text, fit for a message.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(40)
        .collect()
}
