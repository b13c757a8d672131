//! What crosses between JavaScript and Rust: conversions, no decisions. One module per thing of API.md.

