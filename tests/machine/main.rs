//! The specification of the machine: the status table and the guarantees of API.md, one sentence per test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod bounds;
#[path = "../support/codec.rs"]
mod codec;
mod copilot;
mod ends;
mod guards;
mod harness;
mod joins;
mod lifecycle;
mod noticed;
mod reading;
mod records;
mod sends;
mod stops;
mod table;
mod tabs;
mod tombstones;
mod triggers;
mod turns;
