//! Any stream of deltas and of what breaks them off: it means the same however it is cut into reads.
#![no_main]

#[path = "../../tests/support/reads.rs"]
mod reads;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|program: &[u8]| reads::check(&reads::stream(program)));
