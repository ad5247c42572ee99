//! What a connection is doing, and for how long: the limits of its time, and errors of HTTP itself in our own words.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use gatewayz_cache_core::{Clock as _, KernelClock};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Code, Problem, RequestId};

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
const TOO_SLOW: u8 = 3;

/// The state of one connection, shared by its socket, its requests and its timer.
#[derive(Debug)]
pub(crate) struct Watch {
    phase: AtomicU8,
    /// When it last went on: the nanoseconds of a tick.
    since: AtomicU64,
    /// Requests without a whole answer. More than one only with HTTP/2.
    open: AtomicU32,
    /// Those of them whose answers have not begun: how long that may take is the gate's to say.
    unanswered: AtomicU32,
    /// HTTP/2 has frames of its own at any time: only whether there are requests counts.
    multiplexed: AtomicBool,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has this much time left.
    Wait(Duration),
    /// The head of a request takes too long.
    TooSlow,
    /// Nobody uses it.
    Close,
    /// The other end takes nothing.
    Abort,
}

fn now() -> u64 {
    KernelClock.now().as_nanos()
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            phase: AtomicU8::new(IDLE),
            since: AtomicU64::new(now()),
            open: AtomicU32::new(0),
            unanswered: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
        })
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.since.store(now(), Ordering::Relaxed);
    }

    /// A request was read.
    pub(super) fn begin(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        self.enter(BUSY);
    }

    /// An answer begins: from now on, the other end has to take it.
    fn answer(&self) {
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
        self.since.store(now(), Ordering::Relaxed);
    }

    /// An answer was handed over whole, or given up.
    pub(super) fn end(&self) {
        if self.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.enter(IDLE);
        }
    }

    /// Whether it speaks HTTP/2.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Ordering::Relaxed)
    }

    pub(super) fn verdict(&self, header: Duration, idle: Duration, answer: Duration) -> Verdict {
        let waited = Duration::from_nanos(now().saturating_sub(self.since.load(Ordering::Relaxed)));
        let (limit, after) = match self.phase.load(Ordering::Relaxed) {
            IDLE => (idle, Verdict::Close),
            HEAD => (header, Verdict::TooSlow),
            BUSY if self.unanswered.load(Ordering::Relaxed) > 0 => return Verdict::Wait(answer),
            BUSY => (answer, Verdict::Abort),
            // The answer that says so has had its time.
            _ => (Duration::from_secs(1), Verdict::Abort),
        };
        match limit.checked_sub(waited) {
            // The clock is coarse: a little more, so that the next look finds the time over.
            Some(left) if !left.is_zero() => Verdict::Wait(left + Duration::from_millis(5)),
            _ => after,
        }
    }

    pub(super) fn too_slow(&self) {
        self.enter(TOO_SLOW);
    }
}

/// A request that is open; dropped when its answer is over.
#[derive(Debug)]
pub(crate) struct Open {
    watch: Arc<Watch>,
    answered: bool,
}

impl Open {
    pub(super) fn new(watch: &Arc<Watch>) -> Self {
        watch.begin();
        Self {
            watch: Arc::clone(watch),
            answered: false,
        }
    }

    /// Its answer begins.
    pub(super) fn answered(mut self) -> Self {
        self.watch.answer();
        self.answered = true;
        self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.answered {
            self.watch.answer();
        }
        self.watch.end();
    }
}

/// A socket that tells its watch what happens on it.
///
/// Where HTTP/1 itself fails (a malformed head, one that is too large), hyper writes an empty answer without calling the
/// service. Nothing else is written while a head is read, so such an answer is known by that, and ours takes its place.
#[derive(Debug)]
pub(super) struct Watched<S> {
    socket: S,
    watch: Arc<Watch>,
    started: bool,
    /// Our own words, and how many of them are written.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Watched<S> {
    pub(super) const fn new(socket: S, watch: Arc<Watch>) -> Self {
        Self {
            socket,
            watch,
            started: false,
            instead: None,
        }
    }

    fn note_read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.started {
            self.started = true;
            self.watch
                .multiplexed
                .store(bytes.starts_with(b"PRI "), Ordering::Relaxed);
        }
        if self.watch.phase.load(Ordering::Relaxed) == IDLE && !self.watch.is_multiplexed() {
            self.watch.enter(HEAD);
        }
    }

    /// Our own words for what hyper is about to write, if it writes because HTTP failed.
    fn own_words(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let status = bytes
            .strip_prefix(b"HTTP/1.1 ")
            .or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
        let problem = match (self.watch.phase.load(Ordering::Relaxed), status.get(..3)?) {
            (TOO_SLOW, _) => Problem::new(
                Code::RequestTimeout,
                "the head of the request did not come in time; send it at once, or keep the connection without one",
            ),
            (HEAD, b"431") => Problem::new(
                Code::HeadersTooLarge,
                "the head of the request is too large; send fewer or shorter headers",
            ),
            (HEAD, b"414") => Problem::new(Code::HeadersTooLarge, "the path and query are too long"),
            (HEAD, [b'4' | b'5', ..]) => Problem::new(Code::MalformedRequest, "this is no request of HTTP/1.1"),
            _ => return None,
        };
        let id = RequestId::random();
        let status = problem.code().status();
        let body = problem.to_json(id.as_str(), KernelClock.wall());
        let mut whole = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: {id}\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\n",
            status.as_str(),
            status.canonical_reason().unwrap_or_default(),
            body.len(),
        )
        .into_bytes();
        whole.extend_from_slice(&body);
        Some(whole)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.watch.phase.load(Ordering::Relaxed) == TOO_SLOW {
            // No head has this byte in it: hyper gives up, and says so, but it looks only at what ends like a head. Of
            // HTTP/2, zeros are a frame that must not be.
            let end: &[u8] = if this.watch.is_multiplexed() {
                b"\0"
            } else {
                b"\0\r\n\r\n"
            };
            buffer.put_slice(&end[..buffer.remaining().min(end.len())]);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        this.note_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((words, written)) = &mut self.instead {
            let count = ready!(Pin::new(&mut self.socket).poll_write(context, &words[*written..]))?;
            *written += count;
            if count == 0 || *written == words.len() {
                self.instead = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        let goes_on = match self.watch.phase.load(Ordering::Relaxed) {
            BUSY => true,
            // What is left of an answer that was handed over whole. Frames of HTTP/2 itself are no use of a connection.
            IDLE => !self.watch.is_multiplexed(),
            _ => false,
        };
        if goes_on && matches!(written, Poll::Ready(Ok(count)) if *count > 0) {
            self.watch.since.store(now(), Ordering::Relaxed);
        }
    }

    /// Whether our own words take the place of these bytes.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if !matches!(self.watch.phase.load(Ordering::Relaxed), HEAD | TOO_SLOW) || self.watch.is_multiplexed() {
            return false;
        }
        self.instead = self.own_words(bytes).map(|words| (words, 0));
        self.instead.is_some()
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() && this.replaces(bytes) {
            // The words are written by the flush that follows.
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_instead(context))?;
        let written = Pin::new(&mut this.socket).poll_write(context, bytes);
        this.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let first = parts
            .iter()
            .find(|part| !part.is_empty())
            .map_or(&[][..], |part| &**part);
        if this.instead.is_none() && this.replaces(first) {
            return Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()));
        }
        ready!(this.poll_instead(context))?;
        let written = Pin::new(&mut this.socket).poll_write_vectored(context, parts);
        this.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_instead(context))?;
        Pin::new(&mut this.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_instead(context))?;
        Pin::new(&mut this.socket).poll_shutdown(context)
    }
}
