//! From the bytes of an event stream to the rows that listeners receive (PROTOCOL §2 to §4).
//!
//! [`sse`] finds events, [`chunk`] decodes their JSON, [`reader`] drops what was received before, and [`batch`] holds the rows
//! that wait for delivery. This module knows nothing of requests, tabs or storage.

pub mod batch;
pub(crate) mod bytes;
pub mod chunk;
pub mod cursor;
pub mod error;
pub mod metrics;
pub(crate) mod percent;
pub mod reader;
pub mod sse;

/// Milliseconds since the Unix epoch, or a duration in milliseconds. The caller's clock never runs back.
pub type Millis = u64;
