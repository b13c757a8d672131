//! Random streams in reads of any size give the same rows, positions and counts. `SEEDS=n` runs more.

#![allow(clippy::panic, clippy::indexing_slicing)]

#[path = "support/random.rs"]
mod random;
#[path = "support/reads.rs"]
mod reads;

use random::Random;

#[test]
fn the_rows_of_a_stream_do_not_depend_on_how_it_is_split() {
    let seeds = std::env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(3_000);
    for seed in 0..seeds {
        let mut random = Random::new(seed);
        let length = 1 + random.below(60);
        let program: Vec<u8> = (0..length).map(|_| random.below(if seed % 2 == 0 { 44 } else { 256 }) as u8).collect();
        reads::check(&reads::stream(&program));
    }
}

#[test]
fn a_run_of_deltas_is_read_as_one_by_one() {
    let text = (0..200).map(|at| {
        format!(
            "id: {}-{}\ndata: {{\"type\":\"text-delta\",\"id\":\"b\",\"delta\":\"é {at} \\n\"}}\n\n",
            1_763_840_000_000_u64 + at / 3,
            at % 3
        )
    });
    reads::check(text.collect::<String>().as_bytes());
}
