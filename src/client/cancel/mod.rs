//! Cancelling a task on the server, by the tab that stopped it or, when that tab is gone, by another one.

pub mod adoption;
pub mod canceller;
