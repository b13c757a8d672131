//! The sessions of one client: passes inputs to the session they belong to, and merges the effects and deadlines.
//!
//! # Contract
//! **After each [`Client::handle`], drain [`Client::poll`]**, then arm one timer for [`Client::deadline`]. Time that runs back is
//! ignored. An input of a request that the client no longer waits for is dropped here, in `Client::recipient`, and nowhere else.

mod cancel;
mod context;
pub mod io;
mod outcome;
mod records;
pub mod retry;
pub mod session;
pub mod turn;
mod view;

use crate::client::cancel::adoption::Adoptions;
use crate::client::cancel::canceller::Canceller;
use crate::client::context::{Context, sooner};
use crate::client::io::{
    Attempt, Call, Config, Effect, Failure, Head, Input, Metrics, Millis, OutcomeKind, Recovery, SendRequest, Sender,
};
use crate::client::outcome::{bare_outcome, outcome_with};
use crate::client::session::{Leftover, Session, Snapshot};
pub use crate::persist::{ActiveTask, LegacyEntry, SavedTask, Stop, Stored};
use crate::protocol::body::Body;
use crate::stream::cursor::EventId;
use crate::stream::error::local_error;
use crate::tabs::Content;
pub use crate::tabs::{History, Message};
use litemap::LiteMap;

/// The number of sessions whose state is kept in memory. When there are more, the one that was used least recently is dropped, if
/// it is at rest.
const MOST_SESSIONS: usize = 256;
/// How long a message whose stream was detached may wait for its response, in milliseconds, unless the app has set it.
const ORPHAN_PATIENCE: Millis = 45_000;

/// The client.
///
/// ```
/// use rejoin::client::Client;
/// use rejoin::client::io::{Config, Effect, Input, SendRequest};
///
/// let mut client = Client::new(Config::default(), 0);
/// let (message, message_id) = ("hi".to_owned(), "m1".to_owned());
/// let request = SendRequest { message, message_id, ..SendRequest::default() };
/// client.handle(Input::Start { session: "s1", call: 1, request }, 0);
/// while let Some(effect) = client.poll() {
///     if let Effect::Open { request, .. } = effect {
///         assert_eq!(request.path(), "/sessions/s1/stream");
///     }
/// }
/// assert_eq!(client.deadline(), Some(45_000));
/// ```
#[derive(Debug)]
pub struct Client {
    cx: Context,
    sessions: LiteMap<String, Session>,
    cancellers: LiteMap<String, Canceller>,
    /// Stops of other tabs that this tab may have to bring to the server.
    adoptions: Adoptions,
    /// The number of saved records that were dropped, by session. Sessions beyond a limit are counted together.
    dropped: LiteMap<String, u64>,
    dropped_elsewhere: u64,
    /// The counters of sessions that were dropped from memory.
    retired: Metrics,
    /// The number of times that a session was used, to find the one that was used least recently.
    uses: u64,
    /// Messages that wait for the last rows of the earlier stream, for its cancellation, or for the search for a task to resume.
    queued: LiteMap<String, (Call, SendRequest)>,
    life: Life,
}

/// The part of the client that waits for the response to a request, with the client's context.
enum Recipient<'a> {
    Session(&'a mut Session, &'a mut Context),
    Canceller(&'a mut Canceller, &'a mut Context),
}

/// Whether the client is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    Closed,
}

impl Client {
    /// Makes a client that begins at `now`.
    #[must_use]
    pub fn new(config: Config, now: Millis) -> Self {
        Self {
            cx: Context::new(config, now),
            sessions: LiteMap::default(),
            cancellers: LiteMap::default(),
            adoptions: Adoptions::default(),
            dropped: LiteMap::default(),
            dropped_elsewhere: 0,
            retired: Metrics::default(),
            uses: 0,
            queued: LiteMap::default(),
            life: Life::Open,
        }
    }

    /// Handles one input. Drain [`Client::poll`] afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Millis) {
        self.cx.advance(now);
        if self.life == Life::Closed {
            return;
        }
        self.dispatch(input);
        self.tidy();
    }

    /// Takes the next effect.
    pub fn poll(&mut self) -> Option<Effect> {
        self.cx.poll()
    }

    /// Returns when to pass [`Input::Timeout`] if no other input comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        if self.life == Life::Closed {
            return None;
        }
        let mut first = sooner(self.adoptions.deadline(), self.orphan_deadline());
        for session in self.sessions.values() {
            first = sooner(first, session.deadline(&self.cx));
        }
        for canceller in self.cancellers.values() {
            first = sooner(first, canceller.deadline(&self.cx));
        }
        first
    }

    fn dispatch(&mut self, input: Input<'_>) {
        match input {
            Input::Start { session, call, request } => self.start(session, call, request),
            Input::Rejoin { session, call, task, after } => self.rejoin(session, call, task, after),
            Input::Resume { session, call } => self.resume(session, call),
            Input::Stop { session, call } => self.stop(session, call),
            Input::Detach { session } => self.detach(session),
            // A message whose stream was detached may arrive after the session was read.
            Input::Loaded { session, .. } if self.is_wanted(session) => {}
            Input::Loaded { session, mark, body } => self.with_new(session, |session, _| session.note_load(mark, body)),
            Input::Forget { session } => self.forget(session),
            Input::Close => self.close(),
            Input::Delivered { session } => self.with(session, Session::handle_delivered),
            Input::Opened { attempt, head } => self.handle_opened(attempt, &head),
            Input::Bytes { attempt, bytes } => {
                if let Some(Recipient::Session(session, cx)) = self.recipient(attempt) {
                    session.handle_bytes(bytes, cx);
                }
            }
            Input::Ended { attempt } => self.handle_ended(attempt),
            Input::Answered { attempt, head, body } => self.handle_answered(attempt, &head, body),
            Input::Failed { attempt, failure } => self.handle_failed(attempt, failure),
            Input::Timeout => {
                self.each(Session::handle_timeout);
                self.each_canceller(Canceller::handle_timeout);
                self.cx.give_up_orphans(ORPHAN_PATIENCE);
                self.adopt_due();
            }
            Input::Network(network) => {
                self.cx.network = network;
                self.each(|session, cx| session.handle_network(network, cx));
                self.each_canceller(|canceller, cx| canceller.handle_network(network, cx));
            }
            Input::Page(page) => self.each(|session, cx| session.handle_page(page, cx)),
            Input::Stored { key, value } => self.handle_stored(key, value),
            Input::Restored => self.take_up_stops(),
            Input::Watch { session } => self.with_new(session, |session, _| session.listen()),
            Input::Tab { message } => self.handle_tab(message),
            Input::Locked { session } => self.handle_locked(session),
            Input::LockLost { session } => self.with(session, Session::handle_lock_lost),
            Input::Alone => self.go_alone(),
        }
    }

    fn start(&mut self, id: &str, call: Call, request: SendRequest) {
        if self.adoptions.is_open(id) {
            self.take_up_stop(id);
        }
        let session = self.sessions.get(id);
        let must_wait = session
            .is_some_and(|session| session.is_looking() || (session.is_draining() && session.has_untaken_rows()));
        if self.queued.contains_key(id) || session.is_some_and(Session::is_busy) {
            let task = session.and_then(Session::task).map(str::to_owned);
            return self.refuse(call, task);
        }
        if must_wait || self.cancellers.contains_key(id) {
            self.queued.insert(id.to_owned(), (call, request));
            return self.cx.note_change(id);
        }
        self.with_new(id, |session, cx| {
            session.settle_now(cx);
            session.start(call, request, cx);
        });
    }

    fn refuse(&mut self, call: Call, task: Option<String>) {
        let error = local_error("TASK_RUNNING", "The session's stream runs already.", Recovery::Permanent);
        let outcome = outcome_with(OutcomeKind::Failed, task, Some(error));
        self.cx.resolve_one(call, Some(outcome));
    }

    fn rejoin(&mut self, id: &str, call: Call, task: &str, after: Option<EventId>) {
        if self.cx.is_stopped(id, task) {
            let outcome = bare_outcome(OutcomeKind::Stopped, Some(task.to_owned()));
            return self.cx.resolve_one(call, Some(outcome));
        }
        let live = self.sessions.get(id).filter(|session| session.is_live());
        match live {
            Some(session) if session.is_of(task) => self.with(id, |session, _| session.attach(call)),
            Some(_) => {
                self.detach(id);
                self.with_new(id, |session, cx| session.rejoin(call, task, after, cx));
            }
            None => self.with_new(id, |session, cx| session.rejoin(call, task, after, cx)),
        }
    }

    fn resume(&mut self, id: &str, call: Call) {
        if self.cancellers.contains_key(id) {
            return self.cx.resolve_one(call, None);
        }
        self.with_new(id, |session, cx| {
            if session.is_live() {
                session.attach(call);
            } else {
                session.resume(call, cx);
            }
        });
    }

    fn stop(&mut self, id: &str, call: Call) {
        self.give_up_queued(id, OutcomeKind::Stopped);
        let is_live = self.sessions.get(id).is_some_and(Session::is_live);
        if is_live || !self.cancellers.contains_key(id) {
            let leftover = self.stop_stream(id);
            let mut canceller = self.cancellers.remove(id).unwrap_or_else(|| Canceller::new(id, &mut self.cx));
            canceller.take_on(leftover, &mut self.cx);
            self.cancellers.insert(id.to_owned(), canceller);
        }
        if let Some(canceller) = self.cancellers.get_mut(id) {
            self.cx.post(id, 0, Content::Stop { task: canceller.task().map(str::to_owned) });
            canceller.attach(call, &mut self.cx);
        }
    }

    /// Ends the stream of a session, if it has one. Returns what has to be cancelled: its task, the saved task, or the task that
    /// the session names as running.
    fn stop_stream(&mut self, id: &str) -> Leftover {
        if let Some(session) = self.sessions.get_mut(id).filter(|session| session.is_live()) {
            return session.stop(&mut self.cx);
        }
        let saved = self.cx.record(id).and_then(SavedTask::task);
        saved.map_or(Leftover::Elsewhere, |task| Leftover::Task(task.to_owned()))
    }

    fn detach(&mut self, id: &str) {
        self.give_up_queued(id, OutcomeKind::Superseded);
        let Some(session) = self.sessions.get_mut(id).filter(|session| session.is_live()) else { return };
        if let Some(attempt) = session.detach(&mut self.cx) {
            self.cx.orphan(attempt);
        }
    }

    /// Drops the state of a session that has no listeners.
    fn forget(&mut self, id: &str) {
        self.detach(id);
        if self.sessions.get(id).is_some_and(Session::is_at_rest) && !self.is_wanted(id) {
            self.retire(id);
        }
    }

    fn give_up_queued(&mut self, id: &str, kind: OutcomeKind) {
        if let Some((call, _)) = self.queued.remove(id) {
            self.cx.note_change(id);
            self.cx.resolve_one(call, Some(bare_outcome(kind, None)));
        }
    }

    /// Detaches all streams and closes the client. The request of a message is not aborted: it goes on without this client.
    fn close(&mut self) {
        let ids: Vec<String> = self.sessions.keys().cloned().collect();
        ids.iter().for_each(|id| self.detach(id));
        while let Some(id) = self.queued.keys().next().cloned() {
            self.give_up_queued(&id, OutcomeKind::Superseded);
        }
        self.each_canceller(Canceller::close);
        self.life = Life::Closed;
    }

    /// Returns a number that changes with each message that the session is known to have received.
    #[must_use]
    pub fn mark(&self, session: &str) -> u32 {
        self.sessions.get(session).map(Session::mark).unwrap_or_default()
    }

    /// Returns the session of an open request.
    #[must_use]
    pub fn session_of(&self, attempt: Attempt) -> Option<String> {
        self.cx.session_of(attempt).map(str::to_owned)
    }

    /// Finds the session or the canceller that waits for the response to a request. Returns `None` if neither waits for it any
    /// longer.
    fn recipient(&mut self, attempt: Attempt) -> Option<Recipient<'_>> {
        let id = self.cx.session_of(attempt)?;
        let session = self.sessions.get_mut(id).filter(|session| session.is_current(attempt));
        let canceller = self.cancellers.get_mut(id).filter(|canceller| canceller.is_current(attempt));
        match (session, canceller) {
            (Some(session), _) => Some(Recipient::Session(session, &mut self.cx)),
            (None, canceller) => Some(Recipient::Canceller(canceller?, &mut self.cx)),
        }
    }

    fn orphan_deadline(&self) -> Option<Millis> {
        Some(self.cx.first_orphan()?.saturating_add(self.cx.answer_patience(ORPHAN_PATIENCE)))
    }

    fn handle_opened(&mut self, attempt: Attempt, head: &Head<'_>) {
        if let Some(session) = self.cx.take_orphan(attempt) {
            return self.save_orphan(session, head);
        }
        match self.recipient(attempt) {
            Some(Recipient::Session(session, cx)) => session.handle_opened(head, cx),
            Some(Recipient::Canceller(canceller, cx)) => canceller.handle_opened(head, cx),
            None => {}
        }
    }

    fn save_orphan(&mut self, session: String, head: &Head<'_>) {
        let is_live = self.sessions.get(session.as_str()).is_some_and(Session::is_live);
        let is_busy = is_live || self.cancellers.contains_key(session.as_str());
        let Some(task) = head.task.filter(|task| !task.is_empty() && !is_busy) else { return };
        let (task, started) = (task.to_owned(), self.cx.now);
        let active = ActiveTask { task, session, started, ..ActiveTask::default() };
        self.cx.save(SavedTask::of(active, self.cx.now));
    }

    fn handle_ended(&mut self, attempt: Attempt) {
        if let Some(Recipient::Session(session, cx)) = self.recipient(attempt) {
            session.handle_ended(cx);
        }
        self.cx.close_route(attempt);
    }

    fn handle_answered(&mut self, attempt: Attempt, head: &Head<'_>, body: Option<&Body>) {
        match self.recipient(attempt) {
            Some(Recipient::Session(session, cx)) => session.handle_answered(head, body, cx),
            Some(Recipient::Canceller(canceller, cx)) => canceller.handle_answered(attempt, head, body, cx),
            None => {}
        }
        self.cx.close_route(attempt);
    }

    fn handle_failed(&mut self, attempt: Attempt, failure: Failure) {
        match self.recipient(attempt) {
            Some(Recipient::Session(session, cx)) => session.handle_failed(failure, cx),
            Some(Recipient::Canceller(canceller, cx)) => canceller.handle_failed(attempt, &failure, cx),
            None => {}
        }
        self.cx.close_route(attempt);
    }

    fn handle_tab(&mut self, mut message: Message) {
        if self.cx.config.tab.as_deref() == Some(message.from.as_str()) {
            return;
        }
        if let Content::Turn { turn } = &message.content {
            return self.handle_turn(&message.session, turn);
        }
        if let Some(session) = self.sessions.get_mut(message.session.as_str()) {
            session.handle_tab(&mut message, &mut self.cx);
        }
    }

    /// Handles the report of another tab that the backend has accepted its message. The session may be one that this page has
    /// never shown.
    fn handle_turn(&mut self, id: &str, turn: &str) {
        self.with(id, |session, _| session.note_turn_elsewhere());
        self.cx.push(Effect::Turn { session: id.to_owned(), turn: turn.to_owned(), from: Sender::Tab });
    }

    fn handle_locked(&mut self, id: &str) {
        self.with(id, |session, cx| {
            if session.is_live() && session.task().is_some_and(|task| cx.is_stopped(id, task)) {
                session.stopped_elsewhere(cx);
            }
            session.handle_locked(cx);
        });
    }

    /// Stops sharing streams. Sessions that wait for other tabs go on without them.
    fn go_alone(&mut self) {
        self.cx.config.tab = None;
        self.each(Session::stop_sharing);
    }

    fn with(&mut self, id: &str, act: impl FnOnce(&mut Session, &mut Context)) {
        if let Some(session) = self.sessions.get_mut(id) {
            act(session, &mut self.cx);
        }
    }

    fn with_new(&mut self, id: &str, act: impl FnOnce(&mut Session, &mut Context)) {
        self.use_session(id);
        self.with(id, act);
    }

    /// Marks a session as the one that was used last. Creates its state if the client has none.
    fn use_session(&mut self, id: &str) {
        if !self.sessions.contains_key(id) {
            self.make_room();
            self.sessions.insert(id.to_owned(), Session::new(id, &mut self.cx));
        }
        self.uses += 1;
        let uses = self.uses;
        self.with(id, |session, _| session.last_use = uses);
    }

    /// Drops the state of the session that was used least recently, of those at rest, if there are too many sessions. The client
    /// then no longer knows which rows its listeners have.
    fn make_room(&mut self) {
        if self.sessions.len() < MOST_SESSIONS {
            return;
        }
        let at_rest = self.sessions.iter().filter(|(id, session)| session.is_at_rest() && !self.is_wanted(id));
        let Some(id) = at_rest.min_by_key(|(_, session)| session.last_use).map(|(id, _)| id.clone()) else { return };
        self.cx.has_forgotten |= self.sessions.get(id.as_str()).is_some_and(Session::has_given);
        self.retire(&id);
    }

    /// Returns whether the client still works for a session that has no stream.
    fn is_wanted(&self, id: &str) -> bool {
        self.cancellers.contains_key(id) || self.queued.contains_key(id) || self.cx.has_orphan_of(id)
    }

    fn retire(&mut self, id: &str) {
        let Some(session) = self.sessions.remove(id) else { return };
        self.retired += session.metrics();
        if session.snapshot() != Snapshot::default() {
            self.cx.note_change(id);
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut Session, &mut Context)) {
        self.sessions.iter_mut().for_each(|(_, session)| act(session, &mut self.cx));
    }

    fn each_canceller(&mut self, mut act: impl FnMut(&mut Canceller, &mut Context)) {
        self.cancellers.iter_mut().for_each(|(_, canceller)| act(canceller, &mut self.cx));
    }

    /// Removes cancellers that are done, and sends messages that waited for them or for a last delivery.
    fn tidy(&mut self) {
        while let Some((id, _)) = self.cancellers.iter().find(|(_, canceller)| canceller.is_done()) {
            let id = id.clone();
            self.cancellers.remove(id.as_str());
            self.settle_stop(&id);
        }
        if self.life == Life::Closed {
            return;
        }
        while let Some(id) = self.first_sendable() {
            self.send_queued(&id);
        }
    }

    /// Returns a session whose queued message waits for nothing any more.
    fn first_sendable(&self) -> Option<String> {
        let waits = |id: &str| {
            let session = self.sessions.get(id);
            self.cancellers.contains_key(id) || session.is_some_and(|session| session.is_live() && !session.is_busy())
        };
        self.queued.keys().find(|id| !waits(id)).cloned()
    }

    fn send_queued(&mut self, id: &str) {
        let Some((call, request)) = self.queued.remove(id) else { return };
        match self.sessions.get(id).filter(|session| session.is_busy()) {
            Some(session) => {
                let task = session.task().map(str::to_owned);
                self.cx.note_change(id);
                self.refuse(call, task);
            }
            None => self.with_new(id, |session, cx| session.start(call, request, cx)),
        }
    }
}
