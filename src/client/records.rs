//! Saved records: reading, importing and dropping them, and resuming stops that are not acknowledged.

use super::{Client, MOST_SESSIONS};
use crate::client::cancel::canceller::Canceller;
use crate::client::io::Effect;
use crate::client::session::Leftover;
use crate::persist::{SavedTask, Stored};

impl Client {
    pub(super) fn handle_stored(&mut self, key: &str, value: Stored) {
        if key == self.cx.keys.legacy() {
            return self.import_legacy(value);
        }
        let Some(id) = self.cx.keys.session_of(key) else { return };
        let id = id.as_str();
        let saved = match value {
            Stored::Nothing => {
                self.adoptions.forget(id);
                if self.cx.records.remove(id).is_some() {
                    self.with(id, |session, _| session.forget());
                }
                return;
            }
            value => value.record_of(id),
        };
        match saved.filter(|saved| !saved.is_expired(self.cx.now, self.cx.config.task_ttl)) {
            Some(mut saved) => {
                self.redate(&mut saved);
                self.take_record(id, saved);
            }
            None => self.drop_record(id, key),
        }
    }

    /// Updates the date of a record if the clock was set back since it was written: its age is unknown, so it counts as written now.
    fn redate(&mut self, saved: &mut SavedTask) {
        if saved.is_dated_ahead(self.cx.now, self.cx.config.task_ttl) {
            saved.saved = self.cx.now;
            self.cx.save(saved.clone());
        }
    }

    pub(super) fn drop_record(&mut self, id: &str, key: &str) {
        self.adoptions.forget(id);
        self.cx.records.remove(id);
        self.cx.push(Effect::Remove { key: key.to_owned() });
        let has_room = self.dropped.len() < MOST_SESSIONS;
        match self.dropped.get_mut(id) {
            Some(count) => *count += 1,
            None if has_room => {
                self.dropped.insert(id.to_owned(), 1);
            }
            None => self.dropped_elsewhere += 1,
        }
    }

    /// Takes a record that another tab wrote. If it holds a stop, the stream ends here, too.
    pub(super) fn take_record(&mut self, id: &str, saved: SavedTask) {
        let is_stop = saved.stopped.is_some();
        if is_stop && !self.cancellers.contains_key(id) {
            self.adoptions.note(&saved, &mut self.cx);
        } else {
            self.adoptions.forget(id);
        }
        let task = saved.task().map(str::to_owned);
        self.cx.records.insert(id.to_owned(), saved);
        let session = self.sessions.get_mut(id).filter(|session| session.is_live() && !session.is_draining());
        if let Some(session) = session.filter(|session| is_stop && task.is_some_and(|task| session.is_of(&task))) {
            session.stopped_elsewhere(&mut self.cx);
        }
    }

    /// Imports the map of the TypeScript layer once and then removes it, so that a task that has ended does not return.
    pub(super) fn import_legacy(&mut self, value: Stored) {
        let entries = match value {
            Stored::Nothing => return,
            Stored::Legacy(entries) => entries,
            Stored::Record(_) | Stored::Unreadable => Vec::new(),
        };
        let now = self.cx.now;
        for saved in entries.into_iter().filter_map(|entry| entry.into_record(now)) {
            let is_known = self.cx.records.contains_key(saved.session.as_str());
            if !is_known && !saved.is_expired(self.cx.now, self.cx.config.task_ttl) {
                self.cx.save(saved);
            }
        }
        let key = self.cx.keys.legacy().to_owned();
        self.cx.push(Effect::Remove { key });
    }

    /// Continues stops that an earlier page could not bring to the server.
    pub(super) fn take_up_stops(&mut self) {
        let stopped = self.cx.records.iter().filter(|(_, record)| record.stopped.is_some());
        let stopped: Vec<String> = stopped.map(|(id, _)| id.clone()).collect();
        stopped.iter().for_each(|id| self.take_up_stop(id));
    }

    /// Continues stops that another tab has not brought to the server in time.
    pub(super) fn adopt_due(&mut self) {
        let due = self.adoptions.due(self.cx.now);
        due.iter().for_each(|id| self.take_up_stop(id));
    }

    pub(super) fn take_up_stop(&mut self, id: &str) {
        self.adoptions.forget(id);
        let stopped = self.cx.record(id).filter(|record| record.stopped.is_some());
        let Some(record) = stopped.filter(|_| !self.cancellers.contains_key(id)) else { return };
        let leftover = match record.task() {
            Some(task) => Leftover::Task(task.to_owned()),
            None => Leftover::Unknown { message: record.message.clone() },
        };
        let mut canceller = Canceller::new(id, &mut self.cx);
        canceller.take_on(leftover, &mut self.cx);
        self.cancellers.insert(id.to_owned(), canceller);
    }

    /// Gives up a stop that its canceller could not bring to the server, as far as this tab is concerned.
    pub(super) fn settle_stop(&mut self, id: &str) {
        if let Some(stopped) = self.cx.record(id).and_then(|record| record.stopped) {
            self.adoptions.settle(id, stopped);
        }
    }
}
