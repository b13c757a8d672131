//! The shell: drives the core in a browser. What it is told comes by [`driver::Driver::hear`], what it does goes by
//! [`host::Host`]; how that is done stands in `js/streams/shell/host.ts`, where it takes an eighth of the bytes.
//!
//! It decides nothing. Whatever the browser refuses is an input like any other.

pub mod driver;
pub mod host;
pub mod news;
pub mod options;
