//! Randomly damaged frames: the scanner accepts nothing that the exact decoder reads otherwise, and the lengths of a batch add
//! up. `SEEDS=n` runs more of them.

#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "support/chunks.rs"]
mod chunks;
#[path = "support/random.rs"]
mod random;

use chunks::check;
use random::Random;

const FRAMES: &str = include_str!("fixtures/frames.txt");

/// Pieces of valid and of invalid JSON.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\t",
    "0",
    "-",
    "1e5",
    "null",
    "true",
    "\\u00e9",
    "\\ud83d",
    "\\ude00",
    "\\u",
    "\\x",
    "\\n",
    "\u{0}",
    "\u{1f}",
    "\u{7f}",
    "é",
    "🎉",
    "\u{feff}",
    "\u{2028}",
    "\"type\"",
    "\"id\"",
    "\"delta\"",
    "\"content\":",
    "\"text-delta\"",
    "\"text_chunk\"",
    "\"finish\"",
    "\"toolCallId\":\"c\",",
    ",\"toolName\":\"n\"",
    "\"output\":{},",
    "0123456789abcdef",
];

#[test]
fn damaged_frames_decode_alike_both_ways_and_make_batches_that_add_up() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(50_000);
    let frames: Vec<&str> = FRAMES.lines().filter_map(|line| line.splitn(3, ' ').nth(2)).collect();
    for seed in 0..seeds {
        let mut random = Random::new(seed);
        let mut frame = (*random.pick(&frames)).to_owned();
        for _ in 0..random.below(4) {
            damage(&mut frame, &mut random);
        }
        check(&frame);
    }
}

fn damage(frame: &mut String, random: &mut Random) {
    let from = boundary(frame, random.below(frame.len() + 1));
    let to = boundary(frame, from + random.below(8));
    let piece = if random.below(4) == 0 { "" } else { *random.pick(PIECES) };
    frame.replace_range(from..to, piece);
}

fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
