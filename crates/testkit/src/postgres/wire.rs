//! A tiny client of PostgreSQL's protocol 3, so that tests look at a server with other eyes than the client they test.

use std::path::Path;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use crate::error::ServerError;

/// No test looks at longer answers; a length above this is not the protocol.
const LONGEST: usize = 64 << 20;
const VERSION: u32 = 3 << 16;

/// One row of an answer: each column as text, or `None` for null.
pub type Row = Vec<Option<String>>;

/// One connection, without any time-out of its own.
#[derive(Debug)]
pub(super) struct Session(BufReader<UnixStream>);

impl Session {
    /// Connects to `database` as the user `postgres`.
    pub(super) async fn open(socket: &Path, database: &str) -> Result<Self, ServerError> {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(ServerError::io("connect to the server"))?;
        let mut session = Self(BufReader::new(stream));
        let mut startup = VERSION.to_be_bytes().to_vec();
        for text in ["user", "postgres", "database", database, ""] {
            startup.extend_from_slice(text.as_bytes());
            startup.push(0);
        }
        session.send(None, &startup).await?;
        session.answer().await?;
        Ok(session)
    }

    /// Runs `sql`, one statement or several, and returns the rows of all.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Vec<Row>, ServerError> {
        let mut text = sql.as_bytes().to_vec();
        text.push(0);
        self.send(Some(b'Q'), &text).await?;
        self.answer().await
    }

    async fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<(), ServerError> {
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        let mut message: Vec<u8> = kind.into_iter().chain(length.to_be_bytes()).collect();
        message.extend_from_slice(body);
        self.0
            .get_mut()
            .write_all(&message)
            .await
            .map_err(ServerError::io("write to the server"))
    }

    /// Reads until the server is ready for more.
    async fn answer(&mut self) -> Result<Vec<Row>, ServerError> {
        let mut rows = Vec::new();
        let mut refused = None;
        loop {
            let (kind, body) = match (self.receive().await, refused.take()) {
                // A session that is refused ends without saying that it is ready.
                (Err(_), Some(refusal)) => return Err(refusal),
                (received, earlier) => {
                    refused = earlier;
                    received?
                }
            };
            match kind {
                b'D' => rows.push(row(&body).ok_or(ServerError::Protocol("a bad row"))?),
                b'E' => refused = Some(refusal(&body)),
                b'R' if body != [0; 4] => return Err(ServerError::Protocol("it asks for a password")),
                b'Z' => return refused.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    async fn receive(&mut self) -> Result<(u8, Vec<u8>), ServerError> {
        let read = || ServerError::io("read from the server");
        let kind = self.0.read_u8().await.map_err(read())?;
        let length = self.0.read_u32().await.map_err(read())?;
        let length = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_sub(4))
            .filter(|&length| length <= LONGEST)
            .ok_or(ServerError::Protocol("a bad length"))?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.map_err(read())?;
        Ok((kind, body))
    }
}

fn row(mut body: &[u8]) -> Option<Row> {
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(take(&mut body)?) {
        // A negative length is a null.
        let column = match usize::try_from(i32::from_be_bytes(take(&mut body)?)) {
            Ok(length) => {
                let (text, rest) = body.split_at_checked(length)?;
                body = rest;
                Some(String::from_utf8_lossy(text).into_owned())
            }
            Err(_) => None,
        };
        columns.push(column);
    }
    Some(columns)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// The fields of an error end with a zero byte each, and begin with a letter.
fn refusal(body: &[u8]) -> ServerError {
    let field = |name: u8| {
        let found = body
            .split(|&byte| byte == 0)
            .find_map(|field| field.strip_prefix(&[name]));
        String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
    };
    ServerError::Refused {
        code: field(b'C'),
        message: field(b'M'),
    }
}

#[cfg(test)]
mod tests {
    use super::{refusal, row};
    use crate::error::ServerError;

    #[test]
    fn rows_are_read() {
        let body = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(row(body), Some(vec![Some("ab".to_owned()), None, Some(String::new())]));
        assert_eq!(row(b"\0\x01\0\0\0\x09ab"), None);
        assert_eq!(row(b"\0"), None);
    }

    #[test]
    fn refusals_are_read() {
        let error = refusal(b"SERROR\0C42P04\0Mdatabase \"a\" already exists\0\0");
        assert!(
            matches!(&error, ServerError::Refused { code, message } if code == "42P04" && message.ends_with("exists")),
            "{error}"
        );
    }
}
