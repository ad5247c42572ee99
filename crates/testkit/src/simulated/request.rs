//! Reading requests.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Nothing under test sends more.
const LONGEST_HEAD: usize = 1 << 20;
const LONGEST_BODY: usize = 64 << 20;

/// A request, as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`, as a rule.
    pub method: String,
    /// The path and the query, as they came.
    pub target: String,
    /// The headers in their order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, empty for most.
    pub body: Bytes,
}

impl Request {
    /// Returns the path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Returns the value of a parameter of the query, as it came: percent signs are not decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// Returns the first value of a header, whose name may be in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// Whether the client wants to go on with this connection.
    pub(super) fn keeps_alive(&self) -> bool {
        self.header("connection")
            .is_none_or(|value| !value.eq_ignore_ascii_case("close"))
    }

    /// Reads the next request; `None` at the end of the connection.
    pub(super) async fn read<S: AsyncRead + Unpin + Send>(stream: &mut BufReader<S>) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            length += stream.read_line(&mut line).await?;
            if length > LONGEST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match line.trim_end() {
                "" if !line.is_empty() && lines.is_empty() => {}
                "" if lines.is_empty() => return Ok(None),
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut request = parse(&lines).ok_or(io::ErrorKind::InvalidData)?;
        request.body = request.read_body(stream).await?;
        Ok(Some(request))
    }

    async fn read_body<S: AsyncRead + Unpin + Send>(&self, stream: &mut BufReader<S>) -> io::Result<Bytes> {
        let mut body = Vec::new();
        if let Some(length) = self.header("content-length") {
            read_part(stream, &mut body, length.parse().ok()).await?;
        } else if self.header("transfer-encoding").is_some() {
            loop {
                let mut size = String::new();
                stream.read_line(&mut size).await?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let before = body.len();
                read_part(stream, &mut body, usize::from_str_radix(size, 16).ok()).await?;
                let is_last = body.len() == before;
                // The line that ends the part; trailers are not spoken of.
                stream.read_line(&mut String::new()).await?;
                if is_last {
                    break;
                }
            }
        }
        Ok(body.into())
    }
}

async fn read_part<S: AsyncRead + Unpin + Send>(
    stream: &mut BufReader<S>,
    body: &mut Vec<u8>,
    length: Option<usize>,
) -> io::Result<()> {
    let start = body.len();
    let end = length
        .and_then(|length| start.checked_add(length))
        .filter(|&end| end <= LONGEST_BODY)
        .ok_or(io::ErrorKind::InvalidData)?;
    body.resize(end, 0);
    stream.read_exact(body.get_mut(start..).unwrap_or_default()).await?;
    Ok(())
}

fn parse(lines: &[String]) -> Option<Request> {
    let (first, headers) = lines.split_first()?;
    let mut words = first.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let headers = headers.iter().map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.collect::<Option<_>>()?,
        body: Bytes::new(),
    })
}
