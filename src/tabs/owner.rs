//! The broadcast of a tab that owns a session's stream, for the tabs that follow.
//!
//! A broadcast contains one stream of one turn in numbered messages. It is announced when a response opens or an owner
//! takes over, and costs nothing while nobody follows. After its end it is kept for a moment, for tabs that have just learned of it.

use crate::stream::Millis;
use crate::stream::reader::{Frame, Recording};
use crate::tabs::history::History;
use crate::tabs::message::{Content, Shown};

/// The interval at which an owner without frames gives a sign of life, in milliseconds.
const ALIVE_EVERY: Millis = 1_000;
/// How long a broadcast is kept after its end, in milliseconds, for tabs that have only seen its announcement.
const RECALL: Millis = 2_000;

/// Whether other tabs may be following.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Followers {
    #[default]
    None,
    Some,
}

/// The broadcast of this tab.
#[derive(Debug, Default)]
pub struct Owner {
    /// The name of the broadcast, or empty if there is none.
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
    /// Begins a broadcast. No other broadcast has its name.
    pub fn begin(&mut self, stream: String) {
        self.stream = stream;
        self.next = 0;
        self.is_announced = false;
    }

    /// Prepares for a stream of which nothing was broadcast yet.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Ends the broadcast. Its frames are kept for tabs that ask when a broadcast begins again.
    pub fn end(&mut self) {
        self.stream.clear();
    }

    /// Drops the frames, because they are no longer valid.
    pub fn forget_history(&mut self) {
        self.history = History::default();
        self.recall_until = None;
    }

    /// Returns whether there is a broadcast.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.stream.is_empty()
    }

    /// Returns the name of the broadcast.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Returns the number of its next message.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Returns what the reader has to record: each event for followers, or merged runs for the history alone.
    #[must_use]
    pub fn recording(&self) -> Recording {
        match self.followers {
            Followers::None => Recording::Runs,
            Followers::Some => Recording::Events,
        }
    }

    /// Records that a tab follows from now on.
    pub fn gain_followers(&mut self) {
        self.followers = Followers::Some;
    }

    /// Returns whether the broadcast has to be announced. After that it counts as announced.
    pub fn announces(&mut self) -> bool {
        self.is_on() && !std::mem::replace(&mut self.is_announced, true)
    }

    /// Returns whether a tab that asks for a broadcast gets the current one: it asks for that one, or other tabs know of it.
    #[must_use]
    pub fn gives(&self, stream: &str) -> bool {
        self.is_announced || self.stream == stream
    }

    /// Requests another announcement of the broadcast.
    pub fn announce_again(&mut self) {
        self.is_announced = false;
    }

    /// Keeps frames for tabs that follow later. Returns the message for those that follow already.
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

    /// Keeps frames that did not come from the network.
    pub fn keep(&mut self, frames: &[String]) {
        frames.iter().for_each(|data| self.history.push((None, data.clone())));
    }

    /// Takes over the frames that the earlier owner kept.
    pub fn adopt(&mut self, frames: Vec<Frame>) {
        self.history.adopt(frames);
    }

    /// Returns the frames of the whole stream so far, or `None` if they became too many.
    pub fn frames(&mut self) -> Option<Vec<Frame>> {
        self.history.frames().map(<[Frame]>::to_vec)
    }

    /// Records what this tab shows. Returns the message to the followers if there are any and it differs from the last one.
    pub fn show(&mut self, shown: Shown) -> Option<Content> {
        if !self.is_on() || self.followers == Followers::None || shown == self.shown {
            return None;
        }
        self.shown = shown.clone();
        Some(Content::Shown { stream: self.stream.clone(), shown })
    }

    /// Keeps the frames for a moment after the end of the stream.
    pub fn keep_for_recall(&mut self, now: Millis) {
        self.recall_until = Some(now.saturating_add(RECALL));
    }

    /// Returns whether the frames of this broadcast are still kept after its end.
    #[must_use]
    pub fn recalls(&self, stream: &str) -> bool {
        !stream.is_empty() && self.stream == stream && self.recall_until.is_some()
    }

    /// Returns when the kept frames are to be dropped.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.recall_until
    }

    /// Drops the kept frames if their time is over.
    pub fn handle_timeout(&mut self, now: Millis) {
        if self.recall_until.is_some_and(|until| until <= now) {
            self.forget_history();
        }
    }

    /// Returns the allocated memory in bytes.
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
    fn frames_are_posted_only_while_somebody_follows_but_always_counted() {
        let mut owner = Owner::default();
        owner.begin("a-1".into());
        assert_eq!(owner.publish(frame(), 0), None);
        owner.gain_followers();
        assert!(matches!(owner.publish(frame(), 0), Some(Content::Frames { number: 1, .. })));
        assert_eq!((owner.next(), owner.frames().map(|frames| frames.len())), (2, Some(2)));
    }

    #[test]
    fn an_owner_without_frames_gives_a_sign_of_life_once_a_second() {
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
    fn a_broadcast_is_for_those_who_name_it_until_it_is_announced() {
        let mut owner = Owner::default();
        owner.begin("a-1".into());
        assert!(owner.gives("a-1") && !owner.gives("") && !owner.gives("a-0"));
        owner.announces();
        assert!(owner.gives("") && owner.gives("a-0"));
    }

    #[test]
    fn a_broadcast_is_kept_for_two_seconds_after_its_end() {
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
