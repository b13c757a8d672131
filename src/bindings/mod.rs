//! What crosses between JavaScript and Rust: conversions, no decisions. One module per thing of API.md.

pub mod client;
pub mod dispatch;
pub mod merge;
pub mod normalize;
pub mod parser;
