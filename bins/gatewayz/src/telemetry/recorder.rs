//! The recorder of metrics, and the text that Prometheus reads.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds: from what a hit takes to what nobody waits for.
const LATENCIES: [f64; 20] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Renders what was recorded.
#[derive(Clone)]
pub(crate) struct Recorder(PrometheusHandle);

/// Makes the recorder that the whole process records to. Once per process.
///
/// # Errors
///
/// [`BuildError`] where there is one already.
pub(crate) fn install_recorder() -> Result<Recorder, BuildError> {
    let handle = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets_for_metric(Matcher::Suffix("_duration".to_owned()), &LATENCIES)?
        .install_recorder()?;
    Ok(Recorder(handle))
}

impl Recorder {
    /// One to which nothing is recorded.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    /// The text of all metrics.
    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was recorded since the last time: histograms grow until then.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder(..)")
    }
}
