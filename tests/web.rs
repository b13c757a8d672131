//! The shell in a real browser: storage, clock, timer, tabs, and `fetch` against a real server. The half of it that is
//! JavaScript comes in `REJOIN_TEST_HOST`, the server's address in `REJOIN_TEST_URL`; `npm test` sets both.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Promise, Reflect};
use rejoin::bindings::client::Engine;
use rejoin::browser::host::Host;
use rejoin::browser::news::News;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    /// `js/streams/shell/storage.ts`.
    type Storage;
    #[wasm_bindgen(method)]
    fn read(this: &Storage, key: &str) -> Option<String>;
    #[wasm_bindgen(method)]
    fn write(this: &Storage, key: &str, text: &str);
    #[wasm_bindgen(method)]
    fn remove(this: &Storage, key: &str);
    #[wasm_bindgen(method)]
    fn keys(this: &Storage, prefix: &str) -> Vec<String>;

    /// `js/streams/shell/tabs.ts`.
    type Tabs;
    #[wasm_bindgen(method)]
    fn post(this: &Tabs, message: &str);
    #[wasm_bindgen(method)]
    fn lock(this: &Tabs, session: &str, name: &str, steals: bool);
    #[wasm_bindgen(method)]
    fn unlock(this: &Tabs, session: &str);
    #[wasm_bindgen(method)]
    fn leave(this: &Tabs);
}

// ---- storage ----

#[wasm_bindgen_test]
fn what_is_written_to_local_storage_is_there_for_another_tab() {
    let (one, other) = (storage("local"), storage("local"));
    one.write("web:a", "1");
    assert_eq!(other.read("web:a").as_deref(), Some("1"));
    assert_eq!(other.keys("web:a"), ["web:a"]);
    other.remove("web:a");
    assert_eq!(one.read("web:a"), None);
}

#[wasm_bindgen_test]
fn what_is_kept_in_memory_does_not_touch_local_storage() {
    let memory = storage("memory");
    memory.write("web:m", "1");
    assert_eq!(memory.read("web:m").as_deref(), Some("1"));
    assert_eq!(storage("local").read("web:m"), None);
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
    let local = storage("local");
    local.write("web:f", "1");
    let read = local.read("web:f");
    restore.call0(&JsValue::NULL).unwrap();
    assert_eq!(read.as_deref(), Some("1"));
    assert_eq!(storage("local").read("web:f"), None);
}

#[wasm_bindgen_test]
fn once_the_storage_takes_a_key_again_memory_lets_go_of_it() {
    let object = eval(
        "({ full: true, map: {}, getItem(k) { return this.map[k] ?? null }, setItem(k, v) { if (this.full) throw 1; this.map[k] = v }, removeItem(k) { delete this.map[k] } })",
    );
    let storage = make("TextStorage", &[&object]).unchecked_into::<Storage>();
    storage.write("k", "old");
    Reflect::set(&object, &"full".into(), &false.into()).unwrap();
    storage.write("k", "new");
    assert_eq!(storage.read("k").as_deref(), Some("new"));
}

// ---- time ----

#[wasm_bindgen_test]
fn the_clock_starts_at_the_wall_clock_and_does_not_run_back_with_it() {
    let clock = start_clock();
    let started = clock();
    assert!((started - js_sys::Date::now()).abs() < 1_000.0);
    let restore = eval("(() => { const now = Date.now; Date.now = () => 0; return () => { Date.now = now } })()");
    let later = clock();
    restore.unchecked_into::<Function>().call0(&JsValue::NULL).unwrap();
    assert!(later >= started);
    assert!(later - started < 60_000.0);
}

#[wasm_bindgen_test]
fn the_clock_sees_the_time_that_a_machine_slept() {
    let clock = start_clock();
    let started = clock();
    let restore =
        eval("(() => { const now = Date.now; Date.now = () => now() + 3600000; return () => { Date.now = now } })()");
    let later = clock();
    restore.unchecked_into::<Function>().call0(&JsValue::NULL).unwrap();
    assert!(later - started >= 3_600_000.0);
}

#[wasm_bindgen_test]
async fn a_timer_rings_once_and_for_its_last_deadline_only() {
    let (host, heard) = listening_host();
    host.arm(5);
    host.arm(10);
    TimeoutFuture::new(60).await;
    assert_eq!(*heard.borrow(), [News::Rang]);
}

#[wasm_bindgen_test]
async fn a_closed_host_rings_no_more() {
    let (host, heard) = listening_host();
    host.arm(5);
    host.close();
    TimeoutFuture::new(40).await;
    assert_eq!(*heard.borrow(), []);
}

// ---- fetch ----

#[wasm_bindgen_test]
async fn an_answer_of_the_real_server_is_streamed_to_its_end() {
    let page = Page::new(server(), "").await;
    let outcome = page.send("Hello /tokens 20 /rate 0").await;
    assert_eq!(outcome["kind"], "finished");
    assert!(outcome["taskId"].is_string());
    let metrics = parse(&page.engine.metrics(None));
    assert!(metrics["chunks"].as_u64() > Some(20));
    assert_eq!((&metrics["reconnects"], &metrics["malformed"]), (&0.into(), &0.into()));
}

#[wasm_bindgen_test]
async fn a_backend_that_is_not_there_fails_after_its_tries() {
    let page = Page::new("http://127.0.0.1:9/api/chat".into(), "").await;
    let outcome = page.send("Hello").await;
    assert_eq!((&outcome["kind"], code(&outcome)), (&"failed".into(), "NETWORK_ERROR"));
}

#[wasm_bindgen_test]
async fn a_base_url_that_is_none_fails_at_once() {
    let page = Page::new("http://[".into(), "").await;
    let outcome = page.send("Hello").await;
    assert_eq!((&outcome["kind"], code(&outcome)), (&"failed".into(), "INVALID_URL"));
}

#[wasm_bindgen_test]
async fn headers_that_throw_fail_the_message_with_their_own_words() {
    let page = Page::new(server(), "headers: () => Promise.reject(new Error('no token today'))").await;
    let outcome = page.send("Hello").await;
    assert_eq!(code(&outcome), "HEADERS_FAILED");
    assert!(outcome["error"]["message"].as_str().unwrap().contains("no token today"));
}

#[wasm_bindgen_test]
async fn whatever_an_apps_fetch_gives_is_an_outcome_and_no_trap() {
    for given in ["42", "null", "({})", "({ status: 200, headers: 1 })", "(() => { throw new Error('own') })()"] {
        let page = Page::new(server(), &format!("fetch: () => {given}")).await;
        let outcome = page.send("Hello").await;
        assert_eq!((&outcome["kind"], code(&outcome)), (&"failed".into(), "NETWORK_ERROR"), "{given}");
    }
}

#[wasm_bindgen_test]
async fn a_body_that_was_read_already_is_a_cut_and_no_trap() {
    let fetch = "fetch: async () => { const r = new Response('x', { headers: { 'content-type': 'text/event-stream' } }); r.body.getReader(); return r }";
    let outcome = Page::new(server(), fetch).await.send("Hello").await;
    assert_eq!(outcome["kind"], "failed");
}

#[wasm_bindgen_test]
async fn a_storage_that_calls_the_client_from_within_a_save_is_served() {
    let storage = "storage: { map: {}, getItem(k) { return this.map[k] ?? null }, removeItem(k) { delete this.map[k] }, \
                   setItem(k, v) { this.map[k] = v; globalThis.reenter?.() } }";
    let page = Page::new(server(), storage).await;
    let engine = page.engine.clone();
    let entered = Rc::new(RefCell::new(0));
    let count = entered.clone();
    let reenter = Closure::<dyn FnMut()>::new(move || {
        *count.borrow_mut() += 1;
        engine.hear(News::Rang as u8, 0, "", &[]);
    });
    Reflect::set(&js_sys::global(), &"reenter".into(), reenter.as_ref()).unwrap();
    let outcome = page.send("Hello /tokens 5 /rate 0").await;
    Reflect::delete_property(&js_sys::global(), &"reenter".into()).unwrap();
    assert_eq!(outcome["kind"], "finished");
    assert!(*entered.borrow() > 0);
}

#[wasm_bindgen_test]
async fn closing_lets_the_stream_go_and_keeps_its_task() {
    let page = Page::new(server(), "").await;
    page.start("Hello /tokens 200 /rate 50");
    page.until(|page| page.active_tasks() == 1).await;
    page.engine.close();
    let outcome = page.outcome().await;
    assert_eq!(outcome["kind"], "superseded");
    assert_eq!(page.active_tasks(), 1);
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
    one.tabs.lock("s", "web:lock", false);
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:lock", false);
    one.tabs.unlock("s");
    other.until(&["locked s"]).await;
    drop(other);
    one.tabs.lock("s", "web:lock", false);
    one.until(&["locked s", "locked s"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_that_is_taken_away_is_told() {
    let (one, other) = (Listening::join("web:steals"), Listening::join("web:steals"));
    one.tabs.lock("s", "web:stolen", false);
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:stolen", true);
    other.until(&["locked s"]).await;
    one.until(&["locked s", "lost s"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_that_is_no_longer_waited_for_is_never_told() {
    let (one, other) = (Listening::join("web:gives up"), Listening::join("web:gives up"));
    one.tabs.lock("s", "web:given up", false);
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:given up", false);
    other.tabs.unlock("s");
    one.tabs.unlock("s");
    one.tabs.lock("s", "web:given up", false);
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
    tab.tabs.lock("s", "web:refused", false);
    restore.unchecked_into::<Function>().call0(&JsValue::NULL).unwrap();
    tab.until(&["refused"]).await;
}

/// A tab, and what it has heard.
struct Listening {
    tabs: Tabs,
    heard: Rc<RefCell<Vec<String>>>,
    _hear: Closure<dyn FnMut(u8, u32, String)>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.tabs.leave();
    }
}

impl Listening {
    fn join(channel: &str) -> Self {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let hears = heard.clone();
        let hear = Closure::new(move |news, _: u32, text: String| hears.borrow_mut().push(in_words(news, &text)));
        let tabs = make("Tabs", &[&channel.into(), hear.as_ref()]).unchecked_into();
        Self { tabs, heard, _hear: hear }
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

fn in_words(news: u8, text: &str) -> String {
    match News::from_code(news) {
        Some(News::Posted) => format!("message {text}"),
        Some(News::Locked) => format!("locked {text}"),
        Some(News::LockLost) => format!("lost {text}"),
        Some(News::LocksRefused) => "refused".into(),
        other => panic!("tabs tell nothing of {other:?}"),
    }
}

// ---- a page ----

/// A client with its host, and what it was told.
struct Page {
    engine: Rc<Engine>,
    session: String,
    outcome: RefCell<Option<Outcome>>,
    _core: Core,
}

type Outcome = serde_json::Value;

/// What a host tells: the news, the attempt, text, bytes.
type Hear = Closure<dyn FnMut(u8, u32, String, Vec<u8>) -> bool>;

/// What a host is connected to.
struct Core {
    _hear: Hear,
    _take: Closure<dyn FnMut(u32, Vec<u8>)>,
}

impl Core {
    fn connect(host: &JsValue, hear: Hear, take: Closure<dyn FnMut(u32, Vec<u8>)>) -> Self {
        let core = Object::new();
        Reflect::set(&core, &"hear".into(), hear.as_ref()).unwrap();
        Reflect::set(&core, &"take".into(), take.as_ref()).unwrap();
        let connect: Function = Reflect::get(host, &"connect".into()).unwrap().unchecked_into();
        connect.call1(host, &core).unwrap();
        Self { _hear: hear, _take: take }
    }
}

impl Page {
    /// `members`: JavaScript of options, beside the usual ones.
    async fn new(base_url: String, members: &str) -> Self {
        let options = eval(&format!("({{ baseUrl: {base_url:?}, storage: 'memory', {members} }})"));
        let host = make("Host", &[&options, &eval("({ wake() {}, deliver() {} })")]);
        let settings = r#"{"initialDelayMs":5,"maxRetries":2}"#;
        let engine = Rc::new(Engine::new(settings, 1.0, host.clone().unchecked_into::<Host>()));
        let (hears, takes) = (engine.clone(), engine.clone());
        let hear =
            Closure::new(move |news, attempt, text: String, bytes: Vec<u8>| hears.hear(news, attempt, &text, &bytes));
        let take = Closure::new(move |attempt, bytes: Vec<u8>| takes.take(attempt, &bytes));
        let core = Core::connect(&host, hear, take);
        Self { engine, session: new_session().await, outcome: RefCell::default(), _core: core }
    }

    fn start(&self, message: &str) {
        let id = format!("m-{}", js_sys::Math::random());
        self.engine.start(&self.session, 1, message.into(), false, None, id);
    }

    fn active_tasks(&self) -> usize {
        parse(&self.engine.active_tasks()).as_array().unwrap().len()
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
        if !self.engine.take_batch(&self.session).is_empty() {
            self.engine.delivered(&self.session);
        }
        for notice in parse(&self.engine.take_notices()).as_array().unwrap() {
            if notice["kind"] == "resolve" && notice["outcome"].is_object() {
                self.outcome.replace(Some(notice["outcome"].clone()));
            }
        }
    }
}

fn listening_host() -> (Host, Rc<RefCell<Vec<News>>>) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hears = heard.clone();
    let host = make("Host", &[&Object::new(), &Object::new()]);
    let hear = Closure::new(move |news, _: u32, _: String, _: Vec<u8>| {
        hears.borrow_mut().extend(News::from_code(news));
        false
    });
    std::mem::forget(Core::connect(&host, hear, Closure::new(|_: u32, _: Vec<u8>| {})));
    (host.unchecked_into(), heard)
}

fn server() -> String {
    format!("{}/api/chat", option_env!("REJOIN_TEST_URL").unwrap_or("http://127.0.0.1:8787"))
}

async fn new_session() -> String {
    let created = eval(&format!("fetch('{}/sessions', {{ method: 'POST' }}).then((r) => r.json())", server()));
    let session = JsFuture::from(created.unchecked_into::<Promise>()).await.expect("the server is there");
    Reflect::get(&session, &"id".into()).unwrap().as_string().unwrap()
}

fn storage(chosen: &str) -> Storage {
    make("TextStorage", &[&chosen.into()]).unchecked_into()
}

fn custom(members: &str) -> Storage {
    make("TextStorage", &[&eval(&format!("({{ {members} }})"))]).unchecked_into()
}

fn start_clock() -> impl Fn() -> f64 {
    let start: Function = exported("startClock").unchecked_into();
    let clock: Function = start.call0(&JsValue::UNDEFINED).unwrap().unchecked_into();
    move || clock.call0(&JsValue::UNDEFINED).unwrap().as_f64().unwrap()
}

/// An instance of one of the shell's classes in JavaScript.
fn make(class: &str, arguments: &[&JsValue]) -> JsValue {
    let arguments: Array = arguments.iter().copied().collect();
    Reflect::construct(&exported(class).unchecked_into::<Function>(), &arguments).unwrap()
}

fn exported(name: &str) -> JsValue {
    let shell = option_env!("REJOIN_TEST_HOST").unwrap_or("throw new Error('npm test gives the shell')");
    Function::new_no_args(&format!("{shell}; return shell.{name}")).call0(&JsValue::UNDEFINED).unwrap()
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

fn code(outcome: &Outcome) -> &str {
    outcome["error"]["code"].as_str().unwrap_or_default()
}

fn parse(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

fn eval(code: &str) -> JsValue {
    let run = Function::new_no_args(&format!("return {code}"));
    Reflect::apply(&run, &JsValue::UNDEFINED, &Array::new()).unwrap()
}
