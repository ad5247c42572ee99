//! The cache as its users see it, over a shared tier in memory and with time that the tests move.

#[cfg(test)]
mod capacity;
#[cfg(test)]
mod coherence;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod degraded;
#[cfg(test)]
mod freshness;
#[cfg(test)]
mod insert;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod invalidation;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lessons;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod single_flight;
#[cfg(test)]
mod stats;
#[cfg(test)]
mod support;
