//! Streams in browsers that lack or break what the shell uses. Each stream is complete, and nothing panics.

use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Bent, Client, eval, get, kind, new_session, server};

const STORAGE: &str = "map: {}, getItem(k) { return this.map[k] ?? null }, setItem(k, v) { this.map[k] = v }, \
                       removeItem(k) { delete this.map[k] }, key(i) { return Object.keys(this.map)[i] ?? null }, \
                       get length() { return Object.keys(this.map).length }";

async fn is_whole(client: &Client, what: &str) {
    let outcome = client.send("Hello /tokens 20 /rate 200").await;
    assert_eq!(kind(&outcome), "finished", "{what}");
    let metrics = client.engine.metrics(None);
    assert!(get(&metrics, "chunks").as_f64() > Some(20.0), "{what}");
    assert_eq!(get(&metrics, "resets"), 0, "{what}");
}

#[wasm_bindgen_test]
async fn a_storage_that_throws_on_one_of_its_methods_at_first_or_later() {
    for method in ["getItem", "setItem", "removeItem", "key"] {
        for calls in [0, 2] {
            let what = format!("{method} after {calls}");
            let throwing = format!(
                "storage: (() => {{ const s = {{ {STORAGE} }}, own = s.{method}; let calls = {calls}; \
                 s.{method} = function (...given) {{ if (calls-- <= 0) throw new DOMException('full', 'QuotaExceededError'); return own.apply(this, given) }}; return s }})()"
            );
            is_whole(&Client::new(&server(), &throwing).await, &what).await;
        }
    }
}

#[wasm_bindgen_test]
async fn the_active_task_is_given_though_the_storage_cannot_be_read() {
    let unreadable = format!("storage: {{ {STORAGE}, getItem() {{ throw 1 }} }}");
    let client = Client::new(&server(), &unreadable).await;
    client.start("Hello /tokens 200 /rate 50");
    client.until(|client| client.engine.active_task(&client.session).is_object()).await;
    assert_eq!(client.tasks(), 1);
    client.engine.close();
}

#[wasm_bindgen_test]
async fn no_local_storage_or_one_that_throws() {
    for getter in ["return undefined", "return null", "throw new DOMException('denied', 'SecurityError')"] {
        let session = new_session().await;
        let bent = Bent::new("window", "localStorage", getter);
        let options = eval(&format!("({{ baseUrl: {:?}, storageKey: 'web:none' }})", server()));
        let client = Client::of(options, session);
        is_whole(&client, getter).await;
        drop(bent);
    }
}

#[wasm_bindgen_test]
async fn no_locks_and_no_channel() {
    for (owner, name) in [("Navigator.prototype", "locks"), ("window", "BroadcastChannel")] {
        for getter in ["return undefined", "throw new DOMException('denied', 'SecurityError')", "return {}"] {
            let session = new_session().await;
            let bent = Bent::new(owner, name, getter);
            let options = eval(&format!("({{ baseUrl: {:?}, storageKey: 'web:alone' }})", server()));
            let client = Client::of(options, session);
            is_whole(&client, &format!("{name}: {getter}")).await;
            drop(bent);
        }
    }
}

#[wasm_bindgen_test]
async fn locks_and_channels_that_are_refused_later() {
    let refused = Bent::new(
        "LockManager.prototype",
        "request",
        "return () => Promise.reject(new DOMException('denied', 'SecurityError'))",
    );
    let options = eval(&format!("({{ baseUrl: {:?}, storageKey: 'web:refused' }})", server()));
    let client = Client::of(options, new_session().await);
    is_whole(&client, "locks").await;
    drop(refused);
    let closed = Bent::new(
        "BroadcastChannel.prototype",
        "postMessage",
        "return () => { throw new DOMException('closed', 'InvalidStateError') }",
    );
    let options = eval(&format!("({{ baseUrl: {:?}, storageKey: 'web:closed' }})", server()));
    let client = Client::of(options, new_session().await);
    is_whole(&client, "postMessage").await;
    drop(closed);
}

#[wasm_bindgen_test]
async fn a_page_that_freezes_and_thaws_goes_on() {
    let client = Client::new(&server(), "").await;
    client.start("Hello /tokens 40 /rate 100");
    client.until(|client| client.tasks() == 1).await;
    eval("document.dispatchEvent(new Event('freeze'))");
    eval("document.dispatchEvent(new Event('resume'))");
    assert_eq!(kind(&client.outcome().await), "finished");
}

#[wasm_bindgen_test]
async fn a_saved_record_that_is_none_is_no_task() {
    let storage =
        format!("storage: {{ {STORAGE}, map: {{ 'chat_active_tasks:v1::s': '{{}}', chat_active_tasks: 'no map' }} }}");
    let client = Client::new(&server(), &storage).await;
    assert_eq!(client.tasks(), 0);
    is_whole(&client, "records").await;
}
