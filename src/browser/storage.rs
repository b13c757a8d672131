//! The storage of saved tasks: `localStorage`, a storage of the app, or memory.
//!
//! These functions never fail. A storage may throw on each of its methods, at first or later. What it refuses to store or to
//! return is kept in memory as long as the page lives.

use litemap::LiteMap;
use std::cell::RefCell;

use gloo_storage::{LocalStorage, Storage as _};
use wasm_bindgen::prelude::*;
use web_sys::Window;

use super::reflect::object;

#[wasm_bindgen]
extern "C" {
    /// A storage of the browser, or the app's `storage` (API.md, `StorageLike`). Its methods may be code of the app. Nothing is
    /// borrowed while they run, so they may call the client.
    #[derive(Clone, Debug)]
    pub type StorageLike;
    #[wasm_bindgen(method, structural, catch, js_name = getItem)]
    fn get_item(this: &StorageLike, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = setItem)]
    fn set_item(this: &StorageLike, key: &str, text: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = removeItem)]
    fn remove_item(this: &StorageLike, key: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn key(this: &StorageLike, index: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, getter)]
    fn length(this: &StorageLike) -> Result<JsValue, JsValue>;
}

/// The number of keys that are read at most, because a storage may report any length.
const MOST_KEYS: u32 = 1 << 16;

/// The storage that the app has chosen.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The `localStorage` of the browser, which all tabs share.
    Local,
    /// The memory of the page. Its records are lost when the page is closed.
    Memory,
    /// A storage of the app.
    Custom(StorageLike),
}

/// The last change that this page made to a key.
#[derive(Clone, Debug)]
enum Written {
    /// The backend took this text. The text serves only while the backend cannot be read.
    Taken(String),
    /// The backend refused this text. The text replaces what the backend holds.
    Refused(String),
    /// The backend refused to remove the key. What it holds counts as removed until it is another text than this.
    Removed(Option<String>),
}

/// A map from keys to texts.
#[derive(Debug)]
pub struct Storage {
    backend: Backend,
    written: RefCell<LiteMap<String, Written>>,
}

impl Storage {
    /// Opens the storage. It reads nothing yet.
    pub fn new(backend: Backend) -> Self {
        Self { backend, written: RefCell::default() }
    }

    /// Returns the text of a key.
    pub fn read(&self, key: &str) -> Option<String> {
        let written = self.written.borrow().get(key).cloned();
        match (written, self.held(key)) {
            (Some(Written::Refused(text)), _) | (Some(Written::Taken(text)), Err(Unreadable)) => Some(text),
            (Some(Written::Removed(before)), Ok(held)) => held.filter(|held| Some(held) != before.as_ref()),
            (_, Ok(held)) => held,
            (_, Err(Unreadable)) => None,
        }
    }

    /// Stores the text of a key.
    pub fn write(&self, key: &str, text: &str) {
        let is_taken = self.reach().is_some_and(|storage| storage.set_item(key, text).is_ok());
        let written = if is_taken { Written::Taken } else { Written::Refused };
        self.written.borrow_mut().insert(key.into(), written(text.into()));
    }

    /// Removes a key. If the backend refuses, the key counts as removed for this page.
    pub fn remove(&self, key: &str) {
        let is_removed = self.reach().is_none_or(|storage| storage.remove_item(key).is_ok());
        let removed = (!is_removed).then(|| Written::Removed(self.held(key).unwrap_or_default()));
        let mut written = self.written.borrow_mut();
        match removed {
            Some(removed) => written.insert(key.into(), removed),
            None => written.remove(key),
        };
    }

    /// Returns the keys that begin with `prefix`.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = self.reach().map(enumerate).unwrap_or_default();
        for (key, written) in &*self.written.borrow() {
            if !matches!(written, Written::Removed(_)) && !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys.retain(|key| key.starts_with(prefix));
        keys
    }

    fn held(&self, key: &str) -> Result<Option<String>, Unreadable> {
        let storage = self.reach().ok_or(Unreadable)?;
        storage.get_item(key).map(|text| text.as_string()).map_err(|_| Unreadable)
    }

    fn reach(&self) -> Option<StorageLike> {
        match &self.backend {
            Backend::Local => local(),
            Backend::Memory => None,
            Backend::Custom(storage) => Some(storage.clone()),
        }
    }
}

/// The backend is missing or threw an error.
struct Unreadable;

/// Returns `localStorage`. It is looked up each time, because a user may forbid it at any moment, and reading the property throws
/// then. Only if that succeeds is gloo-storage asked for it, because gloo would panic otherwise. gloo does not recognise an
/// emulated window, so the storage of such a window is used directly.
fn local() -> Option<StorageLike> {
    let window = object(&js_sys::global(), "window")?;
    let storage = object(&window, "localStorage")?;
    if js_sys::global().has_type::<Window>() {
        return Some(JsValue::from(LocalStorage::raw()).unchecked_into());
    }
    Some(storage.unchecked_into())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
fn enumerate(storage: StorageLike) -> Vec<String> {
    let length = storage.length().ok().and_then(|length| length.as_f64()).unwrap_or_default() as u32;
    let mut keys = Vec::new();
    for index in 0..length.min(MOST_KEYS) {
        keys.extend(storage.key(index).ok().and_then(|key| key.as_string()));
    }
    keys
}
