//! Any operations on a client: it keeps its guarantees towards the shell and the app.
#![no_main]

#[path = "../../tests/support/codec.rs"]
mod codec;
#[path = "../../tests/support/machine.rs"]
mod machine;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|program: &[u8]| machine::check(program));
