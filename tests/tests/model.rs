//! The model of the protocol: the whole of it has no violation, and without any one part of it there is one.

use gatewayz_tests::model::{Limits, Measure, Protocol, Safeguards, explore};

/// Searches everything, and asserts that nothing breaks and that what should be able to happen does.
#[track_caller]
fn holds(protocol: Protocol, at_least: usize) {
    let protocol = Protocol {
        mirror: true,
        ..protocol
    };
    let limits = Limits {
        threads: 2,
        ..Limits::default()
    };
    let report = explore(&protocol, &limits);
    eprintln!(
        "{} states, {} steps, {:.1?}",
        report.states, report.steps, report.elapsed
    );
    assert_eq!(report.violation, None, "{protocol:?}");
    assert!(report.complete, "the search stopped early");
    assert!(report.states >= at_least, "only {} states", report.states);
    for (name, example) in report.examples {
        assert!(example.is_some(), "never: {name}");
    }
}

/// Asserts that there is a violation of P2, and prints the shortest way to it.
#[track_caller]
fn is_refuted(safeguards: Safeguards, protocol: Protocol) {
    let protocol = Protocol {
        safeguards,
        measure: Measure::Loaded,
        ..protocol
    };
    let report = explore(&protocol, &Limits::default());
    let trace = report.violation.unwrap_or_default();
    eprintln!("refuted in {} steps, {:.1?}: {trace:?}", trace.len(), report.elapsed);
    assert!(!trace.is_empty(), "not refuted in {} states", report.states);
}

fn one_write() -> Protocol {
    Protocol {
        writes: 1,
        ..Protocol::default()
    }
}

fn failover() -> Protocol {
    Protocol {
        failovers: 1,
        ..Protocol::default()
    }
}

fn flush() -> Protocol {
    Protocol {
        flushes: 1,
        ..Protocol::default()
    }
}

/// A failover of the value's server alone, which no node hears of.
fn failover_apart() -> Protocol {
    Protocol {
        values_apart: true,
        ..failover()
    }
}

#[test]
fn two_writes_hold() {
    holds(Protocol::default(), 3_400_000);
}

#[test]
fn broken_streams_hold() {
    let protocol = Protocol {
        measure: Measure::Loaded,
        writes: 1,
        streams_break: true,
        acks_apart: true,
        ..Protocol::default()
    };
    holds(protocol, 1_200_000);
}

#[test]
fn refreshes_hold() {
    let protocol = Protocol {
        refreshes: true,
        ..one_write()
    };
    holds(protocol, 250_000);
}

#[test]
fn refreshes_and_a_failover_hold() {
    let protocol = Protocol {
        refreshes: true,
        flights: 1,
        writes: 1,
        ..failover()
    };
    holds(protocol, 100_000);
}

#[test]
fn three_flights_hold() {
    let protocol = Protocol {
        writes: 1,
        flights: 3,
        ..Protocol::default()
    };
    holds(protocol, 1_200_000);
}

#[test]
fn a_flush_holds() {
    holds(Protocol { writes: 1, ..flush() }, 550_000);
}

#[test]
fn two_writes_and_a_flush_hold() {
    holds(Protocol { flights: 1, ..flush() }, 400_000);
}

#[test]
fn a_failover_holds() {
    holds(
        Protocol {
            writes: 1,
            ..failover()
        },
        2_000_000,
    );
}

#[test]
fn two_writes_and_a_failover_hold() {
    holds(
        Protocol {
            flights: 1,
            ..failover()
        },
        2_500_000,
    );
}

#[test]
fn a_failover_of_the_values_alone_holds() {
    holds(
        Protocol {
            writes: 1,
            ..failover_apart()
        },
        2_500_000,
    );
}

#[test]
fn the_number_of_threads_and_the_names_of_nodes_change_nothing() {
    let named = Protocol {
        writes: 1,
        flights: 1,
        ..Protocol::default()
    };
    let mirror = Protocol { mirror: true, ..named };
    let two = Limits {
        threads: 2,
        ..Limits::default()
    };
    let mirrored = explore(&mirror, &Limits::default());
    assert_eq!(mirrored.states, explore(&mirror, &two).states);
    let all = explore(&named, &two).states;
    assert!(
        mirrored.states < all && all <= 2 * mirrored.states,
        "{} of {all}",
        mirrored.states
    );
}

#[test]
fn a_search_that_is_cut_short_is_not_complete() {
    let steps = std::num::NonZeroUsize::new(1000);
    let report = explore(
        &Protocol::default(),
        &Limits {
            steps,
            ..Limits::default()
        },
    );
    assert!(!report.complete);
    assert_eq!(report.violation, None);
}

#[test]
fn refuted_acknowledged_on_the_reply() {
    let safeguards = Safeguards {
        wait_for_anyone: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_acknowledged_by_the_subscribers() {
    let safeguards = Safeguards {
        wait_for_leases: false,
        ..Safeguards::ALL
    };
    let protocol = Protocol {
        streams_break: true,
        ..one_write()
    };
    is_refuted(safeguards, protocol);
}

#[test]
fn refuted_without_a_fence() {
    let safeguards = Safeguards {
        fence: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_without_a_ticket() {
    let safeguards = Safeguards {
        ticket: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_without_the_lease_at_a_hit() {
    let safeguards = Safeguards {
        lease_at_hit: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_without_the_lease_at_a_flight() {
    let safeguards = Safeguards {
        lease_at_flight: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_without_a_tag() {
    let safeguards = Safeguards {
        value_tag: false,
        ..Safeguards::ALL
    };
    is_refuted(
        safeguards,
        Protocol {
            writes: 1,
            ..failover()
        },
    );
}

#[test]
fn refuted_without_grace_after_a_failover() {
    let safeguards = Safeguards {
        grace: false,
        ..Safeguards::ALL
    };
    is_refuted(
        safeguards,
        Protocol {
            writes: 1,
            ..failover()
        },
    );
}

#[test]
fn refuted_without_grace_after_a_flush() {
    let safeguards = Safeguards {
        grace: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, Protocol { writes: 1, ..flush() });
}

#[test]
fn refuted_with_a_lagging_source() {
    let safeguards = Safeguards {
        primary_source: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_without_a_margin() {
    let safeguards = Safeguards {
        margin: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_with_clearing_before_the_join() {
    let safeguards = Safeguards {
        clear_after_join: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_with_clean_tickets_after_the_join() {
    let safeguards = Safeguards {
        dirty_after_join: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_with_a_resurrected_token() {
    let safeguards = Safeguards {
        tag_of_acquire: false,
        ..Safeguards::ALL
    };
    is_refuted(
        safeguards,
        Protocol {
            writes: 1,
            ..failover()
        },
    );
}

#[test]
fn refuted_with_a_resurrected_token_apart() {
    let safeguards = Safeguards {
        tag_of_acquire: false,
        ..Safeguards::ALL
    };
    is_refuted(
        safeguards,
        Protocol {
            writes: 1,
            ..failover_apart()
        },
    );
}

#[test]
fn refuted_with_a_tag_that_the_node_compares() {
    let safeguards = Safeguards {
        verified_get: false,
        ..Safeguards::ALL
    };
    is_refuted(
        safeguards,
        Protocol {
            writes: 1,
            ..failover()
        },
    );
}

#[test]
fn refuted_with_a_tag_that_the_node_compares_apart() {
    let safeguards = Safeguards {
        verified_get: false,
        ..Safeguards::ALL
    };
    is_refuted(
        safeguards,
        Protocol {
            writes: 1,
            ..failover_apart()
        },
    );
}

#[test]
fn refuted_with_an_announcement_before_the_drop() {
    let safeguards = Safeguards {
        drop_first: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_with_a_token_sent_twice() {
    let safeguards = Safeguards {
        fresh_token: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_with_a_join_that_runs_late() {
    let safeguards = Safeguards {
        fresh_name: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, one_write());
}

#[test]
fn refuted_with_a_node_set_that_is_evicted_alone() {
    let safeguards = Safeguards {
        whole_control: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, Protocol { writes: 1, ..flush() });
}

#[test]
fn refuted_with_a_writer_that_stores_what_it_wrote() {
    let safeguards = Safeguards {
        load_after_lead: false,
        ..Safeguards::ALL
    };
    is_refuted(safeguards, Protocol::default());
}
