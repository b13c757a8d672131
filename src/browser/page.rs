//! The events of the page: visibility, network, back-forward cache, freezing, and writes of other tabs to the storage. Without a
//! window, as in a server or a worker, there are no such events.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::reflect::{Listener, listening, object, property, text, window};
use crate::client::io::{Network, Page};

/// An event of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageEvent {
    /// The page went online or offline.
    Network(Network),
    /// The page was hidden, shown, frozen, resumed or left.
    Page(Page),
    /// Another tab wrote to the storage under this key. `None` means that the whole storage was cleared.
    Stored(Option<String>),
}

/// The callback for the events.
pub type OnPageEvent = Rc<dyn Fn(PageEvent)>;

/// The event listeners of a client. They are removed when this is dropped.
#[derive(Debug)]
pub struct PageEvents {
    _listeners: Vec<Listener>,
}

impl PageEvents {
    /// Starts to listen. If the page is hidden or offline already, `handle` gets that at once.
    pub fn listen(handle: &OnPageEvent) -> Self {
        Self { _listeners: window().map(|window| listeners(&window, handle)).unwrap_or_default() }
    }
}

fn listeners(window: &JsValue, handle: &OnPageEvent) -> Vec<Listener> {
    let document = object(window, "document");
    if document.as_ref().is_some_and(is_hidden) {
        handle(PageEvent::Page(Page::Hidden));
    }
    if is_offline(window) {
        handle(PageEvent::Network(Network::Offline));
    }
    let mut listeners = Vec::new();
    let mut on = |target: &JsValue, name, read: fn(&JsValue) -> Option<PageEvent>| {
        let handle = handle.clone();
        let callback = listening(move |event| read(&event).map_or((), &*handle));
        listeners.extend(Listener::new(target, name, callback));
    };
    on(window, "online", |_| Some(PageEvent::Network(Network::Online)));
    on(window, "offline", |_| Some(PageEvent::Network(Network::Offline)));
    on(window, "pagehide", |_| Some(PageEvent::Page(Page::Left)));
    on(window, "pageshow", returned_from_cache);
    on(window, "storage", |event| Some(PageEvent::Stored(text(event, "key"))));
    if let Some(document) = document {
        on(&document, "visibilitychange", visibility);
        on(&document, "freeze", |_| Some(PageEvent::Page(Page::Left)));
        on(&document, "resume", |_| Some(PageEvent::Page(Page::Returned)));
    }
    listeners
}

/// Reads a `pageshow` event. Returns `None` for the first one of a page, which is no return from the back-forward cache.
fn returned_from_cache(event: &JsValue) -> Option<PageEvent> {
    let is_persisted = property(event, "persisted").is_some_and(|persisted| persisted.is_truthy());
    is_persisted.then_some(PageEvent::Page(Page::Returned))
}

fn visibility(event: &JsValue) -> Option<PageEvent> {
    let document = object(event, "target")?;
    Some(PageEvent::Page(if is_hidden(&document) { Page::Hidden } else { Page::Shown }))
}

fn is_hidden(document: &JsValue) -> bool {
    text(document, "visibilityState").is_some_and(|state| state == "hidden")
}

fn is_offline(window: &JsValue) -> bool {
    let is_online = object(window, "navigator").and_then(|navigator| property(&navigator, "onLine"));
    is_online.and_then(|is_online| is_online.as_bool()) == Some(false)
}
