//! What the app may see of a client, and change in what is saved. A getter writes nothing.

use super::Client;
use crate::client::cancel::canceller::Canceller;
use crate::client::io::{Metrics, Millis, Outcome, Status};
use crate::client::session::{Session, Snapshot};
use crate::persist::{ActiveTask, SavedTask, Stored};
use crate::stream::batch::Batch;
use crate::stream::cursor::EventId;

impl Client {
    /// How many bytes of rows of a session wait.
    #[must_use]
    pub fn waiting(&self, session: &str) -> usize {
        self.sessions.get(session).map_or(0, Session::waiting)
    }

    /// The rows of a session that wait. Hand in [`Input::Delivered`](crate::client::io::Input::Delivered) when every listener has got them.
    pub fn take_batch(&mut self, session: &str) -> Option<Batch> {
        self.sessions.get_mut(session)?.take_batch(&self.cx)
    }

    /// Takes back the buffers of a batch, to be used again.
    pub fn recycle(&mut self, session: &str, batch: Batch) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.recycle(batch);
        }
    }

    /// What a session shows now.
    #[must_use]
    pub fn snapshot(&self, session: &str) -> Snapshot {
        let mut snapshot = self.sessions.get(session).map(Session::snapshot).unwrap_or_default();
        if self.queued.contains_key(session) {
            snapshot.status = Status::Connecting;
            snapshot.error = None;
        }
        snapshot
    }

    /// Whether a session's stream runs, its last delivery included.
    #[must_use]
    pub fn is_live(&self, session: &str) -> bool {
        self.sessions.get(session).is_some_and(Session::is_live)
    }

    /// The counters of a session, or of all.
    #[must_use]
    pub fn metrics(&self, session: Option<&str>) -> Metrics {
        let (streams, dropped_records) = match session {
            Some(id) => (
                self.sessions.get(id).map(|session| *session.metrics()).unwrap_or_default(),
                self.dropped.get(id).copied().unwrap_or_default(),
            ),
            None => (
                self.sessions.values().fold(self.retired, |sum, session| sum + *session.metrics()),
                self.dropped.values().sum::<u64>() + self.dropped_elsewhere,
            ),
        };
        Metrics { dropped_records, ..streams }
    }

    /// Bytes that the client holds on to between inputs, as far as they can grow. For tests and diagnosis.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let sessions = self.sessions.values().map(Session::footprint).sum::<usize>();
        let queued = self.queued.values().map(|(_, request)| request.message.capacity()).sum::<usize>();
        let waiting = (self.cancellers.len() + self.orphans.len()) * size_of::<Canceller>();
        self.cx.footprint() + sessions + queued + waiting
    }

    /// How a session's last stream ended.
    #[must_use]
    pub fn outcome(&self, session: &str) -> Option<&Outcome> {
        self.sessions.get(session)?.outcome()
    }

    /// The saved task of a session, as of the last input. One that was stopped or that has expired is none.
    #[must_use]
    pub fn active_task(&self, session: &str) -> Option<&ActiveTask> {
        self.cx.resumable(session).map(|record| &record.active)
    }

    /// The saved tasks of all sessions, as of the last input.
    pub fn active_tasks(&self) -> impl Iterator<Item = &ActiveTask> {
        let records = self.cx.records.values().filter(|record| self.cx.is_active(record, self.cx.now));
        records.map(|record| &record.active)
    }

    /// The task that is saved under a key of the storage, now. A look changes nothing, neither here nor there: what is
    /// expired or no record is merely not given.
    #[must_use]
    pub fn stored_task(&self, key: &str, value: Stored, now: Millis) -> Option<ActiveTask> {
        let session = self.cx.keys.session_of(key)?;
        let Stored::Entry(entry) = value else { return None };
        let record = SavedTask::from_entry(entry, &session).filter(|record| self.cx.is_active(record, now))?;
        Some(record.active)
    }

    /// Saves a task that the app knows of. Drain [`Client::poll`] afterwards.
    pub fn set_active_task(&mut self, active: ActiveTask, now: Millis) {
        self.cx.advance(now);
        let saved = self.cx.now;
        self.cx.save(SavedTask { active, saved, ..SavedTask::default() });
    }

    /// Forgets a session's saved task. Drain [`Client::poll`] afterwards.
    pub fn clear_active_task(&mut self, session: &str) {
        self.cx.forget(session);
        self.with(session, |session, _| session.forget());
    }

    /// Moves the saved cursor of a session's task. Drain [`Client::poll`] afterwards.
    pub fn update_cursor(&mut self, session: &str, last: EventId, now: Millis) {
        self.cx.advance(now);
        let Some(record) = self.cx.records.get(session).filter(|record| record.is_resumable()).cloned() else { return };
        let active = ActiveTask { last, ..record.active };
        self.cx.save(SavedTask { active, unnumbered: 0, saved: self.cx.now, ..record });
    }

    /// Sessions with a saved record, be it of a task or of a stop.
    pub fn recorded_sessions(&self) -> impl Iterator<Item = &String> {
        self.cx.records.keys()
    }

    /// Sessions whose stop this tab is about to take over. Hand in [`Input::Stored`](crate::client::io::Input::Stored) of them before [`Input::Timeout`](crate::client::io::Input::Timeout): a
    /// storage of the app tells nobody of changes.
    #[must_use]
    pub fn due_stops(&self, now: Millis) -> Vec<String> {
        self.adoptions.due(now)
    }

    /// Whether this client takes part in sharing streams with other tabs.
    #[must_use]
    pub fn shares_tabs(&self) -> bool {
        self.cx.config.tab.is_some()
    }

    /// The storage key of a session's record.
    #[must_use]
    pub fn record_key(&self, session: &str) -> String {
        self.cx.keys.of(session)
    }

    /// What every storage key of this client's records begins with.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        self.cx.keys.prefix()
    }

    /// The storage key under which the TypeScript layer kept its map.
    #[must_use]
    pub fn legacy_key(&self) -> &str {
        self.cx.keys.legacy()
    }
}
