//! The blocks of a stream that began, to notice that one goes on whose beginning is missing.

/// Ids of blocks that are remembered; a task with more of them is not watched for holes.
const MOST_BLOCKS: usize = 1_024;

/// Ids of the blocks that began, and whether they are all known.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) known: Vec<String>,
    /// Too many to remember.
    pub(super) overflown: bool,
}

impl Blocks {
    pub(super) fn begin(&mut self, block: &str) {
        if self.known.iter().rev().any(|known| known == block) {
            return;
        }
        if self.known.len() >= MOST_BLOCKS {
            self.overflown = true;
            return;
        }
        self.known.push(block.to_owned());
    }

    pub(super) fn footprint(&self) -> usize {
        self.known.capacity() * size_of::<String>() + self.known.iter().map(String::capacity).sum::<usize>()
    }

    pub(super) fn is_orphan(&self, block: &str) -> bool {
        !self.overflown && !self.known.iter().rev().any(|known| known == block)
    }
}
