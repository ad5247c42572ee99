//! The answers of a server on one connection: read whole, counted, and thrown away.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const BUFFER: usize = 256 * 1024;

/// What a server answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The size of the body as it came, without the frames of chunks.
    pub(crate) body: u64,
    /// Whether the connection takes another request.
    pub(crate) is_open: bool,
}

/// Reads answer after answer.
#[derive(Debug)]
pub(crate) struct Answers<R> {
    stream: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
}

impl<R: AsyncRead + Unpin> Answers<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    pub(crate) fn stream(&mut self) -> &mut R {
        &mut self.stream
    }

    /// Reads the next answer to its end. Interim answers are passed over.
    ///
    /// # Errors
    ///
    /// Returns an error when the connection ends before the answer does, or the answer is no HTTP/1.
    pub(crate) async fn next(&mut self) -> Result<Answer> {
        loop {
            let head = self.head().await?;
            let (status, framing, is_open) = parse_head(&head)?;
            if (100..200).contains(&status) {
                continue;
            }
            let (body, is_open) = match framing {
                Framing::Length(length) => {
                    self.skip(length).await?;
                    (length, is_open)
                }
                Framing::Chunked => (self.skip_chunks().await?, is_open),
                Framing::UntilClosed => (self.skip_rest().await?, false),
            };
            return Ok(Answer { status, body, is_open });
        }
    }

    async fn head(&mut self) -> Result<Vec<u8>> {
        self.until(b"\r\n\r\n").await
    }

    /// Returns what comes before the mark, and passes over both.
    async fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            let unread = self.unread();
            let from = looked.min(unread.len());
            if let Some(at) = unread.get(from..).and_then(|new| find(new, mark)) {
                let found = unread.get(..from + at).unwrap_or_default().to_vec();
                self.start += found.len() + mark.len();
                return Ok(found);
            }
            looked = (unread.len() + 1).saturating_sub(mark.len());
            self.fill().await?;
        }
    }

    async fn skip(&mut self, mut length: u64) -> Result<()> {
        loop {
            let taken = usize::try_from(length).unwrap_or(usize::MAX).min(self.unread().len());
            self.start += taken;
            length -= taken as u64;
            if length == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn skip_chunks(&mut self) -> Result<u64> {
        let mut sum = 0_u64;
        loop {
            let line = self.until(b"\r\n").await?;
            let size = chunk_size(&line).ok_or_else(|| invalid("a chunk without a size"))?;
            if size == 0 {
                while !self.until(b"\r\n").await?.is_empty() {}
                return Ok(sum);
            }
            self.skip(size).await?;
            if !self.until(b"\r\n").await?.is_empty() {
                return Err(invalid("a chunk longer than its size"));
            }
            sum += size;
        }
    }

    async fn skip_rest(&mut self) -> Result<u64> {
        let mut sum = 0;
        loop {
            sum += self.unread().len() as u64;
            self.start = self.end;
            match self.fill().await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(sum),
                Err(error) => return Err(error),
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more, behind what is unread.
    async fn fill(&mut self) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        if free.is_empty() {
            return Err(invalid("a head or a chunk line that does not end"));
        }
        match self.stream.read(free).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }
}

fn find(haystack: &[u8], mark: &[u8]) -> Option<usize> {
    haystack.windows(mark.len()).position(|window| window == mark)
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    u64::from_str_radix(digits, 16).ok()
}

/// Returns the status, how the body ends, and whether the connection stays open.
fn parse_head(head: &[u8]) -> Result<(u16, Framing, bool)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let version = first.next().unwrap_or_default();
    let status: u16 = match (version, first.next().map(str::parse)) {
        ("HTTP/1.1" | "HTTP/1.0", Some(Ok(status))) => status,
        _ => return Err(invalid("no HTTP/1 status line")),
    };
    let mut is_open = version == "HTTP/1.1";
    let mut framing = Framing::UntilClosed;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Err(invalid("a header without a colon"));
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && framing != Framing::Chunked {
            framing = Framing::Length(value.parse().map_err(Error::other)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            is_open = value.eq_ignore_ascii_case("keep-alive") || (is_open && !value.eq_ignore_ascii_case("close"));
        }
    }
    if (100..200).contains(&status) || matches!(status, 204 | 304) {
        framing = Framing::Length(0);
    }
    Ok((status, framing, is_open))
}

fn invalid(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncRead, ReadBuf};

    use super::{Answer, Answers};

    /// Gives its bytes in pieces of one size.
    struct Pieces(Vec<u8>, usize);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            let size = self.1.min(self.0.len()).min(into.remaining());
            into.put_slice(&self.0[..size]);
            self.0.drain(..size);
            Poll::Ready(Ok(()))
        }
    }

    fn read(text: &str, piece: usize) -> Vec<Result<Answer, ErrorKind>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut answers = Answers::new(Pieces(text.as_bytes().to_vec(), piece));
            let mut all = Vec::new();
            loop {
                let answer = answers.next().await.map_err(|error| error.kind());
                let is_last = !matches!(answer, Ok(Answer { is_open: true, .. }));
                all.push(answer);
                if is_last {
                    return all;
                }
            }
        })
    }

    const fn answer(status: u16, body: u64, is_open: bool) -> Answer {
        Answer { status, body, is_open }
    }

    #[test]
    fn answers_follow_each_other_in_any_pieces() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
                    HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n\
                    HTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nt: u\r\n\r\n\
                    HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let expect = [
            Ok(answer(200, 5, true)),
            Ok(answer(304, 0, true)),
            Ok(answer(200, 15, true)),
            Ok(answer(503, 0, false)),
        ];
        for piece in [1, 2, 3, 7, 64, 4096] {
            assert_eq!(read(text, piece), expect, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nall of it", 4), [Ok(answer(200, 9, false))]);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for text in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            assert_eq!(read(text, 8), [Err(ErrorKind::UnexpectedEof)], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_http_is_an_error() {
        for text in [
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello\r\n",
        ] {
            assert_eq!(read(text, 8), [Err(ErrorKind::InvalidData)], "{text:?}");
        }
    }
}
