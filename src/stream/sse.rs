//! Event streams (WHATWG HTML, "Server-sent events"): a parser and an encoder, which the client and the server share.

pub mod encoder;
pub mod parser;
pub(crate) mod whole;
