//! Converts values between JavaScript and Rust, and decides nothing. There is one module for each export of API.md.

pub mod client;
pub mod dispatch;
pub mod merge;
pub mod normalize;
pub mod parser;
