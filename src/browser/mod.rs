//! The wasm32 shell: carries out what the core decides, with what a browser, a worker or Node has.
//!
//! Each part owns what it opened and lets it go when dropped. Whatever JavaScript throws becomes an input of the core or
//! a default; nothing here panics, because under `panic = "abort"` that would brick every client of the page.

pub mod clock;
pub mod driver;
pub mod fetch;
pub mod host;
pub mod lifecycle;
pub mod options;
pub mod storage;
pub mod tabs;
pub mod timer;
