//! Safe ways to read JavaScript values. Any member may be missing, and reading it may throw (a page without a window, blocked
//! cookies, private windows, emulated pages). Values are recognised by their members and not by their class, because test
//! environments mix realms.

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

/// Returns a member, or `None` if reading it throws.
pub fn property(of: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(of, &name.into()).ok()
}

/// Returns a member that is an object.
pub fn object(of: &JsValue, name: &str) -> Option<JsValue> {
    property(of, name).filter(JsValue::is_object)
}

/// Returns a member that is a function.
pub fn function(of: &JsValue, name: &str) -> Option<Function> {
    property(of, name)?.dyn_into().ok()
}

/// Returns a member that is a string.
pub fn text(of: &JsValue, name: &str) -> Option<String> {
    property(of, name)?.as_string()
}

/// Sets a member. Does nothing if that throws.
pub fn set(of: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(of, &name.into(), value);
}

/// Returns the window, if there is one.
pub fn window() -> Option<JsValue> {
    object(&js_sys::global(), "window").filter(|window| function(window, "addEventListener").is_some())
}

/// Returns the message of a thrown value.
pub fn message(error: &JsValue) -> String {
    let said = text(error, "message").or_else(|| error.as_string());
    said.unwrap_or_else(|| "It failed without saying why.".into())
}

/// The only type of closure that the browser calls, for events and for the grant of a lock, which has to return a promise. A
/// second type would add glue of its own. It is no `FnMut`, so an event can arrive during another one.
pub type Callback = Closure<dyn Fn(JsValue) -> JsValue>;

/// Makes a [`Callback`] that returns undefined.
pub fn listening(handle: impl Fn(JsValue) + 'static) -> Callback {
    Closure::new(move |event| {
        handle(event);
        JsValue::UNDEFINED
    })
}

/// An event listener. It is removed when this is dropped.
#[derive(Debug)]
pub struct Listener {
    target: EventTarget,
    name: &'static str,
    callback: Callback,
}

impl Listener {
    /// Adds a listener for the event `name`. Returns `None` if the target takes no listeners.
    pub fn new(target: &JsValue, name: &'static str, callback: Callback) -> Option<Self> {
        let target: EventTarget = target.clone().unchecked_into();
        target.add_event_listener_with_callback(name, callback.as_ref().unchecked_ref()).ok()?;
        Some(Self { target, name, callback })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.target.remove_event_listener_with_callback(self.name, self.callback.as_ref().unchecked_ref());
    }
}
