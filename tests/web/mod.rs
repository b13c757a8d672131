//! The shell in a real browser: real storage, locks, channels, timers and page events, and requests to a real server.
//!
//! `npm test` runs it in Chromium and Firefox by `wasm-pack test`. It sets `REJOIN_TEST_URL` to the server's address and
//! `REJOIN_TEST_PUMP` to the script of `js/streams/pump.ts`, which reads bodies.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod clock;
mod codec;
mod driver;
mod face;
mod failing;
mod fetch;
mod options;
mod page;
mod storage;
mod support;
mod tabs;
mod timer;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
