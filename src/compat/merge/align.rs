//! Finds out which turns of the server's list correspond to which local ones.

use super::turn::{Turn, score};
use super::{Lists, Texts};

/// The number of turns of either list that are compared at once. Longer lists are aligned block by block from the newest
/// turns back. Each block uses up at least half of its turns, so that the work is linear and not quadratic.
const BLOCK: usize = 256;

/// Returns the pairs of corresponding turns, the newest first.
pub(super) fn align<'a, T: Texts>(
    lists: &Lists<'_, T>,
    server: &'a [Turn],
    local: &'a [Turn],
) -> Vec<(&'a Turn, &'a Turn)> {
    let mut pairs = Vec::new();
    let (mut theirs, mut ours) = (server, local);
    loop {
        let (their_rest, their_block) = theirs.split_at(theirs.len().saturating_sub(BLOCK));
        let (our_rest, our_block) = ours.split_at(ours.len().saturating_sub(BLOCK));
        let (their_left, our_left) =
            Table::fill(lists, their_block, our_block).walk(their_block, our_block, &mut pairs);
        if their_rest.is_empty() && our_rest.is_empty() {
            return pairs;
        }
        theirs = theirs.get(..their_rest.len() + their_left.min(BLOCK / 2)).unwrap_or_default();
        ours = ours.get(..our_rest.len() + our_left.min(BLOCK / 2)).unwrap_or_default();
    }
}

/// For each pair of beginnings of both blocks, the best score of an alignment of them and the score of their last turns.
struct Table {
    width: usize,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    best: u32,
    pair: u32,
}

impl Table {
    fn fill<T: Texts>(lists: &Lists<'_, T>, theirs: &[Turn], ours: &[Turn]) -> Self {
        let mut table = Self { width: theirs.len() + 1, cells: vec![Cell::default(); theirs.len() + 1] };
        for (row, our) in (1..).zip(ours) {
            table.cells.push(Cell::default());
            for (column, their) in (1..).zip(theirs) {
                let pair = score(lists, their, our);
                let together = table.at(row - 1, column - 1).best.saturating_add(pair);
                let apart = table.at(row - 1, column).best.max(table.at(row, column - 1).best);
                table.cells.push(Cell { best: together.max(apart), pair });
            }
        }
        table
    }

    fn at(&self, row: usize, column: usize) -> Cell {
        self.cells.get(row * self.width + column).copied().unwrap_or_default()
    }

    /// Collects the pairs of the best alignment, from the newest turns back. Returns how many turns of each block are left
    /// when nothing more corresponds.
    fn walk<'a>(&self, theirs: &'a [Turn], ours: &'a [Turn], pairs: &mut Vec<(&'a Turn, &'a Turn)>) -> (usize, usize) {
        let (mut column, mut row) = (theirs.len(), ours.len());
        while self.at(row, column).best > 0 {
            let cell = self.at(row, column);
            let is_pair = cell.pair > 0 && cell.best == self.at(row - 1, column - 1).best.saturating_add(cell.pair);
            if is_pair {
                pairs.extend(theirs.get(column - 1).zip(ours.get(row - 1)));
                (row, column) = (row - 1, column - 1);
            } else if cell.best == self.at(row - 1, column).best {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        (column, row)
    }
}
