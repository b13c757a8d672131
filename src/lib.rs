//! Chat streams that survive everything: the client core of the npm package `rejoin`, and the parts of it that its
//! reference server shares.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stream`] | from the bytes of an event stream to the rows that listeners receive |
//! | [`protocol`] | requests, and the bodies that answer them |
//! | [`client`] | the machine: it takes [inputs](client::io::Input) and the time, and returns [effects](client::io::Effect) |
//!
//! The core performs no input or output itself. It has no clock, no randomness, no socket and no JavaScript, so a test
//! can drive it with a virtual clock. For WebAssembly, `browser` carries out its effects and `bindings` converts values
//! between JavaScript and Rust.
//!
//! Modules depend on each other in one direction only:
//! `{stream, value} ← {protocol, persist, tabs} ← client ← browser ← bindings`, with `compat` beside `client`. The test
//! `tests/layout.rs` reads the imports and enforces this.

pub mod client;
pub mod protocol;
pub mod stream;

#[cfg(any(target_arch = "wasm32", test))]
pub(crate) mod compat;
pub(crate) mod persist;
pub(crate) mod tabs;
pub(crate) mod value;

#[cfg(target_arch = "wasm32")]
pub(crate) mod bindings;
#[cfg(target_arch = "wasm32")]
pub(crate) mod browser;

/// The allocator of the WebAssembly module of the npm package. It takes 1.5 kB less to download than that of the standard library.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
