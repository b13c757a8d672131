//! Cancels a task on the server. The tab that stopped the task does it, or another one if that tab is gone.

pub mod adoption;
pub mod canceller;
