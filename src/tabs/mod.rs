//! How the tabs of one browser share a stream (API.md, guarantee 5).

mod message;

pub use message::*;
