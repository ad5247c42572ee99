//! One connection: requests in, answers and faults out.

use std::{io, ops::ControlFlow};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::sleep,
};

use super::{
    fault::Fault,
    reply::{Body, Reply},
    request::Request,
    routes::{Routes, absent},
};
use crate::proxy::Cut;

/// What is read at a time while nothing is answered.
const IGNORED: usize = 4096;

/// Serves a connection until one side ends it.
pub(super) async fn serve(stream: TcpStream, routes: &Mutex<Routes>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream).await? {
        let (route, fault) = routes.lock().meet(&request);
        let mut reply = route.map_or_else(|| absent(&request), |route| route.answer(&request));
        let mut fault = fault;
        if let Some(Fault::Instead(other)) = fault {
            (reply, fault) = (other, None);
        }
        let flow = Answer {
            stream: &mut stream,
            request: &request,
            fault,
            sent: 0,
        };
        match flow.send(&reply).await? {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Cut::Finish) => break,
            // An end that was said would be an orderly one.
            ControlFlow::Break(Cut::Reset) => return stream.get_ref().set_zero_linger(),
        }
    }
    stream.get_mut().shutdown().await
}

/// One answer on its way. `Break` ends the connection, and says how.
struct Answer<'a> {
    stream: &'a mut BufReader<TcpStream>,
    request: &'a Request,
    fault: Option<Fault>,
    /// Bytes of the body.
    sent: usize,
}

impl Answer<'_> {
    async fn send(mut self, reply: &Reply) -> io::Result<ControlFlow<Cut>> {
        match &self.fault {
            Some(Fault::Late(time)) => sleep(*time).await,
            Some(Fault::Hang) => return self.hang().await,
            Some(Fault::Drop(cut)) => return Ok(ControlFlow::Break(*cut)),
            Some(Fault::Rubbish(bytes)) => {
                self.stream.get_mut().write_all(bytes).await?;
                return Ok(ControlFlow::Break(Cut::Finish));
            }
            _ => {}
        }
        let has_body = self.request.method != "HEAD" && !matches!(reply.status, 100..200 | 204 | 304);
        let head = self.head(reply, has_body);
        self.stream.get_mut().write_all(head.as_bytes()).await?;
        if has_body {
            let is_chunked = self.is_chunked(reply);
            for chunk in reply.body.chunks() {
                if let ControlFlow::Break(cut) = self.send_chunk(chunk, is_chunked).await? {
                    return Ok(ControlFlow::Break(cut));
                }
            }
            // A fault behind the end of the body comes at its end.
            match self.fault {
                Some(Fault::HangAfter(_)) => return self.hang().await,
                Some(Fault::CutAfter(_, cut)) => return Ok(ControlFlow::Break(cut)),
                _ if is_chunked => self.stream.get_mut().write_all(b"0\r\n\r\n").await?,
                _ => {}
            }
        }
        Ok(if self.closes() {
            ControlFlow::Break(Cut::Finish)
        } else {
            ControlFlow::Continue(())
        })
    }

    fn is_chunked(&self, reply: &Reply) -> bool {
        matches!(reply.body, Body::Lazy(_)) && !matches!(self.fault, Some(Fault::ContentLength(_)))
    }

    fn closes(&self) -> bool {
        !self.request.keeps_alive() || matches!(self.fault, Some(Fault::ContentLength(_)))
    }

    fn head(&self, reply: &Reply, has_body: bool) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match (&self.fault, &reply.body) {
            (Some(Fault::ContentLength(length)), _) => head += &format!("content-length: {length}\r\n"),
            (_, Body::Lazy(_)) => head += "transfer-encoding: chunked\r\n",
            // A body that must not be there has no length either, except that of what `HEAD` asks about.
            (_, Body::Whole(body)) if has_body || self.request.method == "HEAD" => {
                head += &format!("content-length: {}\r\n", body.len());
            }
            (_, Body::Whole(_)) => {}
        }
        if self.closes() {
            head += "connection: close\r\n";
        }
        head + "\r\n"
    }

    async fn send_chunk(&mut self, mut chunk: Bytes, is_chunked: bool) -> io::Result<ControlFlow<Cut>> {
        while !chunk.is_empty() {
            let allowed = match self.fault {
                Some(Fault::HangAfter(limit) | Fault::CutAfter(limit, _)) => limit.saturating_sub(self.sent),
                Some(Fault::Drip(size, _)) => size.max(1),
                _ => chunk.len(),
            };
            let part = chunk.split_to(allowed.min(chunk.len()));
            if !part.is_empty() {
                self.write_part(&part, is_chunked).await?;
            }
            match self.fault {
                Some(Fault::Drip(_, pause)) => sleep(pause).await,
                Some(Fault::HangAfter(limit)) if self.sent >= limit => return self.hang().await,
                Some(Fault::CutAfter(limit, cut)) if self.sent >= limit => return Ok(ControlFlow::Break(cut)),
                _ => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn write_part(&mut self, part: &Bytes, is_chunked: bool) -> io::Result<()> {
        let stream = self.stream.get_mut();
        if is_chunked {
            stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
        }
        stream.write_all(part).await?;
        if is_chunked {
            stream.write_all(b"\r\n").await?;
        }
        self.sent += part.len();
        Ok(())
    }

    /// Answers nothing until the client has closed its side.
    async fn hang(&mut self) -> io::Result<ControlFlow<Cut>> {
        let mut ignored = [0; IGNORED];
        while self.stream.read(&mut ignored).await? > 0 {}
        Ok(ControlFlow::Break(Cut::Finish))
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
