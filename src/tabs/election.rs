//! Which tab owns a session: the lock, the epoch of an ownership, and the questions that a tab puts to the others.
//!
//! Before a stream's first request the session's lock is wanted and the other tabs are asked. Who gets the lock owns the
//! session. Who is answered follows. Who hears nothing for [`ELECTION`] takes the lock away and owns the session too:
//! the tab that had it does not run, or cannot be reached.
//!
//! Each ownership has an **epoch**, which is larger than that of any ownership before it. It goes with every message of
//! an owner and into the saved record. A tab that slept through a change of owners is known by its old epoch: nobody
//! follows it, and it gives its own listeners nothing more once it hears of a newer one.

use crate::stream::Millis;

/// How long an owner may take to answer, in ms. Its followers give it up one after the other, within as long again.
pub const ELECTION: Millis = 1_000;
/// A question to another tab is put again after this long, in ms. A tab that wakes up finds all at once what was said
/// meanwhile, and each answer is all that the stream gave.
const ASK_AGAIN: Millis = 250;
/// An answer that comes later than this, in ms, was given by a tab that slept, to a question that is over.
const ANSWER: Millis = 2_000;

/// How a lock is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// In turn.
    Wait,
    /// At once, from whoever has it; takes the place of a request that waits.
    Steal,
}

/// The session's lock, as this tab knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lock {
    /// Not wanted.
    #[default]
    None,
    /// Asked for.
    Wanted,
    /// Held.
    Held,
    /// Taken away from a tab that did not answer; the browser has not confirmed it yet.
    Stolen,
}

/// What a tab that owns a session does about another one that says so too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivalry {
    /// It says again that it owns the session.
    Insist,
    /// It gives the session up and follows.
    Yield,
    /// Nothing: it has insisted a moment ago.
    Ignore,
}

/// This tab's part in the election of a session's owner.
#[derive(Debug, Default)]
pub struct Election {
    lock: Lock,
    /// Of this tab's last ownership; 0 before it had one.
    epoch: u64,
    /// The newest that is known.
    newest: u64,
    /// The tab that was asked last, and from when on it is asked again.
    asked: Option<(String, Millis)>,
    insisted: Option<Millis>,
}

impl Election {
    /// Whether this tab owns the session, as far as it knows.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        matches!(self.lock, Lock::Held | Lock::Stolen)
    }

    /// The newest epoch that this tab knows of, its own included.
    #[must_use]
    #[expect(clippy::misnamed_getters, reason = "the field `epoch` is this tab's own")]
    pub fn epoch(&self) -> u64 {
        self.newest
    }

    /// The lock is wanted. Gives how it is to be asked for, if it was not yet.
    pub fn want(&mut self) -> Option<LockMode> {
        if self.lock != Lock::None {
            return None;
        }
        self.lock = Lock::Wanted;
        Some(LockMode::Wait)
    }

    /// Nobody answered: the lock is taken from whoever has it.
    pub fn steal(&mut self, now: Millis) -> LockMode {
        self.lock = Lock::Stolen;
        self.begin_epoch(now);
        LockMode::Steal
    }

    /// The browser granted the lock. Gives whether that is news: a lock that was given back meanwhile is not had.
    pub fn grant(&mut self, now: Millis) -> bool {
        match self.lock {
            Lock::None => return false,
            Lock::Wanted => self.begin_epoch(now),
            Lock::Held | Lock::Stolen => {}
        }
        self.lock = Lock::Held;
        true
    }

    /// Another tab took the lock away.
    pub fn lose(&mut self) {
        self.lock = Lock::None;
    }

    /// The lock is given back, or no longer waited for. Gives whether the browser has to be asked.
    pub fn release(&mut self) -> bool {
        std::mem::take(&mut self.lock) != Lock::None
    }

    /// An epoch is larger than all that are known. The time makes it larger than those that were not: all tabs of
    /// a browser have one clock.
    fn begin_epoch(&mut self, now: Millis) {
        self.epoch = now.max(self.newest.saturating_add(1));
        self.newest = self.epoch;
    }

    /// Another tab or the saved record names an epoch.
    pub fn note_epoch(&mut self, epoch: u64) {
        self.newest = self.newest.max(epoch);
    }

    /// Whether an owner of this epoch is none any more.
    #[must_use]
    pub fn is_over(&self, epoch: u64) -> bool {
        epoch < self.newest
    }

    /// Another tab owns the session too, with this epoch. The later ownership counts; of two that began at once, the
    /// one that has the lock.
    pub fn rival(&mut self, epoch: u64, now: Millis) -> Rivalry {
        let is_later = epoch > self.epoch;
        self.note_epoch(epoch);
        if is_later || (epoch == self.epoch && self.lock == Lock::Stolen) {
            return Rivalry::Yield;
        }
        if self.insisted.is_some_and(|until| now < until) {
            return Rivalry::Ignore;
        }
        self.insisted = Some(now.saturating_add(ELECTION));
        Rivalry::Insist
    }

    /// Whether a tab may be asked now; if so, it is not asked again for a while.
    pub fn may_ask(&mut self, tab: &str, now: Millis) -> bool {
        if self.asked.as_ref().is_some_and(|(asked, again_at)| asked == tab && now < *again_at) {
            return false;
        }
        self.asked = Some((tab.to_owned(), now.saturating_add(ASK_AGAIN)));
        true
    }

    /// What was asked is answered.
    pub fn settle(&mut self) {
        self.asked = None;
    }

    /// Whether an answer comes in time to a question that was asked at `asked`.
    #[must_use]
    pub fn is_timely(asked: Millis, now: Millis) -> bool {
        now.saturating_sub(asked) <= ANSWER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_owner_has_a_larger_epoch_whether_it_has_heard_of_the_earlier_one_or_not() {
        let (mut first, mut second, mut third) = (Election::default(), Election::default(), Election::default());
        first.steal(1_000);
        second.steal(2_000);
        assert!(second.epoch() > first.epoch());
        third.note_epoch(second.epoch());
        third.steal(5);
        assert!(third.epoch() > second.epoch(), "its clock was set back");
    }

    #[test]
    fn a_lock_that_was_given_back_is_not_had_when_it_is_granted() {
        let mut election = Election::default();
        assert_eq!(election.want(), Some(LockMode::Wait));
        assert_eq!(election.want(), None);
        assert!(election.release() && !election.release());
        assert!(!election.grant(1) && !election.is_owner());
    }

    #[test]
    fn the_later_of_two_owners_stays_and_says_so_once() {
        let (mut old, mut new) = (Election::default(), Election::default());
        old.steal(1_000);
        new.steal(2_000);
        assert_eq!(old.rival(2_000, 2_000), Rivalry::Yield);
        assert_eq!(new.rival(1_000, 2_000), Rivalry::Insist);
        assert_eq!(new.rival(1_000, 2_500), Rivalry::Ignore);
        assert_eq!(new.rival(1_000, 3_000), Rivalry::Insist);
        assert!(new.is_over(1_000) && !new.is_over(2_000));
    }

    #[test]
    fn of_two_owners_that_began_at_once_the_one_with_the_lock_stays() {
        let (mut thief, mut holder) = (Election::default(), Election::default());
        thief.steal(1_000);
        holder.want();
        holder.grant(1_000);
        assert_eq!(thief.rival(1_000, 1_000), Rivalry::Yield);
        assert_eq!(holder.rival(1_000, 1_000), Rivalry::Insist);
    }

    #[test]
    fn an_answer_counts_for_two_seconds() {
        assert!(Election::is_timely(1_000, 3_000));
        assert!(!Election::is_timely(1_000, 3_001));
    }
}
