//! Sessions, their lists, and their messages.

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::tables::{MESSAGE_IDS, MESSAGES, REFUSED, SESSION_COUNTS, SESSION_LISTS, SESSIONS, decode, encode, load};
use super::{millis, sends};
use crate::clock::Millis;
use crate::store::{Arrival, Known, MOST_REFUSED, Message, Page, REFUSED_FOR, Result, Scope, Session};

/// The list that holds every session. Not a user: the lists of those are marked.
pub const EVERYONE: &str = "*";

fn of_user(user: &str) -> String {
    format!("user:{user}")
}

fn name(scope: &Scope) -> String {
    match scope {
        Scope::All => EVERYONE.into(),
        Scope::User(user) => of_user(user),
    }
}

/// Stores a new session.
pub fn create(txn: &WriteTransaction, session: &Session) -> Result<()> {
    save(txn, session)?;
    for list in lists(session) {
        enlist(txn, &list, session)?;
    }
    Ok(())
}

fn lists(session: &Session) -> Vec<String> {
    std::iter::once(EVERYONE.into()).chain(session.user_id.as_deref().map(of_user)).collect()
}

fn enlist(txn: &WriteTransaction, list: &str, session: &Session) -> Result<()> {
    txn.open_table(SESSION_LISTS)?.insert((list, session.updated_at, session.id.as_str()), ())?;
    let mut counts = txn.open_table(SESSION_COUNTS)?;
    let count = counts.get(list)?.map_or(0, |count| count.value());
    counts.insert(list, count + 1)?;
    Ok(())
}

/// Takes a session off its lists.
pub fn delist(txn: &WriteTransaction, session: &Session) -> Result<()> {
    for list in lists(session) {
        txn.open_table(SESSION_LISTS)?.remove((list.as_str(), session.updated_at, session.id.as_str()))?;
        let mut counts = txn.open_table(SESSION_COUNTS)?;
        let count = counts.get(list.as_str())?.map_or(0, |count| count.value());
        counts.insert(list.as_str(), count.saturating_sub(1))?;
    }
    Ok(())
}

/// The record of a session.
pub fn get(view: &ReadTransaction, id: &str) -> Result<Option<Session>> {
    load(&view.open_table(SESSIONS)?, id)
}

/// A page of a list, newest first, and the length of the list.
pub fn list(view: &ReadTransaction, scope: &Scope, page: Page) -> Result<(Vec<Session>, u64)> {
    let list = name(scope);
    let (sessions, lists) = (view.open_table(SESSIONS)?, view.open_table(SESSION_LISTS)?);
    let mut found = Vec::new();
    let whole = (list.as_str(), 0, "")..(list.as_str(), u64::MAX, "");
    for row in lists.range(whole)?.rev().skip(page.offset).take(page.limit) {
        let key = row?.0;
        found.extend(load::<Session>(&sessions, key.value().2)?);
    }
    let total = view.open_table(SESSION_COUNTS)?.get(list.as_str())?.map_or(0, |count| count.value());
    Ok((found, total))
}

/// Gives an ownerless session to a user.
pub fn assign(txn: &WriteTransaction, id: &str, user: &str) -> Result<Option<Session>> {
    let Some(mut session) = stored(txn, id)? else { return Ok(None) };
    if session.user_id.is_none() {
        session.user_id = Some(user.into());
        save(txn, &session)?;
        enlist(txn, &of_user(user), &session)?;
    }
    Ok(Some(session))
}

/// Stores the task that begins as the session's last, and gives the session its title unless it has one.
pub fn note_task(txn: &WriteTransaction, session: Session, task: &str, title: &str) -> Result<()> {
    let title = session.title.or_else(|| Some(title.into()));
    save(txn, &Session { title, last_task: Some(task.into()), ..session })
}

/// Whether there is such a session.
pub fn exists(txn: &WriteTransaction, id: &str) -> Result<bool> {
    Ok(txn.open_table(SESSIONS)?.get(id)?.is_some())
}

/// Puts a session to the front of its lists.
fn move_to_front(txn: &WriteTransaction, id: &str, now: Millis) -> Result<()> {
    let Some(session) = stored(txn, id)? else { return Ok(()) };
    let moved = Session { updated_at: now.max(session.updated_at), ..session.clone() };
    let mut order = txn.open_table(SESSION_LISTS)?;
    for list in lists(&session) {
        order.remove((list.as_str(), session.updated_at, id))?;
        order.insert((list.as_str(), moved.updated_at, id), ())?;
    }
    save(txn, &moved)
}

/// All messages of a session, in order.
pub fn messages(view: &ReadTransaction, session: &str) -> Result<Vec<Message>> {
    let messages = view.open_table(MESSAGES)?;
    let mut found = Vec::new();
    for row in messages.range((session, 0)..=(session, u64::MAX))? {
        found.push(decode(row?.1.value())?);
    }
    Ok(found)
}

/// One message.
pub fn message(view: &ReadTransaction, session: &str, id: &str) -> Result<Option<Message>> {
    let ids = view.open_table(MESSAGE_IDS)?;
    let Some(sequence) = ids.get((session, id))?.map(|sequence| sequence.value()) else { return Ok(None) };
    let found = view.open_table(MESSAGES)?.get((session, sequence))?;
    found.map(|text| decode(text.value())).transpose()
}

/// Refuses a message that has not come.
pub fn refuse(txn: &WriteTransaction, session: &str, id: &str, now: Millis) -> Result<Arrival> {
    if !exists(txn, session)? {
        return Ok(Arrival::NoSession);
    }
    match sends::first_known(txn, session, &[id.to_owned()])? {
        Some(Known::Answered(task)) => return Ok(Arrival::Answered(task)),
        Some(Known::Replaced) => return Ok(Arrival::Replaced),
        None => (),
    }
    let mut refused = txn.open_table(REFUSED)?;
    refused.insert((session, id), now.saturating_add(millis(REFUSED_FOR)))?;
    drop(refused);
    bound_refused(txn, session)?;
    Ok(Arrival::Refused)
}

/// Forgets the oldest of the messages that a session refuses, where they are too many.
fn bound_refused(txn: &WriteTransaction, session: &str) -> Result<()> {
    let mut refused = txn.open_table(REFUSED)?;
    let mut all = Vec::new();
    for row in refused.range((session, "")..)? {
        let (key, until) = row?;
        let (of, id) = key.value();
        if of != session {
            break;
        }
        all.push((until.value(), id.to_owned()));
    }
    all.sort_unstable();
    for (_, id) in all.iter().rev().skip(MOST_REFUSED) {
        refused.remove((session, id.as_str()))?;
    }
    Ok(())
}

/// Whether a message is refused.
pub fn is_refused(txn: &WriteTransaction, session: &str, id: &str, now: Millis) -> Result<bool> {
    Ok(txn.open_table(REFUSED)?.get((session, id))?.is_some_and(|until| until.value() > now))
}

/// Forgets messages that are refused no longer.
pub fn forget_refused(txn: &WriteTransaction, now: Millis) -> Result<()> {
    txn.open_table(REFUSED)?.retain(|_, until| until > now)?;
    Ok(())
}

/// The place of a message.
pub fn sequence(txn: &WriteTransaction, session: &str, id: &str) -> Result<Option<u64>> {
    let ids = txn.open_table(MESSAGE_IDS)?;
    Ok(ids.get((session, id))?.map(|sequence| sequence.value()))
}

/// Inserts or replaces by id.
pub fn put_messages(txn: &WriteTransaction, session: &str, messages: &[Message], now: Millis) -> Result<()> {
    for message in messages {
        let sequence = match sequence(txn, session, &message.id)? {
            Some(sequence) => sequence,
            None => next_sequence(txn, session)?,
        };
        let placed = encode(&Message { sequence, ..message.clone() })?;
        txn.open_table(MESSAGES)?.insert((session, sequence), placed.as_str())?;
        txn.open_table(MESSAGE_IDS)?.insert((session, message.id.as_str()), sequence)?;
    }
    move_to_front(txn, session, now)
}

fn next_sequence(txn: &WriteTransaction, session: &str) -> Result<u64> {
    let messages = txn.open_table(MESSAGES)?;
    let last = messages.range((session, 0)..=(session, u64::MAX))?.next_back();
    Ok(last.transpose()?.map_or(0, |(key, _)| key.value().1) + 1)
}

/// The record of a session, seen from within a write.
pub fn stored(txn: &WriteTransaction, id: &str) -> Result<Option<Session>> {
    load(&txn.open_table(SESSIONS)?, id)
}

fn save(txn: &WriteTransaction, session: &Session) -> Result<()> {
    txn.open_table(SESSIONS)?.insert(session.id.as_str(), encode(session)?.as_str())?;
    Ok(())
}
