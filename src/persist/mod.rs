//! What a browser remembers of a running task, so that a reload can come back to it (API.md, guarantee 4).

mod keys;
mod legacy;
mod record;

pub use keys::Keys;
pub use legacy::LegacyEntry;
pub use record::{ActiveTask, Entry, SavedTask, Stored};
