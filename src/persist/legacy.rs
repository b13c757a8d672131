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
    task_id: Option<String>,
    operation_id: Option<String>,
    tool_name: Option<String>,
    last_message_id: Option<String>,
    /// `startedAt` in milliseconds; the layer wrote a number or a date. The code that parses the map sets it.
    pub started: Option<Millis>,
}

impl From<Value> for LegacyEntry {
    fn from(mut task: Value) -> Self {
        Self {
            session: String::new(),
            task_id: task.take_text("taskId"),
            operation_id: task.take_text("operationId"),
            tool_name: task.take_text("toolName"),
            last_message_id: task.take_text("lastMessageId"),
            started: None,
        }
    }
}

impl LegacyEntry {
    /// Returns the record that replaces the entry, or `None` if the entry names no task.
    #[must_use]
    pub fn into_record(self, now: Millis) -> Option<SavedTask> {
        let task = self.task_id.filter(|task| !task.is_empty() && task.len() <= LONGEST_ID)?;
        let started = self.started.unwrap_or(now).min(now);
        let active = ActiveTask {
            task,
            session: self.session,
            operation: self.operation_id.unwrap_or_default(),
            tool: self.tool_name.unwrap_or_default(),
            last: self.last_message_id.and_then(|id| id.parse().ok()).unwrap_or(EventId::ZERO),
            started,
        };
        let mut record = SavedTask::of(active, started);
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
