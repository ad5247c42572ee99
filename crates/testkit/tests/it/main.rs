//! The testkit's own promises, on real processes and sockets.

#[cfg(test)]
mod death;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod server;
#[cfg(test)]
mod waiting;
