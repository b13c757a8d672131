//! The state that all sessions of a client share: the time, the settings, the saved tasks, and the effects that wait.

use std::collections::VecDeque;

use crate::client::io::{Attempt, Call, Config, Effect, Millis, Network, Outcome, Repost, Request, Why};
use crate::client::retry::{Backoff, Jitter};
use crate::persist::{Keys, SavedTask};
use crate::stream::bytes::decimal;
use crate::stream::reader::IdsSeen;
use crate::tabs::{Content, Message};
use litemap::LiteMap;

/// When a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The request may be sent at once.
    Now,
    /// The request may be sent at this time, or when the network is back (`None`).
    Later(Option<Millis>),
}

/// The state that the sessions of one client share.
#[derive(Debug)]
pub struct Context {
    /// The time of the current input.
    pub now: Millis,
    /// The settings of the client.
    pub config: Config,
    /// Whether the page is online, as the browser reported last.
    pub network: Network,
    /// Whether this backend has ever sent event ids.
    pub backend_ids: IdsSeen,
    /// A session was dropped whose listeners may still hold rows. A session that seems to be new may be that one.
    pub has_forgotten: bool,
    /// The saved tasks by session, as the storage has them.
    pub records: LiteMap<String, SavedTask>,
    /// The storage keys.
    pub keys: Keys,
    effects: VecDeque<Effect>,
    /// The sessions of the open requests, so that a read finds its session at the same cost however many there are.
    routes: LiteMap<Attempt, Route>,
    jitter: Jitter,
    attempts: Attempt,
    streams: u32,
}

/// Returns the earlier of two times.
#[must_use]
pub fn sooner(one: Option<Millis>, other: Option<Millis>) -> Option<Millis> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

/// An open request.
#[derive(Debug)]
struct Route {
    session: String,
    /// When the stream of its message was detached. The task of such an orphan still has to be saved.
    orphaned: Option<Millis>,
}

impl Context {
    /// Makes the context of a client that begins at `now`.
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

    /// Moves the time forward. A clock that runs back is ignored.
    pub fn advance(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    /// Queues an effect.
    pub fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// Takes the next effect.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Notifies the shell that the snapshot of a session has changed.
    pub fn note_change(&mut self, session: &str) {
        self.push(Effect::Changed { session: session.to_owned() });
    }

    /// Resolves one call.
    pub fn resolve_one(&mut self, call: Call, outcome: Option<Outcome>) {
        self.push(Effect::Resolve { calls: vec![call], outcome });
    }

    /// Resolves all `calls` and empties the list.
    pub fn resolve(&mut self, calls: &mut Vec<Call>, outcome: Option<Outcome>) {
        let calls = std::mem::take(calls);
        if !calls.is_empty() {
            self.push(Effect::Resolve { calls, outcome });
        }
    }

    /// Sends a request of a session. Returns its attempt number.
    pub fn open(&mut self, session: &str, request: Request, why: Why) -> Attempt {
        self.attempts = self.attempts.wrapping_add(1);
        self.routes.insert(self.attempts, Route { session: session.to_owned(), orphaned: None });
        self.push(Effect::Open { attempt: self.attempts, request, why });
        self.attempts
    }

    /// Cancels a request. Later inputs with its number are ignored.
    pub fn abort(&mut self, attempt: Attempt) {
        self.routes.remove(&attempt);
        self.push(Effect::Abort { attempt });
    }

    /// Returns the session of an open request.
    #[must_use]
    pub fn session_of(&self, attempt: Attempt) -> Option<&str> {
        self.routes.get(&attempt).map(|route| route.session.as_str())
    }

    /// Records that a request has ended with a response or a failure.
    pub fn close_route(&mut self, attempt: Attempt) {
        self.routes.remove(&attempt);
    }

    /// Records that the stream of a request's message was detached.
    pub fn orphan(&mut self, attempt: Attempt) {
        if let Some(route) = self.routes.get_mut(&attempt) {
            route.orphaned = Some(self.now);
        }
    }

    /// Cancels a request if it is an orphan, and returns its session.
    pub fn take_orphan(&mut self, attempt: Attempt) -> Option<String> {
        let session = self.routes.get(&attempt).filter(|route| route.orphaned.is_some())?.session.clone();
        self.abort(attempt);
        Some(session)
    }

    /// Returns whether a session has an orphan.
    #[must_use]
    pub fn has_orphan_of(&self, session: &str) -> bool {
        self.routes.values().any(|route| route.orphaned.is_some() && route.session == session)
    }

    /// Returns since when the first orphan waits.
    #[must_use]
    pub fn first_orphan(&self) -> Option<Millis> {
        self.routes.values().filter_map(|route| route.orphaned).min()
    }

    /// Cancels the orphans that have waited for longer than `patience`, unless the app has set how long.
    pub fn give_up_orphans(&mut self, patience: Millis) {
        let (now, patience) = (self.now, self.answer_patience(patience));
        let is_overdue = |route: &Route| route.orphaned.is_some_and(|since| since.saturating_add(patience) <= now);
        while let Some((attempt, _)) = self.routes.iter().find(|(_, route)| is_overdue(route)) {
            self.abort(*attempt);
        }
    }

    /// Returns a new name for a broadcast of this tab.
    pub fn new_stream(&mut self) -> String {
        self.streams = self.streams.wrapping_add(1);
        [self.config.tab.as_deref().unwrap_or_default(), "-", &decimal::text(self.streams.into())].concat()
    }

    /// Posts a message to the other tabs if this client shares streams.
    pub fn post(&mut self, session: &str, epoch: u64, content: Content) {
        if let Some(tab) = &self.config.tab {
            let message = Message::new(tab, session, epoch, content);
            self.push(Effect::Post { message });
        }
    }

    /// Makes a new retry state with a seed of its own.
    pub fn backoff(&mut self) -> Backoff {
        let seed = self.jitter.bits();
        Backoff::new(&self.config, seed)
    }

    /// Returns the memory of the saved records and the waiting effects, in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let records = self.records.iter().map(|(session, record)| session.capacity() + record.footprint());
        let routes = self.routes.values().map(|route| size_of::<(Attempt, Route)>() + route.session.capacity());
        self.effects.len() * size_of::<Effect>() + records.sum::<usize>() + routes.sum::<usize>()
    }

    /// Returns when a request may be sent: not while the page is offline, and not too soon after the last one.
    #[must_use]
    pub fn departure(&self, backoff: &Backoff) -> Departure {
        let soonest = backoff.soonest(self.now);
        match self.planned(soonest) {
            Some(_) if soonest <= self.now => Departure::Now,
            planned => Departure::Later(planned),
        }
    }

    /// Returns until when a request that is planned for `at` waits: while offline, for the network (`None`).
    #[must_use]
    pub fn planned(&self, at: Millis) -> Option<Millis> {
        (self.network == Network::Online).then_some(at)
    }

    /// Returns a random delay of at most `most`, so that several tabs do not act at once.
    pub fn spread(&mut self, most: Millis) -> Millis {
        self.jitter.below(most)
    }

    /// Returns how long a request may wait for its response, in milliseconds: `standard` unless the app has set it.
    #[must_use]
    pub fn answer_patience(&self, standard: Millis) -> Millis {
        self.config.stall_timeout.unwrap_or(standard)
    }

    /// Returns whether a message may be posted again.
    #[must_use]
    pub fn may_repost(&self) -> bool {
        self.config.repost == Repost::SameId
    }

    /// Returns the saved record of a session.
    #[must_use]
    pub fn record(&self, session: &str) -> Option<&SavedTask> {
        self.records.get(session)
    }

    /// Returns whether the app has stopped this task and the server has not acknowledged that.
    #[must_use]
    pub fn is_stopped(&self, session: &str, task: &str) -> bool {
        self.record(session).is_some_and(|record| record.forbids(task))
    }

    /// Returns the record of a session if its task may be joined: it was not stopped and has not expired.
    #[must_use]
    pub fn resumable(&self, session: &str) -> Option<&SavedTask> {
        self.record(session).filter(|record| self.is_active(record, self.now))
    }

    /// Returns whether the task of a record may be joined at this time.
    #[must_use]
    pub fn is_active(&self, record: &SavedTask, now: Millis) -> bool {
        record.is_resumable() && !record.is_expired(now.max(self.now), self.config.task_ttl)
    }

    /// Keeps a record and writes it to the storage. It takes over the stops that the earlier record contains.
    pub fn save(&mut self, mut record: SavedTask) {
        let session = record.session.clone();
        if let Some(before) = self.record(&session) {
            record.inherit_stops(before, self.now, self.config.task_ttl);
        }
        self.store(session, record);
    }

    /// Keeps a record as it is, and writes it to the storage.
    fn store(&mut self, session: String, record: SavedTask) {
        self.push(Effect::Save { key: self.keys.of(&session), value: record.clone() });
        self.records.insert(session, record);
    }

    /// Removes the record of a session whose task cannot be resumed, except the stops of earlier tasks.
    pub fn remove(&mut self, session: &str) {
        match self.record(session).map(SavedTask::without_task) {
            Some(Some(rest)) => self.store(session.to_owned(), rest),
            Some(None) => self.forget(session),
            None => {}
        }
    }

    /// Removes an acknowledged stop from the record.
    pub fn acknowledge(&mut self, session: &str, task: Option<&str>) {
        let Some(record) = self.record(session) else { return };
        if record.is_stop_of(task) {
            return self.remove(session);
        }
        let mut rest = record.clone();
        if rest.remove_earlier_stop(task) {
            self.store(session.to_owned(), rest);
        }
    }

    /// Limits a stop whose task was never found: a message may have started a new task, to which the stop does not apply.
    pub fn settle_unknown_stop(&mut self, session: &str) {
        if self.record(session).is_some_and(|record| record.is_stop_of(None)) {
            self.save(SavedTask { session: session.to_owned(), saved: self.now, ..SavedTask::default() });
        }
    }

    /// Extends a stop whose task was never found to a task that runs and does not answer the message that was sent after the stop.
    pub fn name_unknown_stop(&mut self, session: &str, task: &str) {
        let named = self.record(session).and_then(|record| record.with_unknown_stop_named(task));
        if let Some(record) = named {
            self.store(session.to_owned(), record);
        }
    }

    /// Removes the record of a session, here and in the storage.
    pub fn forget(&mut self, session: &str) {
        if self.records.remove(session).is_some() {
            self.push(Effect::Remove { key: self.keys.of(session) });
        }
    }
}
