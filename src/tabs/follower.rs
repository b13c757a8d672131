//! A tab that follows a session's stream: which broadcast it reads, how far it has read, and when it gives up its owner.

use std::cmp::Ordering;

use crate::stream::Millis;
use crate::tabs::election::ELECTION;
use crate::tabs::message::Shown;

/// The longest silence that an owner may demand of its followers, in milliseconds.
const LONGEST_SILENCE: Millis = 450_000;

/// The position of a numbered message in the broadcast, as its follower sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// The message is the next one.
    Next,
    /// The message was read before.
    Known,
    /// Messages before this one were lost.
    Gap,
    /// The message belongs to another broadcast.
    Foreign,
}

/// What a follower does when its owner has been silent for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It asks whether the owner is alive.
    Doubt,
    /// It takes over the session.
    GiveUp,
}

/// The state of following the broadcast of another tab.
#[derive(Debug)]
pub struct Follower {
    owner: String,
    /// The name of the broadcast, or empty while it is requested again.
    stream: String,
    next: u64,
    shown: Shown,
    silent_at: Millis,
    doubtful_until: Option<Millis>,
}

impl Follower {
    /// Returns a follower that waits for the message `next` of a broadcast.
    #[must_use]
    pub fn new(owner: String, stream: String, next: u64, shown: Shown, now: Millis) -> Self {
        let mut follower = Self { owner, stream, next, shown, silent_at: 0, doubtful_until: None };
        follower.note_life(now);
        follower
    }

    /// Returns what the owner shows.
    #[must_use]
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Returns whether this follower reads the broadcast `stream`.
    #[must_use]
    pub fn follows(&self, stream: &str) -> bool {
        self.stream == stream
    }

    /// Returns the broadcast and the number of its next message, for a question to the owner.
    #[must_use]
    pub fn position(&self) -> (Option<String>, u64) {
        (Some(self.stream.clone()), self.next)
    }

    /// Returns whether this follower has read at least as much of the same broadcast.
    #[must_use]
    pub fn has(&self, stream: &str, next: u64) -> bool {
        self.follows(stream) && self.next >= next
    }

    /// Stores the status that the owner shows. This is also a sign of life of the owner.
    pub fn show(&mut self, shown: Shown, now: Millis) {
        self.shown = shown;
        self.note_life(now);
    }

    /// Records a sign of life of the owner.
    pub fn note_life(&mut self, now: Millis) {
        self.doubtful_until = None;
        self.silent_at = now.saturating_add(self.shown.patience.clamp(ELECTION, LONGEST_SILENCE));
    }

    /// Takes the number of a broadcast's message.
    pub fn take(&mut self, stream: &str, number: u64, now: Millis) -> Arrived {
        if !self.follows(stream) {
            return Arrived::Foreign;
        }
        match number.cmp(&self.next) {
            Ordering::Less => Arrived::Known,
            Ordering::Greater => Arrived::Gap,
            Ordering::Equal => {
                self.next += 1;
                self.note_life(now);
                Arrived::Next
            }
        }
    }

    /// Follows another owner, whose broadcast begins exactly after what this follower has read.
    pub fn go_over(&mut self, owner: String, stream: String, now: Millis) {
        self.owner = owner;
        self.stream = stream;
        self.next = 0;
        self.note_life(now);
    }

    /// Drops what was read, so that the broadcast has to be sent again from its beginning.
    pub fn forget(&mut self) {
        self.stream.clear();
    }

    /// Returns when the silence of the owner will be too long.
    #[must_use]
    pub fn deadline(&self) -> Millis {
        self.doubtful_until.unwrap_or(self.silent_at)
    }

    /// Checks the silence of the owner. `patience` is how long a doubted owner has to answer, in milliseconds.
    pub fn watch(&mut self, now: Millis, patience: Millis) -> Option<Silence> {
        if self.deadline() > now {
            return None;
        }
        if self.doubtful_until.is_some() {
            return Some(Silence::GiveUp);
        }
        self.doubtful_until = Some(now.saturating_add(patience));
        Some(Silence::Doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower() -> Follower {
        let shown = Shown { patience: 3_000, ..Shown::default() };
        Follower::new("b".into(), "b-1".into(), 4, shown, 10_000)
    }

    #[test]
    fn messages_are_read_in_the_order_of_their_numbers() {
        let mut follower = follower();
        assert_eq!(follower.take("b-1", 3, 10_000), Arrived::Known);
        assert_eq!(follower.take("b-1", 4, 10_000), Arrived::Next);
        assert_eq!(follower.take("b-1", 6, 10_000), Arrived::Gap);
        assert_eq!(follower.take("a-1", 5, 10_000), Arrived::Foreign);
        assert!(follower.has("b-1", 5) && !follower.has("b-1", 6));
    }

    #[test]
    fn a_silent_owner_is_doubted_first_and_given_up_then() {
        let mut follower = follower();
        assert_eq!(follower.watch(12_999, 1_500), None);
        assert_eq!(follower.watch(13_000, 1_500), Some(Silence::Doubt));
        assert_eq!(follower.watch(14_499, 1_500), None);
        assert_eq!(follower.watch(14_500, 1_500), Some(Silence::GiveUp));
    }

    #[test]
    fn a_doubted_owner_that_gives_a_sign_of_life_is_still_followed() {
        let mut follower = follower();
        follower.watch(13_000, 1_500);
        follower.note_life(14_000);
        assert_eq!(follower.deadline(), 17_000);
    }
}
