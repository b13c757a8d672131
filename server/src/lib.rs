//! The reference backend of rejoin: chat tasks that outlive their readers (PROTOCOL §1, 2, 5, 6; SERVER.md).
//!
//! A request comes in through `http`; the `registry` begins a task, whose `writer` puts down what the `agent` says with
//! a `pen`, which holds the claim on the task in the `store`; any number of `reader`s follow the log through a shared
//! `feed`, and `sse` sends it out.

mod agent;
mod auth;
mod chunk;
mod clock;
mod compact;
mod completion;
mod config;
mod error;
mod feed;
mod http;
mod logging;
mod metrics;
mod pen;
mod reader;
mod registry;
mod server;
mod sse;
mod store;
mod touch;
mod transcript;
mod writer;

pub use config::{AgentKind, Config, LogFormat};
pub use logging::init as init_logging;
pub use server::{Server, ServerError};
