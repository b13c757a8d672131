//! The saved task of a session: what a page needs to resume an answer after a reload (API.md, guarantee 4).
//!
//! Each session has a storage entry of its own, so that tabs that write at the same time never lose each other's tasks. An entry
//! holds ids, counts and times, never content or credentials. An entry that is not a valid record is dropped.

use serde::{Deserialize, Serialize};

use super::legacy::LegacyEntry;
use crate::stream::Millis;
use crate::stream::cursor::EventId;
use crate::value::Value;

/// The version of the records that this code writes. It reads no other version.
const VERSION: u64 = 1;
/// The length of the longest id that is accepted, in bytes.
pub(super) const LONGEST_ID: usize = 1_024;
/// The number of stops of earlier tasks that a record keeps.
pub const MOST_STOPS: usize = 16;

/// A task that is or was running, as the app sees it (API.md, `ActiveTask`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveTask {
    /// Task id.
    pub task: String,
    /// The session's id.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub struct SavedTask {
    /// The session.
    pub session: String,
    /// The task, or `None` while the record only holds stops.
    pub active: Option<ActiveTask>,
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
    /// The stops of earlier tasks of this session that the server never acknowledged, the oldest first.
    pub stops: Vec<Stop>,
}

/// The stop of an earlier task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The task, or `None` if it was never found.
    pub task: Option<String>,
    /// When `stopStream` was called.
    pub at: Millis,
}

fn known(active: ActiveTask) -> Option<ActiveTask> {
    Some(active).filter(|active| !active.task.is_empty())
}

impl SavedTask {
    /// Creates the record of a task that is saved now. Without an id it is the record of no task.
    #[must_use]
    pub fn of(active: ActiveTask, now: Millis) -> Self {
        let session = active.session.clone();
        Self { session, active: known(active), saved: now, ..Self::default() }
    }

    /// Returns the id of the task, if it is known.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.active.as_ref().map(|active| active.task.as_str())
    }

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
        self.stopped.is_none() && self.active.is_some()
    }

    /// Returns what remains of the record when its task has ended: the stops of known tasks.
    #[must_use]
    pub fn without_task(&self) -> Option<Self> {
        let mut rest = self.clone();
        rest.active = None;
        rest.message = None;
        rest.ordinal = None;
        rest.unnumbered = 0;
        rest.stopped = None;
        rest.stops.retain(|stop| stop.task.is_some());
        (!rest.stops.is_empty()).then_some(rest)
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let active = self.active.iter().flat_map(|active| {
            let ActiveTask { task, session, operation, tool, .. } = active;
            [task, session, operation, tool]
        });
        let ids = active.chain([&self.session]).chain(self.stops.iter().filter_map(|stop| stop.task.as_ref()));
        size_of::<Self>() + size_of_val(self.stops.as_slice()) + ids.map(String::capacity).sum::<usize>()
    }

    /// Reads a record that was stored. Returns `None` for anything else.
    fn read(mut value: Value) -> Option<Self> {
        let mut stops = Vec::new();
        for stop in value.take("stops").into_list() {
            stops.push(Stop::read(stop)?);
        }
        let (version, session) = (value.take_count("v")?, value.take_text("session")?);
        let active = ActiveTask {
            task: value.take_text("task")?,
            session: session.clone(),
            operation: value.take_text_or_empty("operation"),
            tool: value.take_text_or_empty("tool"),
            last: value.take_text("last")?.parse().ok()?,
            started: value.take_count("started")?,
        };
        let record = Self {
            session,
            active: known(active),
            message: value.take_text("message"),
            ordinal: value.take_count("ordinal"),
            epoch: value.take_count("epoch").unwrap_or_default(),
            is_imported: value.take_flag("imported"),
            unnumbered: value.take_count("unnumbered").unwrap_or_default(),
            saved: value.take_count("saved")?,
            stopped: value.take_count("stopped"),
            stops,
        };
        Some(record).filter(|record| version == VERSION && record.is_valid())
    }

    fn is_valid(&self) -> bool {
        let is_short = |id: &String| id.len() <= LONGEST_ID;
        self.active.iter().all(|active| is_short(&active.task))
            && self.message.iter().all(is_short)
            && (self.active.is_some() || self.stopped.is_some() || !self.stops.is_empty())
            && self.stops.len() <= MOST_STOPS
    }
}

/// Writes the form that is stored, in JSON. There, a task that is not known has an empty id.
impl From<SavedTask> for Value {
    fn from(record: SavedTask) -> Self {
        let ActiveTask { task, operation, tool, last, started, .. } = record.active.unwrap_or_default();
        let mut value = Self::record();
        value.add("v", VERSION);
        value.add("task", task);
        value.add("session", record.session);
        value.add("operation", operation);
        value.add("tool", tool);
        value.add("last", last.text());
        value.add("unnumbered", record.unnumbered);
        value.add("message", record.message);
        value.add("ordinal", record.ordinal);
        value.add("epoch", record.epoch);
        value.add("imported", record.is_imported.then_some(true));
        value.add("started", started);
        value.add("saved", record.saved);
        value.add("stopped", record.stopped);
        value.add("stops", Some(record.stops).filter(|stops| !stops.is_empty()));
        value
    }
}

impl TryFrom<Value> for SavedTask {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::read(value).ok_or("this is no saved record")
    }
}

/// The task's id, and the time of the stop in milliseconds since 1970.
impl From<Stop> for Value {
    fn from(stop: Stop) -> Self {
        vec![Self::from(stop.task.unwrap_or_default()), stop.at.into()].into()
    }
}

impl Stop {
    fn read(value: Value) -> Option<Self> {
        let mut pair = value.into_list().into_iter();
        let task = pair.next()?.into_text()?;
        Some(Self { task: Some(task).filter(|task| !task.is_empty()), at: pair.next()?.count()? })
    }
}

/// The content of the storage under one of the client's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a value lives for one call, and a box would cost an allocation")]
pub enum Stored {
    /// The key has no entry.
    Nothing,
    /// A record.
    Record(SavedTask),
    /// The entry is no record.
    Unreadable,
    /// The map of the TypeScript layer, which has a key of its own.
    Legacy(Vec<LegacyEntry>),
}

impl Stored {
    /// Returns the record, or `None` if there is none of this session.
    #[must_use]
    pub fn record_of(self, session: &str) -> Option<SavedTask> {
        match self {
            Self::Record(record) if record.session == session => Some(record),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(record: &SavedTask) -> String {
        serde_json::to_string(record).unwrap()
    }

    fn read(text: &str, session: &str) -> Option<SavedTask> {
        Stored::Record(serde_json::from_str(text).ok()?).record_of(session)
    }

    fn saved() -> SavedTask {
        SavedTask {
            session: "s 1".into(),
            active: Some(ActiveTask {
                task: "t-1".into(),
                session: "s 1".into(),
                operation: "op".into(),
                tool: "search".into(),
                last: "17-3".parse().unwrap(),
                started: 5,
            }),
            message: Some("m-1".into()),
            ordinal: Some(4),
            epoch: 6,
            is_imported: false,
            unnumbered: 2,
            saved: 9,
            stopped: Some(8),
            stops: vec![Stop { task: Some("t-0".into()), at: 7 }],
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
        stop.active = None;
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
}
