//! The keys (SERVER.md, "Redis"). All keys of a task share its hash tag, so that they lie in one slot of a cluster.

/// Sessions by `updated_at`.
pub const SESSIONS: &str = "rejoin:sessions";
/// Running tasks by the end of their lease. A hint: the task's own record is believed.
pub const LEASES: &str = "rejoin:leases";
/// The completion log.
pub const COMPLETIONS: &str = "rejoin:completions";
/// Completions that nobody could handle.
pub const DEAD: &str = "rejoin:completions:dead";
/// The consumer group of the completion log.
pub const GROUP: &str = "rejoin";

/// A task's record: a hash.
pub fn meta(task: &str) -> String {
    format!("rejoin:{{{task}}}:meta")
}

/// A task's log: a stream with the field `data`.
pub fn log(task: &str) -> String {
    format!("rejoin:{{{task}}}:log")
}

/// What the log's older entries were merged into: JSON, `[[id, data], …]`.
pub fn snapshot(task: &str) -> String {
    format!("rejoin:{{{task}}}:snapshot")
}

/// The channel on which a task's log announces that it has grown.
pub fn channel(task: &str) -> String {
    format!("rejoin:{{{task}}}:news")
}

/// The task behind the name of a channel.
pub fn task_of_channel(channel: &str) -> Option<&str> {
    channel.strip_prefix("rejoin:{")?.strip_suffix("}:news")
}

/// Operation → task.
pub fn operation(id: &str) -> String {
    format!("rejoin:op:{id}")
}

/// A session's record: a hash.
pub fn session(id: &str) -> String {
    format!("rejoin:session:{id}")
}

/// Session → running task.
pub fn active(session: &str) -> String {
    format!("rejoin:session:{session}:active")
}

/// A session's messages: a hash from id to sequence and JSON.
pub fn messages(session: &str) -> String {
    format!("rejoin:session:{session}:messages")
}

/// A user's sessions by `updated_at`.
pub fn sessions_of(user: &str) -> String {
    format!("rejoin:user:{user}:sessions")
}
