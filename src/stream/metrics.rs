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

impl std::ops::AddAssign<&Self> for Metrics {
    fn add_assign(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.events += other.events;
        self.chunks += other.chunks;
        self.duplicates += other.duplicates;
        self.malformed += other.malformed;
        self.unknown += other.unknown;
        self.reconnects += other.reconnects;
        self.resets += other.resets;
        self.dropped_records += other.dropped_records;
    }
}
