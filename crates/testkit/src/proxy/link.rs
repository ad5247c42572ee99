//! One connection of a client with its connection to the server: two lanes, each a reader, a bounded queue and a writer.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{Semaphore, mpsc, watch},
    time::Instant,
};

use super::{
    Counters, reset,
    settings::{Cut, Direction, Settings, Ticket},
};

/// What is read at once.
const CHUNK: usize = 16 << 10;
/// What may be under way in one direction before its reader stops.
const UNDER_WAY: usize = 4 << 20;

/// For a connection to the server, on loopback; only one whose backlog is full takes any time.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Serves one connection until it ends or is cut.
pub(super) async fn run(
    mut client: TcpStream,
    ticket: Ticket,
    settings: watch::Receiver<Settings>,
    counters: Arc<Counters>,
) {
    let mut server = None;
    if !ticket.stillborn {
        // A cut waits for this, since a connection dropped half made would be closed with FIN.
        let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(ticket.upstream)).await;
        let Ok(Ok(connected)) = connected else {
            return reset(client);
        };
        server = Some(connected);
    }
    let mut cut_seen = settings.clone();
    let link = Link {
        ticket,
        settings,
        counters,
    };
    let end = tokio::select! {
        // A cut wins over bytes that are ready.
        biased;
        seen = cut_seen.wait_for(|settings| settings.cut_of(&ticket).is_some()) => {
            seen.ok().and_then(|settings| settings.cut_of(&ticket)).unwrap_or(Cut::Reset)
        }
        done = link.serve(&mut client, server.as_mut()) => if done.is_ok() { Cut::Finish } else { Cut::Reset },
    };
    match end {
        Cut::Reset => {
            reset(client);
            if let Some(server) = server {
                reset(server);
            }
        }
        Cut::Finish => {
            finish(client).await;
            if let Some(server) = server {
                finish(server).await;
            }
        }
    }
}

/// Closes with FIN, even if unread bytes would turn a plain close into RST.
async fn finish(mut stream: TcpStream) {
    // Fails only where the peer has closed it before.
    drop(stream.shutdown().await);
    let mut ignored = [0; 1024];
    while matches!(stream.try_read(&mut ignored), Ok(1..)) {}
}

#[derive(Debug)]
struct Link {
    ticket: Ticket,
    settings: watch::Receiver<Settings>,
    counters: Arc<Counters>,
}

impl Link {
    /// Ends well when both peers have closed, badly when one has reset; without a server, swallows.
    async fn serve(&self, client: &mut TcpStream, server: Option<&mut TcpStream>) -> io::Result<()> {
        client.set_nodelay(true)?;
        let Some(server) = server else {
            let (reader, _writer) = client.split();
            return self.lane(Direction::ToServer).swallow(&reader).await;
        };
        server.set_nodelay(true)?;
        let (client_reader, client_writer) = client.split();
        let (server_reader, server_writer) = server.split();
        tokio::try_join!(
            self.lane(Direction::ToServer).run(client_reader, server_writer),
            self.lane(Direction::ToClient).run(server_reader, client_writer),
        )?;
        Ok(())
    }

    fn lane(&self, direction: Direction) -> Lane<'_> {
        Lane {
            direction,
            link: self,
            settings: self.settings.clone(),
        }
    }
}

/// Bytes that came together; none at all are the end.
#[derive(Debug)]
struct Chunk {
    came: Instant,
    bytes: Vec<u8>,
    room_taken: usize,
}

/// One direction of a link.
///
/// The faults are looked at and the socket is read or written under one read lock of the settings, which never blocks: so when
/// the method that sets a fault has returned, no byte passes that the fault forbids.
#[derive(Debug)]
struct Lane<'a> {
    direction: Direction,
    link: &'a Link,
    settings: watch::Receiver<Settings>,
}

/// What a lane can do now.
#[derive(Debug)]
enum Step {
    Read(usize),
    Wrote(usize),
    /// The socket is not ready.
    Socket,
    /// A fault holds it back, until it changes or this moment comes.
    Fault(Option<Instant>),
    /// The link is dead: what came is to be forgotten.
    Dead,
}

impl Lane<'_> {
    async fn run(self, reader: ReadHalf<'_>, writer: WriteHalf<'_>) -> io::Result<()> {
        // Bounded by the semaphore, in bytes: a bound in chunks would be hit by many small ones.
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Semaphore::new(UNDER_WAY);
        let source = Lane {
            settings: self.settings.clone(),
            ..self
        };
        tokio::try_join!(source.read(&reader, sender, &room), self.write(writer, receiver, &room))?;
        Ok(())
    }

    /// Reads into the queue until the peer's end.
    async fn read(
        mut self,
        reader: &ReadHalf<'_>,
        queue: mpsc::UnboundedSender<Chunk>,
        room: &Semaphore,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            // Closed never: it lives as long as the lane.
            drop(room.acquire().await);
            match self.read_step(reader, &mut buffer)? {
                Step::Read(n) => {
                    let bytes = buffer.get(..n).unwrap_or_default().to_vec();
                    // One chunk may overshoot the bound.
                    let room_taken = room.forget_permits(n);
                    if queue
                        .send(Chunk {
                            came: Instant::now(),
                            bytes,
                            room_taken,
                        })
                        .is_err()
                        || n == 0
                    {
                        return Ok(());
                    }
                }
                Step::Socket => tokio::select! {
                    ready = reader.readable() => ready?,
                    () = changed(&mut self.settings) => {}
                },
                Step::Dead => return self.swallow(reader).await,
                Step::Fault(_) | Step::Wrote(_) => changed(&mut self.settings).await,
            }
        }
    }

    fn read_step(&mut self, reader: &ReadHalf<'_>, buffer: &mut [u8]) -> io::Result<Step> {
        let settings = self.settings.borrow_and_update();
        if settings.is_dead(&self.link.ticket) {
            return Ok(Step::Dead);
        }
        if settings.lane(self.direction).frozen {
            return Ok(Step::Fault(None));
        }
        match reader.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::Socket),
            read => read.map(Step::Read),
        }
    }

    /// Delivers from the queue until its end.
    async fn write(
        mut self,
        mut writer: WriteHalf<'_>,
        mut queue: mpsc::UnboundedReceiver<Chunk>,
        room: &Semaphore,
    ) -> io::Result<()> {
        let mut free_at = Instant::now();
        while let Some(chunk) = queue.recv().await {
            let mut rest = chunk.bytes.as_slice();
            let is_end = rest.is_empty();
            loop {
                match self.write_step(&writer, chunk.came, free_at, rest)? {
                    Step::Wrote(n) => {
                        self.link.counters.delivered[self.direction.idx()].fetch_add(n as u64, Ordering::Relaxed);
                        free_at = Instant::now() + self.settings.borrow().lane(self.direction).occupied(n);
                        rest = rest.get(n..).unwrap_or_default();
                        if rest.is_empty() {
                            break;
                        }
                    }
                    Step::Socket => tokio::select! {
                        ready = writer.writable() => ready?,
                        () = changed(&mut self.settings) => {}
                    },
                    Step::Fault(Some(until)) => tokio::select! {
                        () = tokio::time::sleep_until(until) => {}
                        () = changed(&mut self.settings) => {}
                    },
                    Step::Fault(None) | Step::Read(_) => changed(&mut self.settings).await,
                    Step::Dead => return self.forget(rest.len(), queue).await,
                }
            }
            room.add_permits(chunk.room_taken);
            if is_end {
                return writer.shutdown().await;
            }
        }
        Ok(())
    }

    fn write_step(&mut self, writer: &WriteHalf<'_>, came: Instant, free_at: Instant, rest: &[u8]) -> io::Result<Step> {
        let settings = self.settings.borrow_and_update();
        if settings.is_dead(&self.link.ticket) {
            return Ok(Step::Dead);
        }
        let lane = settings.lane(self.direction);
        if lane.frozen {
            return Ok(Step::Fault(None));
        }
        let due = (came + lane.delay).max(free_at);
        if due > Instant::now() {
            return Ok(Step::Fault(Some(due)));
        }
        if rest.is_empty() {
            return Ok(Step::Wrote(0));
        }
        match writer.try_write(rest.get(..lane.slice()).unwrap_or(rest)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::Socket),
            wrote => wrote.map(Step::Wrote),
        }
    }

    /// Reads and forgets, for ever: not even the end is told to the other side.
    async fn swallow(&self, reader: &ReadHalf<'_>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            match reader.try_read(&mut buffer) {
                Ok(n @ 1..) => self.count_swallowed(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => reader.readable().await?,
                Ok(0) | Err(_) => std::future::pending().await,
            }
        }
    }

    /// Forgets what is still in the queue, and then waits for ever.
    async fn forget(&self, unsent: usize, mut queue: mpsc::UnboundedReceiver<Chunk>) -> io::Result<()> {
        self.count_swallowed(unsent);
        while let Some(chunk) = queue.recv().await {
            self.count_swallowed(chunk.bytes.len());
        }
        std::future::pending().await
    }

    fn count_swallowed(&self, n: usize) {
        self.link.counters.swallowed.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// Returns when a fault has changed; never, when the proxy is gone, since the link is ended then.
async fn changed(settings: &mut watch::Receiver<Settings>) {
    if settings.changed().await.is_err() {
        std::future::pending().await
    }
}
