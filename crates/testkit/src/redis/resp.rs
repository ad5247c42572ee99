//! A tiny RESP2 client, so that tests look at a server with other eyes than the client they test.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
};

use crate::error::ServerError;

/// No test looks at longer answers; a length above this is not RESP2.
const LONGEST: usize = 64 << 20;

/// A server's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// There is no such value.
    Nil,
    /// A number.
    Int(i64),
    /// A status or a string.
    Text(Vec<u8>),
    /// A list.
    Array(Vec<Reply>),
    /// The server refused the command.
    Error(String),
}

impl Reply {
    /// Returns the reply that is the string `text`, for comparing.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the status `OK`, for comparing.
    #[must_use]
    pub fn ok() -> Self {
        Self::text("OK")
    }

    /// Returns the string, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
            Self::Nil | Self::Int(_) | Self::Array(_) | Self::Error(_) => None,
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Nil | Self::Text(_) | Self::Array(_) | Self::Error(_) => None,
        }
    }

    /// Returns the list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Nil | Self::Int(_) | Self::Text(_) | Self::Error(_) => None,
        }
    }

    /// Returns the value of `field` in a flat list of fields and values, as `SENTINEL MASTER` answers.
    pub(super) fn field(&self, field: &str) -> Option<Cow<'_, str>> {
        let mut items = self.as_array()?.iter();
        while let (Some(name), Some(value)) = (items.next(), items.next()) {
            if name.as_text().is_some_and(|name| name == field) {
                return value.as_text();
            }
        }
        None
    }
}

/// Where a connection goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Target {
    pub(super) fn unix(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One connection, without any time-out of its own.
pub(super) struct Connection(BufReader<Box<dyn Duplex>>);

impl Connection {
    pub(super) async fn open(target: &Target, password: Option<&str>) -> Result<Self, ServerError> {
        let connect = ServerError::io("connect to the server");
        let stream: Box<dyn Duplex> = match target {
            Target::Tcp(addr) => Box::new(TcpStream::connect(addr).await.map_err(connect)?),
            Target::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(connect)?),
        };
        let mut connection = Self(BufReader::new(stream));
        if let Some(password) = password {
            let answer = connection.call(&["AUTH", password]).await?;
            if answer != Reply::ok() {
                return Err(ServerError::Unexpected {
                    command: "AUTH".to_owned(),
                    answer: format!("{answer:?}"),
                });
            }
        }
        Ok(connection)
    }

    /// Sends one command and reads its answer.
    pub(super) async fn call<A: AsRef<[u8]> + Sync>(&mut self, args: &[A]) -> Result<Reply, ServerError> {
        let request = encode(args);
        self.send(&request).await?;
        self.receive().await
    }

    pub(super) async fn send(&mut self, request: &[u8]) -> Result<(), ServerError> {
        self.0
            .get_mut()
            .write_all(request)
            .await
            .map_err(ServerError::io("write to the server"))
    }

    /// Reads one answer; boxed because lists nest.
    pub(super) fn receive(&mut self) -> Pin<Box<dyn Future<Output = Result<Reply, ServerError>> + Send + '_>> {
        Box::pin(async move {
            let line = self.line().await?;
            let (kind, rest) = line.split_at_checked(1).ok_or(ServerError::Protocol("an empty line"))?;
            match kind {
                "+" => Ok(Reply::text(rest)),
                "-" => Ok(Reply::Error(rest.to_owned())),
                ":" => rest
                    .parse()
                    .map(Reply::Int)
                    .ok()
                    .ok_or(ServerError::Protocol("a bad number")),
                "$" | "*" if rest == "-1" => Ok(Reply::Nil),
                "$" => Ok(Reply::Text(self.bulk(length(rest)?).await?)),
                "*" => {
                    let mut items = Vec::new();
                    for _ in 0..length(rest)? {
                        items.push(self.receive().await?);
                    }
                    Ok(Reply::Array(items))
                }
                _ => Err(ServerError::Protocol("an unknown type")),
            }
        })
    }

    async fn line(&mut self) -> Result<String, ServerError> {
        let mut line = String::new();
        let read = self
            .0
            .read_line(&mut line)
            .await
            .map_err(ServerError::io("read from the server"))?;
        if read == 0 {
            return Err(ServerError::Io {
                action: "read from the server",
                source: io::ErrorKind::UnexpectedEof.into(),
            });
        }
        line.strip_suffix("\r\n")
            .map(str::to_owned)
            .ok_or(ServerError::Protocol("an unfinished line"))
    }

    async fn bulk(&mut self, length: usize) -> Result<Vec<u8>, ServerError> {
        let mut bytes = vec![0; length + 2];
        self.0
            .read_exact(&mut bytes)
            .await
            .map_err(ServerError::io("read from the server"))?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn length(digits: &str) -> Result<usize, ServerError> {
    digits
        .parse()
        .ok()
        .filter(|&length| length <= LONGEST)
        .ok_or(ServerError::Protocol("a bad length"))
}

/// Returns the command in RESP2.
pub(super) fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
    request
}
