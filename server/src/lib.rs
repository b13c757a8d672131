//! The reference backend of rejoin: chat tasks that outlive their readers (PROTOCOL §1, 2, 5, 6; SERVER.md).
//!
//! A request comes in through `http`. The `registry` begins a task and appends the chunks of the `agent` to its log,
//! under a claim on the task in the `store`. Any number of readers follow the log, and `sse` sends it to them.

mod agent;
mod auth;
mod chunk;
mod clock;
mod config;
mod error;
mod http;
mod json;
mod limits;
mod logging;
mod metrics;
mod registry;
mod server;
mod sse;
mod store;

pub use config::{AgentBody, AgentHttp, AgentKind, Config, LogFormat};
pub use logging::init as init_logging;
pub use server::{Server, ServerError};
