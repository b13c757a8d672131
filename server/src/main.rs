//! The reference backend of rejoin.
fn main() {}
