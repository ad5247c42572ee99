//! An incremental reader of lists: it cuts the rows out of a JSON document without ever holding the document.

use gatewayz_catalog::ListError;

mod element;
mod envelope;
mod outside;

pub use self::envelope::Envelope;

use self::{
    element::{Element, Progress},
    outside::{Found, Outside},
};

/// How deep arrays and objects may lie in one another.
pub(crate) const MAX_DEPTH: usize = 64;

/// The bounds of one list, over all of its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLimits {
    /// The greatest number of bytes.
    pub bytes: u64,
    /// The greatest number of rows.
    pub rows: u64,
    /// The greatest number of bytes of one row.
    pub row_bytes: usize,
    /// The greatest number of bytes beside the rows of one page.
    pub envelope_bytes: usize,
}

impl RowLimits {
    /// The limits of a list of so many bytes.
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Self {
        Self {
            bytes,
            rows: 200_000,
            row_bytes: 256 << 10,
            envelope_bytes: 64 << 10,
        }
    }
}

/// What was cut out of the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut<'a> {
    /// One element of the array, without the blanks around it. Its brackets and quotes match; more is not certain.
    Row(&'a [u8]),
    /// A row of more than [`RowLimits::row_bytes`] bytes, which were not kept.
    TooLong,
    /// A row with more than 64 brackets in one another.
    TooDeep,
}

/// Cuts the elements of one array out of a JSON document that comes in pieces of any size.
///
/// Memory is bounded by the limits: one row, and what lies beside the array. The document's form is checked on the way,
/// but for what lies inside the rows.
#[derive(Clone, Debug)]
pub struct RowReader {
    paths: Vec<Vec<String>>,
    limits: RowLimits,
    phase: Phase,
    bytes: u64,
    rows: u64,
    page_rows: u64,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Nothing but blanks and so many bytes of a byte order mark.
    Start { mark: usize },
    /// Beside the array.
    Outside(Outside),
    /// In the array.
    Inside { outside: Outside, at: Position },
    /// The document is whole.
    Done(Outside),
}

#[derive(Clone, Debug)]
enum Position {
    /// After `[`.
    First,
    /// After `,`.
    Next,
    /// After an element.
    After,
    /// In an element.
    Within(Element),
}

const MARK: &[u8] = b"\xef\xbb\xbf";

impl RowReader {
    /// A reader of the array at `rows`: keys joined by `.`, empty for a bare array, and `|` between places of which the
    /// first that is there counts.
    #[must_use]
    pub fn new(rows: &str, limits: RowLimits) -> Self {
        let path = |path: &str| match path.trim() {
            "" => Vec::new(),
            path => path.split('.').map(str::to_owned).collect(),
        };
        Self {
            paths: rows.split('|').map(path).collect(),
            limits,
            phase: Phase::Start { mark: 0 },
            bytes: 0,
            rows: 0,
            page_rows: 0,
        }
    }

    /// How many bytes were read, over all pages.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many rows were cut, over all pages, including those that were too long or too deep.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads the next piece and gives every row that ends in it to `each`.
    ///
    /// # Errors
    ///
    /// [`ListError::TooLarge`] and [`ListError::Malformed`]; the reader is of no use then.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(Cut<'_>)) -> Result<(), ListError> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.limits.bytes {
            return Err(ListError::TooLarge {
                limit: self.limits.bytes,
            });
        }
        let mut rest = piece;
        while !rest.is_empty() {
            rest = self.step(rest, &mut each)?;
        }
        Ok(())
    }

    /// Ends a page: what lay beside its rows. The next piece begins another document.
    ///
    /// # Errors
    ///
    /// [`ListError::Malformed`] says in what the document is no list.
    pub fn finish_page(&mut self) -> Result<Envelope, ListError> {
        let rows = std::mem::take(&mut self.page_rows);
        match std::mem::replace(&mut self.phase, Phase::Start { mark: 0 }) {
            Phase::Start { .. } => Err(malformed("it is empty")),
            Phase::Outside(_) => Err(malformed("it ends before it is closed")),
            Phase::Inside { .. } => Err(malformed(format!("it ends in the middle of the rows, after {rows}"))),
            Phase::Done(outside) => outside.finish(rows, &self.paths),
        }
    }

    /// Reads on in `piece` until something changes; returns what is left.
    fn step<'p>(&mut self, piece: &'p [u8], each: &mut impl FnMut(Cut<'_>)) -> Result<&'p [u8], ListError> {
        match &mut self.phase {
            Phase::Start { mark } => {
                let byte = piece[0];
                if *mark < MARK.len() && byte == MARK[*mark] {
                    *mark += 1;
                } else if is_blank(byte) && (*mark == 0 || *mark == MARK.len()) {
                    *mark = MARK.len();
                } else {
                    self.phase = Phase::Outside(Outside::new(self.limits.envelope_bytes));
                    return Ok(piece);
                }
                Ok(&piece[1..])
            }
            Phase::Outside(outside) => {
                let (read, found) = outside.read(piece, &self.paths)?;
                let outside = std::mem::replace(outside, Outside::new(0));
                self.phase = match found {
                    Found::Nothing => Phase::Outside(outside),
                    Found::Rows => Phase::Inside {
                        outside,
                        at: Position::First,
                    },
                    Found::End => Phase::Done(outside),
                };
                Ok(&piece[read..])
            }
            Phase::Inside { at, .. } => {
                if let Position::Within(element) = at {
                    let (read, progress) = element.read(piece, self.limits.row_bytes)?;
                    if progress == Progress::Ended {
                        each(element.cut(&piece[..read]));
                        *at = Position::After;
                    }
                    return Ok(&piece[read..]);
                }
                self.between(piece)
            }
            Phase::Done(_) => match piece.iter().find(|byte| !is_blank(**byte)) {
                None => Ok(&[]),
                Some(byte) => Err(malformed(format!("{} follows its end", shown(*byte)))),
            },
        }
    }

    /// One byte between elements.
    fn between<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], ListError> {
        let Phase::Inside { outside, at } = &mut self.phase else {
            return Ok(piece);
        };
        match (piece[0], &at) {
            (byte, _) if is_blank(byte) => {}
            (b',', Position::After) => *at = Position::Next,
            (b']', Position::First | Position::After) => {
                let mut outside = std::mem::replace(outside, Outside::new(0));
                self.phase = if outside.close_rows()? {
                    Phase::Done(outside)
                } else {
                    Phase::Outside(outside)
                };
            }
            (byte, Position::First | Position::Next) if !matches!(byte, b',' | b']' | b'}' | b':') => {
                self.rows += 1;
                self.page_rows += 1;
                if self.rows > self.limits.rows {
                    return Err(malformed(format!("it has more than {} rows", self.limits.rows)));
                }
                *at = Position::Within(Element::begin(byte));
                return Ok(piece);
            }
            (byte, _) => {
                let rows = self.page_rows;
                return Err(malformed(format!("{} between the rows, after {rows}", shown(byte))));
            }
        }
        Ok(&piece[1..])
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("`{}`", char::from(byte))
    } else {
        format!("a byte {byte:#04x}")
    }
}

fn malformed(what: impl Into<String>) -> ListError {
    ListError::Malformed(what.into())
}

#[cfg(test)]
mod tests;
