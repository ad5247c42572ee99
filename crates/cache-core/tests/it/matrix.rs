//! {ok, error, slow, never} for the shared tier × the same for the loader × {the caller stays, the caller leaves}.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use gatewayz_cache_core::{LoadError, Loaded, Loader};
use gatewayz_testkit::{Behaviour, CountingSource, Fault, SourceError, Versioned};
use tokio::time::Instant;

use crate::support::{Answer, Bed, POLICY, failed_load, got, millis, pass, secs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Ok,
    Error,
    Slow,
    Never,
}

const MOODS: [Mood; 4] = [Mood::Ok, Mood::Error, Mood::Slow, Mood::Never];

/// The time-out of the shared tier's commands, and how long it takes when it is slow.
const COMMAND: Duration = millis(50);
const SLOW_COMMAND: Duration = millis(30);
/// How long the loader takes when it is slow: longer than the fill lease's term.
const SLOW_LOAD: Duration = secs(5);

/// The source, with the time that a load takes.
#[derive(Clone)]
struct Slowed {
    source: CountingSource,
    mood: Mood,
}

impl Loader<String, Versioned> for Slowed {
    type Error = SourceError;

    async fn load(&self, key: &String) -> Result<Loaded<Versioned>, SourceError> {
        if self.mood == Mood::Slow {
            tokio::time::sleep(SLOW_LOAD).await;
        }
        self.source.load(key).await
    }
}

fn check_outcome(loader: Mood, answer: &Answer, case: &str) {
    match loader {
        Mood::Ok | Mood::Slow => assert_eq!(got(answer), 0, "{case}"),
        Mood::Error => assert_eq!(failed_load(answer), Some(1), "{case}"),
        Mood::Never => {
            let timed_out = matches!(answer, Err(LoadError::TimedOut(after)) if *after == POLICY.load_timeout);
            assert!(timed_out, "{case}: {answer:?}");
        }
    }
}

async fn check(shared: Mood, loader: Mood, stays: bool) {
    let case = format!("shared tier {shared:?}, loader {loader:?}, caller stays: {stays}");
    let bed = Bed::with_tokio();
    let node = bed.node();
    match shared {
        Mood::Ok => {}
        Mood::Error => bed.cluster.fail(Fault::Unavailable),
        Mood::Slow => bed.cluster.fail(Fault::Slow(SLOW_COMMAND)),
        Mood::Never => bed.cluster.fail(Fault::Never(COMMAND)),
    }
    match loader {
        Mood::Ok | Mood::Slow => {}
        Mood::Error => bed.source.set(Behaviour::Fail),
        Mood::Never => bed.source.set(Behaviour::Hang),
    }
    let slowed = Slowed {
        source: bed.source.clone(),
        mood: loader,
    };
    let begun = Instant::now();
    let mut caller = Box::pin(node.users.get_or_load("ann", &slowed));
    if stays {
        let answer = caller.await;
        check_outcome(loader, &answer, &case);
        let load = match loader {
            Mood::Ok | Mood::Error => Duration::ZERO,
            Mood::Slow => SLOW_LOAD,
            Mood::Never => POLICY.load_timeout,
        };
        // Look, ask for the lease, and give the value or the lease back.
        let commands = match shared {
            Mood::Ok | Mood::Error => Duration::ZERO,
            Mood::Slow => 3 * SLOW_COMMAND,
            Mood::Never => COMMAND,
        };
        let took = begun.elapsed();
        assert!(took >= load && took <= load + commands + millis(10), "{case}: {took:?}");
    } else {
        let first = caller.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(first.is_pending(), "{case}");
        drop(caller);
    }
    // Whatever happened has ended, with or without its caller.
    pass(POLICY.load_timeout + secs(1)).await;
    assert_eq!((bed.source.loads(), bed.source.running()), (1, 0), "{case}");
    assert!(!bed.cluster.is_leased("users:ann"), "{case}");
    let loads = matches!(loader, Mood::Ok | Mood::Slow);
    assert_eq!(node.peek("ann").is_some(), loads, "{case}");
    let reaches = matches!(shared, Mood::Ok | Mood::Slow);
    assert_eq!(bed.stored_version("users:ann").is_some(), loads && reaches, "{case}");

    // The next caller is served, by what was kept or by a load of its own.
    bed.source.set(Behaviour::Answer);
    assert_eq!(got(&node.read("ann").await), 0, "{case}");
    assert_eq!(bed.source.loads(), if loads { 1 } else { 2 }, "{case}");
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_either_side_has_its_outcome_and_its_number_of_loads() {
    for shared in MOODS {
        for loader in MOODS {
            for stays in [true, false] {
                Box::pin(check(shared, loader, stays)).await;
            }
        }
    }
}
