//! One row as a tree that keeps numbers as they were written: prices never pass through a binary float.

use std::borrow::Cow;

use super::path::Path;

/// How deep a row may be.
const MAX_DEPTH: usize = 64;

/// A JSON value. Arrays and objects also know their text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    /// A number as it was written, or one of `NaN`, `Infinity` and `-Infinity`, which are no JSON but are sent.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(&'a str, Vec<Self>),
    Object(&'a str, Vec<(Cow<'a, str>, Self)>),
}

/// The text is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

impl<'a> Node<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, NotJson> {
        let mut parser = Parser { text, at: 0 };
        parser.blanks();
        let node = parser.value(0)?;
        parser.blanks();
        if parser.at == text.len() {
            Ok(node)
        } else {
            Err(NotJson)
        }
    }

    /// The value of a key; of a key that is there twice, the last.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(_, fields) => fields
                .iter()
                .rev()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            Self::Array(_, items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The value at a path; `None` also for null.
    pub(crate) fn at(&self, path: &Path) -> Option<&Self> {
        path.keys()
            .try_fold(self, |node, key| node.get(key))
            .filter(|node| !matches!(node, Self::Null))
    }

    /// The first value that one of the paths has.
    pub(crate) fn first(&self, paths: &[Path]) -> Option<&Self> {
        paths.iter().find_map(|path| self.at(path))
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(_, items) => items,
            _ => &[],
        }
    }

    pub(crate) const fn is_object(&self) -> bool {
        matches!(self, Self::Object(..))
    }

    /// The text of a text or a number, without blanks at its ends; `None` where nothing is left.
    pub(crate) fn text(&self) -> Option<&str> {
        let text = match self {
            Self::Text(text) => text.trim(),
            Self::Number(text) => text,
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// The words of a list of texts, or of a text with `,` or `+` between them.
    pub(crate) fn words(&self) -> Vec<&str> {
        match self {
            Self::Array(_, items) => items.iter().filter_map(Self::text).collect(),
            // Some lists have the full-width comma between words.
            Self::Text(text) => text
                .split([',', '+', '，'])
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A whole number over zero: `131072`, `"128,000"`, `4096.0`.
    pub(crate) fn count(&self) -> Option<u64> {
        let text = self.text()?;
        let digits: String = text.chars().filter(|c| !matches!(c, ',' | '_' | ' ')).collect();
        let whole = match digits.split_once('.') {
            Some((whole, part)) if part.bytes().all(|byte| byte == b'0') => whole,
            Some(_) => return None,
            None => &digits,
        };
        whole.parse().ok().filter(|count| *count > 0)
    }

    /// Whether it says yes.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(yes) => *yes,
            Self::Number(text) => text.bytes().any(|byte| matches!(byte, b'1'..=b'9')),
            Self::Text(text) => !matches!(
                text.trim().to_ascii_lowercase().as_str(),
                "" | "false" | "no" | "0" | "none"
            ),
            Self::Array(_, items) => !items.is_empty(),
            Self::Object(_, fields) => !fields.is_empty(),
        }
    }

    /// Whether it is a word, or has it in its list, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        match self {
            Self::Bool(yes) => word == if *yes { "true" } else { "false" },
            Self::Number(text) => *text == word,
            Self::Text(text) if text.trim().eq_ignore_ascii_case(word) => true,
            _ => self.words().iter().any(|own| own.eq_ignore_ascii_case(word)),
        }
    }

    /// The value as compact JSON, or what the provider wrote in place of it.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::Array(text, _) | Self::Object(text, _) => compact(text, out),
        }
    }
}

pub(crate) fn write_text(text: &str, out: &mut String) {
    // A text always has a JSON form.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Copies JSON without the blanks between its parts.
fn compact(text: &str, out: &mut String) {
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn word(&mut self, word: &str) -> bool {
        let is = self.text[self.at..].starts_with(word);
        if is {
            self.at += word.len();
        }
        is
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, NotJson> {
        if depth > MAX_DEPTH {
            return Err(NotJson);
        }
        match self.peek().ok_or(NotJson)? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => Ok(Node::Text(self.string()?)),
            b't' if self.word("true") => Ok(Node::Bool(true)),
            b'f' if self.word("false") => Ok(Node::Bool(false)),
            b'n' if self.word("null") => Ok(Node::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'a>, NotJson> {
        let begin = self.at;
        self.at += 1;
        let mut fields = Vec::new();
        self.blanks();
        if !self.eat(b'}') {
            loop {
                self.blanks();
                if self.peek() != Some(b'"') {
                    return Err(NotJson);
                }
                let key = self.string()?;
                self.blanks();
                if !self.eat(b':') {
                    return Err(NotJson);
                }
                self.blanks();
                let value = self.value(depth + 1)?;
                fields.push((key, value));
                self.blanks();
                if self.eat(b'}') {
                    break;
                }
                if !self.eat(b',') {
                    return Err(NotJson);
                }
            }
        }
        Ok(Node::Object(&self.text[begin..self.at], fields))
    }

    fn array(&mut self, depth: usize) -> Result<Node<'a>, NotJson> {
        let begin = self.at;
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if !self.eat(b']') {
            loop {
                self.blanks();
                items.push(self.value(depth + 1)?);
                self.blanks();
                if self.eat(b']') {
                    break;
                }
                if !self.eat(b',') {
                    return Err(NotJson);
                }
            }
        }
        Ok(Node::Array(&self.text[begin..self.at], items))
    }

    fn number(&mut self) -> Result<Node<'a>, NotJson> {
        let begin = self.at;
        let minus = self.eat(b'-');
        if self.word("Infinity") || (!minus && self.word("NaN")) {
            return Ok(Node::Number(&self.text[begin..self.at]));
        }
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'-') || self.eat(b'+');
            self.digits()?;
        }
        Ok(Node::Number(&self.text[begin..self.at]))
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), NotJson> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > begin { Ok(()) } else { Err(NotJson) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.at += 1;
        let begin = self.at;
        loop {
            match self.peek().ok_or(NotJson)? {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[begin..self.at - 1]));
                }
                b'\\' => break,
                0..0x20 => return Err(NotJson),
                _ => self.at += 1,
            }
        }
        let mut out = self.text[begin..self.at].to_owned();
        loop {
            let from = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            out.push_str(&self.text[from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(NotJson),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotJson> {
        let byte = self.peek().ok_or(NotJson)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex()?;
                if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = back;
                }
                // Half a pair of surrogates is no character, and no reason to lose the row.
                char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(NotJson),
        })
    }

    fn hex(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotJson);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).or(Err(NotJson))
    }
}

#[cfg(test)]
mod tests;
