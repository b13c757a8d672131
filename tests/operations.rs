//! Checks the guarantees of `support/machine.rs` with random operations on a client. `SEEDS=n` runs more of them. The fuzz target
//! `machine` runs the same check on operations that coverage has chosen.

#![allow(clippy::expect_used, clippy::panic)]

#[path = "support/codec.rs"]
mod codec;
#[path = "support/machine.rs"]
mod machine;
#[path = "support/random.rs"]
mod random;

use random::Random;

#[test]
fn any_operations_in_any_order_keep_every_promise() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let first = number("FIRST_SEED").unwrap_or(0);
    for seed in first..first + number("SEEDS").unwrap_or(3_000) {
        let mut random = Random::new(seed);
        let length = 20 + random.below(600);
        let program: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        let result = std::panic::catch_unwind(|| machine::check(&program));
        assert!(result.is_ok(), "seed {seed}");
    }
}
