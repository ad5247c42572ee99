//! HTTP/1.1 as it is on the wire, well-formed or not.

use std::{
    io::{self, ErrorKind, Read as _},
    net::SocketAddr,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

/// The longest that an answer may take in a test.
const ANSWER: Duration = Duration::from_secs(60);

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) version: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header that is there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {} {:?}", self.status, String::from_utf8_lossy(&self.body)),
        }
    }

    /// The body as it was before it was packed.
    pub(crate) fn unpacked(&self) -> Vec<u8> {
        match self.header("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut unpacked = Vec::new();
                let mut decoder = flate2::read::GzDecoder::new(&*self.body);
                decoder.read_to_end(&mut unpacked).unwrap();
                unpacked
            }
            Some("zstd") => zstd::decode_all(&*self.body).unwrap(),
            Some(other) => panic!("packed in an unknown form: {other}"),
        }
    }

    /// An error in the one shape that all errors have. Returns `error`.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        let body = self.json();
        let error = &body["error"];
        assert_eq!(error["code"], code, "{body}");
        assert_eq!(error["status"], status, "{body}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(error["type"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        let id = error["request_id"].as_str().unwrap();
        assert!(!id.is_empty() && self.header("x-request-id") == Some(id), "{self:?}");
        let time = error["timestamp"].as_str().unwrap();
        assert!(time.len() >= 20 && time.contains('T') && time.ends_with('Z'), "{time}");
        error.clone()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client<S = TcpStream> {
    pub(crate) socket: S,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(addr).await?;
        socket.set_nodelay(true)?;
        Ok(Self::over(socket))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) const fn over(socket: S) -> Self {
        Self {
            socket,
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref()).await?;
        self.socket.flush().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send("GET", path, &[]).await
    }

    /// Sends a request without a body, and reads its answer.
    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        self.write(head(method, path, headers)).await?;
        self.answer(method == "HEAD").await
    }

    /// The next answer, whole.
    pub(crate) async fn answer(&mut self, is_head: bool) -> io::Result<Response> {
        tokio::time::timeout(ANSWER, self.read_answer(is_head)).await?
    }

    async fn read_answer(&mut self, is_head: bool) -> io::Result<Response> {
        let end = loop {
            match self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at,
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        self.buffer.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let mut status = lines.next().unwrap().splitn(3, ' ');
        let mut response = Response {
            version: status.next().unwrap().to_owned(),
            status: status.next().unwrap().parse().unwrap(),
            headers: lines
                .map(|line| line.split_once(':').unwrap())
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
        };
        if is_head || matches!(response.status, 204 | 304) {
            return Ok(response);
        }
        if response.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = self.line().await?;
                let size = usize::from_str_radix(&size, 16).unwrap();
                response.body.extend(self.exactly(size).await?);
                self.line().await?;
                if size == 0 {
                    return Ok(response);
                }
            }
        }
        match response.header("content-length") {
            Some(len) => response.body = self.exactly(len.parse().unwrap()).await?,
            None => {
                while self.more().await.is_ok() {}
                response.body = std::mem::take(&mut self.buffer);
            }
        }
        Ok(response)
    }

    async fn line(&mut self) -> io::Result<String> {
        let end = loop {
            match self.buffer.windows(2).position(|two| two == b"\r\n") {
                Some(at) => break at,
                None => self.more().await?,
            }
        };
        let line = self.buffer.drain(..end + 2).collect::<Vec<u8>>();
        Ok(String::from_utf8(line[..end].to_vec()).unwrap())
    }

    async fn exactly(&mut self, len: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < len {
            self.more().await?;
        }
        Ok(self.buffer.drain(..len).collect())
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Waits until the other end closes, without another byte.
    pub(crate) async fn closed(&mut self, limit: Duration) -> bool {
        let mut byte = [0];
        match tokio::time::timeout(limit, self.socket.read(&mut byte)).await {
            Ok(Ok(0)) => self.buffer.is_empty(),
            Ok(Err(error)) => error.kind() == ErrorKind::ConnectionReset,
            _ => false,
        }
    }
}

/// The head of a request.
pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

/// Sends these bytes on a connection of their own, and reads one answer.
pub(crate) async fn raw(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut client = Client::connect(addr).await.unwrap();
    client.write(bytes).await.unwrap();
    client.answer(false).await.unwrap()
}
