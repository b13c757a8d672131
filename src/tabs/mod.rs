//! How the tabs of one browser share a stream (API.md, guarantee 5).
//!
//! | file | what it contains |
//! |---|---|
//! | `message`, `envelope` | the messages between tabs, and the form in which they travel |
//! | `election` | the election of a session's owner: the lock and the epoch |
//! | `owner` | the broadcast of the owner |
//! | `follower` | a follower's progress in the broadcast of another tab |
//! | `history` | the frames of a broadcast so far, for tabs that follow late |

mod election;
mod envelope;
mod follower;
mod history;
mod message;
mod owner;

pub use election::{ELECTION, Election, LockMode, Rivalry};
pub use follower::{Arrived, Follower, Silence};
pub use history::History;
pub use message::{Aliases, Content, EndRecord, Message, Place, Shown, ShownStatus, State};
pub use owner::Owner;
