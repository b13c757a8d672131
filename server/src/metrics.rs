//! The metrics of this process, as Prometheus text (SERVER.md).

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::store::Status;

/// The type of `Metrics::text`.
pub use prometheus_text::CONTENT_TYPE;

/// Upper bounds of the histogram's buckets in seconds; ids know no time finer than a millisecond.
const BOUNDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    tasks: Family<TaskLabels, Gauge>,
    streams: Gauge,
    streams_total: Counter,
    chunks_in: Counter,
    chunks_out: Counter,
    delivered: Histogram,
    store_errors: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    status: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("rejoin"),
            tasks: Family::default(),
            streams: Gauge::default(),
            streams_total: Counter::default(),
            chunks_in: Counter::default(),
            chunks_out: Counter::default(),
            delivered: Histogram::new(BOUNDS),
            store_errors: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// A counter's name ends with `_total` by itself.
    fn register(&mut self) {
        for status in [Status::Running, Status::Completed, Status::Failed, Status::Cancelled] {
            // Statuses that have not occurred yet show as 0.
            drop(self.tasks.get_or_create(&labels(status)));
        }
        let registry = &mut self.registry;
        registry.register("tasks", "Tasks of this process: running now, and ended so far", self.tasks.clone());
        registry.register("streams_open", "Open streams", self.streams.clone());
        registry.register("streams", "Streams that were opened so far", self.streams_total.clone());
        registry.register("chunks_in", "Chunks written to logs", self.chunks_in.clone());
        registry.register("chunks_out", "Chunks sent to readers", self.chunks_out.clone());
        registry.register("deliver_seconds", "From a chunk's id to its delivery", self.delivered.clone());
        registry.register("store_errors", "Times that the store failed", self.store_errors.clone());
    }

    /// This process writes one more task, until the result is dropped.
    pub fn task_begun(&self) -> Raised {
        Raised::new(self.tasks.get_or_create_owned(&labels(Status::Running)))
    }

    /// One more stream is open, until the result is dropped.
    pub fn stream_opened(&self) -> Raised {
        self.streams_total.inc();
        Raised::new(self.streams.clone())
    }

    /// This process ended a task.
    pub fn task_ended(&self, status: Status) {
        if status != Status::Running {
            self.tasks.get_or_create(&labels(status)).inc();
        }
    }

    /// Chunks went into a log.
    pub fn chunks_in(&self, number: usize) {
        self.chunks_in.inc_by(number as u64);
    }

    /// Chunks went out to a reader.
    pub fn chunks_out(&self, number: usize) {
        self.chunks_out.inc_by(number as u64);
    }

    /// The store refused or did not answer.
    pub fn store_error(&self) {
        self.store_errors.inc();
    }

    /// A live chunk reached a reader that long after it was written.
    pub fn delivered(&self, after: Duration) {
        self.delivered.observe(after.as_secs_f64());
    }

    /// The text of `GET /metrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "cannot write the metrics");
        }
        text
    }
}

fn labels(status: Status) -> TaskLabels {
    TaskLabels { status: status.as_str() }
}

/// Holds a gauge up by one until it is dropped.
#[derive(Debug)]
pub struct Raised(Gauge);

impl Raised {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_fall_when_their_guard_goes() {
        let metrics = Metrics::default();
        let open = metrics.stream_opened();
        assert!(metrics.text().contains("\nrejoin_streams_open 1\n"));
        drop(open);
        assert!(metrics.text().contains("\nrejoin_streams_open 0\n"));
        assert!(metrics.text().contains("\nrejoin_streams_total 1\n"), "what was opened stays counted");
    }

    #[test]
    fn the_histogram_is_cumulative_and_in_seconds() {
        let metrics = Metrics::default();
        metrics.delivered(Duration::from_millis(3));
        metrics.delivered(Duration::from_secs(60));
        let text = metrics.text();
        assert!(text.contains("rejoin_deliver_seconds_bucket{le=\"0.005\"} 1\n"), "{text}");
        assert!(text.contains("rejoin_deliver_seconds_bucket{le=\"+Inf\"} 2\n"), "{text}");
        assert!(text.contains("rejoin_deliver_seconds_sum 60.003\n"), "{text}");
    }

    #[test]
    fn every_metric_is_there_from_the_start_and_says_what_it_is() {
        let text = Metrics::default().text();
        for line in [
            "# TYPE rejoin_tasks gauge",
            "rejoin_tasks{status=\"running\"} 0",
            "rejoin_tasks{status=\"cancelled\"} 0",
            "# TYPE rejoin_chunks_in_total counter",
            "rejoin_chunks_out_total 0",
            "# TYPE rejoin_deliver_seconds histogram",
            "rejoin_store_errors_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
