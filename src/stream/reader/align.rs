//! Recognises a replay in a stream whose events have no ids (PROTOCOL §7, base backends), by position and a running hash.
//!
//! Such a stream is rejoined from its beginning. The frames that were delivered before are recognised by their position and by
//! the hash of everything up to it, never by equal content: "ha" twice is two chunks. Checkpoints of the running hash find a
//! replay that differs soon after the difference, in bounded memory.

/// The number of checkpoints that are kept. When there are more, every second one is dropped.
const MOST_CHECKPOINTS: usize = 4_096;

/// A record of the frames that were received: their number and a running hash.
#[derive(Clone, Debug)]
pub struct Trail {
    count: u64,
    hash: u64,
    /// Frames that were taken over from another record. Only the hash after all of them is known.
    base: u64,
    base_hash: u64,
    /// The hash after every `stride` frames since `base`.
    checkpoints: Vec<u64>,
    stride: u64,
}

impl Default for Trail {
    fn default() -> Self {
        Self::resume(0, 0)
    }
}

/// How far a replay has advanced along a trail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replay {
    count: u64,
    hash: u64,
}

/// Whether a frame of a replay was received before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The frame was received before.
    Known,
    /// The frame lies beyond the trail.
    New,
    /// The replay differs from what was received, so the reader has to start over.
    Differs,
}

impl Trail {
    /// Continues a record of `count` frames that another tab or page kept.
    #[must_use]
    pub fn resume(count: u64, hash: u64) -> Self {
        Self { count, hash, base: count, base_hash: hash, checkpoints: Vec::new(), stride: 1 }
    }

    /// Returns the running hash.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.checkpoints.capacity() * size_of::<u64>()
    }

    /// Returns the number of frames so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Counts frames that were received but whose hashes are not known one by one.
    pub fn skip(&mut self, frames: u64) {
        *self = Self::resume(self.count.saturating_add(frames), self.hash);
    }

    /// Adds a frame that was received.
    pub fn push(&mut self, frame: &[u8]) {
        self.hash = fold(self.hash, frame);
        self.count += 1;
        if !(self.count - self.base).is_multiple_of(self.stride) {
            return;
        }
        self.checkpoints.push(self.hash);
        if self.checkpoints.len() > MOST_CHECKPOINTS {
            self.thin_out();
        }
    }

    fn thin_out(&mut self) {
        let mut place = 0_u32;
        self.checkpoints.retain(|_| {
            place += 1;
            place.is_multiple_of(2)
        });
        self.stride *= 2;
    }

    fn checkpoint(&self, count: u64) -> Option<u64> {
        if count == self.count {
            return Some(self.hash);
        }
        let own = count.checked_sub(self.base).filter(|own| own.is_multiple_of(self.stride))?;
        let Some(place) = usize::try_from(own / self.stride).ok()?.checked_sub(1) else { return Some(self.base_hash) };
        self.checkpoints.get(place).copied()
    }
}

impl Replay {
    /// Compares the next frame of a replay with `trail`. It does not add a new frame to the trail.
    pub fn step(&mut self, trail: &Trail, frame: &[u8]) -> Step {
        if self.count >= trail.count {
            return Step::New;
        }
        self.hash = fold(self.hash, frame);
        self.count += 1;
        match trail.checkpoint(self.count) {
            Some(hash) if hash != self.hash => Step::Differs,
            _ => Step::Known,
        }
    }

    /// Moves to the end of the trail, after a new frame was added to it.
    pub fn follow(&mut self, trail: &Trail) {
        self.count = trail.count;
        self.hash = trail.hash;
    }
}

/// Folds a frame into a running hash, eight bytes at a time. The length comes last, so that two frames do not hash like one.
fn fold(hash: u64, frame: &[u8]) -> u64 {
    let (words, rest) = frame.as_chunks();
    let mut hash = hash;
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        hash = mix(hash, rest.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }
    mix(hash, frame.len() as u64)
}

fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(frames: &[&str]) -> Trail {
        let mut trail = Trail::default();
        frames.iter().for_each(|frame| trail.push(frame.as_bytes()));
        trail
    }

    fn steps(trail: &Trail, frames: &[&str]) -> Vec<Step> {
        let mut replay = Replay::default();
        frames.iter().map(|frame| replay.step(trail, frame.as_bytes())).collect()
    }

    #[test]
    fn frames_received_before_are_known_and_later_ones_are_new() {
        let steps = steps(&trail(&["a", "b"]), &["a", "b", "c"]);
        assert_eq!(steps, [Step::Known, Step::Known, Step::New]);
    }

    #[test]
    fn equal_frames_are_distinguished_by_position() {
        let steps = steps(&trail(&["ha", "ha"]), &["ha", "ha", "ha"]);
        assert_eq!(steps, [Step::Known, Step::Known, Step::New]);
    }

    #[test]
    fn a_replay_that_differs_is_seen_at_the_frame_that_differs() {
        assert_eq!(steps(&trail(&["a", "b", "c"]), &["a", "x"]), [Step::Known, Step::Differs]);
        assert_eq!(steps(&trail(&["ab", "c"]), &["a", "bc"])[0], Step::Differs);
        assert_eq!(steps(&trail(&["a", "b"]), &["b", "a"])[0], Step::Differs);
    }

    #[test]
    fn every_frame_is_new_to_an_empty_trail() {
        assert_eq!(steps(&Trail::default(), &["a"]), [Step::New]);
    }

    #[test]
    fn long_trails_stay_small_and_still_see_a_difference() {
        let mut trail = Trail::default();
        for count in 0_u32..100_000 {
            trail.push(&count.to_le_bytes());
        }
        assert!(trail.checkpoints.len() <= MOST_CHECKPOINTS);
        let mut replay = Replay::default();
        for count in 0_u32..100_000 {
            assert_eq!(replay.step(&trail, &count.to_le_bytes()), Step::Known);
        }
        assert_eq!(replay.step(&trail, b"beyond"), Step::New);
        let mut other = Replay::default();
        let seen = (0_u32..100).position(|_| other.step(&trail, b"another") == Step::Differs);
        assert!(seen.is_some_and(|frames| frames < 64), "{seen:?}");
    }

    #[test]
    fn a_trail_that_was_taken_over_is_checked_where_it_was_and_from_there_on() {
        let whole = trail(&["a", "b", "c", "d"]);
        let head = trail(&["a", "b"]);
        let mut resumed = Trail::resume(head.count(), head.hash());
        resumed.push(b"c");
        resumed.push(b"d");
        assert_eq!((resumed.count(), resumed.hash()), (whole.count(), whole.hash()));
        assert_eq!(steps(&resumed, &["a", "b", "c", "d", "e"])[2..], [Step::Known, Step::Known, Step::New]);
        assert_eq!(steps(&resumed, &["a", "x"])[1], Step::Differs);
        assert_eq!(steps(&resumed, &["a", "b", "x"])[2], Step::Differs);
    }

    #[test]
    fn tabs_of_two_versions_agree_on_a_hash() {
        let hashes = ["", "seven 7", "eight 88", "more than eight bytes"].map(|frame| trail(&[frame]).hash());
        assert_eq!(hashes, [0x0, 0x906ae8c98bdc6175, 0xed0b936825d833d1, 0xd35b4040d76d5f7f]);
    }

    #[test]
    fn the_last_frame_of_a_trail_is_always_checked() {
        let mut trail = Trail::default();
        for _ in 0..9_999 {
            trail.push(b"x");
        }
        let mut replay = Replay::default();
        for _ in 0..9_998 {
            assert_eq!(replay.step(&trail, b"x"), Step::Known);
        }
        assert_eq!(replay.step(&trail, b"y"), Step::Differs);
    }
}
