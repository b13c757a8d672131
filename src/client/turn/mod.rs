//! Which turn an answer belongs to, and what the listeners of a session hold of it (ARCHITECTURE, "One identity per turn").
//!
//! | file | what it decides |
//! |---|---|
//! | `identity` | whether two streams give the answer of the same turn: [`Turn::compare`] |
//! | `location` | where a session has the user message of a turn: [`Turn::locate`] |
//! | `ledger` | what the listeners hold, and whether a new stream continues it, starts it over or follows it: [`Ledger`] |
//!
//! Identities are compared here and nowhere else.

mod identity;
mod ledger;
mod location;

pub use identity::{Identity, Turn};
pub use ledger::{Ledger, Start};
pub use location::{Arrival, Location, Roll};
