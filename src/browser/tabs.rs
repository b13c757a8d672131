//! Web Locks and the channel between the tabs of one browser; there where the page has both, else each tab goes alone.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::{Cell, RefCell};

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Event};

use super::lifecycle::{Listener, function, object, text, window};
use crate::io::LockMode;
use crate::map::Map;

/// What was heard.
pub enum News {
    /// Another tab posted.
    Message(String),
    /// A session's lock is held.
    Locked(String),
    /// A session's lock was taken away.
    LockLost(String),
    /// The browser grants this page no locks: its storage is forbidden, or its document is of no origin.
    Refused,
}

/// What a page needs to share streams with other tabs.
pub struct Tabs {
    locks: JsValue,
    request: Function,
    channel: JsValue,
    _listener: Option<Listener>,
    claims: Rc<RefCell<Map<String, Claim>>>,
    claimed: Cell<u32>,
    tell: Rc<dyn Fn(News)>,
}

/// A lock that is held or waited for.
struct Claim {
    number: u32,
    stage: Stage,
    controller: Option<AbortController>,
    /// Resolves the promise that holds the lock.
    release: Function,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Waiting,
    Held,
}

/// Whether this page has locks and channels.
pub fn are_supported() -> bool {
    window().is_some_and(|window| locks_of(&window).is_some() && function(&window, "BroadcastChannel").is_some())
}

fn locks_of(window: &JsValue) -> Option<JsValue> {
    object(&object(window, "navigator")?, "locks").filter(|locks| function(locks, "request").is_some())
}

impl Tabs {
    /// Joins the channel `name`. `None` where the browser forbids it.
    pub fn join(name: &str, tell: impl Fn(News) + 'static) -> Option<Self> {
        let locks = locks_of(&window()?)?;
        let request = function(&locks, "request")?;
        let class = function(&window()?, "BroadcastChannel")?;
        let channel: JsValue = Reflect::construct(&class, &[JsValue::from(name)].iter().collect()).ok()?;
        let tell: Rc<dyn Fn(News)> = Rc::new(tell);
        let hear = tell.clone();
        let listener = Listener::new(&channel, "message", move |event: Event| {
            if let Some(message) = text(&event, "data") {
                hear(News::Message(message));
            }
        });
        let (claims, claimed) = (Rc::default(), Cell::default());
        Some(Self { locks, request, channel, _listener: listener, claims, claimed, tell })
    }

    /// Tells the other tabs.
    pub fn post(&self, message: &str) {
        if let Some(post) = function(&self.channel, "postMessage") {
            let _ = post.call1(&self.channel, &message.into());
        }
    }

    /// Asks for a session's lock.
    pub fn lock(&self, session: &str, name: &str, mode: LockMode) {
        self.unlock(session);
        let number = self.claimed.get().wrapping_add(1);
        self.claimed.set(number);
        let (options, controller) = lock_options(mode);
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        let Some(release) = release else { return };
        self.claims
            .borrow_mut()
            .insert(session.to_owned(), Claim { number, stage: Stage::Waiting, controller, release });
        let granted = self.granted(session, number, held);
        let asked = self.request.call3(&self.locks, &name.into(), &options, &granted);
        self.watch(session, number, asked);
    }

    /// What the browser calls when the lock is there: it is held until the promise that this gives is resolved.
    fn granted(&self, session: &str, number: u32, held: Promise) -> JsValue {
        let (claims, tell, session) = (self.claims.clone(), self.tell.clone(), session.to_owned());
        Closure::once_into_js(move |_lock: JsValue| -> JsValue {
            match claims.borrow_mut().get_mut(&session) {
                Some(claim) if claim.number == number => claim.stage = Stage::Held,
                _ => return JsValue::UNDEFINED,
            }
            // The claim is told after the browser's callback has returned: the core may give the lock back at once.
            spawn_local(async move {
                if is_current(&claims, &session, number) {
                    tell(News::Locked(session));
                }
            });
            held.into()
        })
    }

    /// A request that ends while its claim still counts was taken away, or is never granted.
    fn watch(&self, session: &str, number: u32, asked: Result<JsValue, JsValue>) {
        let (claims, tell, session) = (self.claims.clone(), self.tell.clone(), session.to_owned());
        spawn_local(async move {
            let is_refused = match asked {
                Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await.is_err(),
                Err(_) => true,
            };
            if !is_refused || !is_current(&claims, &session, number) {
                return;
            }
            let claim = claims.borrow_mut().remove(&session);
            match claim.map(|claim| claim.stage) {
                Some(Stage::Held) => tell(News::LockLost(session)),
                _ => tell(News::Refused),
            }
        });
    }

    /// Gives a session's lock back, or no longer waits for it.
    pub fn unlock(&self, session: &str) {
        let claim = self.claims.borrow_mut().remove(session);
        drop(claim);
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        drop(self.claims.take());
        if let Some(close) = function(&self.channel, "close") {
            let _ = close.call0(&self.channel);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::UNDEFINED);
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }
}

fn is_current(claims: &RefCell<Map<String, Claim>>, session: &str, number: u32) -> bool {
    claims.borrow().get(session).is_some_and(|claim| claim.number == number)
}

/// A request that steals cannot be aborted (Web Locks §2.3).
fn lock_options(mode: LockMode) -> (Object, Option<AbortController>) {
    let options = Object::new();
    let controller = match mode {
        LockMode::Wait => AbortController::new().ok(),
        LockMode::Steal => None,
    };
    let _ = match &controller {
        Some(controller) => Reflect::set(&options, &"signal".into(), &controller.signal()),
        None => Reflect::set(&options, &"steal".into(), &(mode == LockMode::Steal).into()),
    };
    (options, controller)
}
