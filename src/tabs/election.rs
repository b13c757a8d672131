//! The election of a session's owner: the lock, the epoch of an ownership, and the questions that a tab asks the others.
//!
//! Before the first request of a stream, a tab requests the session's lock and asks the other tabs. The tab that gets the lock
//! owns the session. A tab that gets an answer follows the one that sent it. A tab that gets no answer within [`ELECTION`] takes
//! the lock from its holder and owns the session as well: the holder is suspended or unreachable.
//!
//! Each ownership has an **epoch**, which is larger than that of any ownership before it. Every message of an owner and the saved
//! record contain it. A tab that slept while the owner changed is recognised by its old epoch. No tab follows it, and it delivers
//! nothing more to its own listeners once it knows of a newer epoch.

use crate::stream::Millis;

/// The time that an owner has to answer, in milliseconds. Its followers give it up one after the other, within the same time
/// again.
pub const ELECTION: Millis = 1_000;
/// The time after which a question to another tab may be repeated, in milliseconds. A tab that wakes up gets all messages at
/// once, and each answer is a whole stream, so it must not ask for each.
const ASK_AGAIN: Millis = 250;
/// The age above which an answer is ignored, in milliseconds: it comes from a tab that was asleep, and the question has been
/// settled.
const ANSWER: Millis = 2_000;

/// How a lock is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// The request waits until the lock is free.
    Wait,
    /// The lock is taken from its holder at once. This replaces a request that waits.
    Steal,
}

/// The state of the session's lock, as this tab knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lock {
    /// The lock is not wanted.
    #[default]
    None,
    /// The lock is requested.
    Wanted,
    /// The lock is held.
    Held,
    /// The lock was taken from a tab that did not answer, and the browser has not confirmed that yet.
    Stolen,
}

/// The reaction of an owner to another tab that claims to own the session, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivalry {
    /// It announces its ownership again.
    Insist,
    /// It gives up the ownership and follows the other tab.
    Yield,
    /// It does nothing, because it has announced its ownership a moment ago.
    Ignore,
}

/// The part of one tab in the election of a session's owner.
#[derive(Debug, Default)]
pub struct Election {
    lock: Lock,
    /// The epoch of this tab's last ownership, or 0.
    epoch: u64,
    /// The newest epoch that the tab knows of.
    newest: u64,
    /// The tab that was asked last, and the time from which it may be asked again.
    asked: Option<(String, Millis)>,
    insisted: Option<Millis>,
}

impl Election {
    /// Returns whether this tab owns the session, as far as it knows.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        matches!(self.lock, Lock::Held | Lock::Stolen)
    }

    /// Returns the newest epoch that this tab knows of, its own included.
    #[must_use]
    #[expect(clippy::misnamed_getters, reason = "the field `epoch` is this tab's own")]
    pub fn epoch(&self) -> u64 {
        self.newest
    }

    /// Requests the lock. Returns how the browser has to be asked, unless it was asked before.
    pub fn want(&mut self) -> Option<LockMode> {
        if self.lock != Lock::None {
            return None;
        }
        self.lock = Lock::Wanted;
        Some(LockMode::Wait)
    }

    /// Takes the lock from its holder, because nobody answered.
    pub fn steal(&mut self, now: Millis) -> LockMode {
        self.lock = Lock::Stolen;
        self.begin_epoch(now);
        LockMode::Steal
    }

    /// Records that the browser granted the lock. Returns whether the tab owns the session by that: it may have released the lock
    /// meanwhile.
    pub fn grant(&mut self, now: Millis) -> bool {
        match self.lock {
            Lock::None => return false,
            Lock::Wanted => self.begin_epoch(now),
            Lock::Held | Lock::Stolen => {}
        }
        self.lock = Lock::Held;
        true
    }

    /// Records that another tab took the lock.
    pub fn lose(&mut self) {
        self.lock = Lock::None;
    }

    /// Releases the lock or withdraws the request for it. Returns whether the browser has to be asked.
    pub fn release(&mut self) -> bool {
        std::mem::take(&mut self.lock) != Lock::None
    }

    /// Begins an epoch that is larger than all known ones. It also contains the time, to be larger than those that the tab does
    /// not know: all tabs of a browser have the same clock.
    fn begin_epoch(&mut self, now: Millis) {
        self.epoch = now.max(self.newest.saturating_add(1));
        self.newest = self.epoch;
    }

    /// Records an epoch that another tab or a saved record names.
    pub fn note_epoch(&mut self, epoch: u64) {
        self.newest = self.newest.max(epoch);
    }

    /// Returns whether a newer epoch than this one is known, so that its owner no longer owns the session.
    #[must_use]
    pub fn is_over(&self, epoch: u64) -> bool {
        epoch < self.newest
    }

    /// Decides how this owner reacts to another tab that claims the session with `epoch`. The later epoch wins. If both are equal,
    /// this owner yields only if it took the lock from a tab and the browser has not confirmed that yet.
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

    /// Returns whether a tab may be asked now. If so, it counts as asked.
    pub fn may_ask(&mut self, tab: &str, now: Millis) -> bool {
        if self.asked.as_ref().is_some_and(|(asked, again_at)| asked == tab && now < *again_at) {
            return false;
        }
        self.asked = Some((tab.to_owned(), now.saturating_add(ASK_AGAIN)));
        true
    }

    /// Records that the question was answered.
    pub fn settle(&mut self) {
        self.asked = None;
    }

    /// Returns whether the answer to a question of the time `asked` is recent enough.
    #[must_use]
    pub fn is_timely(asked: Millis, now: Millis) -> bool {
        now.saturating_sub(asked) <= ANSWER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_owner_has_a_larger_epoch_whether_it_knows_the_earlier_one_or_not() {
        let (mut first, mut second, mut third) = (Election::default(), Election::default(), Election::default());
        first.steal(1_000);
        second.steal(2_000);
        assert!(second.epoch() > first.epoch());
        third.note_epoch(second.epoch());
        third.steal(5);
        assert!(third.epoch() > second.epoch(), "its clock was set back");
    }

    #[test]
    fn a_lock_that_was_released_is_not_held_when_it_is_granted() {
        let mut election = Election::default();
        assert_eq!(election.want(), Some(LockMode::Wait));
        assert_eq!(election.want(), None);
        assert!(election.release() && !election.release());
        assert!(!election.grant(1) && !election.is_owner());
    }

    #[test]
    fn the_later_of_two_owners_stays_and_announces_it_once() {
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
    fn the_one_with_the_lock_wins_between_two_owners_that_began_at_once() {
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
