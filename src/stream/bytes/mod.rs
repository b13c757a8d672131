//! Byte-level code of the hot path: JSON text that is checked once and then sliced, short comparisons and copies, and the digits
//! of event ids.

pub mod decimal;
pub mod json;
pub mod short;
