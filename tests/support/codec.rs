//! Parses and writes JSON as the browser does for the client, because tests keep bodies, records and tab messages as text.

use rejoin::client::io::Millis;
use rejoin::client::{Client, LegacyEntry, Message, SavedTask, Stored};
use rejoin::protocol::body::Body;
use serde_json::Value;

/// Returns the JSON text of a record or a message.
pub fn text_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("it is plain data")
}

/// Parses the body of a response. Returns `None` if it is not a JSON object.
pub fn body(text: &str) -> Option<Body> {
    let value: Value = serde_json::from_str(text).ok()?;
    let details = value.get("detail").map(Value::to_string);
    Some(Body { details, ..serde_json::from_value(value).ok()? })
}

/// Parses the date of an HTTP header as `Date.parse` of a browser does.
#[allow(dead_code, reason = "not every suite shows dates")]
pub fn http_date(text: &str) -> Option<Millis> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Millis::try_from(since_epoch.as_millis()).ok()
}

/// Parses a message of another tab. Returns `None` if it has another form.
#[allow(dead_code, reason = "the simulation's tabs exchange the structs")]
pub fn message(text: &str) -> Option<Message> {
    serde_json::from_str(text).ok()
}

/// Parses the content of the storage under a key.
pub fn stored(client: &Client, key: &str, text: Option<&str>) -> Stored {
    let Some(text) = text else { return Stored::Nothing };
    let read =
        if key == client.legacy_key() { legacy(text).map(Stored::Legacy) } else { record(text).map(Stored::Record) };
    read.unwrap_or(Stored::Unreadable)
}

/// Parses a record.
pub fn record(text: &str) -> Option<SavedTask> {
    serde_json::from_str(text).ok()
}

/// Parses the TypeScript layer's map. Leaves out values that are not tasks.
pub fn legacy(text: &str) -> Option<Vec<LegacyEntry>> {
    let map: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    let tasks = map.into_iter().filter_map(|(session, task)| {
        let started: Option<Millis> = task.get("startedAt").and_then(Value::as_u64);
        let mut entry: LegacyEntry = serde_json::from_value(task).ok()?;
        (entry.session, entry.started) = (session, started);
        Some(entry)
    });
    Some(tasks.collect())
}
