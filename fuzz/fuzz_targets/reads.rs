//! Any stream of deltas and of events that interrupt them: its rows do not depend on how it is split into reads.
#![no_main]

#[path = "../../tests/support/reads.rs"]
mod reads;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|program: &[u8]| reads::check(&reads::stream(program)));
