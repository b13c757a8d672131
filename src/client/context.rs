//! What all sessions of a client share: the time, the settings, the saved tasks, and the effects that wait to be drained.

use std::collections::VecDeque;

use crate::client::io::{Attempt, Call, Config, Effect, Millis, Network, Outcome, Repost, Request, Why};
use crate::client::retry::{Backoff, Jitter};
use crate::persist::{ActiveTask, Keys, SavedTask};
use crate::stream::bytes::decimal;
use crate::stream::reader::IdsSeen;
use crate::tabs::{Content, Message};
use litemap::LiteMap;

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
    /// A session was let go whose listeners may hold something of it: a session that is new here may be that one.
    pub has_forgotten: bool,
    /// The saved tasks by session, as the storage has them.
    pub records: LiteMap<String, SavedTask>,
    /// The storage keys.
    pub keys: Keys,
    effects: VecDeque<Effect>,
    /// The sessions of the requests that are out, so that a read finds its session however many there are.
    routes: LiteMap<Attempt, String>,
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
            has_forgotten: false,
            records: LiteMap::default(),
            keys: Keys::new(&config.storage_key, &config.user_key),
            effects: VecDeque::new(),
            routes: LiteMap::default(),
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

    /// Makes a request for a session, and gives its name.
    pub fn open(&mut self, session: &str, request: Request, why: Why) -> Attempt {
        self.attempts = self.attempts.wrapping_add(1);
        self.routes.insert(self.attempts, session.to_owned());
        self.push(Effect::Open { attempt: self.attempts, request, why });
        self.attempts
    }

    /// Gives a request up; nothing more comes of it.
    pub fn abort(&mut self, attempt: Attempt) {
        self.routes.remove(&attempt);
        self.push(Effect::Abort { attempt });
    }

    /// The session whose request this is, while it is out.
    #[must_use]
    pub fn session_of(&self, attempt: Attempt) -> Option<&str> {
        self.routes.get(&attempt).map(String::as_str)
    }

    /// A request is over: it was answered, or it failed.
    pub fn close_route(&mut self, attempt: Attempt) {
        self.routes.remove(&attempt);
    }

    /// A name for a broadcast of this tab.
    pub fn new_stream(&mut self) -> String {
        self.streams = self.streams.wrapping_add(1);
        [self.config.tab.as_deref().unwrap_or_default(), "-", &decimal::text(self.streams.into())].concat()
    }

    /// Tells the other tabs, if this one takes part.
    pub fn post(&mut self, session: &str, epoch: u64, content: Content) {
        if let Some(tab) = &self.config.tab {
            let message = Message::new(tab, session, epoch, content).into();
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
        let routes = self.routes.values().map(|session| size_of::<(Attempt, String)>() + session.capacity());
        self.effects.len() * size_of::<Effect>() + records.sum::<usize>() + routes.sum::<usize>()
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

    /// The record of a session, if its task may be joined: not one that was stopped, nor one whose time is over.
    #[must_use]
    pub fn resumable(&self, session: &str) -> Option<&SavedTask> {
        self.records.get(session).filter(|record| self.is_active(record, self.now))
    }

    /// Whether a record names a task that may be joined at this time.
    #[must_use]
    pub fn is_active(&self, record: &SavedTask, now: Millis) -> bool {
        record.is_resumable() && !record.is_expired(now.max(self.now), self.config.task_ttl)
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

    /// A message may have started a task: a stop whose task was never found does not mean that one.
    pub fn settle_unknown_stop(&mut self, session: &str) {
        if self.records.get(session).is_some_and(|record| record.stopped.is_some() && record.active.task.is_empty()) {
            let active = ActiveTask { session: session.to_owned(), ..ActiveTask::default() };
            self.save(SavedTask { active, saved: self.now, ..SavedTask::default() });
        }
    }

    /// Forgets a session's record, here and in the storage.
    pub fn forget(&mut self, session: &str) {
        if self.records.remove(session).is_some() {
            self.push(Effect::Remove { key: self.keys.of(session) });
        }
    }
}
