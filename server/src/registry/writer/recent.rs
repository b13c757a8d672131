//! The newest entries of a log. Its writer keeps them in memory, because a failover may lose them.

use std::collections::VecDeque;

use crate::store::Entry;

/// How many bytes of chunks are kept. A replica lags behind by milliseconds, so it lacks far less than this.
const LARGEST: usize = 256 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Recent {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// How many entries the log had before the first of these.
    position: u64,
}

impl Recent {
    /// Begins with no entries, at the position that the log has.
    pub fn at(position: u64) -> Self {
        Self { position, ..Self::default() }
    }

    /// How many bytes of chunks it keeps now.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the next entry, and drops the oldest while there are too many bytes.
    pub fn push(&mut self, entry: Entry) {
        self.bytes += entry.data.len();
        self.entries.push_back(entry);
        while self.bytes > LARGEST && self.entries.len() > 1 {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.data.len();
            self.position += 1;
        }
    }

    /// The entries after a position, if all of them are kept.
    pub fn after(&self, position: u64) -> Option<Vec<Entry>> {
        let known = usize::try_from(position.checked_sub(self.position)?).ok()?;
        (known <= self.entries.len()).then(|| self.entries.range(known..).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use rejoin::stream::cursor::EventId;

    use super::*;

    fn entry(ms: u64, bytes: usize) -> Entry {
        Entry { id: EventId { ms, seq: 0 }, data: "x".repeat(bytes).into() }
    }

    fn ids(entries: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        entries.map(|entries| entries.iter().map(|entry| entry.id.ms).collect())
    }

    #[test]
    fn what_comes_after_a_position_is_known_or_it_is_not() {
        let mut recent = Recent::at(7);
        (0..3).for_each(|ms| recent.push(entry(ms, 1)));
        assert_eq!(ids(recent.after(8)), Some(vec![1, 2]));
        assert_eq!(ids(recent.after(10)), Some(vec![]));
        assert_eq!(ids(recent.after(11)), None);
        assert_eq!(ids(recent.after(6)), None);
    }

    #[test]
    fn the_oldest_are_forgotten_when_they_are_too_many_bytes() {
        let mut recent = Recent::at(0);
        (0..5).for_each(|ms| recent.push(entry(ms, LARGEST / 2)));
        assert_eq!(ids(recent.after(3)), Some(vec![3, 4]));
        assert_eq!(ids(recent.after(2)), None);
    }
}
