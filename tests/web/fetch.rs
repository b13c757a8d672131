use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Client, code, get, kind, server};

#[wasm_bindgen_test]
async fn an_answer_of_the_real_server_is_streamed_to_its_end() {
    let client = Client::new(&server(), "").await;
    let outcome = client.send("Hello /tokens 20 /rate 0").await;
    assert_eq!(kind(&outcome), "finished");
    assert!(get(&outcome, "taskId").is_string());
    let metrics = client.engine.metrics(None);
    assert!(get(&metrics, "chunks").as_f64() > Some(20.0));
    assert_eq!((get(&metrics, "reconnects"), get(&metrics, "malformed")), (0.into(), 0.into()));
}

#[wasm_bindgen_test]
async fn a_backend_that_is_not_there_fails_after_its_tries() {
    let outcome = Client::new("http://127.0.0.1:9/api/chat", "").await.send("Hello").await;
    assert_eq!((kind(&outcome), code(&outcome)), ("failed".into(), "NETWORK_ERROR".into()));
}

#[wasm_bindgen_test]
async fn a_base_url_that_is_none_fails_at_once() {
    for url in ["http://[", "ftp://a.example", "http://user@a.example"] {
        let outcome = Client::new(url, "").await.send("Hello").await;
        assert_eq!((kind(&outcome), code(&outcome)), ("failed".into(), "INVALID_URL".into()), "{url}");
    }
}

#[wasm_bindgen_test]
async fn headers_that_throw_fail_the_message_with_their_own_words() {
    for thrown in ["Promise.reject(new Error('no token today'))", "{ throw 'no token today' }"] {
        let client = Client::new(&server(), &format!("headers: () => {thrown}")).await;
        let outcome = client.send("Hello").await;
        assert_eq!(code(&outcome), "HEADERS_FAILED");
        let message = get(&get(&outcome, "error"), "message").as_string().unwrap();
        assert!(message.contains("no token today"), "{message}");
    }
}

#[wasm_bindgen_test]
async fn the_apps_headers_replace_ours() {
    let seen = "headers: (why) => ({ accept: 'x/' + why }), \
                fetch: (url, init) => { globalThis.seen ??= [init.headers.get('accept'), init.headers.get('content-type'), init.cache, init.method, init.credentials]; throw 1 }, \
                credentials: 'include'";
    Client::new(&server(), seen).await.send("Hello").await;
    let wanted = "JSON.stringify(globalThis.seen) === JSON.stringify(['x/send', 'application/json', 'no-store', 'POST', 'include'])";
    assert_eq!(super::support::eval(wanted), true, "{:?}", super::support::eval("JSON.stringify(globalThis.seen)"));
}

#[wasm_bindgen_test]
async fn whatever_an_apps_fetch_gives_is_an_outcome_and_no_trap() {
    for given in [
        "42",
        "null",
        "({})",
        "({ status: 200, headers: 1 })",
        "({ status: 200, headers: { get() { throw 1 } }, get body() { throw new Error('own') } })",
        "(() => { throw new Error('own') })()",
        "new Proxy({}, { get() { throw 1 } })",
    ] {
        let outcome = Client::new(&server(), &format!("fetch: () => {given}")).await.send("Hello").await;
        assert_eq!((kind(&outcome), code(&outcome)), ("failed".into(), "NETWORK_ERROR".into()), "{given}");
    }
}

#[wasm_bindgen_test]
async fn a_response_of_another_realm_counts_by_its_members() {
    let fetch = "fetch: async (url, init) => { const { status, headers, body } = await fetch(url, init); \
                 return { status, headers: { get: (name) => headers.get(name) }, body } }";
    let outcome = Client::new(&server(), fetch).await.send("Hello /tokens 5 /rate 0").await;
    assert_eq!(kind(&outcome), "finished");
}

#[wasm_bindgen_test]
async fn a_body_that_was_read_already_or_gives_no_bytes_is_a_cut_and_no_trap() {
    let event_stream = "{ headers: { 'content-type': 'text/event-stream' } }";
    for body in [
        format!("async () => {{ const r = new Response('x', {event_stream}); r.body.getReader(); return r }}"),
        "() => ({ status: 200, headers: new Headers({ 'content-type': 'text/event-stream' }), body: new ReadableStream({ start(c) { c.enqueue('text') } }) })".into(),
        "() => ({ status: 200, headers: new Headers({ 'content-type': 'text/event-stream' }), body: 7 })".into(),
    ] {
        let outcome = Client::new(&server(), &format!("fetch: {body}")).await.send("Hello").await;
        assert_eq!(kind(&outcome), "failed", "{body}");
    }
}

#[wasm_bindgen_test]
async fn a_storage_that_calls_the_client_from_within_a_save_is_served() {
    let storage = "storage: { map: {}, getItem(k) { return this.map[k] ?? null }, removeItem(k) { delete this.map[k] }, \
                   setItem(k, v) { this.map[k] = v; globalThis.reenter?.() } }";
    let client = Client::new(&server(), storage).await;
    let engine = client.engine.clone();
    let entered = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = entered.clone();
    let reenter = wasm_bindgen::prelude::Closure::<dyn FnMut()>::new(move || {
        count.set(count.get() + 1);
        engine.active_task("other");
        engine.detach("other");
        engine.watch("third");
    });
    js_sys::Reflect::set(&js_sys::global(), &"reenter".into(), reenter.as_ref()).unwrap();
    let outcome = client.send("Hello /tokens 5 /rate 0").await;
    js_sys::Reflect::delete_property(&js_sys::global(), &"reenter".into()).unwrap();
    assert_eq!(kind(&outcome), "finished");
    assert!(entered.get() > 0);
}

#[wasm_bindgen_test]
async fn closing_lets_the_stream_go_and_keeps_its_task() {
    let client = Client::new(&server(), "").await;
    client.start("Hello /tokens 200 /rate 50");
    client.until(|client| client.tasks() == 1).await;
    client.engine.close();
    assert_eq!(kind(&client.outcome().await), "superseded");
    assert_eq!(client.tasks(), 1);
}
