//! What a script publishes on a task's channel (`lua/lib.lua`): `PREVIOUS LAST STATUS`, a line feed, and then for each
//! entry `ID BYTES`, a line feed and the chunk.

use std::sync::Arc;

use rejoin::stream::cursor::EventId;

use super::tasks::status_of;
use crate::store::Entry;
use crate::store::notifications::{Notification, Publication};

/// A publication that brings nothing.
pub const NOTHING_NEW: &str = "0-0 0-0 running\n";

/// What a publication says; one that does not parse says that the log is to be looked at.
pub fn parse(payload: &[u8]) -> Notification {
    publication_of(payload).map_or(Notification::Unknown, Notification::Changed)
}

fn publication_of(payload: &[u8]) -> Option<Publication> {
    let (head, mut rest) = split_line(payload)?;
    let mut words = head.split(' ');
    let (previous, last) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let status = status_of(words.next()?).ok()?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (line, after) = split_line(rest)?;
        let (id, bytes) = line.split_once(' ')?;
        let (data, next) = after.split_at_checked(bytes.parse().ok()?)?;
        entries.push(Entry { id: id.parse::<EventId>().ok()?, data: Arc::from(std::str::from_utf8(data).ok()?) });
        rest = next;
    }
    Some(Publication { previous, last, status, entries: entries.into() })
}

fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Status;

    #[test]
    fn a_publication_carries_the_id_before_it_and_its_entries() {
        let Notification::Changed(publication) = parse("1-0 2-1 completed\n2-0 3\nç!2-1 1\n\n".as_bytes()) else {
            panic!()
        };
        assert_eq!((publication.previous.to_string(), publication.last.to_string()), ("1-0".into(), "2-1".into()));
        assert_eq!(publication.status, Status::Completed);
        let data: Vec<&str> = publication.entries.iter().map(|entry| &*entry.data).collect();
        assert_eq!(data, ["ç!", "\n"]);
    }

    #[test]
    fn a_publication_may_bring_nothing() {
        let Notification::Changed(publication) = parse(NOTHING_NEW.as_bytes()) else { panic!() };
        assert!(publication.entries.is_empty() && publication.previous == publication.last);
    }

    #[test]
    fn what_does_not_parse_sends_the_follower_to_the_log() {
        for payload in ["", "1-0 2-0\n", "1-0 2-0 running", "1-0 2-0 running\n2-0 9\nshort", "1-0 2-0 asleep\n"] {
            assert_eq!(parse(payload.as_bytes()), Notification::Unknown, "{payload}");
        }
    }
}
