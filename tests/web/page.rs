use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Bent, eval};
use crate::browser::page::{OnPageEvent, PageEvent, PageEvents};
use crate::client::io::{Network, Page};

type Events = Rc<RefCell<Vec<PageEvent>>>;

fn listen() -> (PageEvents, Events) {
    let events = Events::default();
    let kept = events.clone();
    let handle: OnPageEvent = Rc::new(move |event| kept.borrow_mut().push(event));
    (PageEvents::listen(&handle), events)
}

#[wasm_bindgen_test]
fn changes_in_the_life_of_the_page_are_events() {
    let (page, events) = listen();
    eval(
        "[new Event('offline'), new Event('online'), new PageTransitionEvent('pagehide', { persisted: true }), \
          new PageTransitionEvent('pageshow', { persisted: false }), new PageTransitionEvent('pageshow', { persisted: true })] \
          .forEach((event) => window.dispatchEvent(event))",
    );
    eval("['freeze', 'resume', 'visibilitychange'].forEach((name) => document.dispatchEvent(new Event(name)))");
    let (left, returned) = (PageEvent::Page(Page::Left), PageEvent::Page(Page::Returned));
    let wanted = [
        PageEvent::Network(Network::Offline),
        PageEvent::Network(Network::Online),
        left.clone(),
        returned.clone(),
        left,
        returned,
        PageEvent::Page(Page::Shown),
    ];
    assert_eq!(*events.borrow(), wanted);
    drop(page);
    eval("window.dispatchEvent(new Event('offline'))");
    assert_eq!(events.borrow().len(), wanted.len());
}

#[wasm_bindgen_test]
fn writes_of_other_tabs_are_events() {
    let (_page, events) = listen();
    eval("window.dispatchEvent(new StorageEvent('storage', { key: 'k' }))");
    eval("window.dispatchEvent(new StorageEvent('storage', { key: null }))");
    assert_eq!(*events.borrow(), [PageEvent::Stored(Some("k".into())), PageEvent::Stored(None)]);
}

#[wasm_bindgen_test]
fn an_event_within_an_event_is_handled() {
    let events = Events::default();
    let kept = events.clone();
    let handle: OnPageEvent = Rc::new(move |event| {
        let is_first = kept.borrow().is_empty();
        kept.borrow_mut().push(event);
        if is_first {
            eval("window.dispatchEvent(new Event('online'))");
        }
    });
    let _page = PageEvents::listen(&handle);
    eval("window.dispatchEvent(new Event('online'))");
    assert_eq!(events.borrow().len(), 2);
}

#[wasm_bindgen_test]
fn a_page_that_is_hidden_or_offline_already_is_an_event_at_once() {
    let hidden = Bent::new("Document.prototype", "visibilityState", "return 'hidden'");
    let offline = Bent::new("Navigator.prototype", "onLine", "return false");
    let (_page, events) = listen();
    drop((hidden, offline));
    assert_eq!(*events.borrow(), [PageEvent::Page(Page::Hidden), PageEvent::Network(Network::Offline)]);
}

#[wasm_bindgen_test]
fn a_page_whose_properties_throw_is_listened_to() {
    let bent = [
        Bent::throwing("Document.prototype", "visibilityState"),
        Bent::throwing("Navigator.prototype", "onLine"),
        Bent::throwing("window", "navigator"),
    ];
    let (_page, events) = listen();
    drop(bent);
    assert!(events.borrow().is_empty());
    eval("window.dispatchEvent(new Event('online'))");
    assert_eq!(events.borrow().len(), 1);
}
