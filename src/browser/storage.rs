//! Where saved tasks are kept: `localStorage`, a storage of the app, or memory. Never fails towards its caller: a key that
//! the storage would not take (missing, forbidden, full) is kept in memory instead, for as long as the page lives.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use wasm_bindgen::prelude::*;

use super::lifecycle::object;
use crate::map::Map;

#[wasm_bindgen]
extern "C" {
    /// What the app gave as `storage` (API.md, `StorageLike`). Its methods are code of the app: they are called while
    /// nothing is borrowed, so they may call the client.
    #[derive(Clone)]
    pub type StorageLike;
    #[wasm_bindgen(method, structural, catch, js_name = getItem)]
    fn get_item(this: &StorageLike, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = setItem)]
    fn set_item(this: &StorageLike, key: &str, value: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = removeItem)]
    fn remove_item(this: &StorageLike, key: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn key(this: &StorageLike, index: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, getter)]
    fn length(this: &StorageLike) -> Result<JsValue, JsValue>;
}

/// Which storage the app asked for.
pub enum Backend {
    /// The browser's, shared by all tabs.
    Local,
    /// None: what is saved ends with the page.
    Memory,
    /// The app's own.
    Custom(StorageLike),
}

/// Text by key.
pub struct Storage {
    backend: Backend,
    /// What the backend did not take; it wins over what the backend still holds.
    memory: RefCell<Map<String, String>>,
}

impl Storage {
    /// Opens the storage; nothing is read yet.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, memory: RefCell::default() }
    }

    /// The text under a key.
    pub fn read(&self, key: &str) -> Option<String> {
        let kept = self.memory.borrow().get(key).cloned();
        kept.or_else(|| self.reach()?.get_item(key).ok()?.as_string())
    }

    /// Keeps a text under a key.
    pub fn write(&self, key: &str, value: &str) {
        let taken = self.reach().is_some_and(|storage| storage.set_item(key, value).is_ok());
        if taken {
            self.memory.borrow_mut().remove(key);
        } else {
            self.memory.borrow_mut().insert(key.into(), value.into());
        }
    }

    /// Forgets a key. One that the storage refuses to give up is at least empty for us.
    pub fn remove(&self, key: &str) {
        self.memory.borrow_mut().remove(key);
        if let Some(storage) = self.reach() {
            let _ = storage.remove_item(key);
        }
    }

    /// The keys that begin so.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys: Vec<String> = self.memory.borrow().keys().cloned().collect();
        for key in self.reach().iter().flat_map(enumerate) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.retain(|key| key.starts_with(prefix));
        keys
    }

    fn reach(&self) -> Option<StorageLike> {
        match &self.backend {
            Backend::Local => local(),
            Backend::Memory => None,
            Backend::Custom(storage) => Some(storage.clone()),
        }
    }
}

/// `localStorage`, looked up anew each time because a user may forbid it at any moment: reading the property throws then.
/// By its properties and not by its class, so that an emulated window (jsdom) counts as one.
fn local() -> Option<StorageLike> {
    let window = object(&js_sys::global(), "window")?;
    Some(object(&window, "localStorage")?.unchecked_into())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
fn enumerate(storage: &StorageLike) -> Vec<String> {
    let length = storage.length().ok().and_then(|length| length.as_f64()).unwrap_or(0.0) as u32;
    (0..length).filter_map(|index| storage.key(index).ok()?.as_string()).collect()
}
