//! The saved task: what a browser stores about a running task, so that a page can resume it after a reload (API.md, guarantee 4).

mod keys;
mod legacy;
mod record;

pub use keys::Keys;
pub use legacy::LegacyEntry;
pub use record::{ActiveTask, MOST_STOPS, SavedTask, Stop, Stored};
