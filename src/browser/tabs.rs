//! Web Locks, and the channel between the tabs of one browser. A page that lacks one of them shares nothing with other tabs.

use litemap::LiteMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, BroadcastChannel};

use super::reflect::{Callback, Listener, function, listening, object, property, set, window};
use crate::client::io::LockMode;

#[wasm_bindgen]
extern "C" {
    /// `navigator.locks`, which web-sys offers only as an unstable interface.
    #[derive(Clone, Debug)]
    type LockManager;
    #[wasm_bindgen(method, structural, catch)]
    fn request(this: &LockManager, name: &str, options: &Object, granted: &Function) -> Result<JsValue, JsValue>;
}

/// An event of the channel or the locks.
#[derive(Debug)]
pub enum TabEvent {
    /// Another tab posted a message.
    Message(JsValue),
    /// The browser granted the lock of this session.
    Locked(String),
    /// The lock of this session was taken away.
    LockLost(String),
    /// The browser grants no locks to this page, because its storage is forbidden or its document has no origin.
    Refused,
}

/// The callback for the events.
pub type OnTabEvent = Rc<dyn Fn(TabEvent)>;

/// The channel and the locks of one client. Dropping it closes the channel and releases the locks.
#[derive(Debug)]
pub struct Tabs {
    locks: LockManager,
    channel: BroadcastChannel,
    _listener: Option<Listener>,
    claims: Rc<Claims>,
}

/// The locks that are held or requested, by session.
struct Claims {
    by_session: RefCell<LiteMap<String, Claim>>,
    counted: Cell<u32>,
    handle: OnTabEvent,
}

#[derive(Debug)]
struct Claim {
    /// Distinguishes this claim from an earlier one for the same session.
    number: u32,
    stage: Stage,
    /// Aborts the request. A request that steals the lock cannot be aborted (Web Locks §2.3).
    controller: Option<AbortController>,
    /// Resolves the promise that keeps the lock.
    release: Function,
    /// The callback for the grant, which has to live as long as the claim.
    _granted: Callback,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Held,
}

/// Returns whether this page has locks and channels.
pub fn are_supported() -> bool {
    window().is_some_and(|window| locks_of(&window).is_some() && function(&window, "BroadcastChannel").is_some())
}

fn locks_of(window: &JsValue) -> Option<LockManager> {
    let locks = object(&object(window, "navigator")?, "locks")?;
    function(&locks, "request").map(|_| locks.unchecked_into())
}

impl Tabs {
    /// Joins the channel `name`. Returns `None` if the browser forbids it.
    pub fn join(name: &str, handle: OnTabEvent) -> Option<Self> {
        let locks = locks_of(&window()?)?;
        let channel = BroadcastChannel::new(name).ok()?;
        let on_message = handle.clone();
        let listener = listening(move |event| {
            if let Some(message) = property(&event, "data") {
                on_message(TabEvent::Message(message));
            }
        });
        let listener = Listener::new(&channel, "message", listener);
        let claims = Rc::new(Claims { by_session: RefCell::default(), counted: Cell::default(), handle });
        Some(Self { locks, channel, _listener: listener, claims })
    }

    /// Posts a message to the other tabs.
    pub fn post(&self, message: &JsValue) {
        let _ = self.channel.post_message(message);
    }

    /// Requests a session's lock.
    pub fn lock(&self, session: &str, name: &str, mode: LockMode) {
        self.unlock(session);
        let number = self.claims.next_number();
        let controller = if mode == LockMode::Wait { AbortController::new().ok() } else { None };
        let options = lock_options(controller.as_ref(), mode);
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        let Some(release) = release else { return };
        let granted = self.granted(session, number, held);
        let callback: Function = granted.as_ref().clone().unchecked_into();
        let claim = Claim { number, stage: Stage::Waiting, controller, release, _granted: granted };
        self.claims.by_session.borrow_mut().insert(session.to_owned(), claim);
        let asked = self.locks.request(name, &options, &callback);
        spawn_local(watch(self.claims.clone(), session.to_owned(), number, asked));
    }

    /// Releases a session's lock, or cancels the request for it.
    pub fn unlock(&self, session: &str) {
        drop(self.claims.take(session));
    }

    /// Makes the callback for the grant of a lock. The browser keeps the lock until the promise `held` is resolved. The core gets
    /// the event later and not from within the callback, because it may release the lock at once.
    fn granted(&self, session: &str, number: u32, held: Promise) -> Callback {
        let (claims, session) = (self.claims.clone(), session.to_owned());
        Closure::new(move |_lock| {
            if !claims.hold(&session, number) {
                return JsValue::UNDEFINED;
            }
            let (claims, session) = (claims.clone(), session.clone());
            spawn_local(async move {
                if claims.is_current(&session, number) {
                    (claims.handle)(TabEvent::Locked(session));
                }
            });
            held.clone().into()
        })
    }
}

/// Waits for the end of a lock request. If its claim still exists then, the lock was taken away or refused.
async fn watch(claims: Rc<Claims>, session: String, number: u32, asked: Result<JsValue, JsValue>) {
    let is_refused = match asked {
        Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await.is_err(),
        Err(_) => true,
    };
    if !is_refused || !claims.is_current(&session, number) {
        return;
    }
    let stage = claims.take(&session).map(|claim| claim.stage);
    (claims.handle)(if stage == Some(Stage::Held) { TabEvent::LockLost(session) } else { TabEvent::Refused });
}

impl Claims {
    fn next_number(&self) -> u32 {
        self.counted.set(self.counted.get().wrapping_add(1));
        self.counted.get()
    }

    fn is_current(&self, session: &str, number: u32) -> bool {
        self.by_session.borrow().get(session).is_some_and(|claim| claim.number == number)
    }

    /// Records that a lock is granted. Returns `false` if it was released meanwhile.
    fn hold(&self, session: &str, number: u32) -> bool {
        match self.by_session.borrow_mut().get_mut(session) {
            Some(claim) if claim.number == number => {
                claim.stage = Stage::Held;
                true
            }
            _ => false,
        }
    }

    /// Removes a claim before it is dropped, because dropping it runs abort listeners.
    fn take(&self, session: &str) -> Option<Claim> {
        self.by_session.borrow_mut().remove(session)
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.by_session.fmt(formatter)
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        drop(self.claims.by_session.take());
        self.channel.close();
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

fn lock_options(controller: Option<&AbortController>, mode: LockMode) -> Object {
    let options = Object::new();
    match controller {
        Some(controller) => set(&options, "signal", &controller.signal()),
        None => set(&options, "steal", &(mode == LockMode::Steal).into()),
    }
    options
}
