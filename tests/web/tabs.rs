use std::rc::Rc;

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Bent, Log, wait_for};
use crate::browser::tabs::{TabEvent, Tabs, are_supported};
use crate::client::io::LockMode;

/// A tab, and a log of its events.
struct Tab {
    tabs: Tabs,
    log: Log,
}

impl Tab {
    fn join(channel: &str) -> Self {
        let log = Log::default();
        let kept = log.clone();
        let handle = move |event| kept.borrow_mut().push(in_words(event));
        Self { tabs: Tabs::join(channel, Rc::new(handle)).unwrap(), log }
    }

    fn wait(&self, lock: &str) {
        self.tabs.lock("s", lock, LockMode::Wait);
    }

    async fn until(&self, wanted: &[&str]) {
        wait_for(&self.log, wanted).await;
    }
}

fn in_words(event: TabEvent) -> String {
    match event {
        TabEvent::Message(message) => format!("message {}", message.as_string().unwrap_or("of no text".into())),
        TabEvent::Locked(session) => format!("locked {session}"),
        TabEvent::LockLost(session) => format!("lost {session}"),
        TabEvent::Refused => "refused".into(),
    }
}

#[wasm_bindgen_test]
async fn a_message_reaches_the_other_tabs_and_not_its_sender() {
    let (one, other) = (Tab::join("web:posts"), Tab::join("web:posts"));
    one.tabs.post(&"hello".into());
    other.until(&["message hello"]).await;
    other.tabs.post(&"and you".into());
    one.until(&["message and you"]).await;
}

#[wasm_bindgen_test]
async fn a_message_that_cannot_be_cloned_is_not_posted() {
    let (one, other) = (Tab::join("web:clones"), Tab::join("web:clones"));
    one.tabs.post(&js_sys::Function::new_no_args("").into());
    one.tabs.post(&"after it".into());
    other.until(&["message after it"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_is_held_by_one_tab_and_then_by_the_next() {
    let (one, other) = (Tab::join("web:locks"), Tab::join("web:locks"));
    one.wait("web:lock");
    one.until(&["locked s"]).await;
    other.wait("web:lock");
    one.tabs.unlock("s");
    other.until(&["locked s"]).await;
    drop(other);
    one.wait("web:lock");
    one.until(&["locked s", "locked s"]).await;
}

#[wasm_bindgen_test]
async fn the_loss_of_a_lock_is_reported() {
    let (one, other) = (Tab::join("web:steals"), Tab::join("web:steals"));
    one.wait("web:stolen");
    one.until(&["locked s"]).await;
    other.tabs.lock("s", "web:stolen", LockMode::Steal);
    other.until(&["locked s"]).await;
    one.until(&["locked s", "lost s"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_that_is_no_longer_wanted_is_never_reported() {
    let (one, other) = (Tab::join("web:gives up"), Tab::join("web:gives up"));
    one.wait("web:given up");
    one.until(&["locked s"]).await;
    other.wait("web:given up");
    other.tabs.unlock("s");
    one.tabs.unlock("s");
    one.wait("web:given up");
    one.until(&["locked s", "locked s"]).await;
    assert!(other.log.borrow().is_empty(), "{:?}", other.log.borrow());
}

#[wasm_bindgen_test]
async fn a_lock_that_is_requested_twice_is_reported_once() {
    let tab = Tab::join("web:again");
    tab.wait("web:again");
    tab.wait("web:again");
    tab.until(&["locked s"]).await;
}

#[wasm_bindgen_test]
async fn locks_that_the_browser_refuses_are_reported_as_refused() {
    for refusal in [
        "return () => Promise.reject(new DOMException('denied', 'SecurityError'))",
        "return () => { throw new DOMException('denied', 'SecurityError') }",
    ] {
        let tab = Tab::join("web:refused");
        let bent = Bent::new("LockManager.prototype", "request", refusal);
        // The tab read `navigator.locks` when it joined. The method is read at each call.
        tab.wait("web:refused");
        drop(bent);
        tab.until(&["refused"]).await;
    }
}

#[wasm_bindgen_test]
fn a_page_without_locks_or_channels_goes_alone() {
    assert!(are_supported());
    for (owner, name) in [("Navigator.prototype", "locks"), ("window", "BroadcastChannel")] {
        for getter in ["return undefined", "throw new DOMException('denied', 'SecurityError')"] {
            let bent = Bent::new(owner, name, getter);
            let (supported, joined) = (are_supported(), Tabs::join("web:alone", Rc::new(|_| {})).is_some());
            drop(bent);
            assert!(!supported && !joined, "{name}: {getter}");
        }
    }
    let bent = Bent::new("window", "BroadcastChannel", "return class { constructor() { throw 1 } }");
    let joined = Tabs::join("web:alone", Rc::new(|_| {})).is_some();
    drop(bent);
    assert!(!joined);
}

#[wasm_bindgen_test]
async fn a_tab_that_left_hears_nothing() {
    let (one, other) = (Tab::join("web:left"), Tab::join("web:left"));
    let Tab { tabs, log } = one;
    drop(tabs);
    other.tabs.post(&JsValue::from("hello"));
    other.wait("web:left");
    other.until(&["locked s"]).await;
    assert!(log.borrow().is_empty());
}
