//! What the page tells of its life: visible, hidden, left, back; online, offline; another tab's writes to the storage.
//! Where there is no window (a server, a worker) there is nothing to hear.

use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Event, EventTarget};

use crate::io::{Network, Page};

/// What was heard.
pub enum News {
    /// The network came or went.
    Network(Network),
    /// The page's life changed.
    Page(Page),
    /// Another tab wrote: under this key, or anywhere (`None`: the storage was cleared).
    Storage(Option<String>),
}

/// Listens until dropped.
pub struct Lifecycle {
    _listeners: Vec<Listener>,
}

impl Lifecycle {
    /// Starts listening; `tell` also hears at once what is already so (hidden, offline).
    pub fn listen(tell: impl Fn(News) + Clone + 'static) -> Self {
        Self { _listeners: window().map(|window| listeners(&window, tell)).unwrap_or_default() }
    }
}

fn listeners(window: &JsValue, tell: impl Fn(News) + Clone + 'static) -> Vec<Listener> {
    let document = object(window, "document");
    if document.as_ref().is_some_and(is_hidden) {
        tell(News::Page(Page::Hidden));
    }
    if is_offline(window) {
        tell(News::Network(Network::Offline));
    }
    let mut listeners = Vec::new();
    let mut on = |target: &JsValue, name, read: fn(&Event) -> Option<News>| {
        let tell = tell.clone();
        listeners.extend(Listener::new(target, name, move |event| read(&event).map_or((), &tell)));
    };
    on(window, "online", |_| Some(News::Network(Network::Online)));
    on(window, "offline", |_| Some(News::Network(Network::Offline)));
    on(window, "pagehide", |_| Some(News::Page(Page::Left)));
    on(window, "pageshow", |event| flag(event, "persisted").then_some(News::Page(Page::Returned)));
    on(window, "storage", |event| Some(News::Storage(text(event, "key"))));
    if let Some(document) = document {
        on(&document, "visibilitychange", visibility);
        on(&document, "freeze", |_| Some(News::Page(Page::Left)));
        on(&document, "resume", |_| Some(News::Page(Page::Returned)));
    }
    listeners
}

fn visibility(event: &Event) -> Option<News> {
    let document = event.target()?;
    Some(News::Page(if is_hidden(&document) { Page::Hidden } else { Page::Shown }))
}

/// By its properties and not by its class, so that an emulated window (jsdom) counts as one.
pub(super) fn window() -> Option<JsValue> {
    object(&js_sys::global(), "window").filter(|window| function(window, "addEventListener").is_some())
}

fn is_hidden(document: &JsValue) -> bool {
    text(document, "visibilityState").is_some_and(|state| state == "hidden")
}

fn is_offline(window: &JsValue) -> bool {
    let online = object(window, "navigator").and_then(|navigator| Reflect::get(&navigator, &"onLine".into()).ok());
    online.and_then(|online| online.as_bool()) == Some(false)
}

pub(super) fn property(of: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(of, &name.into()).ok()
}

pub(super) fn object(of: &JsValue, name: &str) -> Option<JsValue> {
    property(of, name).filter(JsValue::is_object)
}

pub(super) fn function(of: &JsValue, name: &str) -> Option<Function> {
    property(of, name)?.dyn_into().ok()
}

pub(super) fn text(of: &JsValue, name: &str) -> Option<String> {
    property(of, name)?.as_string()
}

fn flag(of: &JsValue, name: &str) -> bool {
    property(of, name).is_some_and(|value| value.is_truthy())
}

/// One event listener, removed when dropped.
pub(super) struct Listener {
    target: EventTarget,
    name: &'static str,
    callback: Closure<dyn FnMut(Event)>,
}

impl Listener {
    pub(super) fn new(target: &JsValue, name: &'static str, callback: impl FnMut(Event) + 'static) -> Option<Self> {
        function(target, "addEventListener")?;
        let target: EventTarget = target.clone().unchecked_into();
        let callback = Closure::new(callback);
        target.add_event_listener_with_callback(name, callback.as_ref().unchecked_ref()).ok()?;
        Some(Self { target, name, callback })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.target.remove_event_listener_with_callback(self.name, self.callback.as_ref().unchecked_ref());
    }
}
