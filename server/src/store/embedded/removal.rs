//! Removes sessions: those that are deleted, and those without a message for the time that the operator keeps them.

use redb::{ReadableTable, TableDefinition, Value, WriteTransaction};

use super::sessions::{self, EVERYONE};
use super::tables::{MESSAGE_IDS, MESSAGES, REFUSED, SENDS, SESSION_LISTS, SESSIONS};
use super::tasks;
use crate::clock::Millis;
use crate::store::{Removal, Result};

/// Removes a session with its messages and the logs of its tasks, unless one of them runs.
pub fn remove(txn: &WriteTransaction, id: &str) -> Result<Removal> {
    let Some(session) = sessions::stored(txn, id)? else { return Ok(Removal::Done) };
    if let Some(running) = tasks::running_of(txn, id)? {
        return Ok(Removal::Busy(running));
    }
    tasks::remove_logs(txn, id)?;
    sessions::delist(txn, &session)?;
    txn.open_table(SESSIONS)?.remove(id)?;
    txn.open_table(MESSAGES)?.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)?;
    remove_all(txn, MESSAGE_IDS, id)?;
    remove_all(txn, REFUSED, id)?;
    remove_all(txn, SENDS, id)?;
    Ok(Removal::Done)
}

/// What a table keeps under a session and the id of a message or a send.
fn remove_all<V: Value + 'static>(
    txn: &WriteTransaction,
    table: TableDefinition<'_, (&'static str, &'static str), V>,
    session: &str,
) -> Result<()> {
    let mut table = txn.open_table(table)?;
    let ids = table.range((session, "")..)?.map_while(|row| match row {
        Ok((key, _)) if key.value().0 != session => None,
        row => Some(row.map(|(key, _)| key.value().1.to_owned())),
    });
    for id in ids.collect::<std::result::Result<Vec<_>, _>>()? {
        table.remove((session, id.as_str()))?;
    }
    Ok(())
}

/// Removes sessions that have not changed since a time, and of which no task runs or waits.
pub fn remove_silent(txn: &WriteTransaction, since: Millis) -> Result<()> {
    let mut silent = Vec::new();
    for row in txn.open_table(SESSION_LISTS)?.range((EVERYONE, 0, "")..(EVERYONE, since.saturating_add(1), ""))? {
        silent.push(row?.0.value().2.to_owned());
    }
    for id in silent {
        // One whose task runs stays.
        let _ = remove(txn, &id)?;
    }
    Ok(())
}
