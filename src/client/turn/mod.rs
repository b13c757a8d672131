//! Decides which turn an answer belongs to, and what the listeners of a session hold of it (ARCHITECTURE, "One identity per
//! turn").
//!
//! | file | what it decides |
//! |---|---|
//! | `identity` | whether two streams belong to the same turn: [`Turn::compare`] |
//! | `location` | where a session has the user message of a turn: [`Turn::locate`] |
//! | `ledger` | what listeners hold, and whether a new stream continues that, replaces it or follows it: [`Ledger`] |
//! | `stops` | which tasks the stops in a saved record apply to: [`SavedTask::forbids`](crate::client::SavedTask::forbids) |
//!
//! Turns are compared in this module only. `protocol::answer` selects the messages of a session's body that carry a given task id:
//! that is a look-up in one body, and it does not tell whether two answers are the same.

mod identity;
mod ledger;
mod location;
mod stops;

pub use identity::{Identity, Turn};
pub use ledger::{Ledger, Start};
pub use location::{Arrival, Location, Roll};
