//! Any text as the data of an event: the scanner takes nothing that the exact way reads otherwise, a batch adds up, and
//! what crosses as JSON is JSON.
#![no_main]

#[path = "../../tests/support/chunks.rs"]
mod chunks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| chunks::check(data));
