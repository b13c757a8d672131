//! The simulated page: the client under test, its listener, and what the listener has a right to.

use std::collections::{BTreeMap, BTreeSet};

use rejoin::client::Client;
use rejoin::cursor::EventId;
use rejoin::io::{Config, Outcome};

use crate::rows::Row;
use crate::server::Server;

pub const SESSION: &str = "s";

/// What a promise of the app is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Promise {
    Start(usize),
    Resume,
    Stop,
}

pub struct Page {
    pub client: Client,
    pub listener: Listener,
    pub pending: BTreeMap<u32, Promise>,
    pub resolved: Vec<(Promise, Option<Outcome>)>,
    pub ended: Vec<Outcome>,
    pub flush_at: Option<u64>,
}

impl Page {
    pub fn new(config: Config, now: u64, saved: BTreeMap<String, EventId>) -> Self {
        Self {
            client: Client::new(config, now),
            listener: Listener { saved, ..Listener::default() },
            pending: BTreeMap::new(),
            resolved: Vec::new(),
            ended: Vec::new(),
            flush_at: None,
        }
    }
}

/// A listener that keeps the text, and complains.
#[derive(Default)]
pub struct Listener {
    pub task: Option<String>,
    pub text: String,
    /// The last row was its task's end.
    pub ended: bool,
    /// Saved cursors by task, as they were when the page was loaded.
    saved: BTreeMap<String, EventId>,
    fresh: BTreeSet<(String, EventId)>,
    newest: BTreeMap<String, EventId>,
    /// Newest event that any tab was given, by task.
    pub anywhere: BTreeMap<String, EventId>,
    /// Whether other tabs share the storage.
    pub has_neighbours: bool,
    /// A stream began and has given nothing yet. One that is told from a base backend's history may have no start.
    pub begins: bool,
    pub resets: u32,
    pub replayed: u32,
}

impl Listener {
    /// Takes a row; a complaint is a broken guarantee.
    pub fn take(&mut self, row: &Row, server: &Server, start: Option<String>) -> Result<(), String> {
        if core::mem::take(&mut self.begins) && start.is_none() {
            self.begin(server.tasks.last().map(|task| task.id.clone()));
        }
        match row {
            Row::Reset => {
                self.resets += 1;
                self.text.clear();
                self.ended = false;
                Ok(())
            }
            Row::Malformed => Ok(()),
            Row::Text { text, id, replayed } => {
                self.text.push_str(text);
                self.check_age(*id, *replayed)?;
                self.check_text(server)
            }
            Row::Chunk { kind, task, id, replayed } => {
                if kind == "stream_start" {
                    self.begin(task.clone());
                } else if kind == "stream_end" {
                    self.ended = true;
                }
                self.check_age(*id, *replayed)
            }
        }
    }

    fn begin(&mut self, task: Option<String>) {
        if self.task != task {
            self.text.clear();
            self.task = task;
        }
        self.ended = false;
    }

    fn check_text(&self, server: &Server) -> Result<(), String> {
        let Some(task) = self.task.as_deref().and_then(|id| server.find(id)) else {
            return Err("text before its start".into());
        };
        let truth = server.tasks[task].whole_text();
        if truth.starts_with(&self.text) || server.answer_for(task).starts_with(&self.text) {
            Ok(())
        } else {
            Err(format!("the listener's text is no beginning of the answer:\n  {:?}\n  {truth:?}", self.text))
        }
    }

    /// Fresh once, and replayed only what was given before.
    fn check_age(&mut self, id: Option<EventId>, replayed: bool) -> Result<(), String> {
        let (Some(id), Some(task)) = (id, self.task.clone()) else { return Ok(()) };
        let saved = self.saved.get(&task).copied().unwrap_or_default();
        let newest = self.newest.get(&task).copied().unwrap_or_default();
        self.newest.insert(task.clone(), newest.max(id));
        if replayed {
            self.replayed += 1;
            let anywhere = self.anywhere.get(&task).copied().unwrap_or_default();
            return if id <= saved.max(newest).max(anywhere) {
                Ok(())
            } else {
                Err(format!("{id} is flagged as replayed and is new"))
            };
        }
        // Another tab may have put another task into the session's one record since.
        if id <= saved && !self.has_neighbours {
            return Err(format!("{id} was delivered before the reload and is not flagged"));
        }
        if self.fresh.insert((task, id)) { Ok(()) } else { Err(format!("{id} is fresh twice")) }
    }

    pub fn newest(&self, task: &str) -> EventId {
        self.newest.get(task).copied().unwrap_or_default()
    }
}
