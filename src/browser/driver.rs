//! Drives one [`Client`]: hands it what happens, carries out what it decides, and keeps its one timer armed.
//!
//! Nothing is borrowed while a JavaScript function runs, so that whatever it does, including calls of this very client,
//! finds the client at rest. An input that comes while effects are carried out is handled at once, and its effects
//! take their place behind those that wait.

use alloc::borrow::ToOwned;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::clock::Clock;
use super::fetch::{self, Exchange};
use super::host::Host;
use super::lifecycle::{Lifecycle, News};
use super::options::Options;
use super::storage::{Backend, Storage};
use super::tabs::{self, Tabs};
use super::timer::Timer;
use crate::client::Client;
use crate::io::{Attempt, Call, Effect, Input, LockMode, Millis, Outcome, Page, Request, Urgency, Why};
use crate::map::Map;

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

/// One client and what it holds of the outside world.
pub struct Driver {
    client: RefCell<Client>,
    clock: Clock,
    timer: Timer,
    storage: Storage,
    host: Host,
    base_url: String,
    credentials: Option<String>,
    exchanges: RefCell<Map<Attempt, Exchange>>,
    notices: RefCell<Vec<Notice>>,
    lifecycle: RefCell<Option<Lifecycle>>,
    tabs: RefCell<Option<Tabs>>,
    draining: Cell<bool>,
    this: Weak<Self>,
}

impl Driver {
    /// Makes a client, reads what the storage holds for it, and starts listening to the page.
    pub fn new(options: &Options, host: Host) -> Rc<Self> {
        let clock = Clock::default();
        let client = Client::new(options.config(), clock.now());
        let backend = host.storage().map_or_else(|| options.backend(), Backend::Custom);
        let driver = Rc::new_cyclic(|this| Self {
            client: RefCell::new(client),
            clock,
            timer: Timer::default(),
            storage: Storage::new(backend),
            host,
            base_url: options.base_url.as_deref().unwrap_or("/api/chat").trim_end_matches('/').into(),
            credentials: options.credentials.clone(),
            exchanges: RefCell::default(),
            notices: RefCell::default(),
            lifecycle: RefCell::default(),
            tabs: RefCell::default(),
            draining: Cell::new(false),
            this: this.clone(),
        });
        driver.join_tabs();
        driver.restore_all();
        driver.handle(Input::Restored);
        driver.listen();
        driver
    }

    /// Tells the client, and carries out what it decides.
    pub fn handle(&self, input: Input<'_>) {
        self.with(|client| client.handle(input, self.clock.now()));
        self.settle();
    }

    /// Looks at or changes the client; what it decides is carried out afterwards.
    pub fn apply<T>(&self, change: impl FnOnce(&mut Client, Millis) -> T) -> T {
        let answer = self.with(|client| change(client, self.clock.now()));
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
        for key in self.storage.keys(&prefix) {
            self.restore_key(&key);
        }
        self.restore_key(&legacy);
    }

    /// What waits to be told, and forgets it.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Lets go of everything: streams, timer, listeners. A message that is on its way is not called back; its request
    /// gives itself up when it is answered and finds nobody waiting.
    pub fn close(&self) {
        self.handle(Input::Close);
        self.lifecycle.take();
        self.tabs.take();
        self.exchanges.take().into_values().for_each(Exchange::forget);
    }

    /// Ends a request: nothing more is heard of it after this input.
    pub(super) fn end(&self, attempt: Attempt, input: Input<'_>) {
        if let Some(exchange) = self.release(attempt) {
            exchange.forget();
            self.handle(input);
        }
    }

    pub(super) fn is_open(&self, attempt: Attempt) -> bool {
        self.exchanges.borrow().contains_key(&attempt)
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn credentials(&self) -> Option<&str> {
        self.credentials.as_deref()
    }

    pub(super) fn url(&self, path: &str) -> String {
        [self.base_url.as_str(), path].concat()
    }

    fn restore_key(&self, key: &str) {
        let value = self.storage.read(key);
        self.handle(Input::Stored { key, value: value.as_deref() });
    }

    fn listen(&self) {
        let this = self.this.clone();
        let lifecycle = Lifecycle::listen(move |news| {
            if let Some(driver) = this.upgrade() {
                driver.hear(news);
            }
        });
        self.lifecycle.replace(Some(lifecycle));
    }

    /// The channel is that of the storage keys: the tabs that share records share streams.
    fn join_tabs(&self) {
        let Some(name) = self.with(|client| client.shares_tabs().then(|| client.key_prefix().to_owned())) else {
            return;
        };
        let this = self.this.clone();
        let tabs = Tabs::join(&name, move |news| {
            if let Some(driver) = this.upgrade() {
                driver.hear_tab(news);
            }
        });
        if tabs.is_none() {
            self.handle(Input::Alone);
        }
        self.tabs.replace(tabs);
    }

    fn go_alone(&self) {
        self.tabs.take();
        self.handle(Input::Alone);
    }

    fn hear_tab(&self, news: tabs::News) {
        match news {
            tabs::News::Message(message) => self.handle(Input::Tab { message: &message }),
            tabs::News::LockLost(session) => self.handle(Input::LockLost { session: &session }),
            tabs::News::Refused => self.go_alone(),
            tabs::News::Locked(session) => {
                self.restore(&session);
                self.handle(Input::Locked { session: &session });
            }
        }
    }

    fn with_tabs(&self, act: impl FnOnce(&Tabs)) {
        if let Some(tabs) = self.tabs.borrow().as_ref() {
            act(tabs);
        }
    }

    fn lock(&self, session: &str, mode: LockMode) {
        let name = self.with(|client| client.record_key(session));
        self.with_tabs(|tabs| tabs.lock(session, &name, mode));
    }

    fn hear(&self, news: News) {
        match news {
            News::Network(network) => self.handle(Input::Network(network)),
            News::Page(page) => self.hear_page(page),
            News::Storage(Some(key)) => self.hear_key(&key),
            News::Storage(None) => self.restore_known(),
        }
    }

    /// An open channel would keep the page out of the back-forward cache. What other tabs wrote while it was away, nobody
    /// has told it.
    fn hear_page(&self, page: Page) {
        if page == Page::Returned {
            self.join_tabs();
            self.restore_known();
            self.restore_all();
        }
        self.handle(Input::Page(page));
        if page == Page::Left {
            self.tabs.take();
        }
    }

    fn hear_key(&self, key: &str) {
        let is_ours = self.with(|client| key.starts_with(client.key_prefix()) || key == client.legacy_key());
        if is_ours {
            self.tell(Notice::Tasks);
            self.restore_key(key);
        }
    }

    fn restore_known(&self) {
        let sessions: Vec<_> = self.with(|client| client.recorded_sessions().cloned().collect());
        self.tell(Notice::Tasks);
        sessions.iter().for_each(|session| self.restore(session));
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
            Effect::Open { attempt, request, why } => self.open(attempt, request, why),
            Effect::Abort { attempt } => drop(self.release(attempt)),
            Effect::Save { key, value } => {
                self.storage.write(&key, &value);
                self.tell(Notice::Tasks);
            }
            Effect::Remove { key } => {
                self.storage.remove(&key);
                self.tell(Notice::Tasks);
            }
            Effect::Lock { session, mode } => self.lock(&session, mode),
            Effect::Unlock { session } => self.with_tabs(|tabs| tabs.unlock(&session)),
            Effect::Post { message } => self.with_tabs(|tabs| tabs.post(&message)),
            Effect::Began { session } => self.tell(Notice::Began(session)),
            Effect::Deliver { session, urgency } => self.host.deliver(&session, urgency == Urgency::Now),
            Effect::Changed { session } => self.tell(Notice::Changed(session)),
            Effect::Resolve { calls, outcome } => self.tell(Notice::Resolve(calls, outcome)),
            Effect::Ended { session, outcome } => self.tell(Notice::Ended(session, outcome)),
        }
    }

    fn open(&self, attempt: Attempt, request: Request, why: Why) {
        if let Some(this) = self.this.upgrade() {
            let exchange = fetch::start(&this, attempt, request, why);
            self.exchanges.borrow_mut().insert(attempt, exchange);
        }
    }

    /// Takes a request out before it is dropped: dropping aborts it, which runs the app's abort listeners.
    fn release(&self, attempt: Attempt) -> Option<Exchange> {
        self.exchanges.borrow_mut().remove(&attempt)
    }

    fn tell(&self, notice: Notice) {
        self.notices.borrow_mut().push(notice);
    }

    fn arm(&self) {
        let this = self.this.clone();
        self.timer.arm(self.with(|client| client.deadline()), self.clock.now(), move || {
            if let Some(driver) = this.upgrade() {
                driver.timer.rang();
                let stops = driver.with(|client| client.due_stops(driver.clock.now()));
                stops.iter().for_each(|session| driver.restore(session));
                driver.handle(Input::Timeout);
            }
        });
    }
}
