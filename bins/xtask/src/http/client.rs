//! One request at a time over a connection of its own: for everything that is not measured by its speed.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest wait for a piece of an answer: a refresh may take its time.
const LIMIT: Duration = Duration::from_secs(60);
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// An answer, whole.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What belongs to one connection or one moment, and is written by every server itself.
const NOT_COPIED: [&str; 5] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
];

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the headers that another server has to be told of, one a line.
    pub(crate) fn headers_to_copy(&self) -> String {
        self.headers
            .iter()
            .filter(|(name, _)| !NOT_COPIED.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect()
    }
}

/// Asks for a path.
///
/// # Errors
///
/// Returns an error when there is no answer, or none that is HTTP/1.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    ask(address, "GET", path, headers)
}

/// Asks with any method, without a body.
///
/// # Errors
///
/// Returns an error when there is no answer, or none that is HTTP/1.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if method != "GET" {
        request.push_str("content-length: 0\r\n");
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes)
}

/// Reads everything that a server wrote before it closed the connection.
fn parse(bytes: &[u8]) -> Result<Answer> {
    let mark = b"\r\n\r\n";
    let end = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .ok_or_else(|| invalid("an answer without an end of its head"))?;
    let (head, rest) = bytes.split_at(end);
    let rest = rest.get(mark.len()..).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = match first.strip_prefix("HTTP/1.").map(|rest| rest.split(' ').nth(1)) {
        Some(Some(status)) => status.parse().map_err(Error::other)?,
        _ => return Err(invalid("an answer that is no HTTP/1")),
    };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    let is_chunked = answer.header("transfer-encoding") == Some("chunked");
    let length: Option<usize> = answer.header("content-length").and_then(|length| length.parse().ok());
    answer.body = match (is_chunked, length) {
        _ if status == 304 => Vec::new(),
        (true, _) => join_chunks(rest).ok_or_else(|| invalid("chunks that do not end"))?,
        (false, Some(length)) => rest
            .get(..length)
            .ok_or_else(|| invalid("a body shorter than its length"))?
            .to_vec(),
        (false, None) => rest.to_vec(),
    };
    Ok(answer)
}

fn join_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(line + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

fn invalid(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_body_with_a_length_is_read() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
        assert_eq!(answer.header("etag"), Some("\"a\""));
    }

    #[test]
    fn chunks_are_joined() {
        let answer =
            parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n1;x\r\n \r\n0\r\n\r\n").unwrap();
        assert_eq!(answer.body, b"{} ");
    }

    #[test]
    fn a_304_has_no_body() {
        let answer = parse(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.body.len()), (304, 0));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{",
            "SMTP ready\r\n\r\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn headers_of_the_connection_are_not_copied() {
        let answer = parse(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: today\r\nConnection: close\r\n\
              Content-Length: 0\r\nETag: W/\"1\"\r\n\r\n",
        )
        .unwrap();
        assert_eq!(
            answer.headers_to_copy(),
            "content-type: application/json\netag: W/\"1\"\n"
        );
    }
}
