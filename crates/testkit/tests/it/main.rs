//! The testkit's own promises, on real processes and sockets.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod death;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod sentinel;
#[cfg(test)]
mod server;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod waiting;
