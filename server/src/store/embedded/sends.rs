//! The names of sends, also after the removal of their messages (PROTOCOL §1, "A turn").

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::sessions;
use super::tables::{MESSAGE_IDS, MESSAGES, SENDS, decode};
use crate::store::{Known, Message, Replacement, Result};

/// The task that answers a message or a send of this id, if the session has one.
pub fn known(view: &ReadTransaction, session: &str, id: &str) -> Result<Option<Known>> {
    if let Some(message) = sessions::message(view, session, id)? {
        return Ok(Some(Known::Answered(message.task_id)));
    }
    Ok(view.open_table(SENDS)?.get((session, id))?.map(|task| known_as(task.value())))
}

/// The same for the first of these names that is known, within a write.
pub fn first_known(txn: &WriteTransaction, session: &str, names: &[String]) -> Result<Option<Known>> {
    let (messages, sends) = (txn.open_table(MESSAGES)?, txn.open_table(SENDS)?);
    for name in names {
        if let Some(sequence) = sessions::sequence(txn, session, name)?
            && let Some(text) = messages.get((session, sequence))?
        {
            return Ok(Some(Known::Answered(decode::<Message>(text.value())?.task_id)));
        }
        if let Some(task) = sends.get((session, name.as_str()))? {
            return Ok(Some(known_as(task.value())));
        }
    }
    Ok(None)
}

fn known_as(task: &str) -> Known {
    if task.is_empty() { Known::Replaced } else { Known::Answered(task.into()) }
}

/// Stores the names of a send. A name that is a message's id is found by that message.
pub fn note(txn: &WriteTransaction, session: &str, names: &[String], task: &str) -> Result<()> {
    for name in names {
        if sessions::sequence(txn, session, name)?.is_none() {
            txn.open_table(SENDS)?.insert((session, name.as_str()), task)?;
        }
    }
    Ok(())
}

/// Removes messages and remembers their ids and names.
pub fn remove(txn: &WriteTransaction, session: &str, replaced: &Replacement) -> Result<()> {
    let mut names = replaced.messages.clone();
    names.extend(answered_by(txn, session, &replaced.tasks)?);
    for id in &replaced.messages {
        let sequence = txn.open_table(MESSAGE_IDS)?.remove((session, id.as_str()))?.map(|sequence| sequence.value());
        if let Some(sequence) = sequence {
            txn.open_table(MESSAGES)?.remove((session, sequence))?;
        }
    }
    let mut sends = txn.open_table(SENDS)?;
    for id in &names {
        sends.insert((session, id.as_str()), "")?;
    }
    Ok(())
}

/// The names of the sends that these tasks answer.
fn answered_by(txn: &WriteTransaction, session: &str, tasks: &[String]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for row in txn.open_table(SENDS)?.range((session, "")..)? {
        let (key, task) = row?;
        let (of, name) = key.value();
        if of != session {
            break;
        }
        if tasks.iter().any(|removed| removed == task.value()) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
