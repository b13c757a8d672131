//! Any text as the data of an event: the scanner accepts nothing that the exact decoder reads otherwise, the lengths of a batch
//! add up, and what crosses as JSON is JSON.
#![no_main]

#[path = "../../tests/support/chunks.rs"]
mod chunks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| chunks::check(data));
