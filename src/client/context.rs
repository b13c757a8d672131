//! What all sessions of a client share: the time, the settings, the saved tasks, and the effects that wait to be drained.

use std::collections::VecDeque;

use crate::client::io::{Attempt, Call, Config, Effect, Millis, Network, Outcome, Repost};
use crate::client::retry::{Backoff, Jitter};
use crate::persist::{Keys, SavedTask};
use crate::stream::bytes::decimal;
use crate::stream::reader::{IdsSeen, Position};
use crate::tabs::{Content, Message};
use std::collections::BTreeMap;

/// When a request that is wanted now may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// At once.
    Now,
    /// At a time, or when the network is back (`None`).
    Later(Option<Millis>),
}

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
    pub records: BTreeMap<String, SavedTask>,
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
            records: BTreeMap::default(),
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
        let calls = std::mem::take(calls);
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
        [self.config.tab.as_deref().unwrap_or_default(), "-", &decimal::text(self.streams.into())].concat()
    }

    /// Tells the other tabs, if this one takes part.
    pub fn post(&mut self, session: &str, content: Content) {
        if let Some(tab) = &self.config.tab {
            let message = Message::new(tab, session, content).into();
            self.push(Effect::Post { message });
        }
    }

    /// A fresh retry state with a seed of its own.
    pub fn backoff(&mut self) -> Backoff {
        let seed = self.jitter.bits();
        Backoff::new(&self.config, seed)
    }

    /// Bytes that the saved records and the effects that nobody took hold on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let records = self.records.iter().map(|(session, record)| session.capacity() + record.footprint());
        self.effects.len() * size_of::<Effect>() + records.sum::<usize>()
    }

    /// When a request may go out: not while offline, not before the last one is long enough ago.
    #[must_use]
    pub fn departure(&self, backoff: &Backoff) -> Departure {
        let soonest = backoff.soonest(self.now);
        match self.planned(soonest) {
            Some(_) if soonest <= self.now => Departure::Now,
            planned => Departure::Later(planned),
        }
    }

    /// Until when a request that is planned for `at` waits: offline, for the network (`None`).
    #[must_use]
    pub fn planned(&self, at: Millis) -> Option<Millis> {
        (self.network == Network::Online).then_some(at)
    }

    /// Spreads what several tabs are about to do at once.
    pub fn spread(&mut self, most: Millis) -> Millis {
        self.jitter.below(most)
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

    /// Whether the app stopped this task and the server did not acknowledge it.
    #[must_use]
    pub fn is_stopped(&self, session: &str, task: &str) -> bool {
        self.records.get(session).is_some_and(|record| record.forbids(task))
    }

    /// Up to where a page before this one had delivered a task.
    #[must_use]
    pub fn saved_position(&self, session: &str, task: &str) -> Position {
        let saved = self.records.get(session).filter(|saved| saved.active.task == task);
        saved.map_or_else(Position::default, |saved| Position { last: saved.active.last, unnumbered: saved.unnumbered })
    }

    /// Keeps a record and writes it to the storage. Stops that the record before it remembers stay remembered.
    pub fn save(&mut self, mut record: SavedTask) {
        let session = record.active.session.clone();
        if let Some(before) = self.records.get(&session) {
            record.inherit_stops(before, self.now, self.config.task_ttl);
        }
        self.push(Effect::Save { key: self.keys.of(&session), value: record.to_entry() });
        self.records.insert(session, record);
    }

    /// There is nothing left of a session's task to resume: its record goes, but for the stops of tasks before it.
    pub fn remove(&mut self, session: &str) {
        match self.records.get(session).map(SavedTask::without_task) {
            Some(Some(rest)) => {
                self.push(Effect::Save { key: self.keys.of(session), value: rest.to_entry() });
                self.records.insert(session.to_owned(), rest);
            }
            Some(None) => self.forget(session),
            None => {}
        }
    }

    /// A stop is done: nothing of it stays remembered.
    pub fn acknowledge(&mut self, session: &str, task: Option<&str>) {
        let Some(record) = self.records.get_mut(session) else { return };
        if record.stopped.is_some() && record.active.task == task.unwrap_or_default() {
            return self.remove(session);
        }
        let remembered = record.stops.len();
        record.stops.retain(|(stopped, _)| Some(stopped.as_str()) != task);
        if record.stops.len() < remembered {
            let value = record.to_entry();
            self.push(Effect::Save { key: self.keys.of(session), value });
        }
    }

    /// A message may have started a task: a stop whose task was never found means nothing that runs from now on.
    pub fn settle_unknown_stop(&mut self, session: &str) {
        if self.records.get(session).is_some_and(|record| record.stopped.is_some() && record.active.task.is_empty()) {
            self.remove(session);
        }
    }

    /// Forgets a session's record, here and in the storage.
    pub fn forget(&mut self, session: &str) {
        if self.records.remove(session).is_some() {
            self.push(Effect::Remove { key: self.keys.of(session) });
        }
    }
}
