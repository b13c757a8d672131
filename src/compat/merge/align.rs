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
        let (their_left, our_left) = walk(&fill(lists, their_block, our_block), their_block, our_block, &mut pairs);
        if their_rest.is_empty() && our_rest.is_empty() {
            return pairs;
        }
        theirs = theirs.get(..their_rest.len() + their_left.min(BLOCK / 2)).unwrap_or_default();
        ours = ours.get(..our_rest.len() + our_left.min(BLOCK / 2)).unwrap_or_default();
    }
}

/// The best alignment of a beginning of each block.
#[derive(Clone, Copy, Default)]
struct Cell {
    score: u32,
    last: Last,
}

/// How an alignment of two beginnings treats their last turns.
#[derive(Clone, Copy, Default)]
enum Last {
    /// The two correspond.
    Pair,
    /// Ours corresponds to none.
    OursAlone,
    /// Theirs corresponds to none.
    #[default]
    TheirsAlone,
}

/// Returns the best alignment of each two beginnings: a row for each beginning of our block.
fn fill<T: Texts>(lists: &Lists<'_, T>, theirs: &[Turn], ours: &[Turn]) -> Vec<Cell> {
    let width = theirs.len() + 1;
    let mut cells = vec![Cell::default(); width];
    for our in ours {
        cells.push(Cell::default());
        for their in theirs {
            let pair = score(lists, their, our);
            let together = score_before(&cells, width + 1).saturating_add(pair);
            let without_ours = score_before(&cells, width);
            let best = together.max(without_ours).max(score_before(&cells, 1));
            let last = if pair > 0 && best == together {
                Last::Pair
            } else if best == without_ours {
                Last::OursAlone
            } else {
                Last::TheirsAlone
            };
            cells.push(Cell { score: best, last });
        }
    }
    cells
}

fn score_before(cells: &[Cell], back: usize) -> u32 {
    cells.iter().nth_back(back - 1).map_or(0, |cell| cell.score)
}

/// Collects the pairs of the best alignment, from the newest turns back. Returns how many turns of each block are left
/// when nothing more corresponds.
fn walk<'a>(
    cells: &[Cell],
    theirs: &'a [Turn],
    ours: &'a [Turn],
    pairs: &mut Vec<(&'a Turn, &'a Turn)>,
) -> (usize, usize) {
    let (mut their_left, mut our_left) = (theirs.len(), ours.len());
    let cell = |their_end: usize, our_end: usize| cells.get(our_end * (theirs.len() + 1) + their_end);
    while let Some(Cell { last, .. }) = cell(their_left, our_left).filter(|cell| cell.score > 0) {
        match last {
            Last::OursAlone => our_left -= 1,
            Last::TheirsAlone => their_left -= 1,
            Last::Pair => {
                (their_left, our_left) = (their_left - 1, our_left - 1);
                pairs.extend(theirs.get(their_left).zip(ours.get(our_left)));
            }
        }
    }
    (their_left, our_left)
}
