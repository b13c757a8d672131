//! The simulated page: the client under test, its clock, its memory, and what it shows of each session.

use std::collections::{BTreeMap, BTreeSet};

use rejoin::client::Client;
use rejoin::client::io::{Attempt, Config};
use rejoin::client::session::Snapshot;

use crate::oracle::{Listener, Saved};

/// The sessions that a browser may have open.
pub const SESSIONS: [&str; 2] = ["s", "/ü"];

/// The call of the app that a promise belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum Promise {
    /// `startStream`, with the id of the message.
    Start(String),
    Resume,
    Stop,
}

pub struct Page {
    pub client: Client,
    /// The difference between its clock and the simulated time, in milliseconds.
    pub offset: i64,
    /// The texts that the storage refused to store.
    pub memory: BTreeMap<String, String>,
    /// The promises that are not settled yet, with their sessions.
    pub pending: BTreeMap<u32, (usize, Promise)>,
    /// What the page shows of each session.
    pub views: Vec<View>,
}

/// One session as a page shows it.
#[derive(Default)]
pub struct View {
    pub listener: Listener,
    pub flush_at: Option<u64>,
    /// The open requests of the session.
    pub open: BTreeSet<Attempt>,
    /// Requests that may stay open without a stream: requests for JSON, and messages whose stream was stopped or detached.
    pub orphans: BTreeSet<Attempt>,
    /// Requests for the session itself, whether one of them was answered, and messages that were sent before that, by their ids.
    pub looks: BTreeSet<Attempt>,
    pub has_looked: bool,
    pub unlooked: BTreeMap<String, String>,
    pub last_request: Option<u64>,
    /// Whether the stream was stopped and no other one has begun.
    pub silenced: bool,
    /// The snapshot that the app was notified of last.
    pub shown: Snapshot,
    /// The number of bytes that arrived since rows were taken last.
    pub waiting: usize,
}

impl Page {
    pub fn new(config: Config, now: u64, offset: i64, saved: &[Option<Saved>]) -> Self {
        let listener = |saved: &Option<Saved>| Listener::of(*saved);
        let views = saved.iter().map(|saved| View { listener: listener(saved), ..View::default() }).collect();
        let client = Client::new(config, now);
        Self { client, offset, memory: BTreeMap::new(), pending: BTreeMap::new(), views }
    }
}
