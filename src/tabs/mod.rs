//! How the tabs of one browser share a stream (API.md, guarantee 5).
//!
//! | file | what it holds |
//! |---|---|
//! | `message`, `envelope` | what tabs post, and the form in which it travels |
//! | `election` | which tab owns a session: the lock, the epoch |
//! | `owner` | the broadcast of the tab that owns it |
//! | `follower` | the broadcast of another tab, as it is read |
//! | `history` | what a broadcast gave, for tabs that come late |

mod election;
mod envelope;
mod follower;
mod history;
mod message;
mod owner;

pub use election::{ELECTION, Election, LockMode, Rivalry};
pub use envelope::Envelope;
pub use follower::{Arrived, Follower, Silence};
pub use history::History;
pub use message::{Aliases, Content, EndRecord, Message, Place, Shown, ShownStatus, State};
pub use owner::Owner;
