//! The checker against a real Redis: a minute with every fault, and a while without.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking, too")]

use std::time::Duration;

use gatewayz_tests::checker::{self, Faults, Plan, Report};

fn run(plan: &Plan) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let report = runtime.block_on(checker::run(plan)).expect("the checker runs");
    eprintln!("{}", serde_json::to_string(&report).expect("a report"));
    report
}

#[test]
fn a_minute_of_faults_serves_no_stale_value() {
    let report = run(&Plan {
        length: Duration::from_secs(60),
        ..Plan::default()
    });
    assert!(report.is_clean(), "{report:#?}");
    assert!(
        report.reads >= 100_000,
        "too few reads to say anything: {}",
        report.reads
    );
    assert!(
        report.invalidations >= 5_000,
        "too few invalidations to say anything: {}",
        report.invalidations
    );
    assert!(
        report.naive_violations > 0,
        "the load finds no stale read even in a cache that has them"
    );
    assert_eq!(
        report.faults.len(),
        12,
        "a fault was never injected: {:?}",
        report.faults
    );
}

#[test]
fn a_healthy_cluster_acknowledges_everything() {
    let report = run(&Plan {
        length: Duration::from_secs(5),
        faults: Faults::None,
        ..Plan::default()
    });
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.deferred, 0);
    assert!(report.invalidations > 500, "{report:#?}");
}
