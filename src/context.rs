//! What all sessions of a client share: the time, the settings, the saved tasks, and the effects that wait to be drained.

use std::collections::VecDeque;

use crate::io::{Attempt, Call, Config, Effect, Millis, Network, Outcome, Repost};
use crate::map::Map;
use crate::reader::{IdsSeen, Position};
use crate::retry::{Backoff, Jitter};
use crate::tabs::{Message, News};
use crate::task::{Keys, SavedTask};

/// Shared by the sessions of one client.
#[derive(Debug)]
pub struct Context {
    /// The time of the present input.
    pub now: Millis,
    /// The settings.
    pub config: Config,
    /// What the browser last said of the network.
    pub network: Network,
    /// Whether this backend was ever seen to number its events.
    pub backend_ids: IdsSeen,
    /// The saved tasks by session, as the storage has them.
    pub records: Map<String, SavedTask>,
    /// The storage keys.
    pub keys: Keys,
    effects: VecDeque<Effect>,
    jitter: Jitter,
    attempts: Attempt,
    streams: u32,
}

impl Context {
    /// A context that begins at `now`.
    #[must_use]
    pub fn new(config: Config, now: Millis) -> Self {
        Self {
            now,
            network: Network::Online,
            backend_ids: IdsSeen::No,
            records: Map::default(),
            keys: Keys::new(&config.storage_key, &config.user_key),
            effects: VecDeque::new(),
            jitter: Jitter(config.seed),
            attempts: 0,
            streams: 0,
            config,
        }
    }

    /// Time runs forward, whatever the clock says.
    pub fn advance(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    /// Queues an effect.
    pub fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// The next effect.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Resolves all of `calls`, and forgets them.
    pub fn resolve(&mut self, calls: &mut Vec<Call>, outcome: Option<Outcome>) {
        let calls = core::mem::take(calls);
        if !calls.is_empty() {
            self.push(Effect::Resolve { calls, outcome });
        }
    }

    /// A name for a new request.
    pub fn new_attempt(&mut self) -> Attempt {
        self.attempts = self.attempts.wrapping_add(1);
        self.attempts
    }

    /// A name for a telling of this tab.
    pub fn new_stream(&mut self) -> String {
        self.streams = self.streams.wrapping_add(1);
        format!("{}-{}", self.config.tab.as_deref().unwrap_or_default(), self.streams)
    }

    /// Tells the other tabs, if this one takes part.
    pub fn post(&mut self, session: &str, news: News) {
        if let Some(tab) = &self.config.tab {
            let message = Message::new(tab, session, news).encode();
            self.push(Effect::Post { message });
        }
    }

    /// A fresh retry state with a seed of its own.
    pub fn backoff(&mut self) -> Backoff {
        let seed = self.jitter.bits();
        Backoff::new(&self.config, seed)
    }

    /// How long a request may stay unanswered; `standard` where the app set nothing.
    #[must_use]
    pub fn answer_patience(&self, standard: Millis) -> Millis {
        self.config.stall_timeout.unwrap_or(standard)
    }

    /// Whether a message may be posted again at all.
    #[must_use]
    pub fn may_repost(&self) -> bool {
        self.config.repost == Repost::SameId
    }

    /// Whether the app stopped this task and the server does not know it yet. A stop that came before the task was known
    /// means whatever runs.
    #[must_use]
    pub fn is_stopped(&self, session: &str, task: &str) -> bool {
        self.records.get(session).is_some_and(|record| {
            record.stopped.is_some() && (record.active.task.is_empty() || record.active.task == task)
        })
    }

    /// Up to where a page before this one had delivered a task.
    #[must_use]
    pub fn saved_position(&self, session: &str, task: &str) -> Position {
        let saved = self.records.get(session).filter(|saved| saved.active.task == task);
        saved.map_or_else(Position::default, |saved| Position { last: saved.active.last, unnumbered: saved.unnumbered })
    }

    /// Keeps a record and writes it to the storage.
    pub fn save(&mut self, record: SavedTask) {
        let session = record.active.session.clone();
        self.push(Effect::Save { key: self.keys.of(&session), value: record.encode() });
        self.records.insert(session, record);
    }

    /// Forgets a session's record, here and in the storage.
    pub fn remove(&mut self, session: &str) {
        if self.records.remove(session).is_some() {
            self.push(Effect::Remove { key: self.keys.of(session) });
        }
    }
}
