//! The saved task of a session: what a page needs to resume an answer after a reload (API.md, guarantee 4).
//!
//! Each session has a storage entry of its own, so that tabs that write at the same time never lose each other's tasks. An entry
//! holds ids, counts and times, never content or credentials. An entry that is not a valid record is dropped.

use serde::{Deserialize, Serialize};

use super::legacy::LegacyEntry;
use crate::stream::Millis;
use crate::stream::cursor::EventId;

/// The version of the records that this code writes. It reads no other version.
pub(super) const VERSION: u32 = 1;
/// The length of the longest id that is accepted, in bytes.
pub(super) const LONGEST_ID: usize = 1_024;
/// The number of stops of earlier tasks that a record keeps.
const MOST_STOPS: usize = 16;

/// A task that is or was running, as the app sees it (API.md, `ActiveTask`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveTask {
    /// Task id.
    pub task: String,
    /// Session id.
    pub session: String,
    /// The operation that the task waits for, or empty.
    pub operation: String,
    /// The tool of that operation, or empty.
    pub tool: String,
    /// The last event that was delivered.
    pub last: EventId,
    /// When the task started, by this browser's clock.
    pub started: Millis,
}

/// A saved record: a task and what the next page needs to know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedTask {
    /// The task. Its id is empty while the record only holds a stop for a task whose id is not known yet.
    pub active: ActiveTask,
    /// The id of the user message that the task answers, if this browser sent it.
    pub message: Option<String>,
    /// The ordinal of that message among the user messages of the session, counted from 0.
    pub ordinal: Option<u64>,
    /// The epoch of the owner that wrote the record, or 0 if the tabs do not share streams.
    pub epoch: u64,
    /// Whether the record was imported from the TypeScript layer, which did not always remove the records of tasks that ended.
    pub is_imported: bool,
    /// The number of events without an id that were delivered after `active.last`.
    pub unnumbered: u64,
    /// When the record was written.
    pub saved: Millis,
    /// When `stopStream` was called. Kept until the server acknowledges the stop; until then the task is not resumed.
    pub stopped: Option<Millis>,
    /// Earlier tasks of this session, with the times of their stops, that the server never acknowledged. The oldest comes first.
    /// The id is empty if the client never learned it.
    pub stops: Vec<(String, Millis)>,
}

impl SavedTask {
    /// Returns whether the record is older than `ttl`.
    #[must_use]
    pub fn is_expired(&self, now: Millis, ttl: Millis) -> bool {
        now.saturating_sub(self.saved) > ttl
    }

    /// Returns whether the record is dated so far in the future that it would not expire for long, because the clock was set
    /// back. Small differences between clocks do not count.
    #[must_use]
    pub fn is_dated_ahead(&self, now: Millis, ttl: Millis) -> bool {
        self.saved.saturating_sub(now) > ttl
    }

    /// Returns whether the record names a task that may be joined.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.stopped.is_none() && !self.active.task.is_empty()
    }

    /// Returns whether the app stopped this task. A stop without a task id applies to any running task. After the next message,
    /// it applies to any task but the one of that message.
    #[must_use]
    pub fn forbids(&self, task: &str) -> bool {
        let Self { active, stops, .. } = self;
        let is_last = self.stopped.is_some() && (active.task.is_empty() || active.task == task);
        let is_another = !active.task.is_empty() && active.task != task;
        is_last || stops.iter().any(|(stopped, _)| stopped == task || (stopped.is_empty() && is_another))
    }

    /// Returns the record with a stop whose task was never found extended to this task, or `None` if there is no such stop or
    /// the task is stopped already.
    #[must_use]
    pub fn with_unknown_stop_named(&self, task: &str) -> Option<Self> {
        let is_named = self.stops.iter().any(|(stopped, _)| stopped == task);
        let (_, at) = self.stops.iter().rfind(|(stopped, _)| stopped.is_empty()).filter(|_| !is_named)?;
        let mut named = self.clone();
        named.stops.push((task.to_owned(), *at));
        named.stops.drain(..named.stops.len().saturating_sub(MOST_STOPS));
        Some(named)
    }

    /// Takes over the stops of an earlier record, unless they have expired.
    pub fn inherit_stops(&mut self, before: &Self, now: Millis, ttl: Millis) {
        let mut stops = before.stops.clone();
        let is_found = self.stopped == before.stopped && before.active.task.is_empty();
        if let Some(at) = before.stopped.filter(|_| !is_found) {
            stops.push((before.active.task.clone(), at));
        }
        let is_its = |task: &String| !task.is_empty() && *task == self.active.task;
        stops.retain(|(task, at)| !is_its(task) && now.saturating_sub(*at) <= ttl);
        let surplus = stops.len().saturating_sub(MOST_STOPS);
        self.stops = stops.split_off(surplus);
    }

    /// Returns what remains of the record when its task has ended: the stops of known tasks.
    #[must_use]
    pub fn without_task(&self) -> Option<Self> {
        let active = ActiveTask { session: self.active.session.clone(), ..ActiveTask::default() };
        let mut rest = Self { active, message: None, ordinal: None, unnumbered: 0, stopped: None, ..self.clone() };
        rest.stops.retain(|(task, _)| !task.is_empty());
        (!rest.stops.is_empty()).then_some(rest)
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let ActiveTask { task, session, operation, tool, .. } = &self.active;
        let ids = [task, session, operation, tool].into_iter().chain(self.stops.iter().map(|(stopped, _)| stopped));
        size_of::<Self>() + size_of_val(self.stops.as_slice()) + ids.map(String::capacity).sum::<usize>()
    }

    /// Returns the form that is written to the storage.
    #[must_use]
    pub fn to_entry(&self) -> Entry {
        Entry {
            v: VERSION,
            task: self.active.task.clone(),
            session: self.active.session.clone(),
            operation: self.active.operation.clone(),
            tool: self.active.tool.clone(),
            last: self.active.last.text(),
            unnumbered: self.unnumbered,
            started: self.active.started,
            message: self.message.clone(),
            ordinal: self.ordinal,
            epoch: self.epoch,
            is_imported: self.is_imported,
            saved: self.saved,
            stopped: self.stopped,
            stops: self.stops.clone(),
        }
    }

    /// Reads what [`to_entry`](Self::to_entry) wrote for `session`. Returns `None` for anything else.
    #[must_use]
    pub fn from_entry(entry: Entry, session: &str) -> Option<Self> {
        let is_valid = entry.v == VERSION
            && entry.session == session
            && entry.task.len() <= LONGEST_ID
            && entry.message.as_ref().is_none_or(|message| message.len() <= LONGEST_ID)
            && (!entry.task.is_empty() || entry.stopped.is_some() || !entry.stops.is_empty())
            && entry.stops.len() <= MOST_STOPS;
        let active = ActiveTask {
            task: entry.task,
            session: entry.session,
            operation: entry.operation,
            tool: entry.tool,
            last: entry.last.parse().ok()?,
            started: entry.started,
        };
        let Entry { message, ordinal, epoch, is_imported, unnumbered, saved, stopped, stops, .. } = entry;
        is_valid.then_some(Self { active, message, ordinal, epoch, is_imported, unnumbered, saved, stopped, stops })
    }
}

/// A record as it is stored, in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the record.
    v: u32,
    task: String,
    session: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    tool: String,
    /// An event id.
    last: String,
    #[serde(default)]
    unnumbered: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ordinal: Option<u64>,
    #[serde(default)]
    epoch: u64,
    #[serde(default, rename = "imported", skip_serializing_if = "std::ops::Not::not")]
    is_imported: bool,
    started: Millis,
    saved: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<Millis>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stops: Vec<(String, Millis)>,
}

/// The content of the storage under one of the client's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a value lives for one call, and a box would cost an allocation")]
pub enum Stored {
    /// The key has no entry.
    Nothing,
    /// A record.
    Entry(Entry),
    /// The entry is no record.
    Unreadable,
    /// The map of the TypeScript layer, which has a key of its own.
    Legacy(Vec<LegacyEntry>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(record: &SavedTask) -> String {
        serde_json::to_string(&record.to_entry()).unwrap()
    }

    fn read(text: &str, session: &str) -> Option<SavedTask> {
        SavedTask::from_entry(serde_json::from_str(text).ok()?, session)
    }

    fn saved() -> SavedTask {
        SavedTask {
            active: ActiveTask {
                task: "t-1".into(),
                session: "s 1".into(),
                operation: "op".into(),
                tool: "search".into(),
                last: "17-3".parse().unwrap(),
                started: 5,
            },
            message: Some("m-1".into()),
            ordinal: Some(4),
            epoch: 6,
            is_imported: false,
            unnumbered: 2,
            saved: 9,
            stopped: Some(8),
            stops: vec![("t-0".into(), 7)],
        }
    }

    #[test]
    fn a_saved_record_is_read_back() {
        assert_eq!(read(&text(&saved()), "s 1"), Some(saved()));
    }

    #[test]
    fn a_record_holds_ids_counts_and_times_only() {
        let record = text(&saved());
        let members: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&record).unwrap();
        let names: Vec<_> = members.keys().map(String::as_str).collect();
        let all = [
            "epoch",
            "last",
            "message",
            "operation",
            "ordinal",
            "saved",
            "session",
            "started",
            "stopped",
            "stops",
            "task",
            "tool",
            "unnumbered",
            "v",
        ];
        assert_eq!(names, all);
    }

    #[test]
    fn a_stop_whose_task_is_found_later_is_remembered_for_that_task_too() {
        let stop = |stops: &[(&str, Millis)]| {
            let stops = stops.iter().map(|(task, at)| ((*task).to_owned(), *at)).collect();
            SavedTask { stops, ..SavedTask::default() }
        };
        let named = stop(&[("", 7)]).with_unknown_stop_named("t1");
        assert_eq!(named, Some(stop(&[("", 7), ("t1", 7)])));
        assert!(named.unwrap().with_unknown_stop_named("t1").is_none());
        assert_eq!(stop(&[("t0", 7)]).with_unknown_stop_named("t1"), None);
    }

    #[test]
    fn corrupt_future_and_foreign_records_are_none() {
        let text = text(&saved());
        assert_eq!(read(&text, "another session"), None);
        assert_eq!(read(&text.replace("\"v\":1", "\"v\":2"), "s 1"), None);
        assert_eq!(read(&text.replace("17-3", "17-x"), "s 1"), None);
        assert_eq!(read(&text[..text.len() / 2], "s 1"), None);
        for other in ["", "null", "[]", "{}", "17", "\"t\""] {
            assert_eq!(read(other, "s 1"), None, "{other}");
        }
    }

    #[test]
    fn a_record_without_a_task_is_only_good_for_a_stop() {
        let mut stop = saved();
        stop.active.task.clear();
        assert!(read(&text(&stop), "s 1").is_some());
        assert!(!stop.is_resumable());
        stop.stopped = None;
        assert!(read(&text(&stop), "s 1").is_some(), "an earlier stop");
        stop.stops.clear();
        assert_eq!(read(&text(&stop), "s 1"), None);
    }

    #[test]
    fn a_record_expires_a_ttl_after_it_was_saved() {
        assert!(!saved().is_expired(109, 100));
        assert!(saved().is_expired(110, 100));
        assert!(!saved().is_expired(0, 100) && !saved().is_dated_ahead(0, 100), "clocks differ a little");
        assert!(SavedTask { saved: 1_000, ..saved() }.is_dated_ahead(0, 100), "and not so much");
    }

    #[test]
    fn stops_of_earlier_tasks_are_remembered_for_as_long_as_records_are_and_only_so_many() {
        let task = |id: &str, stopped| {
            let active = ActiveTask { task: id.into(), ..ActiveTask::default() };
            SavedTask { active, stopped, ..SavedTask::default() }
        };
        let mut record = task("t0", Some(100));
        for nth in 1..40 {
            let mut next = task(&format!("t{nth}"), Some(100 + nth));
            next.inherit_stops(&record, 100 + nth, 1_000);
            record = next;
        }
        assert_eq!(record.stops.len(), MOST_STOPS);
        assert!(record.forbids("t39") && record.forbids("t38") && record.forbids("t23") && !record.forbids("t22"));
        let mut late = task("t50", None);
        late.inherit_stops(&record, 1_130, 1_000);
        assert!(late.forbids("t30") && !late.forbids("t29") && !late.forbids("t50"));
        let mut again = task("t38", None);
        again.inherit_stops(&record, 140, 1_000);
        assert!(!again.forbids("t38"), "the app has set it again");
        assert_eq!(late.without_task().map(|rest| (rest.forbids("t30"), rest.is_resumable())), Some((true, false)));
        assert_eq!(task("t1", Some(1)).without_task(), None);
    }
}
