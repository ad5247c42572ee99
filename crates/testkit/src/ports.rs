//! Ports for servers.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// The first port handed out; 10,000 above, where the cluster bus of the last one lies, is still below Linux's ephemeral range.
const FIRST: u16 = 10_300;
const COUNT: u16 = 12_400;
const BUS_OFFSET: u16 = 10_000;

/// What else than the port itself has to be free.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Also {
    Nothing,
    /// The port of the cluster bus, 10,000 above.
    ClusterBus,
}

/// Returns a port that is free now.
///
/// Not port 0: that gives ephemeral ports, where a client that keeps connecting to a killed server may be given the server's
/// own port as its local one, connect to itself, and so keep the server from coming back. Each process begins at a random
/// place and never gives a port twice in a row, so a collision needs another process; the caller then tries again.
pub(crate) fn free_port(also: Also) -> Option<u16> {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let random = RandomState::new().build_hasher().finish();
        AtomicU16::new((random & 0xffff) as u16)
    });
    (0..COUNT)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|&port| match also {
            Also::Nothing => is_free(port),
            Also::ClusterBus => is_free(port) && is_free(port + BUS_OFFSET),
        })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(loopback(port)).is_ok()
}

pub(crate) const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
