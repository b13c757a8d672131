//! Drives one [`Client`]: passes inputs to it, carries out its effects and arms its timer.
//!
//! Nothing is borrowed while JavaScript runs, so JavaScript may call this client again from there. An input that arrives while
//! effects are carried out is handled at once, and its effects are queued behind those that wait.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::Function;
use litemap::LiteMap;
use wasm_bindgen::prelude::*;

use super::clock::{Browser, Clock};
use super::codec;
use super::face::{self, Face, Notice};
use super::fetch::{self, Endpoint, Exchange};
use super::options::Options;
use super::page::{OnPageEvent, PageEvent, PageEvents};
use super::storage::Storage;
use super::tabs::{OnTabEvent, TabEvent, Tabs};
use super::timer::Timer;
use crate::client::io::{Attempt, Effect, Input, LockMode, Millis, Page, Request, Why};
use crate::client::{ActiveTask, Client};

/// One client with its connections to the outside world. Dropping it closes them.
pub struct Driver {
    client: RefCell<Client>,
    clock: Clock,
    timer: Timer,
    storage: Storage,
    endpoint: Endpoint,
    /// Removed when the client is closed. The face refers to the client, which owns this driver. That is a cycle that no garbage
    /// collector can see, because half of it lies in WebAssembly.
    app: RefCell<Option<Rc<App>>>,
    exchanges: RefCell<LiteMap<Attempt, Exchange>>,
    notices: RefCell<Vec<Notice>>,
    page: RefCell<Option<PageEvents>>,
    tabs: RefCell<Option<Rc<Tabs>>>,
    stage: Cell<Stage>,
    /// The keys that were read while the client starts, so that each is read once.
    fresh: RefCell<Vec<String>>,
    is_draining: Cell<bool>,
    this: Weak<Self>,
}

/// The functions of the app, and the client that it sees.
#[derive(Debug)]
pub struct App {
    /// The client in TypeScript.
    pub face: Face,
    /// The app's `fetch`, if it passed one.
    pub fetch: Option<Function>,
    /// The app's `headers`: a `HeadersInit`, a function that returns one or a promise of one, or undefined.
    pub headers: JsValue,
    /// The app's `prepareRequest`, if it passed one.
    pub prepare: Option<Function>,
}

/// The stages of a client's start-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client is being made. Its notices wait for [`Driver::begin`].
    Making,
    /// The calls that waited for the client are made. Each storage key is read only once until [`Driver::run`].
    Starting,
    /// The client runs.
    Running,
}

impl Driver {
    /// Makes a client and reads what the storage holds for it.
    pub fn new(options: &Options, face: Face) -> Rc<Self> {
        let clock = Clock::new(Browser);
        let client = Client::new(options.config(), clock.now());
        let driver = Rc::new_cyclic(|this| Self {
            client: RefCell::new(client),
            clock,
            timer: Timer::default(),
            storage: Storage::new(options.backend()),
            endpoint: options.endpoint(),
            app: RefCell::new(Some(Rc::new(options.app(face)))),
            exchanges: RefCell::default(),
            notices: RefCell::default(),
            page: RefCell::default(),
            tabs: RefCell::default(),
            stage: Cell::new(Stage::Making),
            fresh: RefCell::default(),
            is_draining: Cell::new(false),
            this: this.clone(),
        });
        driver.join_tabs();
        driver.restore_all();
        driver.handle(Input::Restored);
        driver
    }

    /// Sends notices to the face from now on, and listens to the events of the page, first to those that have happened already.
    pub fn begin(&self) {
        self.stage.set(Stage::Starting);
        let this = self.this.clone();
        let handle: OnPageEvent = Rc::new(move |event| {
            if let Some(driver) = this.upgrade() {
                driver.handle_page_event(event);
            }
        });
        let page = PageEvents::listen(&handle);
        self.page.replace(Some(page));
        self.notify();
    }

    /// Ends the start-up, so that every call reads the storage again.
    pub fn run(&self) {
        self.stage.set(Stage::Running);
        self.fresh.take();
    }

    /// Passes an input to the client and carries out the effects.
    pub fn handle(&self, input: Input<'_>) {
        self.with(|client| client.handle(input, self.clock.now()));
        self.settle();
    }

    /// Reads or changes the client and carries out the effects.
    pub fn apply<T>(&self, change: impl FnOnce(&mut Client, Millis) -> T) -> T {
        let answer = self.with(|client| change(client, self.clock.now()));
        self.settle();
        answer
    }

    /// Reads the client. The closure must not cause effects.
    pub fn with<T>(&self, look: impl FnOnce(&mut Client) -> T) -> T {
        look(&mut self.client.borrow_mut())
    }

    /// Passes what the storage holds for a session to the client, because another tab or the app may have written it.
    pub fn restore(&self, session: &str) {
        self.restore_key(&self.with(|client| client.record_key(session)));
    }

    /// Passes what the storage holds for all saved sessions to the client.
    pub fn restore_all(&self) {
        let (prefix, legacy) = self.with(|client| (client.key_prefix().to_owned(), client.legacy_key().to_owned()));
        for key in self.storage.keys(&prefix) {
            self.restore_key(&key);
        }
        self.restore_key(&legacy);
    }

    /// Returns the saved task of a session as the storage holds it now. It passes nothing to the client and writes nothing.
    pub fn saved_task(&self, session: &str) -> Option<ActiveTask> {
        self.read_task(&self.with(|client| client.record_key(session)))
    }

    /// Returns the saved tasks of all sessions in the same way.
    pub fn saved_tasks(&self) -> Vec<ActiveTask> {
        let keys = self.storage.keys(&self.with(|client| client.key_prefix().to_owned()));
        let mut tasks = Vec::new();
        for key in &keys {
            tasks.extend(self.read_task(key));
        }
        tasks
    }

    fn read_task(&self, key: &str) -> Option<ActiveTask> {
        let stored = codec::stored(self.storage.read(key).as_deref());
        self.with(|client| client.stored_task(key, stored, self.clock.now()))
    }

    /// Closes everything: streams, timer, listeners, locks. A `POST` that is on its way is not aborted. Its request ends when it
    /// is answered and finds that nobody waits for it.
    pub fn close(&self) {
        self.handle(Input::Close);
        drop(self.page.take());
        self.leave_tabs();
        self.timer.disarm();
        drop(self.exchanges.take());
        drop(self.app.take());
    }

    /// Ends a request with this input. Returns `false` if the request has ended already.
    pub fn end(&self, attempt: Attempt, input: Input<'_>) -> bool {
        let is_open = self.exchanges.borrow_mut().remove(&attempt).is_some();
        if is_open {
            self.handle(input);
        }
        is_open
    }

    /// Returns whether the client waits for a request.
    pub fn is_open(&self, attempt: Attempt) -> bool {
        self.exchanges.borrow().contains_key(&attempt)
    }

    /// Returns the URLs and credentials of the client's requests.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the functions of the app, or `None` after the client is closed.
    pub fn app(&self) -> Option<Rc<App>> {
        self.app.borrow().clone()
    }

    fn restore_key(&self, key: &str) {
        if self.stage.get() != Stage::Running {
            let mut fresh = self.fresh.borrow_mut();
            if fresh.iter().any(|read| read == key) {
                return;
            }
            fresh.push(key.to_owned());
        }
        self.reread_key(key);
    }

    fn reread_key(&self, key: &str) {
        let text = self.storage.read(key);
        let is_legacy = self.with(|client| key == client.legacy_key());
        let read = if is_legacy { codec::stored_legacy } else { codec::stored };
        self.handle(Input::Stored { key, value: read(text.as_deref()) });
    }

    fn handle_page_event(&self, event: PageEvent) {
        match event {
            PageEvent::Network(network) => self.handle(Input::Network(network)),
            PageEvent::Page(Page::Left) => {
                self.handle(Input::Page(Page::Left));
                // A page with an open channel is not kept in the back-forward cache.
                self.leave_tabs();
            }
            PageEvent::Page(Page::Returned) => {
                self.catch_up();
                self.handle(Input::Page(Page::Returned));
            }
            PageEvent::Page(page) => self.handle(Input::Page(page)),
            PageEvent::Stored(Some(key)) => self.handle_key(&key),
            PageEvent::Stored(None) => self.restore_known(),
        }
    }

    /// Passes what other tabs wrote while the page was away to the client, because the page got no events for that.
    fn catch_up(&self) {
        self.join_tabs();
        self.restore_known();
        self.restore_all();
    }

    fn handle_key(&self, key: &str) {
        let is_ours = self.with(|client| key.starts_with(client.key_prefix()) || key == client.legacy_key());
        if is_ours {
            self.add_notice(Notice::Tasks);
            self.reread_key(key);
        }
    }

    fn restore_known(&self) {
        let sessions: Vec<_> = self.with(|client| client.recorded_sessions().cloned().collect());
        self.add_notice(Notice::Tasks);
        sessions.iter().for_each(|session| self.restore(session));
        self.settle();
    }

    /// Joins a channel that is named after the storage keys: tabs that share records share streams.
    fn join_tabs(&self) {
        let Some(name) = self.with(|client| client.shares_tabs().then(|| client.key_prefix().to_owned())) else {
            return;
        };
        let this = self.this.clone();
        let handle: OnTabEvent = Rc::new(move |event| {
            if let Some(driver) = this.upgrade() {
                driver.handle_tab_event(event);
            }
        });
        self.leave_tabs();
        let tabs = Tabs::join(&name, handle).map(Rc::new);
        let is_alone = tabs.is_none();
        self.tabs.replace(tabs);
        if is_alone {
            self.handle(Input::Alone);
        }
    }

    fn leave_tabs(&self) {
        let tabs = self.tabs.take();
        drop(tabs);
    }

    fn handle_tab_event(&self, event: TabEvent) {
        match event {
            TabEvent::Message(message) => {
                if let Some(message) = codec::read_message(message) {
                    self.handle(Input::Tab { message });
                }
            }
            TabEvent::Locked(session) => {
                self.restore(&session);
                self.handle(Input::Locked { session: &session });
            }
            TabEvent::LockLost(session) => self.handle(Input::LockLost { session: &session }),
            TabEvent::Refused => {
                self.leave_tabs();
                self.handle(Input::Alone);
            }
        }
    }

    fn lock(&self, session: &str, mode: LockMode) {
        let name = self.with(|client| client.record_key(session));
        self.with_tabs(|tabs| tabs.lock(session, &name, mode));
    }

    fn with_tabs(&self, act: impl FnOnce(&Tabs)) {
        let tabs = self.tabs.borrow().clone();
        if let Some(tabs) = tabs {
            act(&tabs);
        }
    }

    /// Carries out the client's effects, then arms the timer, then notifies the face. It does not run twice at a time: an input
    /// that arrives meanwhile finds the loop below still running.
    fn settle(&self) {
        if self.is_draining.replace(true) {
            return;
        }
        while let Some(effect) = self.with(Client::poll) {
            self.perform(effect);
        }
        self.is_draining.set(false);
        self.arm();
        self.notify();
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Open { attempt, request, why } => self.open(attempt, request, why),
            Effect::Abort { attempt } => {
                let exchange = self.exchanges.borrow_mut().remove(&attempt);
                exchange.iter().for_each(Exchange::abort);
            }
            Effect::Save { key, value } => {
                if let Some(text) = codec::record_text(value) {
                    self.storage.write(&key, &text);
                }
                self.add_notice(Notice::Tasks);
            }
            Effect::Remove { key } => {
                self.storage.remove(&key);
                self.add_notice(Notice::Tasks);
            }
            Effect::Lock { session, mode } => self.lock(&session, mode),
            Effect::Unlock { session } => self.with_tabs(|tabs| tabs.unlock(&session)),
            Effect::Post { message } => self.with_tabs(|tabs| tabs.post(&codec::message(&message))),
            Effect::Began { session } => self.add_notice(Notice::Began(session)),
            Effect::Deliver { session, urgency } => {
                if let Some(app) = self.app() {
                    app.face.deliver(&session, urgency);
                }
            }
            Effect::Changed { session } => self.add_notice(Notice::Changed(session)),
            Effect::Resolve { calls, outcome } => self.add_notice(Notice::Resolve(calls, outcome)),
            Effect::Turn { session, turn, from } => self.add_notice(Notice::Turn(session, turn, from)),
            Effect::Ended { session, outcome } => self.add_notice(Notice::Ended(session, outcome)),
        }
    }

    fn open(&self, attempt: Attempt, request: Request, why: Why) {
        if let Some(this) = self.this.upgrade() {
            let plan = self.endpoint.plan(request, why, self.with(|client| client.session_of(attempt)));
            let exchange = fetch::start(&this, attempt, plan);
            self.exchanges.borrow_mut().insert(attempt, exchange);
        }
    }

    fn add_notice(&self, notice: Notice) {
        self.notices.borrow_mut().push(notice);
    }

    /// Sends the waiting notices to the face.
    fn notify(&self) {
        if self.stage.get() == Stage::Making || self.notices.borrow().is_empty() {
            return;
        }
        let notices = self.notices.take();
        if let Some(app) = self.app() {
            let notices = face::notices(notices, |session| self.with(|client| client.snapshot(session)));
            app.face.notify(notices);
        }
    }

    fn arm(&self) {
        let deadline = self.with(|client| client.deadline());
        let this = self.this.clone();
        self.timer.arm(deadline, self.clock.now(), move || {
            if let Some(driver) = this.upgrade() {
                driver.handle_timeout();
            }
        });
    }

    fn handle_timeout(&self) {
        self.timer.rang();
        let stops = self.with(|client| client.due_stops(self.clock.now()));
        stops.iter().for_each(|session| self.restore(session));
        self.handle(Input::Timeout);
    }
}
