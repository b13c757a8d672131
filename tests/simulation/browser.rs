//! The simulated page: the client under test, its listener, and what the listener has a right to.

use std::collections::{BTreeMap, BTreeSet};

use rejoin::client::Client;
use rejoin::client::io::{Attempt, Config};
use rejoin::client::session::Snapshot;
use rejoin::stream::cursor::EventId;

use crate::plan::Backend;
use crate::rows::Row;
use crate::server::Server;

/// The sessions that a browser may have open.
pub const SESSIONS: [&str; 2] = ["s", "/ü"];

/// What a promise of the app is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Promise {
    Start(usize),
    Resume,
    Stop,
}

pub struct Page {
    pub client: Client,
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
    pub last_request: Option<u64>,
    /// After a stop, until another stream begins.
    pub silenced: bool,
    /// As the app was told last.
    pub shown: Snapshot,
    /// Bytes that came since rows were taken last.
    pub waiting: usize,
    /// The rows that wait come from an answer that is no stream.
    pub from_history: bool,
}

impl Page {
    pub fn new(config: Config, now: u64, sessions: usize, saved: &BTreeMap<String, EventId>) -> Self {
        let listener = || Listener { saved: saved.clone(), ..Listener::default() };
        let views = (0..sessions).map(|_| View { listener: listener(), ..View::default() }).collect();
        Self { client: Client::new(config, now), pending: BTreeMap::new(), views }
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
    /// The message that the stream began with.
    pub sent: Option<String>,
    pub resets: u32,
    pub replayed: u32,
    /// Frames of the present telling that rows came from; where events have no ids, these are their names.
    place: usize,
    /// The present telling comes from the session's history, which has other frames.
    pub is_history: bool,
}

impl Listener {
    /// Takes a row; a complaint is a broken guarantee.
    pub fn take(&mut self, row: &Row, server: &Server, start: Option<String>) -> Result<(), String> {
        if core::mem::take(&mut self.begins) && (start.is_none() || server.is_nameless) {
            let own = self.sent.as_ref().and_then(|id| server.tasks.iter().find(|task| task.message.message_id == *id));
            let told = own.or(server.tasks.last()).map(|task| task.id.clone());
            self.begin(start.or(told));
            self.place = 0;
        }
        match row {
            Row::Reset => {
                self.resets += 1;
                self.text.clear();
                self.ended = false;
                self.place = 0;
                Ok(())
            }
            Row::Malformed => {
                self.name_by_place(server);
                Ok(())
            }
            Row::Text { text, id, replayed } => {
                self.text.push_str(text);
                let id = id.or_else(|| self.name_by_place(server));
                self.check_age(id, *replayed)?;
                self.check_text(server)
            }
            Row::Chunk { kind, task, id, replayed } => {
                if kind == "stream_start" {
                    self.forget_where_records_do(task.as_deref(), server);
                    self.begin(task.clone());
                    self.place = 0;
                } else if kind == "stream_end" {
                    self.ended = true;
                }
                let id = id.or_else(|| self.name_by_place(server));
                self.check_age(id, *replayed)
            }
        }
    }

    /// A base backend may run two tasks of a session, of which a browser remembers the one that was told last.
    fn forget_where_records_do(&mut self, task: Option<&str>, server: &Server) {
        let is_other = self.task.is_some() && self.task.as_deref() != task;
        let Some(task) = task.filter(|_| is_other && server.backend == Backend::Base) else { return };
        self.saved.remove(task);
        self.newest.remove(task);
        self.fresh.retain(|(of, _)| of != task);
    }

    /// Where events have no ids: the place of the frame that a row came from. `None` for a telling from the history, and
    /// for a stream that does not name its task: that cannot be known as one which was told before.
    fn name_by_place(&mut self, server: &Server) -> Option<EventId> {
        let task = &server.tasks[server.find(self.task.as_deref()?)?];
        if self.is_history || server.is_nameless {
            return None;
        }
        let at = (self.place..task.frames.len()).find(|at| !is_silent(&task.frames[*at].1))?;
        self.place = at + 1;
        let counts = server.backend == Backend::Base && !self.has_neighbours;
        counts.then_some(name_of(at))
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

/// What an event without an id is called here: its place, from 1.
pub fn name_of(place: usize) -> EventId {
    EventId { ms: place as u64 + 1, seq: 0 }
}

/// Whether a frame makes no row.
pub fn is_silent(frame: &str) -> bool {
    frame.contains("\"text-start\"")
}
