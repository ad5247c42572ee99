//! One element of the array: where it ends.

use gatewayz_catalog::ListError;

use super::{Cut, MAX_DEPTH, is_blank, malformed};

/// An element that was begun.
#[derive(Clone, Debug)]
pub(super) struct Element {
    kind: Kind,
    /// What earlier pieces had of it.
    earlier: Vec<u8>,
    in_string: bool,
    escaped: bool,
    depth: usize,
    /// Per open bracket one bit, the innermost the lowest: whether it is `{`.
    braces: u64,
    too_long: bool,
    too_deep: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An object or an array.
    Brackets,
    Text,
    /// A number or a word.
    Scalar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on in the next piece.
    Open,
    /// It ended.
    Ended,
}

impl Element {
    pub(super) const fn begin(byte: u8) -> Self {
        Self {
            kind: match byte {
                b'{' | b'[' => Kind::Brackets,
                b'"' => Kind::Text,
                _ => Kind::Scalar,
            },
            earlier: Vec::new(),
            in_string: false,
            escaped: false,
            depth: 0,
            braces: 0,
            too_long: false,
            too_deep: false,
        }
    }

    /// Reads on: how many bytes of the piece are the element's, and whether it ended with them.
    pub(super) fn read(&mut self, piece: &[u8], max_bytes: usize) -> Result<(usize, Progress), ListError> {
        let end = match self.kind {
            Kind::Scalar => piece
                .iter()
                .position(|&byte| is_blank(byte) || matches!(byte, b',' | b']' | b'}')),
            Kind::Brackets | Kind::Text => self.closing(piece)?.map(|last| last + 1),
        };
        let read = end.unwrap_or(piece.len());
        if self.earlier.len() + read > max_bytes {
            self.too_long = true;
            self.earlier = Vec::new();
        }
        if end.is_some() {
            return Ok((read, Progress::Ended));
        }
        if !self.too_long && !self.too_deep {
            self.earlier.extend_from_slice(piece);
        }
        Ok((read, Progress::Open))
    }

    /// The element, of which `last` is what the last piece had.
    pub(super) fn cut<'a>(&'a mut self, last: &'a [u8]) -> Cut<'a> {
        if self.too_long {
            Cut::TooLong
        } else if self.too_deep {
            Cut::TooDeep
        } else if self.earlier.is_empty() {
            Cut::Row(last)
        } else {
            self.earlier.extend_from_slice(last);
            Cut::Row(&self.earlier)
        }
    }

    /// Where the bracket or quote is that closes the element.
    fn closing(&mut self, piece: &[u8]) -> Result<Option<usize>, ListError> {
        let mut at = 0;
        while at < piece.len() {
            if self.in_string {
                match self.string(piece, at) {
                    None => return Ok(None),
                    Some(quote) => at = quote + 1,
                }
                if self.kind == Kind::Text {
                    return Ok(Some(at - 1));
                }
                continue;
            }
            match piece[at] {
                b'"' => self.in_string = true,
                byte @ (b'{' | b'[') => {
                    self.depth += 1;
                    self.braces = self.braces << 1 | u64::from(byte == b'{');
                    self.too_deep |= self.depth > MAX_DEPTH;
                }
                byte @ (b'}' | b']') => {
                    // Of what is too deep, only the number of brackets is known.
                    if !self.too_deep && (self.braces & 1 == 1) != (byte == b'}') {
                        return Err(malformed("a bracket in a row closes another kind of bracket"));
                    }
                    self.braces >>= 1;
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(Some(at));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        Ok(None)
    }

    /// From within a string: where its closing quote is.
    fn string(&mut self, piece: &[u8], from: usize) -> Option<usize> {
        for (at, &byte) in piece.iter().enumerate().skip(from) {
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.in_string = false;
                return Some(at);
            }
        }
        None
    }
}
