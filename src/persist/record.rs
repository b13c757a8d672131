//! The saved task of a session: what a browser must remember to come back to an answer (API.md, guarantee 4).
//!
//! One storage entry per session, so that tabs that write at the same time never lose each other's tasks. An entry holds
//! ids, counts and times, never content or credentials. Anything that is no valid record is no record: it is dropped.

use crate::protocol::time::parse_iso8601;
use crate::stream::Millis;
use crate::stream::bytes::decimal;
use crate::stream::bytes::json::{Json, ObjectWriter, array, quoted};
use crate::stream::cursor::EventId;

/// The version this code writes. Records of another version are not read.
const VERSION: u64 = 1;
/// Ids longer than this are nobody's.
const LONGEST_ID: usize = 1_024;
/// Stops of earlier tasks that a record remembers.
const MOST_STOPS: usize = 16;

/// A task that is or was running, as the app sees it (API.md, `ActiveTask`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveTask {
    /// Task id.
    pub task: String,
    /// Session id.
    pub session: String,
    /// The long-running operation it waits for, or empty.
    pub operation: String,
    /// The tool of that operation, or empty.
    pub tool: String,
    /// The last event that was delivered.
    pub last: EventId,
    /// When it started, by this browser's clock.
    pub started: Millis,
}

/// A saved record: the task, and what the next page needs to know about this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedTask {
    /// The task. Its id is empty while only a stop of a task yet unknown is remembered.
    pub active: ActiveTask,
    /// Events delivered since `active.last` that had no id (backends without ids).
    pub unnumbered: u64,
    /// When this was written.
    pub saved: Millis,
    /// Set by `stopStream` until the server has acknowledged: nobody resumes this task.
    pub stopped: Option<Millis>,
    /// Tasks of this session before, and when they were stopped, which the server never acknowledged. Oldest first.
    pub stops: Vec<(String, Millis)>,
}

impl SavedTask {
    /// Whether its time is over: `ttl` after it was last saved. One that a wrong clock dated so far ahead would never
    /// expire, and is over too.
    #[must_use]
    pub fn is_expired(&self, now: Millis, ttl: Millis) -> bool {
        now.abs_diff(self.saved) > ttl
    }

    /// Whether it names a task that may be joined.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.stopped.is_none() && !self.active.task.is_empty()
    }

    /// Whether the app stopped this task. A stop that came before the task was known means whatever runs.
    #[must_use]
    pub fn forbids(&self, task: &str) -> bool {
        let is_last = self.stopped.is_some() && (self.active.task.is_empty() || self.active.task == task);
        is_last || self.stops.iter().any(|(stopped, _)| stopped == task)
    }

    /// Takes over what the record before this one remembers of stops, for as long as records are kept.
    pub fn inherit_stops(&mut self, before: &Self, now: Millis, ttl: Millis) {
        let mut stops = before.stops.clone();
        if let Some(at) = before.stopped.filter(|_| !before.active.task.is_empty()) {
            stops.push((before.active.task.clone(), at));
        }
        stops.retain(|(task, at)| *task != self.active.task && now.saturating_sub(*at) <= ttl);
        let surplus = stops.len().saturating_sub(MOST_STOPS);
        self.stops = stops.split_off(surplus);
    }

    /// What is left of the record when its task is over.
    #[must_use]
    pub fn without_task(&self) -> Option<Self> {
        let active = ActiveTask { session: self.active.session.clone(), ..ActiveTask::default() };
        let rest = Self { active, unnumbered: 0, stopped: None, ..self.clone() };
        (!rest.stops.is_empty()).then_some(rest)
    }

    /// Bytes that it holds on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let ActiveTask { task, session, operation, tool, .. } = &self.active;
        let ids = [task, session, operation, tool].into_iter().chain(self.stops.iter().map(|(stopped, _)| stopped));
        size_of::<Self>() + size_of_val(self.stops.as_slice()) + ids.map(String::capacity).sum::<usize>()
    }

    /// The text that goes to the storage.
    #[must_use]
    pub fn encode(&self) -> String {
        let record = ObjectWriter::default()
            .integer("v", VERSION)
            .text("task", &self.active.task)
            .text("session", &self.active.session)
            .text("operation", &self.active.operation)
            .text("tool", &self.active.tool)
            .text("last", &self.active.last.text())
            .integer("unnumbered", self.unnumbered)
            .integer("started", self.active.started)
            .integer("saved", self.saved)
            .maybe_integer("stopped", self.stopped);
        let record = if self.stops.is_empty() { record } else { record.raw("stops", &encode_stops(&self.stops)) };
        record.end()
    }

    /// Reads what [`encode`](Self::encode) wrote for `session`; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str, session: &str) -> Option<Self> {
        let json = Json::parse(text)?;
        let [version, task, owner, operation, tool, last] =
            json.get(["v", "task", "session", "operation", "tool", "last"]);
        let [unnumbered, started, saved, stopped, stops] =
            json.get(["unnumbered", "started", "saved", "stopped", "stops"]);
        // Member by member, so that there is one thing to let go where one is missing.
        let mut record = Self::default();
        record.active.last = last?.string()?.parse().ok()?;
        record.active.started = started?.integer()?;
        record.unnumbered = given(unnumbered, Json::integer)?;
        record.saved = saved?.integer()?;
        record.stopped = stopped.map(|at| at.integer().ok_or(())).transpose().ok()?;
        record.active.task = task?.string()?;
        record.active.session = owner?.string()?;
        record.active.operation = given(operation, Json::string)?;
        record.active.tool = given(tool, Json::string)?;
        record.stops = given(stops, decode_stops)?;
        let sane = version?.integer()? == VERSION
            && record.active.session == session
            && record.active.task.len() <= LONGEST_ID
            && (!record.active.task.is_empty() || record.stopped.is_some() || !record.stops.is_empty())
            && record.stops.len() <= MOST_STOPS;
        sane.then_some(record)
    }
}

fn encode_stops(stops: &[(String, Millis)]) -> String {
    let stop = |(task, at): &(String, Millis)| ["[", &quoted(task), ",", &decimal::text(*at), "]"].concat();
    array(&mut stops.iter().map(stop))
}

fn decode_stops(json: Json<'_>) -> Option<Vec<(String, Millis)>> {
    let stop = |pair: Json<'_>| {
        let mut items = pair.items();
        Some((items.next()?.string()?, items.next()?.integer()?))
    };
    json.items().map(stop).collect()
}

/// A member that may be missing, but not of another type.
fn given<'a, T: Default>(member: Option<Json<'a>>, read: impl FnOnce(Json<'a>) -> Option<T>) -> Option<T> {
    member.map_or_else(|| Some(T::default()), read)
}

/// Makes the storage keys of one user of one app.
#[derive(Clone, Debug)]
pub struct Keys {
    legacy: String,
    prefix: String,
}

impl Keys {
    /// `storageKey` and `userKey` of the options.
    #[must_use]
    pub fn new(storage_key: &str, user_key: &str) -> Self {
        let mut prefix = [storage_key, ":v", &decimal::text(VERSION), ":"].concat();
        percent_encode(&mut prefix, user_key);
        prefix.push(':');
        Self { legacy: storage_key.to_owned(), prefix }
    }

    /// What every key of ours begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where the TypeScript layer kept one map of all sessions.
    #[must_use]
    pub fn legacy(&self) -> &str {
        &self.legacy
    }

    /// The key of a session's record.
    #[must_use]
    pub fn of(&self, session: &str) -> String {
        let mut key = self.prefix.clone();
        percent_encode(&mut key, session);
        key
    }

    /// The session that a key of ours belongs to.
    #[must_use]
    pub fn session_of(&self, key: &str) -> Option<String> {
        percent_decode(key.strip_prefix(&self.prefix)?)
    }
}

/// Encodes all but the unreserved characters of RFC 3986 §2.3.
pub(crate) fn percent_encode(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 15].map(|digit| HEX.get(usize::from(digit)).copied().unwrap_or('0'));
            out.push('%');
            out.extend(digits);
        }
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => (hex(rest.next()?)? << 4) | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Reads the map `session id → task` that the TypeScript layer kept in one entry. What is not a task there is left out.
#[must_use]
pub fn decode_legacy(text: &str, now: Millis) -> Vec<SavedTask> {
    let entries = Json::parse(text).into_iter().flat_map(Json::members);
    entries.filter_map(|(session, task)| legacy_task(session.text().into_owned(), task, now)).collect()
}

fn legacy_task(session: String, entry: Json<'_>, now: Millis) -> Option<SavedTask> {
    let [task, operation, tool, last, started] =
        entry.get(["taskId", "operationId", "toolName", "lastMessageId", "startedAt"]);
    let task = Some(Json::text_of(task)).filter(|task| !task.is_empty() && task.len() <= LONGEST_ID)?;
    let started = started.and_then(legacy_time).unwrap_or(now).min(now);
    let last = Json::text_of(last).parse().unwrap_or(EventId::ZERO);
    let active =
        ActiveTask { task, session, operation: Json::text_of(operation), tool: Json::text_of(tool), last, started };
    Some(SavedTask { active, unnumbered: 0, saved: started, ..SavedTask::default() })
}

/// Milliseconds, of which a fraction is left out, or a date.
fn legacy_time(json: Json<'_>) -> Option<Millis> {
    match json.string() {
        Some(text) => parse_iso8601(&text),
        None => decimal::read(json.text().split('.').next().unwrap_or_default().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            unnumbered: 2,
            saved: 9,
            stopped: Some(8),
            stops: vec![("t-0".into(), 7)],
        }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        assert_eq!(SavedTask::decode(&saved().encode(), "s 1"), Some(saved()));
    }

    #[test]
    fn a_record_holds_ids_counts_and_times_only() {
        let record = saved().encode();
        let mut names: Vec<_> = Json::parse(&record).unwrap().members().map(|(name, _)| name.text()).collect();
        names.sort_unstable();
        let all =
            ["last", "operation", "saved", "session", "started", "stopped", "stops", "task", "tool", "unnumbered", "v"];
        assert_eq!(names, all);
    }

    #[test]
    fn corrupt_future_and_foreign_records_are_none() {
        let text = saved().encode();
        assert_eq!(SavedTask::decode(&text, "another session"), None);
        assert_eq!(SavedTask::decode(&text.replace("\"v\":1", "\"v\":2"), "s 1"), None);
        assert_eq!(SavedTask::decode(&text.replace("17-3", "17-x"), "s 1"), None);
        assert_eq!(SavedTask::decode(&text[..text.len() / 2], "s 1"), None);
        for text in ["", "null", "[]", "{}", "17", "\"t\""] {
            assert_eq!(SavedTask::decode(text, "s 1"), None, "{text}");
        }
    }

    #[test]
    fn a_record_without_a_task_is_only_good_for_a_stop() {
        let mut stop = saved();
        stop.active.task.clear();
        assert!(SavedTask::decode(&stop.encode(), "s 1").is_some());
        assert!(!stop.is_resumable());
        stop.stopped = None;
        assert!(SavedTask::decode(&stop.encode(), "s 1").is_some(), "an earlier stop");
        stop.stops.clear();
        assert_eq!(SavedTask::decode(&stop.encode(), "s 1"), None);
    }

    #[test]
    fn a_record_expires_a_ttl_after_it_was_saved() {
        assert!(!saved().is_expired(109, 100));
        assert!(saved().is_expired(110, 100));
        assert!(!saved().is_expired(0, 100), "clocks differ a little");
        assert!(SavedTask { saved: 1_000, ..saved() }.is_expired(0, 100), "and not so much");
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
        assert!(!again.forbids("t38"), "the app has set it anew");
        assert_eq!(late.without_task().map(|rest| (rest.forbids("t30"), rest.is_resumable())), Some((true, false)));
        assert_eq!(task("t1", Some(1)).without_task(), None);
    }

    #[test]
    fn keys_keep_users_and_sessions_apart() {
        let keys = Keys::new("chat_active_tasks", "a:b");
        assert_eq!(keys.of("s/ü"), "chat_active_tasks:v1:a%3Ab:s%2F%C3%BC");
        assert_eq!(keys.session_of(&keys.of("s/ü")).as_deref(), Some("s/ü"));
        assert_eq!(Keys::new("chat_active_tasks", "a").session_of(&keys.of("s")), None);
        assert_eq!(keys.session_of("chat_active_tasks"), None);
        assert_eq!(keys.session_of("chat_active_tasks:v1:a%3Ab:%"), None);
    }

    #[test]
    fn the_legacy_map_is_imported() {
        let text = r#"{"s1":{"taskId":"t1","sessionId":"s1","operationId":"o","toolName":"n","lastMessageId":"5-1","startedAt":70},
            "s2":{"taskId":"t2","lastMessageId":"0","startedAt":"1970-01-01T00:00:01Z"},
            "s3":{"taskId":""},"s4":17,"s5":null,"s6":{"taskId":"t6","startedAt":null,"operationId":null}}"#;
        let tasks = decode_legacy(text, 2_000);
        let named: Vec<_> = tasks.iter().map(|task| (task.active.task.as_str(), task.saved)).collect();
        assert_eq!(named, [("t1", 70), ("t2", 1_000), ("t6", 2_000)]);
        assert_eq!(tasks[0].active.last, "5-1".parse().unwrap());
        assert!(decode_legacy("nonsense", 0).is_empty());
        assert!(decode_legacy("[1]", 0).is_empty());
    }
}
