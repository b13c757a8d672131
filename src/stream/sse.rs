//! Event streams (WHATWG HTML, "Server-sent events"): reading them and writing them. Both ends use this one module.

pub mod encoder;
pub mod parser;
pub(crate) mod whole;
