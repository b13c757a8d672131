//! How the tabs of one browser share a stream (API.md, guarantee 5).

mod envelope;
mod history;
mod message;

pub use envelope::Envelope;
pub use history::History;
pub use message::{Content, EndRecord, Message, Place, Shown, ShownStatus};
