//! A tab that owns a session's stream: its broadcast to the tabs that follow.
//!
//! A broadcast gives one stream of one turn, in numbered messages. It is announced when there is something to tell,
//! costs nothing while nobody follows, and is kept for a moment after its end for tabs that have just learned of it.

use crate::stream::Millis;
use crate::stream::reader::{Frame, Recording};
use crate::tabs::history::History;
use crate::tabs::message::{Content, Shown};

/// An owner without frames shows at most this often that it lives, in ms.
const ALIVE_EVERY: Millis = 1_000;
/// How long a broadcast that is over is kept for tabs that have only seen its announcement, in ms.
const RECALL: Millis = 2_000;

/// Whether anyone may be following.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Followers {
    #[default]
    None,
    Some,
}

/// This tab's broadcast.
#[derive(Debug, Default)]
pub struct Owner {
    /// Names the broadcast; empty while there is none.
    stream: String,
    next: u64,
    followers: Followers,
    is_announced: bool,
    history: History,
    shown: Shown,
    alive_at: Millis,
    recall_until: Option<Millis>,
}

impl Owner {
    /// A broadcast begins, under a name that no other one has.
    pub fn begin(&mut self, stream: String) {
        self.stream = stream;
        self.next = 0;
        self.is_announced = false;
    }

    /// A stream begins, of which nothing was broadcast yet.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// There is no broadcast any more; what was given stays for those who ask when there is one again.
    pub fn end(&mut self) {
        self.stream.clear();
    }

    /// What was broadcast is void.
    pub fn forget_history(&mut self) {
        self.history = History::default();
        self.recall_until = None;
    }

    /// Whether there is a broadcast.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.stream.is_empty()
    }

    /// The name of the broadcast.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The number of its next message.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Followers read each event; a history keeps what they say.
    #[must_use]
    pub fn recording(&self) -> Recording {
        match self.followers {
            Followers::None => Recording::Runs,
            Followers::Some => Recording::Events,
        }
    }

    /// Somebody follows from now on.
    pub fn gain_followers(&mut self) {
        self.followers = Followers::Some;
    }

    /// Whether the broadcast is still to be announced; from now on it is.
    pub fn announces(&mut self) -> bool {
        self.is_on() && !std::mem::replace(&mut self.is_announced, true)
    }

    /// The broadcast is announced again.
    pub fn announce_again(&mut self) {
        self.is_announced = false;
    }

    /// Frames came. Keeps them for followers that come late, and gives the message for those that are there.
    pub fn publish(&mut self, frames: Vec<Frame>, now: Millis) -> Option<Content> {
        let number = self.next;
        self.next += u64::from(self.is_on() && !frames.is_empty());
        if !self.is_on() || self.followers == Followers::None {
            frames.into_iter().for_each(|frame| self.history.push(frame));
            return None;
        }
        if frames.is_empty() {
            return self.show_life(now);
        }
        frames.iter().for_each(|frame| self.history.push(frame.clone()));
        Some(Content::Frames { stream: self.stream.clone(), number, frames })
    }

    fn show_life(&mut self, now: Millis) -> Option<Content> {
        if now < self.alive_at {
            return None;
        }
        self.alive_at = now.saturating_add(ALIVE_EVERY);
        Some(Content::Alive { stream: self.stream.clone() })
    }

    /// Frames that did not come by the network.
    pub fn keep(&mut self, frames: &[String]) {
        frames.iter().for_each(|data| self.history.push((None, data.clone())));
    }

    /// Takes over what the owner before kept.
    pub fn adopt(&mut self, frames: Vec<Frame>) {
        self.history.adopt(frames);
    }

    /// All that the stream gave so far; `None` where it is too much.
    pub fn frames(&mut self) -> Option<Vec<Frame>> {
        self.history.frames().map(<[Frame]>::to_vec)
    }

    /// What this tab shows has changed. Gives the message, where somebody follows and it is news to them.
    pub fn show(&mut self, shown: Shown) -> Option<Content> {
        if !self.is_on() || self.followers == Followers::None || shown == self.shown {
            return None;
        }
        self.shown = shown.clone();
        Some(Content::Shown { stream: self.stream.clone(), shown })
    }

    /// The stream is over: what it gave is kept for a moment.
    pub fn keep_for_recall(&mut self, now: Millis) {
        self.recall_until = Some(now.saturating_add(RECALL));
    }

    /// Whether a stream that is over is given to a tab that asks for this broadcast.
    #[must_use]
    pub fn recalls(&self, stream: &str) -> bool {
        !stream.is_empty() && self.stream == stream && self.recall_until.is_some()
    }

    /// When what was kept is let go.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.recall_until
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Millis) {
        if self.recall_until.is_some_and(|until| until <= now) {
            self.forget_history();
        }
    }

    /// Bytes that it holds on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.stream.capacity() + self.history.footprint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<Frame> {
        vec![(None, "{}".into())]
    }

    #[test]
    fn frames_are_posted_while_somebody_follows_and_counted_always() {
        let mut owner = Owner::default();
        owner.begin("a-1".into());
        assert_eq!(owner.publish(frame(), 0), None);
        owner.gain_followers();
        assert!(matches!(owner.publish(frame(), 0), Some(Content::Frames { number: 1, .. })));
        assert_eq!((owner.next(), owner.frames().map(|frames| frames.len())), (2, Some(2)));
    }

    #[test]
    fn an_owner_without_frames_shows_once_a_second_that_it_lives() {
        let mut owner = Owner::default();
        owner.begin("a-1".into());
        owner.gain_followers();
        assert!(matches!(owner.publish(Vec::new(), 5_000), Some(Content::Alive { .. })));
        assert_eq!(owner.publish(Vec::new(), 5_999), None);
        assert!(owner.publish(Vec::new(), 6_000).is_some());
    }

    #[test]
    fn a_broadcast_is_announced_once() {
        let mut owner = Owner::default();
        assert!(!owner.announces(), "there is none");
        owner.begin("a-1".into());
        assert!(owner.announces() && !owner.announces());
        owner.announce_again();
        assert!(owner.announces());
    }

    #[test]
    fn what_is_over_is_kept_for_two_seconds() {
        let mut owner = Owner::default();
        owner.begin("a-1".into());
        owner.publish(frame(), 0);
        owner.keep_for_recall(1_000);
        assert!(owner.recalls("a-1") && !owner.recalls("a-2") && !owner.recalls(""));
        owner.handle_timeout(2_999);
        assert!(owner.recalls("a-1"));
        owner.handle_timeout(3_000);
        assert!(!owner.recalls("a-1"));
    }
}
