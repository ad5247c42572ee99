//! A TCP proxy on loopback whose faults are set while it runs.

mod door;
mod link;
mod settings;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub use self::settings::{Cut, Direction, Fresh};
use self::{door::Door, settings::Settings};

/// What a [`FaultProxy`] has done since its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProxyStats {
    /// Connections accepted from clients, also those that were refused or swallowed.
    pub accepted: u64,
    /// Connections closed at once because of [`FaultProxy::refuse`].
    pub refused: u64,
    /// Bytes delivered to the server.
    pub to_server: u64,
    /// Bytes delivered to clients.
    pub to_client: u64,
    /// Bytes swallowed by half-open links, of both directions.
    pub swallowed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    refused: AtomicU64,
    delivered: [AtomicU64; 2],
    swallowed: AtomicU64,
}

/// A TCP proxy on loopback between a client and a server, with faults.
///
/// A fault holds from the moment its method returns: nothing passes any more that it forbids, and every connection that a
/// client has made by then counts as an old one. Faults of both kinds add up, and
/// [`heal`](Self::heal) takes them all back. Dropping the proxy closes all its connections.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use gatewayz_testkit::{Cut, Direction, FaultProxy, RedisServer, ServerError};
/// # async fn a_test() -> Result<(), Box<dyn std::error::Error>> {
/// let redis = RedisServer::start().await?;
/// let proxy = FaultProxy::start(redis.addr()).await?;
/// let url = redis.url_at(proxy.addr()); // for the client under test
///
/// proxy.delay(Direction::ToClient, Duration::from_millis(50));
/// // .. the client's answers are late ..
/// proxy.cut(Cut::Reset);
/// // .. it has to connect again ..
/// proxy.heal();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    door: Arc<Door>,
    doorman: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy before `upstream`, which need not listen yet.
    ///
    /// # Errors
    ///
    /// Returns an error when the machine is out of ports or files.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.into_std()?;
        let addr = listener.local_addr()?;
        let (door, arrivals) = Door::new(listener, upstream);
        let bell = TcpListener::from_std(door.bell()?)?;
        let doorman = tokio::spawn(door::keep(bell, Arc::clone(&door), arrivals));
        Ok(Self { addr, door, doorman })
    }

    /// Returns the address for clients.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends connections made from now on to another server.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.door.change(|settings| settings.upstream = upstream);
    }

    /// Delivers every byte `delay` after it came, in order. The sender is not slowed down before 4 MiB are under way.
    ///
    /// Holds also for what is under way already; zero takes it back.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.door.change(|settings| settings.lane_mut(direction).delay = delay);
    }

    /// Delivers at most `bytes_per_second`; zero takes it back.
    pub fn throttle(&self, direction: Direction, bytes_per_second: u64) {
        self.door
            .change(|settings| settings.lane_mut(direction).throttle(bytes_per_second));
    }

    /// Keeps the connections, but neither reads nor delivers in `direction`, so that the sender's buffers fill up.
    ///
    /// Nothing is lost: what was held back is delivered after [`heal`](Self::heal). A peer that goes away is not noticed in this
    /// direction meanwhile.
    pub fn freeze(&self, direction: Direction) {
        self.door.change(|settings| settings.lane_mut(direction).frozen = true);
    }

    /// Closes all connections now, on both sides, and with them what was under way. New ones are served.
    pub fn cut(&self, how: Cut) {
        self.door.change(|settings| settings.cut(how));
    }

    /// Closes every new connection at once, or (`false`) serves them again. Connections that exist go on.
    ///
    /// The listener stays, so a client's `connect` succeeds and the connection is reset after it.
    pub fn refuse(&self, refuse: bool) {
        self.door.change(|settings| settings.refuse = refuse);
    }

    /// Makes all connections dead and silent, as when a router forgets them: bytes of both directions are swallowed, no peer
    /// hears of the other's end, and nothing ever closes them but [`cut`](Self::cut) and the proxy's drop.
    ///
    /// [`heal`](Self::heal) does not bring them back, since bytes are missing. For a partition that ends without loss, use
    /// [`freeze`](Self::freeze) in both directions. `fresh` says what becomes of connections made from now on.
    pub fn half_open(&self, fresh: Fresh) {
        self.door.change(|settings| settings.half_open(fresh));
    }

    /// Takes back all faults, except that connections already cut or dead stay so.
    pub fn heal(&self) {
        self.door.change(Settings::heal);
    }

    /// Returns what the proxy has done so far.
    #[must_use]
    pub fn stats(&self) -> ProxyStats {
        let counters = self.door.counters();
        let [to_server, to_client] = &counters.delivered;
        ProxyStats {
            accepted: counters.accepted.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            to_server: to_server.load(Ordering::Relaxed),
            to_client: to_client.load(Ordering::Relaxed),
            swallowed: counters.swallowed.load(Ordering::Relaxed),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.doorman.abort();
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    // Fails only where the peer has reset it before.
    drop(stream.set_zero_linger());
    drop(stream);
}
