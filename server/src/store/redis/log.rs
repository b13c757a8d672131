//! Reading a task's log.

use redis::{Value, from_redis_value};
use rejoin::stream::cursor::EventId;

use super::Redis;
use super::error::strange;
use super::tasks::status_of;
use crate::store::{Entry, Lookup, Portion, Result, Slice};

/// The greatest id. No entry can come after it, and Redis refuses to read there.
const LAST: EventId = EventId { ms: u64::MAX, seq: u64::MAX };

impl Redis {
    pub(super) async fn read_log(&self, id: &str, after: EventId, portion: Portion) -> Result<Lookup<Slice>> {
        let keys = self.keys.task(id);
        let number = if after == LAST { 0 } else { portion.entries };
        let mut read = self.scripts.read.prepare_invoke();
        read.key(keys.meta).key(keys.log).key(keys.snapshot);
        read.arg(self.ttl()).arg(after.to_string()).arg(number).arg(portion.bytes);
        let parts: Vec<Value> = self.reads.run(&read).await?;
        match <[Value; 7]>::try_from(parts) {
            Ok(parts) => slice_of(parts, after, portion).ok_or_else(|| strange("a log")).map(Lookup::Found),
            Err(parts) => match parts[..] {
                [_, Value::Int(has_log)] => Ok(gone(has_log)),
                _ => Err(strange("a log")),
            },
        }
    }
}

/// Whether a task without a record has expired or is missing.
pub fn gone<T>(has_log: i64) -> Lookup<T> {
    if has_log == 1 { Lookup::Expired } else { Lookup::Missing }
}

/// Reads the reply of `lua/read.lua`.
fn slice_of(parts: [Value; 7], after: EventId, portion: Portion) -> Option<Slice> {
    let [status, trimmed, last, first, entries, snapshot, gap] = parts;
    let trimmed = id_or(trimmed, EventId::ZERO)?;
    let mut found = merged(&text(snapshot)?, after)?;
    found.extend(logged(entries)?);
    found.truncate(fitting(&found, portion));
    Some(Slice {
        entries: found,
        status: status_of(&text(status)?).ok()?,
        last: id_or(last, trimmed)?,
        trimmed,
        first: id_or(first, trimmed)?,
        gap: gap == Value::Int(1),
    })
}

/// How many of the entries fit in a page; at least one.
fn fitting(entries: &[Entry], portion: Portion) -> usize {
    let mut bytes = 0;
    let is_room = |entry: &&Entry| {
        let is_room = bytes < portion.bytes;
        bytes += entry.data.len();
        is_room
    };
    entries.iter().take(portion.entries).take_while(is_room).count()
}

fn text(value: Value) -> Option<String> {
    from_redis_value(value).ok()
}

fn id_or(value: Value, default: EventId) -> Option<EventId> {
    let text = text(value)?;
    if text.is_empty() { Some(default) } else { text.parse().ok() }
}

fn merged(snapshot: &str, after: EventId) -> Option<Vec<Entry>> {
    if snapshot.is_empty() {
        return Some(Vec::new());
    }
    let pairs: Vec<(String, String)> = serde_json::from_str(snapshot).ok()?;
    let entries = pairs.into_iter().map(|(id, data)| Some(Entry { id: id.parse().ok()?, data: data.into() }));
    let entries: Vec<Entry> = entries.collect::<Option<_>>()?;
    Some(entries.into_iter().filter(|entry| entry.id > after).collect())
}

/// Rows of a stream: id, then fields and values.
fn logged(rows: Value) -> Option<Vec<Entry>> {
    let Value::Array(rows) = rows else { return None };
    rows.into_iter().map(entry_of).collect()
}

fn entry_of(row: Value) -> Option<Entry> {
    let Value::Array(row) = row else { return None };
    let [id, Value::Array(fields)] = <[Value; 2]>::try_from(row).ok()? else { return None };
    let data = fields.into_iter().nth(1)?;
    Some(Entry { id: text(id)?.parse().ok()?, data: text(data)?.into() })
}
