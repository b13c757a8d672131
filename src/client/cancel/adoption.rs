//! Stops that another tab has to bring to the server, but perhaps cannot any more because it was closed, crashed or frozen.
//!
//! Such a tab leaves only the saved record of the stop. A tab that reads this record waits for `PATIENCE` after the record was
//! last written. If the record still exists then, this tab cancels the task as well. If the other tab is alive after all, that is
//! one request too many, which is harmless: a cancel may be repeated.

use crate::client::context::Context;
use crate::client::io::Millis;
use crate::persist::SavedTask;
use litemap::LiteMap;

/// The time that the tab of a stop has, in milliseconds, and the interval at which the other tabs take over one after the other.
const PATIENCE: Millis = 5_000;
const SPREAD: Millis = 2_500;

/// A stop that another tab has to bring to the server.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// When its record was written.
    saved: Millis,
    due: Millis,
}

/// The stops of other tabs, by session.
#[derive(Debug, Default)]
pub struct Adoptions {
    waits: LiteMap<String, Wait>,
    /// Stops for which this tab can do no more, with their times.
    settled: LiteMap<String, Millis>,
}

impl Adoptions {
    /// Takes the record of a stop. Each time it is written shows that a tab works on it.
    pub fn note(&mut self, record: &SavedTask, cx: &mut Context) {
        let session = &record.session;
        let is_known = self.waits.get(session).is_some_and(|wait| wait.saved == record.saved);
        if is_known || self.settled.get(session).copied() == record.stopped {
            return;
        }
        let due = cx.now.saturating_add(PATIENCE).saturating_add(cx.spread(SPREAD));
        self.waits.insert(session.clone(), Wait { saved: record.saved, due });
    }

    /// Removes a stop that is acknowledged or obsolete, or that this tab works on itself.
    pub fn forget(&mut self, session: &str) {
        self.waits.remove(session);
    }

    /// Records that this tab can do no more for a stop.
    pub fn settle(&mut self, session: &str, stopped: Millis) {
        self.waits.remove(session);
        self.settled.insert(session.to_owned(), stopped);
    }

    /// Returns whether a stop of this session waits for another tab.
    #[must_use]
    pub fn is_open(&self, session: &str) -> bool {
        self.waits.contains_key(session)
    }

    /// Returns when this tab has to take over the first stop.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.waits.values().map(|wait| wait.due).min()
    }

    /// Returns the sessions whose stops this tab has to take over now.
    #[must_use]
    pub fn due(&self, now: Millis) -> Vec<String> {
        self.waits.iter().filter(|(_, wait)| wait.due <= now).map(|(session, _)| session.clone()).collect()
    }
}
