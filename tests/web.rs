//! The wasm32 shell in a real browser: storage, clock, timer, and `fetch` against a real server (`REJOIN_TEST_URL`, which
//! `npm test` sets). Run by `npm run test:wasm`.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Promise, Reflect};
use rejoin::browser::clock::Clock;
use rejoin::browser::driver::{Driver, Notice};
use rejoin::browser::host::Host;
use rejoin::browser::options::Options;
use rejoin::browser::storage::{Backend, Storage};
use rejoin::browser::tabs::{self, Tabs};
use rejoin::browser::timer::Timer;
use rejoin::io::{Author, Input, LockMode, Outcome, OutcomeKind, SendRequest};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// What `js/host.ts` has for it, in short.
const PUMP: &str = "pump: async (body, take) => { const reader = body.getReader(); \
     for (;;) { const { done, value } = await reader.read(); if (done) return; \
     if (!take(value)) return void reader.cancel().catch(() => {}); } }";

// ---- storage ----

#[wasm_bindgen_test]
fn what_is_written_to_local_storage_is_there_for_another_tab() {
    let (one, other) = (Storage::new(Backend::Local), Storage::new(Backend::Local));
    one.write("web:a", "1");
    assert_eq!(other.read("web:a").as_deref(), Some("1"));
    assert_eq!(other.keys("web:a"), ["web:a"]);
    other.remove("web:a");
    assert_eq!(one.read("web:a"), None);
}

#[wasm_bindgen_test]
fn what_is_kept_in_memory_does_not_touch_local_storage() {
    let memory = Storage::new(Backend::Memory);
    memory.write("web:m", "1");
    assert_eq!(memory.read("web:m").as_deref(), Some("1"));
    assert_eq!(Storage::new(Backend::Local).read("web:m"), None);
}

#[wasm_bindgen_test]
fn a_full_storage_falls_back_to_memory_and_loses_nothing() {
    let storage = custom(
        "getItem: () => null, setItem() { throw new DOMException('full', 'QuotaExceededError') }, removeItem() {}",
    );
    storage.write("k", "1");
    assert_eq!(storage.read("k").as_deref(), Some("1"));
    assert_eq!(storage.keys("k"), ["k"]);
    storage.remove("k");
    assert_eq!(storage.read("k"), None);
}

#[wasm_bindgen_test]
fn a_forbidden_storage_falls_back_to_memory() {
    let storage = custom(
        "getItem() { throw 1 }, setItem() { throw 1 }, removeItem() { throw 1 }, key() { throw 1 }, get length() { throw 1 }",
    );
    assert_eq!(storage.read("k"), None);
    storage.write("k", "1");
    assert_eq!(storage.read("k").as_deref(), Some("1"));
    storage.remove("k");
    assert_eq!(storage.keys(""), Vec::<String>::new());
}

#[wasm_bindgen_test]
fn a_window_that_throws_at_local_storage_does_not_bring_the_client_down() {
    let restore = forbid_local_storage();
    let storage = Storage::new(Backend::Local);
    storage.write("web:f", "1");
    let read = storage.read("web:f");
    restore.call0(&JsValue::NULL).unwrap();
    assert_eq!(read.as_deref(), Some("1"));
    assert_eq!(Storage::new(Backend::Local).read("web:f"), None);
}

#[wasm_bindgen_test]
fn once_the_storage_takes_a_key_again_memory_lets_go_of_it() {
    let object = eval(
        "({ full: true, map: {}, getItem(k) { return this.map[k] ?? null }, setItem(k, v) { if (this.full) throw 1; this.map[k] = v }, removeItem(k) { delete this.map[k] } })",
    );
    let storage = Storage::new(Backend::Custom(object.clone().unchecked_into()));
    storage.write("k", "old");
    Reflect::set(&object, &"full".into(), &false.into()).unwrap();
    storage.write("k", "new");
    assert_eq!(storage.read("k").as_deref(), Some("new"));
}

// ---- time ----

#[wasm_bindgen_test]
fn the_clock_starts_at_the_wall_clock_and_does_not_run_back_with_it() {
    let clock = Clock::default();
    let started = clock.now();
    assert!(started.abs_diff(js_sys::Date::now() as u64) < 1_000);
    let restore = eval("(() => { const now = Date.now; Date.now = () => 0; return () => { Date.now = now } })()");
    let later = clock.now();
    restore.unchecked_into::<Function>().call0(&JsValue::NULL).unwrap();
    assert!(later >= started);
    assert!(later - started < 60_000);
}

#[wasm_bindgen_test]
fn the_clock_sees_the_time_that_a_machine_slept() {
    let clock = Clock::default();
    let started = clock.now();
    let restore =
        eval("(() => { const now = Date.now; Date.now = () => now() + 3600000; return () => { Date.now = now } })()");
    let later = clock.now();
    restore.unchecked_into::<Function>().call0(&JsValue::NULL).unwrap();
    assert!(later - started >= 3_600_000);
}

#[wasm_bindgen_test]
async fn a_timer_rings_for_its_last_deadline_only() {
    let rung = Rc::new(RefCell::new(Vec::new()));
    let timer = Timer::default();
    let ring = |name: &'static str| {
        let rung = rung.clone();
        move || rung.borrow_mut().push(name)
    };
    timer.arm(Some(1_005), 1_000, ring("first"));
    timer.arm(Some(1_010), 1_000, ring("second"));
    timer.arm(Some(1_010), 1_000, ring("the same deadline again"));
    TimeoutFuture::new(60).await;
    assert_eq!(*rung.borrow(), ["second"]);
}

#[wasm_bindgen_test]
async fn a_dropped_timer_is_disarmed() {
    let rung = Rc::new(RefCell::new(false));
    let timer = Timer::default();
    let seen = rung.clone();
    timer.arm(Some(5), 0, move || *seen.borrow_mut() = true);
    drop(timer);
    TimeoutFuture::new(40).await;
    assert!(!*rung.borrow());
}

// ---- fetch ----

#[wasm_bindgen_test]
async fn an_answer_of_the_real_server_is_streamed_to_its_end() {
    let page = Page::new(server(), "").await;
    let outcome = page.send("Hello /tokens 20 /rate 0").await;
    assert_eq!(outcome.kind, OutcomeKind::Finished);
    assert!(outcome.task.is_some());
    let metrics = page.driver.with(|client| client.metrics(None));
    assert_eq!((metrics.chunks > 20, metrics.reconnects, metrics.malformed), (true, 0, 0));
}

#[wasm_bindgen_test]
async fn a_backend_that_is_not_there_fails_after_its_tries() {
    let page = Page::new("http://127.0.0.1:9/api/chat".into(), "").await;
    let outcome = page.send("Hello").await;
    assert_eq!((outcome.kind, code(&outcome)), (OutcomeKind::Failed, "NETWORK_ERROR".into()));
}

#[wasm_bindgen_test]
async fn a_base_url_that_is_none_fails_at_once() {
    let page = Page::new("http://[".into(), "").await;
    let outcome = page.send("Hello").await;
    assert_eq!((outcome.kind, code(&outcome)), (OutcomeKind::Failed, "INVALID_URL".into()));
}

#[wasm_bindgen_test]
async fn headers_that_throw_fail_the_message_with_their_own_words() {
    let page = Page::new(server(), "headers: () => Promise.reject(new Error('no token today'))").await;
    let outcome = page.send("Hello").await;
    assert_eq!(code(&outcome), "HEADERS_FAILED");
    assert!(outcome.error.unwrap().message.contains("no token today"));
}

#[wasm_bindgen_test]
async fn whatever_an_apps_fetch_gives_is_an_outcome_and_no_trap() {
    for given in ["42", "null", "({})", "({ status: 200, headers: 1 })", "(() => { throw new Error('own') })()"] {
        let page = Page::new(server(), &format!("fetch: () => {given}")).await;
        let outcome = page.send("Hello").await;
        assert_eq!((outcome.kind, code(&outcome)), (OutcomeKind::Failed, "NETWORK_ERROR".into()), "{given}");
    }
}

#[wasm_bindgen_test]
async fn a_body_that_was_read_already_is_a_cut_and_no_trap() {
    let fetch = "fetch: async () => { const r = new Response('x', { headers: { 'content-type': 'text/event-stream' } }); r.body.getReader(); return r }";
    let outcome = Page::new(server(), fetch).await.send("Hello").await;
    assert_eq!(outcome.kind, OutcomeKind::Failed);
}

#[wasm_bindgen_test]
async fn a_storage_that_calls_the_client_from_within_a_save_is_served() {
    let storage = "storage: { map: {}, getItem(k) { return this.map[k] ?? null }, removeItem(k) { delete this.map[k] }, \
                   setItem(k, v) { this.map[k] = v; globalThis.reenter?.() } }";
    let page = Page::new(server(), storage).await;
    let driver = page.driver.clone();
    let entered = Rc::new(RefCell::new(0));
    let count = entered.clone();
    let reenter = Closure::<dyn FnMut()>::new(move || {
        *count.borrow_mut() += 1;
        driver.handle(Input::Timeout);
    });
    Reflect::set(&js_sys::global(), &"reenter".into(), reenter.as_ref()).unwrap();
    let outcome = page.send("Hello /tokens 5 /rate 0").await;
    Reflect::delete_property(&js_sys::global(), &"reenter".into()).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Finished);
    assert!(*entered.borrow() > 0);
}

#[wasm_bindgen_test]
async fn closing_lets_the_stream_go_and_keeps_its_task() {
    let page = Page::new(server(), "").await;
    page.start("Hello /tokens 200 /rate 50");
    page.until(|page| page.driver.with(|client| client.active_tasks().count()) == 1).await;
    page.driver.close();
    let outcome = page.outcome().await;
    assert_eq!(outcome.kind, OutcomeKind::Superseded);
    assert_eq!(page.driver.with(|client| client.active_tasks().count()), 1);
}

// ---- tabs ----

#[wasm_bindgen_test]
async fn what_one_tab_posts_the_others_hear_and_it_does_not() {
    let (one, other) = (Listening::join("web:posts"), Listening::join("web:posts"));
    one.tabs.post("hello");
    other.until(&["message hello"]).await;
    other.tabs.post("and you");
    one.until(&["message and you"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_is_held_by_one_tab_and_then_by_the_next() {
    let (one, other) = (Listening::join("web:locks"), Listening::join("web:locks"));
    one.tabs.lock("s", "web:lock", LockMode::Wait);
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:lock", LockMode::Wait);
    one.tabs.unlock("s");
    other.until(&["locked s"]).await;
    drop(other);
    one.tabs.lock("s", "web:lock", LockMode::Wait);
    one.until(&["locked s", "locked s"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_that_is_taken_away_is_told() {
    let (one, other) = (Listening::join("web:steals"), Listening::join("web:steals"));
    one.tabs.lock("s", "web:stolen", LockMode::Wait);
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:stolen", LockMode::Steal);
    other.until(&["locked s"]).await;
    one.until(&["locked s", "lost s"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_that_is_no_longer_waited_for_is_never_told() {
    let (one, other) = (Listening::join("web:gives up"), Listening::join("web:gives up"));
    one.tabs.lock("s", "web:given up", LockMode::Wait);
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:given up", LockMode::Wait);
    other.tabs.unlock("s");
    one.tabs.unlock("s");
    one.tabs.lock("s", "web:given up", LockMode::Wait);
    one.until(&["locked s", "locked s"]).await;
    assert!(other.heard.borrow().is_empty(), "{:?}", other.heard.borrow());
}

#[wasm_bindgen_test]
async fn locks_that_the_browser_refuses_are_told_as_such() {
    let restore = eval(
        "(() => { const { request } = LockManager.prototype; \
          LockManager.prototype.request = () => Promise.reject(new DOMException('denied', 'SecurityError')); \
          return () => { LockManager.prototype.request = request } })()",
    );
    let tab = Listening::join("web:refused");
    restore.unchecked_into::<Function>().call0(&JsValue::NULL).unwrap();
    tab.tabs.lock("s", "web:refused", LockMode::Wait);
    tab.until(&["refused"]).await;
}

/// A tab, and what it has heard.
struct Listening {
    tabs: Tabs,
    heard: Rc<RefCell<Vec<String>>>,
}

impl Listening {
    fn join(channel: &str) -> Self {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let hears = heard.clone();
        let tabs = Tabs::join(channel, move |news| hears.borrow_mut().push(in_words(news)));
        Self { tabs: tabs.expect("this browser has both"), heard }
    }

    /// Waits until all that was heard is this; gives up after ten seconds.
    async fn until(&self, wanted: &[&str]) {
        for _ in 0..2_000 {
            if *self.heard.borrow() == wanted {
                return;
            }
            TimeoutFuture::new(5).await;
        }
        panic!("heard {:?} and not {wanted:?}", self.heard.borrow());
    }
}

fn in_words(news: tabs::News) -> String {
    match news {
        tabs::News::Message(message) => format!("message {message}"),
        tabs::News::Locked(session) => format!("locked {session}"),
        tabs::News::LockLost(session) => format!("lost {session}"),
        tabs::News::Refused => "refused".into(),
    }
}

// ---- a page ----

/// A client with a host in JavaScript, and what it was told.
struct Page {
    driver: Rc<Driver>,
    session: String,
    outcome: RefCell<Option<Outcome>>,
}

impl Page {
    /// `members`: JavaScript of the host, beside or instead of the usual.
    async fn new(base_url: String, members: &str) -> Self {
        let host = eval(&format!("({{ wake() {{}}, deliver() {{}}, headers: async () => [], {PUMP}, {members} }})"));
        let options = Object::new();
        for (name, value) in [("baseUrl", base_url.as_str()), ("storage", "memory")] {
            Reflect::set(&options, &name.into(), &value.into()).unwrap();
        }
        let retry = eval("({ initialDelayMs: 5, maxRetries: 2 })");
        Reflect::set(&options, &"retry".into(), &retry).unwrap();
        let options = Options::read(&options.into());
        let driver = Driver::new(&options, host.unchecked_into::<Host>());
        Self { driver, session: new_session().await, outcome: RefCell::default() }
    }

    fn start(&self, message: &str) {
        let request = SendRequest {
            message: message.into(),
            author: Author::User,
            context: None,
            message_id: format!("m-{}", js_sys::Math::random()),
        };
        self.driver.handle(Input::Start { session: &self.session, call: 1, request });
    }

    async fn send(&self, message: &str) -> Outcome {
        self.start(message);
        self.outcome().await
    }

    async fn outcome(&self) -> Outcome {
        self.until(|page| page.outcome.borrow().is_some()).await;
        self.outcome.take().unwrap()
    }

    /// Delivers as the TypeScript face would, until something is so; gives up after ten seconds.
    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            self.deliver();
            if is_so(self) {
                return;
            }
            TimeoutFuture::new(5).await;
        }
        panic!("it did not come to be");
    }

    fn deliver(&self) {
        let batch = self.driver.apply(|client, _| client.take_batch(&self.session));
        if batch.is_some() {
            self.driver.handle(Input::Delivered { session: &self.session });
        }
        for notice in self.driver.take_notices() {
            if let Notice::Resolve(_, Some(outcome)) = notice {
                self.outcome.replace(Some(outcome));
            }
        }
    }
}

fn server() -> String {
    format!("{}/api/chat", option_env!("REJOIN_TEST_URL").unwrap_or("http://127.0.0.1:8787"))
}

async fn new_session() -> String {
    let created = eval(&format!("fetch('{}/sessions', {{ method: 'POST' }}).then((r) => r.json())", server()));
    let session = JsFuture::from(created.unchecked_into::<Promise>()).await.expect("the server is there");
    Reflect::get(&session, &"id".into()).unwrap().as_string().unwrap()
}

fn custom(members: &str) -> Storage {
    Storage::new(Backend::Custom(eval(&format!("({{ {members} }})")).unchecked_into()))
}

/// Makes reading the property throw, as with blocked cookies; gives the way back.
fn forbid_local_storage() -> Function {
    eval(
        "(() => { const own = Object.getOwnPropertyDescriptor(window, 'localStorage'); \
          Object.defineProperty(window, 'localStorage', { configurable: true, get() { throw new DOMException('denied', 'SecurityError') } }); \
          return () => own ? Object.defineProperty(window, 'localStorage', own) : delete window.localStorage })()",
    )
    .unchecked_into()
}

fn code(outcome: &Outcome) -> String {
    outcome.error.as_ref().map(|error| error.code.clone()).unwrap_or_default()
}

fn eval(code: &str) -> JsValue {
    let run = Function::new_no_args(&format!("return {code}"));
    Reflect::apply(&run, &JsValue::UNDEFINED, &Array::new()).unwrap()
}
