//! What a browser remembers of a running task, so that a reload can come back to it (API.md, guarantee 4).

mod record;

pub use record::*;
