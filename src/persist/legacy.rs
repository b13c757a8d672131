//! The saved tasks of the TypeScript layer that this package replaces: one storage entry with a map `session id → task`.

use serde::Deserialize;

use super::record::{ActiveTask, LONGEST_ID, SavedTask};
use crate::stream::Millis;
use crate::stream::cursor::EventId;
use crate::value::Value;

/// One task of the map that the TypeScript layer saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Value")]
pub struct LegacyEntry {
    /// The session id: the key in the map. The code that parses the map sets it.
    pub session: String,
    task: String,
    operation: String,
    tool: String,
    last: EventId,
    /// `startedAt` in milliseconds; the layer wrote a number or a date. The code that parses the map sets it.
    pub started: Option<Millis>,
}

impl From<Value> for LegacyEntry {
    fn from(mut task: Value) -> Self {
        Self {
            session: String::new(),
            task: task.take_text_or_empty("taskId"),
            operation: task.take_text_or_empty("operationId"),
            tool: task.take_text_or_empty("toolName"),
            last: task.take_text_or_empty("lastMessageId").parse().unwrap_or(EventId::ZERO),
            started: None,
        }
    }
}

impl LegacyEntry {
    /// Returns the record that replaces the entry, or `None` if the entry names no task.
    #[must_use]
    pub fn into_record(self, now: Millis) -> Option<SavedTask> {
        let Self { session, task, operation, tool, last, started } = self;
        if task.is_empty() || task.len() > LONGEST_ID {
            return None;
        }
        let started = started.unwrap_or(now).min(now);
        let mut record = SavedTask::of(ActiveTask { task, session, operation, tool, last, started }, started);
        record.is_imported = true;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str, started: Option<Millis>) -> LegacyEntry {
        LegacyEntry { session: "s".into(), started, ..serde_json::from_str(json).unwrap() }
    }

    #[test]
    fn an_entry_becomes_a_record() {
        let text = r#"{"taskId":"t1","sessionId":"s","operationId":"o","toolName":"n","lastMessageId":"5-1"}"#;
        let record = entry(text, Some(70)).into_record(2_000).unwrap();
        assert_eq!((record.task(), record.saved), (Some("t1"), 70));
        let active = record.active.unwrap();
        assert_eq!(active.last, "5-1".parse().unwrap());
        assert_eq!((active.operation.as_str(), active.tool.as_str()), ("o", "n"));
    }

    #[test]
    fn missing_members_of_an_entry_have_defaults_but_one_without_a_task_is_dropped() {
        let record = entry(r#"{"taskId":"t6","operationId":null}"#, None).into_record(2_000).unwrap();
        assert_eq!((record.task(), record.saved), (Some("t6"), 2_000));
        assert_eq!(record.active.unwrap().last, EventId::ZERO);
        assert_eq!(entry(r#"{"taskId":""}"#, None).into_record(0), None);
        assert_eq!(entry("{}", None).into_record(0), None);
    }
}
