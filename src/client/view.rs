//! The methods with which an app reads a client and changes its saved tasks. Methods that read write nothing.

use super::Client;
use crate::client::cancel::canceller::Canceller;
use crate::client::io::{Metrics, Millis, Outcome, Status};
use crate::client::session::{Session, Snapshot};
use crate::persist::{ActiveTask, SavedTask, Stored};
use crate::stream::batch::Batch;
use crate::stream::cursor::EventId;

impl Client {
    /// Returns the size of a session's waiting rows in bytes.
    #[must_use]
    pub fn waiting(&self, session: &str) -> usize {
        self.sessions.get(session).map_or(0, Session::waiting)
    }

    /// Takes the waiting rows of a session. Pass [`Input::Delivered`](crate::client::io::Input::Delivered) when every listener
    /// has got them.
    pub fn take_batch(&mut self, session: &str) -> Option<Batch> {
        self.sessions.get_mut(session)?.take_batch(&self.cx)
    }

    /// Takes the buffers of a batch back for reuse.
    pub fn recycle(&mut self, session: &str, batch: Batch) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.recycle(batch);
        }
    }

    /// Returns the snapshot of a session.
    #[must_use]
    pub fn snapshot(&self, session: &str) -> Snapshot {
        let mut snapshot = self.sessions.get(session).map(Session::snapshot).unwrap_or_default();
        if self.queued.contains_key(session) {
            snapshot.status = Status::Connecting;
            snapshot.error = None;
        }
        snapshot
    }

    /// Returns whether a session has a stream that has not ended and delivered its last row.
    #[must_use]
    pub fn is_live(&self, session: &str) -> bool {
        self.sessions.get(session).is_some_and(Session::is_live)
    }

    /// Returns the counters of one session or of all.
    #[must_use]
    pub fn metrics(&self, session: Option<&str>) -> Metrics {
        let Some(id) = session else { return self.all_metrics() };
        let mut metrics = self.sessions.get(id).map(|session| *session.metrics()).unwrap_or_default();
        metrics.dropped_records = self.dropped.get(id).copied().unwrap_or_default();
        metrics
    }

    fn all_metrics(&self) -> Metrics {
        let mut metrics = self.retired;
        self.sessions.values().for_each(|session| metrics += session.metrics());
        metrics.dropped_records = self.dropped.values().sum::<u64>() + self.dropped_elsewhere;
        metrics
    }

    /// Returns the allocated memory that can grow, in bytes. For tests and diagnosis.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let sessions = self.sessions.values().map(Session::footprint).sum::<usize>();
        let queued = self.queued.values().map(|(_, request)| request.message.capacity()).sum::<usize>();
        let waiting = self.cancellers.len() * size_of::<Canceller>();
        self.cx.footprint() + sessions + queued + waiting
    }

    /// Returns the outcome of a session's last stream.
    #[must_use]
    pub fn outcome(&self, session: &str) -> Option<&Outcome> {
        self.sessions.get(session)?.outcome()
    }

    /// Returns the saved task of a session as of the last input. It returns none that was stopped or has expired.
    #[must_use]
    pub fn active_task(&self, session: &str) -> Option<&ActiveTask> {
        self.cx.resumable(session)?.active.as_ref()
    }

    /// Returns the saved tasks of all sessions as of the last input.
    pub fn active_tasks(&self) -> impl Iterator<Item = &ActiveTask> {
        let records = self.cx.records.values().filter(|record| self.cx.is_active(record, self.cx.now));
        records.filter_map(|record| record.active.as_ref())
    }

    /// Reads the task under a storage key. This changes nothing, neither in the client nor in the storage: for an expired or
    /// invalid record it returns `None`.
    #[must_use]
    pub fn stored_task(&self, key: &str, value: Stored, now: Millis) -> Option<ActiveTask> {
        let session = self.cx.keys.session_of(key)?;
        value.record_of(&session).filter(|record| self.cx.is_active(record, now))?.active
    }

    /// Saves a task for the app. Drain [`Client::poll`] afterwards.
    pub fn set_active_task(&mut self, active: ActiveTask, now: Millis) {
        self.cx.advance(now);
        self.cx.save(SavedTask::of(active, self.cx.now));
    }

    /// Removes a session's saved task. Drain [`Client::poll`] afterwards.
    pub fn clear_active_task(&mut self, session: &str) {
        self.cx.forget(session);
        self.with(session, |session, _| session.forget());
    }

    /// Moves the saved cursor of a session's task. Drain [`Client::poll`] afterwards.
    pub fn update_cursor(&mut self, session: &str, last: EventId, now: Millis) {
        self.cx.advance(now);
        let Some(mut record) = self.cx.record(session).filter(|record| record.is_resumable()).cloned() else { return };
        if let Some(active) = &mut record.active {
            active.last = last;
        }
        record.unnumbered = 0;
        record.saved = self.cx.now;
        self.cx.save(record);
    }

    /// Returns the sessions that have a saved record, of a task or of a stop.
    pub fn recorded_sessions(&self) -> impl Iterator<Item = &String> {
        self.cx.records.keys()
    }

    /// Returns the sessions whose stops this tab is about to take over. Pass [`Input::Stored`](crate::client::io::Input::Stored)
    /// of these sessions before [`Input::Timeout`](crate::client::io::Input::Timeout), because a storage of the app does not
    /// report changes.
    #[must_use]
    pub fn due_stops(&self, now: Millis) -> Vec<String> {
        self.adoptions.due(now)
    }

    /// Returns whether this client shares streams with other tabs.
    #[must_use]
    pub fn shares_tabs(&self) -> bool {
        self.cx.config.tab.is_some()
    }

    /// Returns the storage key of a session's record.
    #[must_use]
    pub fn record_key(&self, session: &str) -> String {
        self.cx.keys.of(session)
    }

    /// Returns the prefix of the storage keys of this client's records.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        self.cx.keys.prefix()
    }

    /// Returns the storage key of the map that the TypeScript layer kept.
    #[must_use]
    pub fn legacy_key(&self) -> &str {
        self.cx.keys.legacy()
    }
}
