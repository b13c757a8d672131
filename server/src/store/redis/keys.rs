//! The keys (SERVER.md, "Redis"). All keys of a session and its tasks share the session's hash tag, so that every step
//! on them is one script, in a cluster too. For that, a task's id contains its session's id.

/// The consumer group of the completion log.
pub const GROUP: &str = "rejoin";
/// How many lists of leases there are. They spread over the nodes of a cluster.
pub const LEASE_LISTS: u32 = 8;
/// The layout that this version reads and writes.
pub const SCHEMA: &str = "1";

/// Names keys under a prefix.
#[derive(Clone, Debug)]
pub struct Keys(String);

/// The keys of one task, with those of its session that its steps need.
pub struct TaskKeys {
    pub session: String,
    pub messages: String,
    pub sends: String,
    pub active: String,
    /// The record: a hash.
    pub meta: String,
    /// The log: a stream with the field `data`.
    pub log: String,
    /// The snapshot of the log's older entries, merged: JSON, `[[id, data], …]`.
    pub snapshot: String,
    /// The session's [`Keys::refused`].
    pub refused: String,
    /// The session's [`Keys::known_tasks`].
    pub known_tasks: String,
    /// The channel on which changes of the log are published.
    pub channel: String,
}

/// The session in a task's id.
pub fn session_of(task: &str) -> &str {
    task.rsplit_once('.').map_or(task, |(session, _)| session)
}

impl Keys {
    pub fn new(prefix: &str) -> Self {
        Self(prefix.into())
    }

    fn of_session(&self, session: &str, name: &str) -> String {
        format!("{}:{{{session}}}:{name}", self.0)
    }

    /// A session's record: a hash.
    pub fn session(&self, id: &str) -> String {
        self.of_session(id, "session")
    }

    /// A session's messages: a hash from id to sequence and JSON.
    pub fn messages(&self, session: &str) -> String {
        self.of_session(session, "messages")
    }

    /// The names of a session's sends: a hash from name to task, empty when the message or the answer was removed.
    pub fn sends(&self, session: &str) -> String {
        self.of_session(session, "sends")
    }

    /// Session → running task.
    pub fn active(&self, session: &str) -> String {
        self.of_session(session, "active")
    }

    /// Messages of a session that were cancelled before they came, by the time until which they are refused.
    pub fn refused(&self, session: &str) -> String {
        self.of_session(session, "refused")
    }

    /// Tasks of a session that are still kept, by the time at which they began.
    pub fn known_tasks(&self, session: &str) -> String {
        self.of_session(session, "tasks")
    }

    /// The prefix of the keys of a session's tasks.
    pub fn tasks(&self, session: &str) -> String {
        self.of_session(session, "task:")
    }

    pub fn task(&self, id: &str) -> TaskKeys {
        let session = session_of(id);
        let of_task = |name: &str| format!("{}{id}:{name}", self.tasks(session));
        TaskKeys {
            session: self.session(session),
            messages: self.messages(session),
            sends: self.sends(session),
            active: self.active(session),
            refused: self.refused(session),
            known_tasks: self.known_tasks(session),
            meta: of_task("meta"),
            log: of_task("log"),
            snapshot: of_task("snapshot"),
            channel: of_task("changes"),
        }
    }

    /// The task behind the name of a channel.
    pub fn task_of_channel<'a>(&self, channel: &'a str) -> Option<&'a str> {
        let rest = channel.strip_prefix(&self.0)?.strip_suffix(":changes")?;
        rest.split_once("}:task:").map(|(_, task)| task)
    }

    /// Operation → task.
    pub fn operation(&self, id: &str) -> String {
        format!("{}:op:{id}", self.0)
    }

    /// Sessions by `updated_at`.
    pub fn sessions(&self) -> String {
        format!("{}:sessions", self.0)
    }

    /// A user's sessions by `updated_at`.
    pub fn sessions_of(&self, user: &str) -> String {
        format!("{}:user:{user}:sessions", self.0)
    }

    /// Running tasks by the time at which their lease is to be looked at.
    pub fn leases(&self, list: u32) -> String {
        format!("{}:leases:{list}", self.0)
    }

    /// The list that a task's lease is on. Every process has to find the same one, so this never changes.
    pub fn leases_of(&self, task: &str) -> String {
        let hash = task.bytes().fold(0xcbf2_9ce4_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        self.leases(hash % LEASE_LISTS)
    }

    /// The completion log: a stream.
    pub fn completions(&self) -> String {
        format!("{}:completions", self.0)
    }

    /// Completion → how often its handling was begun: a hash, in the slot of the completion log.
    pub fn failures(&self) -> String {
        format!("{{{}:completions}}:failures", self.0)
    }

    /// Completions that nobody could handle: a stream.
    pub fn dead(&self) -> String {
        format!("{}:completions:dead", self.0)
    }

    /// The ids of those, in the slot of the dead-letter log: a set.
    pub fn buried(&self) -> String {
        format!("{{{}:completions:dead}}:ids", self.0)
    }

    /// The key that is written to find out whether the store accepts writes.
    pub fn probe(&self) -> String {
        format!("{}:probe", self.0)
    }

    /// The version of the layout.
    pub fn schema(&self) -> String {
        format!("{}:schema", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_session_and_its_tasks_share_its_tag() {
        let keys = Keys::new("rejoin");
        let task = keys.task("s.t");
        assert_eq!(task.meta, "rejoin:{s}:task:s.t:meta");
        assert_eq!(task.log, "rejoin:{s}:task:s.t:log");
        let others = [
            &task.messages,
            &task.sends,
            &task.active,
            &task.refused,
            &task.known_tasks,
            &task.snapshot,
            &task.channel,
        ];
        for key in others.into_iter().chain([&task.session]) {
            assert!(key.starts_with("rejoin:{s}:"), "{key}");
        }
        assert_eq!(keys.task_of_channel(&task.channel), Some("s.t"));
        assert_eq!(keys.task_of_channel("other:{s}:task:s.t:changes"), None);
    }
}
