//! A tab that follows a session's stream: which broadcast it reads, how far, and when it gives its owner up.

use std::cmp::Ordering;

use crate::stream::Millis;
use crate::tabs::election::ELECTION;
use crate::tabs::message::Shown;

/// The longest silence that an owner may ask its followers to bear, in ms.
const LONGEST_SILENCE: Millis = 450_000;

/// What a numbered message of a broadcast is to its follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// The next one.
    Next,
    /// One that was read.
    Known,
    /// Messages before it were lost.
    Gap,
    /// One of another broadcast.
    Foreign,
}

/// What a follower does when its owner was silent for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It asks whether the owner lives.
    Doubt,
    /// It takes over.
    GiveUp,
}

/// The broadcast of another tab, followed.
#[derive(Debug)]
pub struct Follower {
    owner: String,
    /// Names the broadcast; empty where it is asked for anew.
    stream: String,
    next: u64,
    shown: Shown,
    silent_at: Millis,
    doubtful_until: Option<Millis>,
}

impl Follower {
    /// Follows a broadcast of which `next` is the next message.
    #[must_use]
    pub fn new(owner: String, stream: String, next: u64, shown: Shown, now: Millis) -> Self {
        let mut follower = Self { owner, stream, next, shown, silent_at: 0, doubtful_until: None };
        follower.note_life(now);
        follower
    }

    /// What the owner shows.
    #[must_use]
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Whether it reads this broadcast.
    #[must_use]
    pub fn follows(&self, stream: &str) -> bool {
        self.stream == stream
    }

    /// The broadcast and the message of it that is waited for, as they are asked for.
    #[must_use]
    pub fn position(&self) -> (Option<String>, u64) {
        (Some(self.stream.clone()), self.next)
    }

    /// Whether it has already read as much of the same broadcast.
    #[must_use]
    pub fn has(&self, stream: &str, next: u64) -> bool {
        self.follows(stream) && self.next >= next
    }

    /// The owner shows something else.
    pub fn show(&mut self, shown: Shown, now: Millis) {
        self.shown = shown;
        self.note_life(now);
    }

    /// The owner lives.
    pub fn note_life(&mut self, now: Millis) {
        self.doubtful_until = None;
        self.silent_at = now.saturating_add(self.shown.patience.clamp(ELECTION, LONGEST_SILENCE));
    }

    /// A message of a broadcast came.
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

    /// Another owner goes on exactly where this follower stands.
    pub fn go_over(&mut self, owner: String, stream: String, now: Millis) {
        self.owner = owner;
        self.stream = stream;
        self.next = 0;
        self.note_life(now);
    }

    /// What was read is void: the broadcast has to be given from its beginning.
    pub fn forget(&mut self) {
        self.stream.clear();
    }

    /// When the silence of the owner will have been too long.
    #[must_use]
    pub fn deadline(&self) -> Millis {
        self.doubtful_until.unwrap_or(self.silent_at)
    }

    /// Time has passed. `patience` is how long the owner has to answer, once it is doubted.
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
    fn an_owner_that_is_heard_while_it_is_doubted_is_followed_on() {
        let mut follower = follower();
        follower.watch(13_000, 1_500);
        follower.note_life(14_000);
        assert_eq!(follower.deadline(), 17_000);
    }
}
