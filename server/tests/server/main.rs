//! The server over real HTTP, from outside: PROTOCOL §1, 2, 5, 6 and SERVER.md as a client sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on is to fail")]

mod admin;
mod agent_http;
mod auth;
mod cancels;
mod cluster;
mod deadlines;
mod demo;
mod durability;
mod errors;
mod failover;
mod fake_agent;
mod faults;
mod jwks;
mod limits;
mod openai;
mod operations;
mod process;
mod proxy;
mod redis;
mod removal;
mod sessions;
mod strangers;
mod streams;
mod support;
mod switch;
mod turns;
