//! Counters of this process, as Prometheus text (SERVER.md).

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::store::Status;

/// Upper bounds of the histogram's buckets, in milliseconds: ids know no finer time.
const BOUNDS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000];

/// All that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    running: AtomicI64,
    completed: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    streams: AtomicI64,
    streams_total: AtomicU64,
    chunks_in: AtomicU64,
    chunks_out: AtomicU64,
    store_errors: AtomicU64,
    delivered: [AtomicU64; BOUNDS.len()],
    delivered_count: AtomicU64,
    delivered_ms: AtomicU64,
}

impl Metrics {
    /// This process writes one more task, until the result is dropped.
    pub fn task_begun(self: &std::sync::Arc<Self>) -> Gauge {
        Gauge::raise(self, |metrics| &metrics.running)
    }

    /// One more stream is open, until the result is dropped.
    pub fn stream_opened(self: &std::sync::Arc<Self>) -> Gauge {
        self.streams_total.fetch_add(1, Relaxed);
        Gauge::raise(self, |metrics| &metrics.streams)
    }

    /// This process ended a task.
    pub fn task_ended(&self, status: Status) {
        match status {
            Status::Running => return,
            Status::Completed => &self.completed,
            Status::Failed => &self.failed,
            Status::Cancelled => &self.cancelled,
        }
        .fetch_add(1, Relaxed);
    }

    /// Chunks went into a log.
    pub fn chunks_in(&self, number: usize) {
        self.chunks_in.fetch_add(number as u64, Relaxed);
    }

    /// Chunks went out to a reader.
    pub fn chunks_out(&self, number: usize) {
        self.chunks_out.fetch_add(number as u64, Relaxed);
    }

    /// The store refused or did not answer.
    pub fn store_error(&self) {
        self.store_errors.fetch_add(1, Relaxed);
    }

    /// A live chunk reached a reader that long after it was written.
    pub fn delivered(&self, after: Duration) {
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS.iter().position(|bound| ms <= *bound) {
            self.delivered[bucket].fetch_add(1, Relaxed);
        }
        self.delivered_count.fetch_add(1, Relaxed);
        self.delivered_ms.fetch_add(ms, Relaxed);
    }

    /// The text of `GET /metrics`.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let tasks = [
            ("running", self.running.load(Relaxed).max(0).unsigned_abs()),
            ("completed", self.completed.load(Relaxed)),
            ("failed", self.failed.load(Relaxed)),
            ("cancelled", self.cancelled.load(Relaxed)),
        ];
        family(&mut out, "rejoin_tasks", "gauge", "Tasks of this process: running now, and ended so far.");
        for (status, number) in tasks {
            line(&mut out, &format!("rejoin_tasks{{status=\"{status}\"}}"), number);
        }
        single(
            &mut out,
            "rejoin_streams_open",
            "gauge",
            "Open streams.",
            self.streams.load(Relaxed).max(0).unsigned_abs(),
        );
        let opened = self.streams_total.load(Relaxed);
        single(&mut out, "rejoin_streams_total", "counter", "Streams that were opened so far.", opened);
        single(&mut out, "rejoin_chunks_in_total", "counter", "Chunks written to logs.", self.chunks_in.load(Relaxed));
        single(
            &mut out,
            "rejoin_chunks_out_total",
            "counter",
            "Chunks sent to readers.",
            self.chunks_out.load(Relaxed),
        );
        self.histogram(&mut out);
        let errors = self.store_errors.load(Relaxed);
        single(&mut out, "rejoin_store_errors_total", "counter", "Times that the store failed.", errors);
        out
    }

    fn histogram(&self, out: &mut String) {
        family(out, "rejoin_deliver_seconds", "histogram", "From a chunk's id to its delivery.");
        let mut sum = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.delivered) {
            sum += bucket.load(Relaxed);
            line(out, &format!("rejoin_deliver_seconds_bucket{{le=\"{}\"}}", seconds(*bound)), sum);
        }
        let count = self.delivered_count.load(Relaxed);
        line(out, "rejoin_deliver_seconds_bucket{le=\"+Inf\"}", count);
        line(out, "rejoin_deliver_seconds_sum", seconds(self.delivered_ms.load(Relaxed)));
        line(out, "rejoin_deliver_seconds_count", count);
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "{name} {value}");
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    family(out, name, kind, help);
    line(out, name, value);
}

/// Holds a gauge up by one.
#[derive(Debug)]
pub struct Gauge {
    metrics: std::sync::Arc<Metrics>,
    field: fn(&Metrics) -> &AtomicI64,
}

impl Gauge {
    fn raise(metrics: &std::sync::Arc<Metrics>, field: fn(&Metrics) -> &AtomicI64) -> Self {
        field(metrics).fetch_add(1, Relaxed);
        Self { metrics: metrics.clone(), field }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        (self.field)(&self.metrics).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn gauges_fall_when_their_guard_goes() {
        let metrics = Arc::new(Metrics::default());
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
}
