//! Which faults hold now. Pure: no sockets and no time.

use std::{net::SocketAddr, num::NonZeroU64, time::Duration};

/// A direction of a proxied connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Requests.
    ToServer,
    /// Answers.
    ToClient,
}

impl Direction {
    pub(super) const fn idx(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// How [`FaultProxy::cut`](crate::FaultProxy::cut) closes connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// With RST, as a crashed host does.
    Reset,
    /// With FIN, as a process that ends does.
    Finish,
}

/// What becomes of connections made after [`FaultProxy::half_open`](crate::FaultProxy::half_open).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fresh {
    /// They are accepted, and swallowed like the old ones.
    Swallowed,
    /// They work.
    Forwarded,
}

/// The faults of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lane {
    pub(super) delay: Duration,
    pub(super) frozen: bool,
    rate: Option<NonZeroU64>,
}

impl Lane {
    pub(super) fn throttle(&mut self, bytes_per_second: u64) {
        self.rate = NonZeroU64::new(bytes_per_second);
    }

    /// The most to deliver at once, a fiftieth of a second's worth.
    pub(super) fn slice(&self) -> usize {
        self.rate.map_or(usize::MAX, |rate| {
            usize::try_from(rate.get() / 50).unwrap_or(usize::MAX).max(1)
        })
    }

    /// How long `bytes` occupy this direction.
    pub(super) fn occupied(&self, bytes: usize) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| {
            let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(rate.get());
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        })
    }
}

/// Which link this is, given at admission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    number: u64,
    /// Swallowed from the start: it never gets a server.
    pub(super) stillborn: bool,
    pub(super) upstream: SocketAddr,
}

/// What is done with a new connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Admission {
    Refused,
    Link(Ticket),
}

/// All faults.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) upstream: SocketAddr,
    pub(super) refuse: bool,
    lanes: [Lane; 2],
    fresh: Fresh,
    next: u64,
    /// Links with smaller numbers are dead and silent.
    dead_below: u64,
    /// Links with smaller numbers are cut.
    cut_below: u64,
    cut: Cut,
}

impl Settings {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream,
            refuse: false,
            lanes: Default::default(),
            fresh: Fresh::Forwarded,
            next: 0,
            dead_below: 0,
            cut_below: 0,
            cut: Cut::Reset,
        }
    }

    pub(super) const fn lane(&self, direction: Direction) -> &Lane {
        let [to_server, to_client] = &self.lanes;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    pub(super) const fn lane_mut(&mut self, direction: Direction) -> &mut Lane {
        let [to_server, to_client] = &mut self.lanes;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    pub(super) fn admit(&mut self) -> Admission {
        if self.refuse {
            return Admission::Refused;
        }
        let number = self.next;
        self.next += 1;
        Admission::Link(Ticket {
            number,
            stillborn: self.fresh == Fresh::Swallowed,
            upstream: self.upstream,
        })
    }

    pub(super) const fn cut(&mut self, how: Cut) {
        self.cut = how;
        self.cut_below = self.next;
    }

    pub(super) const fn half_open(&mut self, fresh: Fresh) {
        self.dead_below = self.next;
        self.fresh = fresh;
    }

    pub(super) fn heal(&mut self) {
        self.lanes = Default::default();
        self.refuse = false;
        self.fresh = Fresh::Forwarded;
    }

    pub(super) fn cut_of(&self, link: &Ticket) -> Option<Cut> {
        (link.number < self.cut_below).then_some(self.cut)
    }

    pub(super) const fn is_dead(&self, link: &Ticket) -> bool {
        link.stillborn || link.number < self.dead_below
    }
}
