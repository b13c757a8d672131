//! The simulated page: the client under test, its clock, what it keeps in memory, and what it shows of each session.

use std::collections::{BTreeMap, BTreeSet};

use rejoin::client::Client;
use rejoin::client::io::{Attempt, Config};
use rejoin::client::session::Snapshot;

use crate::oracle::{Listener, Saved};

/// The sessions that a browser may have open.
pub const SESSIONS: [&str; 2] = ["s", "/ü"];

/// What a promise of the app is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Promise {
    /// A message, by its id.
    Start(String),
    Resume,
    Stop,
}

pub struct Page {
    pub client: Client,
    /// By how much its clock differs from the time that passes, in ms.
    pub offset: i64,
    /// What the storage would not take.
    pub memory: BTreeMap<String, String>,
    /// Promises that are not kept yet, with their sessions.
    pub pending: BTreeMap<u32, (usize, Promise)>,
    /// What the page shows of each session.
    pub views: Vec<View>,
}

/// One session as a page shows it.
#[derive(Default)]
pub struct View {
    pub listener: Listener,
    pub flush_at: Option<u64>,
    /// Requests that the page has open.
    pub open: BTreeSet<Attempt>,
    /// Those that may stay open behind a stream: plain ones, and messages whose stream was stopped or let go.
    pub orphans: BTreeSet<Attempt>,
    /// Requests for the session itself, whether one of them was answered, and messages that went out before that, by their ids.
    pub looks: BTreeSet<Attempt>,
    pub has_looked: bool,
    pub unlooked: BTreeMap<String, String>,
    pub last_request: Option<u64>,
    /// After a stop, until another stream begins.
    pub silenced: bool,
    /// As the app was told last.
    pub shown: Snapshot,
    /// Bytes that came since rows were taken last.
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
