//! Any operations on a client: what it promises to its shell and its app holds.
#![no_main]

#[path = "../../tests/support/codec.rs"]
mod codec;
#[path = "../../tests/support/machine.rs"]
mod machine;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|program: &[u8]| machine::check(program));
