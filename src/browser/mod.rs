//! The shell: it drives the core in a browser through the crates of the card (ARCHITECTURE.md).
//!
//! | file | what it does |
//! |---|---|
//! | [`driver`] | hands inputs to the core and carries out its effects |
//! | [`fetch`] | one HTTP request: headers of the app, `fetch`, the answer |
//! | [`storage`] | saved text by key: `localStorage`, a storage of the app, or memory |
//! | [`tabs`] | Web Locks, and the channel between the tabs of one browser |
//! | [`page`] | events of the page: visibility, network, back-forward cache, freezing, writes of other tabs |
//! | [`timer`], [`clock`] | the one timer, and the time that it counts in |
//! | [`options`] | the settings of the app |
//! | [`face`] | what the shell calls in TypeScript, and the notices that it sends there |
//! | [`codec`] | records, tab messages and bodies between JavaScript values and the core |
//! | [`reflect`] | careful ways to look at values of JavaScript |
//!
//! The shell decides nothing. Whatever the browser refuses becomes an input like any other.

pub mod clock;
pub mod codec;
pub mod driver;
pub mod face;
pub mod fetch;
pub mod options;
pub mod page;
pub mod reflect;
pub mod storage;
pub mod tabs;
pub mod timer;

#[cfg(test)]
#[path = "../../tests/web/mod.rs"]
mod web;
