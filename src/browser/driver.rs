//! Drives one [`Client`]: hands it what happens, carries out what it decides, and keeps its one timer armed.
//!
//! Nothing is borrowed while a JavaScript function runs, so that whatever it does, including calls of this very client,
//! finds the client at rest. An input that comes while effects are carried out is handled at once, and its effects
//! take their place behind those that wait.

use std::cell::{Cell, RefCell};

use super::host::Host;
use super::news::{News, head};
use crate::client::io::{
    Attempt, Call, Config, Effect, Failure, Head, Input, LockMode, Millis, Network, Outcome, Page, Request, Why,
};
use crate::client::{ActiveTask, Client};

/// The host counts in 31 bits; a longer wait is taken in parts, and an early [`Input::Timeout`] is harmless.
const LONGEST_WAIT: Millis = 1 << 30;

/// What the TypeScript face is told, in order.
#[derive(Debug)]
pub enum Notice {
    /// A stream of a session begins.
    Began(String),
    /// The snapshot of a session changed.
    Changed(String),
    /// Calls of the app are done.
    Resolve(Vec<Call>, Option<Outcome>),
    /// A stream reached its outcome.
    Ended(String, Outcome),
    /// The saved tasks changed, here or in another tab.
    Tasks,
}

/// One client and what it holds of the outside world. Dropping it lets go of that.
pub struct Driver {
    client: RefCell<Client>,
    host: Host,
    notices: RefCell<Vec<Notice>>,
    /// For when the host's timer is armed.
    armed: Cell<Option<Millis>>,
    draining: Cell<bool>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.host.close();
    }
}

impl Driver {
    /// Makes a client, and reads what the storage holds for it.
    #[must_use]
    pub fn new(config: Config, host: Host) -> Self {
        let client = RefCell::new(Client::new(config, now(&host)));
        let (notices, armed, draining) = (RefCell::default(), Cell::default(), Cell::default());
        let driver = Self { client, host, notices, armed, draining };
        driver.join_tabs();
        driver.restore_all();
        driver.handle(Input::Restored);
        driver
    }

    /// Tells the client, and carries out what it decides.
    pub fn handle(&self, input: Input<'_>) {
        self.with(|client| client.handle(input, now(&self.host)));
        self.settle();
    }

    /// Looks at or changes the client; what it decides is carried out afterwards.
    pub fn apply<T>(&self, change: impl FnOnce(&mut Client, Millis) -> T) -> T {
        let answer = self.with(|client| change(client, now(&self.host)));
        self.settle();
        answer
    }

    /// Looks at the client.
    pub fn with<T>(&self, look: impl FnOnce(&mut Client) -> T) -> T {
        look(&mut self.client.borrow_mut())
    }

    /// Hands in what the storage holds for a session: another tab, or the app, may have written.
    pub fn restore(&self, session: &str) {
        self.restore_key(&self.with(|client| client.record_key(session)));
    }

    /// The same for all saved sessions.
    pub fn restore_all(&self) {
        let (prefix, legacy) = self.with(|client| (client.key_prefix().to_owned(), client.legacy_key().to_owned()));
        let keys = self.host.keys(&prefix);
        let mut rest = keys.as_str();
        while let Some((key, next)) = rest.split_once('\0') {
            self.restore_key(key);
            rest = next;
        }
        self.restore_key(&legacy);
    }

    /// The saved task of a session, as the storage has it now. A look tells the client nothing and writes nothing.
    pub fn saved_task(&self, session: &str) -> Option<ActiveTask> {
        self.read_task(&self.with(|client| client.record_key(session)))
    }

    /// The same for all saved sessions.
    pub fn saved_tasks(&self) -> Vec<ActiveTask> {
        let keys = self.host.keys(&self.with(|client| client.key_prefix().to_owned()));
        keys.split_terminator('\0').filter_map(|key| self.read_task(key)).collect()
    }

    fn read_task(&self, key: &str) -> Option<ActiveTask> {
        let value = self.host.read(key);
        self.with(|client| client.stored_task(key, value.as_deref(), now(&self.host)))
    }

    /// What waits to be told, and forgets it.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Lets go of everything: streams, timer, listeners. A message that is on its way is not called back; its request
    /// gives itself up when it is answered and finds nobody waiting.
    pub fn close(&self) {
        self.handle(Input::Close);
        self.host.close();
    }

    /// What the browser tells; answers whether a body is to be streamed.
    pub fn hear(&self, news: News, attempt: Attempt, text: &str, bytes: &[u8]) -> bool {
        let failed = |failure: fn(String) -> Failure| Input::Failed { attempt, failure: failure(text.into()) };
        self.handle(match news {
            News::Opened => return self.hear_head(attempt, head(text)),
            News::Answered => Input::Answered { attempt, head: head(text), body: bytes },
            News::Ended => Input::Ended { attempt },
            News::NetworkFailed => failed(Failure::Network),
            News::HeadersFailed => failed(Failure::Headers),
            News::UrlInvalid => failed(Failure::InvalidUrl),
            News::Posted => Input::Tab { message: text },
            News::Locked => {
                self.restore(text);
                Input::Locked { session: text }
            }
            News::LockLost => Input::LockLost { session: text },
            News::LocksRefused => {
                self.host.leave();
                Input::Alone
            }
            News::Online => Input::Network(Network::Online),
            News::Offline => Input::Network(Network::Offline),
            News::Shown => Input::Page(Page::Shown),
            News::Hidden => Input::Page(Page::Hidden),
            News::Left => {
                self.handle(Input::Page(Page::Left));
                self.host.leave();
                return false;
            }
            News::Returned => {
                self.catch_up();
                Input::Page(Page::Returned)
            }
            News::KeyChanged => return self.hear_key(text),
            News::KeysCleared => return self.restore_known(),
            News::Rang => {
                self.armed.set(None);
                let stops = self.with(|client| client.due_stops(now(&self.host)));
                stops.iter().for_each(|session| self.restore(session));
                Input::Timeout
            }
        });
        false
    }

    fn hear_head(&self, attempt: Attempt, head: Head<'_>) -> bool {
        let is_stream = head.is_event_stream();
        if is_stream {
            self.handle(Input::Opened { attempt, head });
        }
        is_stream
    }

    fn restore_key(&self, key: &str) {
        let value = self.host.read(key);
        self.handle(Input::Stored { key, value: value.as_deref() });
    }

    /// The channel is that of the storage keys: the tabs that share records share streams.
    fn join_tabs(&self) {
        let name = self.with(|client| client.shares_tabs().then(|| client.key_prefix().to_owned()));
        if name.is_some_and(|name| !self.host.join(&name)) {
            self.handle(Input::Alone);
        }
    }

    fn lock(&self, session: &str, mode: LockMode) {
        let name = self.with(|client| client.record_key(session));
        self.host.lock(session, &name, mode == LockMode::Steal);
    }

    /// An open channel would have kept the page out of the back-forward cache. What other tabs wrote while it was away,
    /// nobody has told it.
    fn catch_up(&self) {
        self.join_tabs();
        self.restore_known();
        self.restore_all();
    }

    fn hear_key(&self, key: &str) -> bool {
        let is_ours = self.with(|client| key.starts_with(client.key_prefix()) || key == client.legacy_key());
        if is_ours {
            self.tell(Notice::Tasks);
            self.restore_key(key);
        }
        false
    }

    fn restore_known(&self) -> bool {
        let sessions: Vec<_> = self.with(|client| client.recorded_sessions().cloned().collect());
        self.tell(Notice::Tasks);
        sessions.iter().for_each(|session| self.restore(session));
        false
    }

    /// Drains the client's effects, then arms the timer, then tells the face. Not entered twice: an input that comes
    /// from within finds the loop below still running.
    fn settle(&self) {
        if self.draining.replace(true) {
            return;
        }
        while let Some(effect) = self.with(Client::poll) {
            self.perform(effect);
        }
        self.draining.set(false);
        self.arm();
        if !self.notices.borrow().is_empty() {
            self.host.wake();
        }
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Open { attempt, request, why } => self.open(attempt, &request, why),
            Effect::Abort { attempt } => self.host.abort(attempt),
            Effect::Save { key, value } => {
                self.host.write(&key, &value);
                self.tell(Notice::Tasks);
            }
            Effect::Remove { key } => {
                self.host.remove(&key);
                self.tell(Notice::Tasks);
            }
            Effect::Lock { session, mode } => self.lock(&session, mode),
            Effect::Unlock { session } => self.host.unlock(&session),
            Effect::Post { message } => self.host.post(&message),
            Effect::Began { session } => self.tell(Notice::Began(session)),
            Effect::Deliver { session, urgency } => self.host.deliver(&session, urgency as u8),
            Effect::Changed { session } => self.tell(Notice::Changed(session)),
            Effect::Resolve { calls, outcome } => self.tell(Notice::Resolve(calls, outcome)),
            Effect::Ended { session, outcome } => self.tell(Notice::Ended(session, outcome)),
        }
    }

    fn open(&self, attempt: Attempt, request: &Request, why: Why) {
        let why = match why {
            Why::Send => "send",
            Why::Resume => "resume",
            Why::Unauthorized => "unauthorized",
        };
        self.host.open(attempt, request.method(), &request.path(), request.body(), why, request.expects_stream());
    }

    fn tell(&self, notice: Notice) {
        self.notices.borrow_mut().push(notice);
    }

    fn arm(&self) {
        let deadline = self.with(|client| client.deadline());
        // A deadline moves on with every read: its timer rings too early, and is armed anew only then.
        let is_covered = match (self.armed.get(), deadline) {
            (Some(armed), Some(deadline)) => armed <= deadline,
            (armed, deadline) => armed == deadline,
        };
        if !is_covered {
            self.armed.set(deadline);
            let wait = deadline.map(|at| at.saturating_sub(now(&self.host)).min(LONGEST_WAIT));
            self.host.arm(wait.and_then(|ms| i32::try_from(ms).ok()).unwrap_or(-1));
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
fn now(host: &Host) -> Millis {
    host.now() as Millis
}
