//! The counters of a stream (API.md, `StreamMetrics`).

/// Counters of a session's streams (API.md, `StreamMetrics`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Bytes of response bodies that were streams.
    pub bytes: u64,
    /// Events that were parsed.
    pub events: u64,
    /// Chunks that were made into rows.
    pub chunks: u64,
    /// Events that were received before and dropped.
    pub duplicates: u64,
    /// Frames that are no chunk.
    pub malformed: u64,
    /// Chunks of a type that PROTOCOL §3 does not list.
    pub unknown: u64,
    /// Times that a stream was opened again.
    pub reconnects: u64,
    /// Times that the client dropped an answer and began it again.
    pub resets: u64,
    /// Saved records that were dropped: corrupt, of another version or session, or expired.
    pub dropped_records: u64,
}

impl std::ops::Add for Metrics {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            events: self.events + other.events,
            chunks: self.chunks + other.chunks,
            duplicates: self.duplicates + other.duplicates,
            malformed: self.malformed + other.malformed,
            unknown: self.unknown + other.unknown,
            reconnects: self.reconnects + other.reconnects,
            resets: self.resets + other.resets,
            dropped_records: self.dropped_records + other.dropped_records,
        }
    }
}
