//! Stops that another tab has to bring to the server, and perhaps can't any more: closed, crashed, frozen.
//!
//! The record of a stop is all that such a tab leaves. Who hears of one waits for `PATIENCE` from its last writing; when it
//! still stands then, this tab cancels too. That costs a request too many where the other tab lives and the server does not
//! answer, which is harmless: a cancel may be repeated.

use crate::client::context::Context;
use crate::client::io::Millis;
use crate::persist::SavedTask;
use litemap::LiteMap;

/// How long the tab that stopped a task may take, in ms, and how far apart the others come after it.
const PATIENCE: Millis = 5_000;
const SPREAD: Millis = 2_500;

/// A stop that waits for another tab.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// When its record was written.
    saved: Millis,
    due: Millis,
}

/// What this tab knows of the stops of others, by session.
#[derive(Debug, Default)]
pub struct Adoptions {
    waits: LiteMap<String, Wait>,
    /// Stops that this tab has done all for, by the time of the stop.
    settled: LiteMap<String, Millis>,
}

impl Adoptions {
    /// A record of a stop was read; each writing shows that somebody is at work.
    pub fn note(&mut self, record: &SavedTask, cx: &mut Context) {
        let session = &record.active.session;
        let is_known = self.waits.get(session).is_some_and(|wait| wait.saved == record.saved);
        if is_known || self.settled.get(session).copied() == record.stopped {
            return;
        }
        let due = cx.now.saturating_add(PATIENCE).saturating_add(cx.spread(SPREAD));
        self.waits.insert(session.clone(), Wait { saved: record.saved, due });
    }

    /// The stop is done, or void, or this tab is at work itself.
    pub fn forget(&mut self, session: &str) {
        self.waits.remove(session);
    }

    /// This tab could not do more for a stop.
    pub fn settle(&mut self, session: &str, stopped: Millis) {
        self.waits.remove(session);
        self.settled.insert(session.to_owned(), stopped);
    }

    /// Whether a stop of this session waits for another tab.
    #[must_use]
    pub fn is_open(&self, session: &str) -> bool {
        self.waits.contains_key(session)
    }

    /// When the first one is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.waits.values().map(|wait| wait.due).min()
    }

    /// The sessions whose stops are due.
    #[must_use]
    pub fn due(&self, now: Millis) -> Vec<String> {
        self.waits.iter().filter(|(_, wait)| wait.due <= now).map(|(session, _)| session.clone()).collect()
    }
}
