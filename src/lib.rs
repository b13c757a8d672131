//! Chat streams that survive everything: the sans-IO client core of the npm package `rejoin`, and the parts of it that
//! its reference server shares.
//!
//! The core gets [inputs](io::Input) and the time, and gives [effects](io::Effect); see [`io`] for the rules. It knows
//! no clock, no randomness, no socket and no JavaScript.

#![cfg_attr(all(feature = "bare", target_arch = "wasm32"), no_std)]

extern crate alloc;

pub mod adoption;
pub mod align;
pub mod answer;
pub mod batch;
pub mod chunk;
pub mod client;
pub mod context;
pub mod cursor;
pub mod decimal;
pub mod dispatch;
pub mod heap;
pub mod io;
pub mod json;
pub mod map;
pub mod merge;
pub mod normalize;
pub mod opening;
pub mod reader;
pub mod request;
pub mod retry;
pub mod session;
pub mod short;
pub mod sse;
pub mod stop;
pub mod tabs;
pub mod task;
pub mod text;
pub mod time;

#[cfg(all(feature = "bare", target_arch = "wasm32"))]
mod bare;
#[cfg(target_arch = "wasm32")]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod browser;
