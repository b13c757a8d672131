//! The tables of the file, and the form of their records: JSON text where a record may get more fields, tuples
//! otherwise.

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{Result, StoreError};

type Text = &'static str;

/// Session → record.
pub const SESSIONS: TableDefinition<'_, Text, Text> = TableDefinition::new("sessions");
/// (Scope, `updated_at`, session): the lists of sessions. The scope is everyone or a user.
pub const SESSION_LISTS: TableDefinition<'_, (Text, u64, Text), ()> = TableDefinition::new("session_lists");
/// Scope → number of sessions.
pub const SESSION_COUNTS: TableDefinition<'_, Text, u64> = TableDefinition::new("session_counts");
/// (Session, sequence) → message.
pub const MESSAGES: TableDefinition<'_, (Text, u64), Text> = TableDefinition::new("messages");
/// (Session, message id) → sequence.
pub const MESSAGE_IDS: TableDefinition<'_, (Text, Text), u64> = TableDefinition::new("message_ids");
/// (Session, message id) → the time until which a message that was cancelled before it came is refused.
pub const REFUSED: TableDefinition<'_, (Text, Text), u64> = TableDefinition::new("refused_messages");
/// (Session, name of a send) → the task that answers it; empty when its message or answer has been removed.
pub const SENDS: TableDefinition<'_, (Text, Text), Text> = TableDefinition::new("sends");
/// Task → record.
pub const TASKS: TableDefinition<'_, Text, Text> = TableDefinition::new("tasks");
/// Task → (position, ms, seq): how much was ever appended, and the newest id.
pub const TAILS: TableDefinition<'_, Text, (u64, u64, u64)> = TableDefinition::new("tails");
/// Task → the last id of its snapshot.
pub const TRIMS: TableDefinition<'_, Text, (u64, u64)> = TableDefinition::new("trims");
/// (Task, ms, seq) → chunk.
pub const LOG: TableDefinition<'_, (Text, u64, u64), Text> = TableDefinition::new("log");
/// Session → running task.
pub const ACTIVE: TableDefinition<'_, Text, Text> = TableDefinition::new("active");
/// Tasks that run.
pub const RUNNING: TableDefinition<'_, Text, ()> = TableDefinition::new("running");
/// (Time, task): when ended tasks are to be removed.
pub const EXPIRY: TableDefinition<'_, (u64, Text), ()> = TableDefinition::new("expiry");
/// Operation → task.
pub const OPERATIONS: TableDefinition<'_, Text, Text> = TableDefinition::new("operations");
/// The completion log: number → (deliveries so far, data).
pub const COMPLETIONS: TableDefinition<'_, u64, (u32, Text)> = TableDefinition::new("completions");
/// The dead-letter log: number → (reason, data).
pub const DEAD: TableDefinition<'_, u64, (Text, Text)> = TableDefinition::new("completions_dead");

/// Makes all tables, so that readers of a new file find them.
pub fn create(txn: &WriteTransaction) -> Result<()> {
    for table in [SESSIONS, TASKS, ACTIVE, OPERATIONS] {
        txn.open_table(table)?;
    }
    txn.open_table(SESSION_LISTS)?;
    txn.open_table(SESSION_COUNTS)?;
    txn.open_table(MESSAGES)?;
    txn.open_table(MESSAGE_IDS)?;
    txn.open_table(REFUSED)?;
    txn.open_table(SENDS)?;
    txn.open_table(TAILS)?;
    txn.open_table(TRIMS)?;
    txn.open_table(LOG)?;
    txn.open_table(RUNNING)?;
    txn.open_table(EXPIRY)?;
    txn.open_table(COMPLETIONS)?;
    txn.open_table(DEAD)?;
    Ok(())
}

/// A record as it is stored.
pub fn encode<T: Serialize>(record: &T) -> Result<String> {
    serde_json::to_string(record).map_err(|error| StoreError::Corrupt(format!("cannot encode a record: {error}")))
}

/// A stored record.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("cannot decode a record: {error}")))
}

/// The record under a key.
pub fn load<T: DeserializeOwned>(table: &impl ReadableTable<Text, Text>, key: &str) -> Result<Option<T>> {
    table.get(key)?.map(|found| decode(found.value())).transpose()
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                match redb::Error::from(error) {
                    error @ (redb::Error::Corrupted(_) | redb::Error::TableTypeMismatch { .. }) => {
                        Self::Corrupt(error.to_string())
                    }
                    error => Self::Transient(error.to_string()),
                }
            }
        }
    )*};
}
from_redb!(redb::DatabaseError, redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);
