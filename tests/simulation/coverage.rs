//! Counts what a set of runs has exercised: a simulation that never meets a fault proves nothing about it.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Coverage {
    pub outcomes: BTreeMap<String, u32>,
    pub reconnects: u64,
    pub duplicates: u64,
    pub resets: u64,
    pub replayed: u64,
    pub cancelled: u64,
    pub interrupted: u64,
    pub operations: u64,
    pub unknown: u64,
    pub malformed: u64,
    pub reloads: u64,
    /// Operations of the storage that failed.
    pub refused_storage: u64,
    /// Streams on backends that name their tasks, and the needless resets among them.
    pub named_streams: u64,
    pub needless_resets: u64,
    /// Streams on backends that do not name their tasks, and the answers that were delivered again as new.
    pub nameless_streams: u64,
    pub unknown_turns: u64,
}

impl Coverage {
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.outcomes {
            *self.outcomes.entry(kind.clone()).or_default() += count;
        }
        self.reconnects += other.reconnects;
        self.duplicates += other.duplicates;
        self.resets += other.resets;
        self.replayed += other.replayed;
        self.cancelled += other.cancelled;
        self.interrupted += other.interrupted;
        self.operations += other.operations;
        self.unknown += other.unknown;
        self.malformed += other.malformed;
        self.reloads += other.reloads;
        self.refused_storage += other.refused_storage;
        self.named_streams += other.named_streams;
        self.needless_resets += other.needless_resets;
        self.nameless_streams += other.nameless_streams;
        self.unknown_turns += other.unknown_turns;
    }

    /// Returns the needless resets as a percentage of the streams on backends that name their tasks.
    pub fn share_of_needless_resets(&self) -> f64 {
        self.needless_resets as f64 * 100.0 / self.named_streams.max(1) as f64
    }

    /// Returns the repeated answers as a percentage of the streams on backends that do not name their tasks.
    pub fn share_of_unknown_turns(&self) -> f64 {
        self.unknown_turns as f64 * 100.0 / self.nameless_streams.max(1) as f64
    }

    pub fn assert_that_everything_happened(&self) {
        for kind in ["Finished", "Stopped", "Failed", "Expired", "Superseded", "Joined", "None"] {
            assert!(self.outcomes.contains_key(kind), "no run ended {kind}: {self:?}");
        }
        let counts = [
            self.reconnects,
            self.duplicates,
            self.resets,
            self.replayed,
            self.cancelled,
            self.unknown,
            self.malformed,
            self.reloads,
        ];
        assert!(counts.iter().all(|count| *count > 0), "{self:?}");
        let share = self.share_of_needless_resets();
        assert!(share < 1.0, "{share} % of all streams of backends that name their tasks were reset without need");
        let share = self.share_of_unknown_turns();
        assert!(share < 0.2, "in {share} % of all streams without a name an answer was given as new again");
    }
}
