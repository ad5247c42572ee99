//! The peer that a server on hyper is held against: one answer, ready in memory, and nothing else.
//!
//! It is shaped as a fair peer: HTTP/1.1, a single-threaded runtime per core, each with a listener of its own on the
//! same port, no delay of small segments. `cargo xtask bench --http` gives it the bytes and the headers of the gateway.

use std::{
    convert::Infallible,
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    thread,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket};

const USAGE: &str = "usage: bare_hyper --port N --body FILE [--headers FILE] [--threads N]";
const BACKLOG: u32 = 4096;

/// What every request gets.
#[derive(Clone, Debug)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug)]
struct Options {
    port: u16,
    threads: usize,
    answer: Answer,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { port, threads, answer } = options(std::env::args().skip(1))?;
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let mut workers = Vec::with_capacity(threads);
    for _ in 0..threads {
        // Before the first is served, so that a port in use is known at once.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(async { listen(address) })?;
        let answer = answer.clone();
        workers.push(thread::spawn(move || runtime.block_on(serve(listener, answer))));
    }
    for worker in workers {
        worker.join().map_err(|_panic| "a thread panicked")?;
    }
    Ok(())
}

fn options(mut given: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let (mut port, mut body, mut headers) = (None, None, HeaderMap::new());
    let mut threads = thread::available_parallelism().map_or(1, usize::from);
    while let Some(option) = given.next() {
        let value = given.next().ok_or(USAGE)?;
        match option.as_str() {
            "--port" => port = Some(value.parse()?),
            "--threads" => threads = value.parse()?,
            "--body" => body = Some(Bytes::from(std::fs::read(value)?)),
            "--headers" => headers = parse_headers(&std::fs::read_to_string(value)?)?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(Options {
        port: port.ok_or(USAGE)?,
        threads: threads.max(1),
        answer: Answer {
            headers,
            body: body.ok_or(USAGE)?,
        },
    })
}

/// Reads `name: value` lines.
fn parse_headers(text: &str) -> Result<HeaderMap, Box<dyn Error>> {
    let mut headers = HeaderMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        headers.append(HeaderName::try_from(name.trim())?, HeaderValue::try_from(value.trim())?);
    }
    Ok(headers)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn serve(listener: TcpListener, answer: Answer) {
    loop {
        // Too many open files, or a peer that went away: the next one may be luckier.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        stream.set_nodelay(true).ok();
        let answer = answer.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(answer.body.clone()));
            *response.headers_mut() = answer.headers.clone();
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        // A client that closes in the middle is no concern of this program.
        tokio::spawn(async move { connection.await.ok() });
    }
}

#[cfg(test)]
mod tests {
    use super::{options, parse_headers};

    #[test]
    fn headers_keep_their_values() {
        let headers = parse_headers("content-type: application/json\nvary: a\nvary: b\n\n").unwrap();
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers.get_all("vary").iter().count(), 2);
        assert!(parse_headers("no colon").is_err());
    }

    #[test]
    fn a_body_is_needed() {
        assert!(options(["--port".to_owned(), "1".to_owned()].into_iter()).is_err());
        assert!(options(["--body".to_owned()].into_iter()).is_err());
    }
}
