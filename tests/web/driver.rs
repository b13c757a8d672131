use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Bent, Client, code, eval, face, get, kind, server};
use crate::browser::driver::Driver;
use crate::browser::options::Options;
use crate::client::io::{Failure, Input, SendRequest};
use crate::persist::ActiveTask;
use crate::stream::cursor::EventId;

/// A storage that counts the calls of its methods in `reads` (by key) and `writes`.
const COUNTING: &str = "({ map: {}, reads: {}, writes: 0, get length() { return Object.keys(this.map).length }, \
    key(n) { return Object.keys(this.map)[n] ?? null }, \
    getItem(k) { this.reads[k] = (this.reads[k] ?? 0) + 1; return this.map[k] ?? null }, \
    setItem(k, v) { this.writes++; this.map[k] = v }, removeItem(k) { this.writes++; delete this.map[k] } })";

/// Makes a driver with these options. Returns it with its face, which keeps the notices.
fn driver(members: &str) -> (Rc<Driver>, JsValue) {
    let face = face(&JsValue::UNDEFINED);
    let options = format!("({{ baseUrl: {:?}, crossTab: false, seed: 1, {members} }})", server());
    let options = Options::new(eval(&options));
    (Driver::new(&options, face.clone().unchecked_into()), face)
}

/// Returns the kinds of the notices so far.
fn kinds(face: &JsValue) -> Vec<String> {
    get(face, "notices").unchecked_into::<Array>().iter().map(|notice| kind(&notice)).collect()
}

fn task(session: &str) -> ActiveTask {
    ActiveTask {
        task: "t".into(),
        session: session.into(),
        operation: String::new(),
        tool: String::new(),
        last: EventId::ZERO,
        started: js_sys::Date::now() as u64,
    }
}

fn request() -> SendRequest {
    SendRequest { message: "Hello".into(), message_id: "m".into(), ..SendRequest::default() }
}

#[wasm_bindgen_test]
fn notices_wait_until_the_client_begins() {
    let (driver, face) = driver("storage: 'memory'");
    driver.apply(|client, now| client.set_active_task(task("s"), now));
    assert_eq!(kinds(&face), Vec::<String>::new());
    driver.begin();
    assert!(kinds(&face).contains(&"tasks".into()), "{:?}", kinds(&face));
}

#[wasm_bindgen_test]
fn a_key_is_read_once_while_the_client_starts_and_at_every_call_after_that() {
    eval(&format!("void (globalThis.counting = {COUNTING})"));
    let (driver, _face) = driver("storage: globalThis.counting");
    let key = driver.with(|client| client.record_key("s"));
    let reads = || get(&eval("globalThis.counting.reads"), &key).as_f64().unwrap_or(0.0);
    driver.restore("s");
    driver.begin();
    driver.restore("s");
    assert_eq!(reads(), 1.0);
    driver.run();
    driver.restore("s");
    driver.restore("s");
    assert_eq!(reads(), 3.0);
    eval("delete globalThis.counting");
}

#[wasm_bindgen_test]
fn reading_a_saved_task_shows_the_storage_and_writes_nothing() {
    eval(&format!("void (globalThis.counted = {COUNTING})"));
    let (driver, face) = driver("storage: globalThis.counted");
    driver.begin();
    driver.run();
    driver.apply(|client, now| client.set_active_task(task("s"), now));
    let key = driver.with(|client| client.record_key("s"));
    let (writes, notices) = (eval("globalThis.counted.writes"), kinds(&face).len());
    assert_eq!(driver.saved_task("s").map(|saved| saved.task), Some("t".into()));
    assert_eq!(driver.saved_tasks().len(), 1);
    eval(&format!("void (globalThis.counted.map[{key:?}] = 'no record')"));
    assert_eq!(driver.saved_task("s"), None);
    assert_eq!(driver.saved_tasks(), []);
    assert_eq!((eval("globalThis.counted.writes"), kinds(&face).len()), (writes, notices));
    eval("delete globalThis.counted");
}

#[wasm_bindgen_test]
fn a_write_of_another_tab_reaches_the_client_and_the_app() {
    let members = "storageKey: 'driver-test-' + (globalThis.driverKey ??= Math.random())";
    let (one, _) = driver(members);
    let (other, face) = driver(members);
    other.begin();
    other.run();
    one.apply(|client, now| client.set_active_task(task("s"), now));
    assert!(other.with(|client| client.active_task("s").is_none()));
    let key = one.with(|client| client.record_key("s"));
    eval(&format!("window.dispatchEvent(new StorageEvent('storage', {{ key: {key:?} }}))"));
    assert!(other.with(|client| client.active_task("s").is_some()));
    assert_eq!(kinds(&face).last().unwrap(), "tasks");
    one.apply(|client, _| client.clear_active_task("s"));
    eval("window.dispatchEvent(new StorageEvent('storage', { key: null }))");
    assert!(other.with(|client| client.active_task("s").is_none()));
    other.close();
}

#[wasm_bindgen_test]
fn a_write_to_a_key_of_someone_else_is_ignored() {
    let (driver, face) = driver("storage: 'memory'");
    driver.begin();
    driver.run();
    let before = kinds(&face).len();
    eval("window.dispatchEvent(new StorageEvent('storage', { key: 'another-app' }))");
    assert_eq!(kinds(&face).len(), before);
    driver.close();
}

#[wasm_bindgen_test]
async fn a_request_ends_once() {
    let (driver, face) = driver("storage: 'memory', retry: { maxRetries: 0 }, fetch: () => new Promise(() => {})");
    driver.begin();
    driver.run();
    driver.handle(Input::Start { session: "s", call: 1, request: request() });
    let attempt = (0..10).find(|attempt| driver.is_open(*attempt)).expect("a request is open");
    let failed = || Input::Failed { attempt, failure: Failure::Network("gone".into()) };
    assert!(driver.end(attempt, failed()));
    assert!(!driver.is_open(attempt));
    assert!(!driver.end(attempt, failed()), "the request has ended already");
    assert!(!driver.end(999, Input::Ended { attempt: 999 }), "there is no such request");
    TimeoutFuture::new(20).await;
    assert!(kinds(&face).contains(&"resolve".into()), "{:?}", kinds(&face));
}

#[wasm_bindgen_test]
async fn the_timer_brings_the_client_to_its_deadline() {
    let client = Client::new("http://a.example", "stallTimeoutMs: 30, fetch: () => new Promise(() => {})").await;
    let outcome = client.send("Hello").await;
    assert_eq!(kind(&outcome), "failed", "{}", code(&outcome));
}

#[wasm_bindgen_test]
fn a_page_that_is_left_leaves_the_channel_and_joins_it_when_it_returns() {
    eval(
        "void (globalThis.channels = 0, globalThis.Counted = class extends BroadcastChannel { \
           constructor(name) { super(name); globalThis.channels++ } close() { globalThis.channels--; super.close() } })",
    );
    let _counted = Bent::new("globalThis", "BroadcastChannel", "return globalThis.Counted");
    let channels = || eval("globalThis.channels");
    let (driver, _face) = driver("storageKey: 'driver-channel', crossTab: true");
    driver.begin();
    driver.run();
    assert_eq!(channels(), 1);
    eval("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
    assert_eq!(channels(), 0);
    eval("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    assert_eq!(channels(), 1);
    driver.close();
    assert_eq!(channels(), 0);
    eval("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    assert_eq!(channels(), 0);
}

#[wasm_bindgen_test]
async fn closing_aborts_a_join_but_not_a_message() {
    let members = "storage: 'memory', fetch: (url, { method, signal }) => { globalThis.signals[method] = signal; return new Promise(() => {}) }";
    eval("void (globalThis.signals = {})");
    let (driver, face) = driver(members);
    driver.begin();
    driver.run();
    driver.handle(Input::Start { session: "s", call: 1, request: request() });
    driver.handle(Input::Rejoin { session: "t", call: 2, task: "task", after: None });
    TimeoutFuture::new(50).await;
    driver.close();
    assert_eq!(eval("[signals.POST.aborted, signals.GET.aborted].join()"), "false,true");
    assert!(driver.app().is_none());
    let before = kinds(&face).len();
    driver.handle(Input::Start { session: "s", call: 3, request: request() });
    assert_eq!(kinds(&face).len(), before, "a closed client notifies nobody");
    eval("delete globalThis.signals");
}
