//! Compares random streams in random reads with the standard. `SEEDS=n` runs more of them.

#[path = "support/event_stream.rs"]
mod event_stream;
#[path = "support/random.rs"]
mod random;

use event_stream::{by_the_standard, parsed};
use random::Random;

/// Everything that has a meaning in an event stream, and bytes that break it.
const PIECES: &[&[u8]] = &[
    b"data",
    b"data:",
    b"data: ",
    b"data: x\n\n",
    b"event: e\n",
    b"id:",
    b"id: 7\n",
    b"id\n",
    b"retry: ",
    b"retry: 15\r\n",
    b":",
    b": c\n",
    b" ",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"0",
    b"9999999999",
    b"x",
    b"\xEF\xBB\xBF",
    b"\xEF",
    b"\xBB",
    b"\xBF",
    b"\xF0\x9F\x8E\x89",
    b"\xF0\x9F",
    b"\x8E",
    b"\xC3\xA9",
    b"\xC3",
    b"\xED\xA0\x80",
    b"\xFF",
    b"foo: bar\n",
];

#[test]
fn random_streams_in_random_reads_give_what_the_standard_gives() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(20_000);
    for seed in 0..seeds {
        let mut random = Random::new(seed);
        let stream = stream(&mut random);
        let limit = if random.below(2) == 0 { usize::MAX } else { random.below(40) };
        let reads = random.cut(&stream);
        let expected = by_the_standard(limit, &stream);
        assert_eq!(parsed(limit, reads), expected, "seed {seed}: {}", stream.escape_ascii());
    }
}

fn stream(random: &mut Random) -> Vec<u8> {
    (0..random.below(24)).flat_map(|_| *random.pick(PIECES)).copied().collect()
}
