//! What the words mean, in one place.
//!
//! A gateway (a provider, as far as it is one of ours) is
//!
//! * **unconfigured** while a key or another setting is missing: it cannot be asked.
//! * **unhealthy** while its circuit breaker is open, or it is left alone because its list failed.
//! * **degraded** while its breaker lets single calls through to find out, while its last list did not come and it may
//!   be asked again, or when its last list is older than two intervals of syncs.
//! * **healthy** when its list came within two intervals and nothing failed since.
//! * **unknown** when nobody has asked it yet, as far as this node knows, or it has no list to ask for.
//!
//! Nothing is asked in order to answer: these are the outcomes of lists and calls that were made anyway.

use std::time::Duration;

use gatewayz_providers::BreakerState;

use crate::openapi::shape;

/// How a gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Healthy,
    Degraded,
    Unhealthy,
    Unconfigured,
    Unknown,
}

impl Standing {
    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unconfigured => "unconfigured",
            Self::Unknown => "unknown",
        }
    }

    /// The word of the older form: a provider is online or not.
    pub(crate) const fn as_provider_status(self) -> &'static str {
        match self {
            Self::Healthy => "online",
            Self::Degraded => "degraded",
            Self::Unhealthy => "offline",
            Self::Unconfigured | Self::Unknown => "unknown",
        }
    }

    /// Whether calls have a chance.
    pub(crate) const fn is_available(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// Whether anything was found out.
    pub(crate) const fn is_tracked(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded | Self::Unhealthy)
    }
}

/// What a gateway is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Whether no setting is missing.
    pub(crate) is_configured: bool,
    /// Whether it is left alone because its list failed.
    pub(crate) in_error_state: bool,
    /// Whether its last list did not come.
    pub(crate) has_failed: bool,
    pub(crate) breaker: BreakerState,
    /// How long ago its list came last.
    pub(crate) list_age: Option<Duration>,
    /// How often lists are fetched.
    pub(crate) interval: Duration,
}

/// How a gateway is.
pub(crate) fn judge(facts: &Facts) -> Standing {
    if !facts.is_configured {
        return Standing::Unconfigured;
    }
    if facts.breaker == BreakerState::Open || facts.in_error_state {
        return Standing::Unhealthy;
    }
    if facts.breaker == BreakerState::HalfOpen || facts.has_failed {
        return Standing::Degraded;
    }
    match facts.list_age {
        None => Standing::Unknown,
        Some(age) if age > facts.interval * 2 => Standing::Degraded,
        Some(_) => Standing::Healthy,
    }
}

shape! {
    /// How many gateways are how.
    pub(crate) struct GatewayCounts {
        pub(crate) total_gateways: u32,
        pub(crate) healthy: u32,
        pub(crate) degraded: u32,
        pub(crate) unhealthy: u32,
        pub(crate) unconfigured: u32,
        /// Those that nobody has asked yet.
        pub(crate) unknown: u32,
        /// The healthy ones, of those of which something is known, in percent; 0 while nothing is.
        pub(crate) overall_health_percentage: f64,
    }
}

impl GatewayCounts {
    /// Counts.
    pub(crate) fn of(standings: impl IntoIterator<Item = Standing>) -> Self {
        let mut counts = [0_u32; 5];
        for standing in standings {
            counts[standing as usize] += 1;
        }
        let [healthy, degraded, unhealthy, unconfigured, unknown] = counts;
        let tracked = healthy + degraded + unhealthy;
        Self {
            total_gateways: counts.iter().sum(),
            healthy,
            degraded,
            unhealthy,
            unconfigured,
            unknown,
            overall_health_percentage: percent(healthy, tracked),
        }
    }

    /// Those of which something is known.
    pub(crate) const fn tracked(&self) -> u32 {
        self.healthy + self.degraded + self.unhealthy
    }

    /// Whether so few are healthy that the deployment should be held to be broken: less than 30 of a hundred that are
    /// configured, where those that nobody has asked yet may well be. A gateway that has just started is not broken.
    pub(crate) fn is_failing(&self) -> bool {
        let configured = self.tracked() + self.unknown;
        configured > 0 && percent(self.healthy + self.unknown, configured) < 30.0
    }

    /// How it is as a whole: `healthy` when 80 of a hundred are of which something is known, `unhealthy` when it is
    /// failing, `degraded` in between; without a database `degraded` at best, since what is cached goes on being served.
    pub(crate) fn overall(&self, database: bool) -> Standing {
        let standing = if self.tracked() == 0 {
            Standing::Unknown
        } else if self.is_failing() {
            Standing::Unhealthy
        } else if self.overall_health_percentage < 80.0 {
            Standing::Degraded
        } else {
            Standing::Healthy
        };
        match standing {
            Standing::Healthy | Standing::Unknown if !database => Standing::Degraded,
            standing => standing,
        }
    }
}

/// A part in percent with two decimals; 0 of nothing.
pub(crate) fn percent(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (f64::from(part) / f64::from(whole) * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_providers::BreakerState;

    use super::{Facts, GatewayCounts, Standing, judge};

    #[test]
    fn gateways_are_judged_by_what_is_known() {
        use BreakerState::{Closed, HalfOpen, Open};
        use Standing::{Degraded, Healthy, Unconfigured, Unhealthy, Unknown};
        let minutes = |n: u64| Some(Duration::from_secs(n * 60));
        // Configured, in error state, has failed, breaker, age of the list with an interval of 30 minutes.
        let table = [
            ((true, false, false, Closed, minutes(1)), Healthy),
            ((true, false, false, Closed, minutes(60)), Healthy),
            ((true, false, false, Closed, minutes(61)), Degraded),
            ((true, false, false, Closed, None), Unknown),
            ((true, false, true, Closed, None), Degraded),
            ((true, false, true, Closed, minutes(1)), Degraded),
            ((true, false, false, HalfOpen, minutes(1)), Degraded),
            ((true, true, true, Closed, minutes(1)), Unhealthy),
            ((true, true, true, HalfOpen, minutes(1)), Unhealthy),
            ((true, false, false, Open, minutes(1)), Unhealthy),
            ((true, false, false, Open, None), Unhealthy),
            ((false, false, false, Closed, None), Unconfigured),
            ((false, true, true, Open, minutes(1)), Unconfigured),
        ];
        for ((is_configured, in_error_state, has_failed, breaker, list_age), expected) in table {
            let facts = Facts {
                is_configured,
                in_error_state,
                has_failed,
                breaker,
                list_age,
                interval: Duration::from_secs(30 * 60),
            };
            assert_eq!(judge(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn the_whole_is_judged_by_those_of_which_something_is_known() {
        use Standing::{Degraded, Healthy, Unconfigured, Unhealthy, Unknown};
        let of = |standings: &[(Standing, usize)]| {
            GatewayCounts::of(
                standings
                    .iter()
                    .flat_map(|&(standing, n)| std::iter::repeat_n(standing, n)),
            )
        };
        let fresh = of(&[(Unknown, 40), (Unconfigured, 43)]);
        assert!(!fresh.is_failing(), "nobody was asked yet");
        assert_eq!((fresh.overall(true), fresh.overall(false)), (Unknown, Degraded));
        let one = of(&[(Unhealthy, 1), (Unknown, 40)]);
        assert!(!one.is_failing(), "one of 41 says little");
        assert_eq!(one.overall(true), Degraded);
        let bad = of(&[(Healthy, 29), (Unhealthy, 71), (Unconfigured, 500)]);
        assert!(bad.is_failing());
        assert_eq!(bad.overall(true), Unhealthy);
        assert_eq!(of(&[(Healthy, 30), (Degraded, 70)]).overall(true), Degraded);
        let good = of(&[(Healthy, 80), (Unhealthy, 20), (Unknown, 9)]);
        assert_eq!((good.overall(true), good.overall(false)), (Healthy, Degraded));
        assert_eq!((good.total_gateways, good.tracked()), (109, 100));
    }
}
