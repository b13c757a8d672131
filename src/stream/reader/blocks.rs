//! The blocks that have begun in a stream, to notice a block that goes on though its beginning is missing.

/// The number of block ids that are remembered. A task with more blocks is not checked for missing parts.
const MOST_BLOCKS: usize = 1_024;

/// The ids of the blocks that have begun.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) known: Vec<String>,
    /// There were more blocks than are remembered.
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
