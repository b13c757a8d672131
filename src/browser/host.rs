//! What the TypeScript face gives to the shell: never code of the app itself, but functions that call it after the
//! WebAssembly call has returned.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use super::storage::StorageLike;

#[wasm_bindgen]
extern "C" {
    /// Calls the app's `fetch`.
    #[wasm_bindgen(extends = js_sys::Function)]
    pub type Fetch;

    /// Made by `js/client.ts` for each client.
    pub type Host;

    /// Notices wait (`takeNotices`).
    #[wasm_bindgen(method, structural)]
    pub fn wake(this: &Host);

    /// Chunks of a session wait, `urgent`ly or for the next frame. No notice, because it comes with each read: this way
    /// costs one string.
    #[wasm_bindgen(method, structural)]
    pub fn deliver(this: &Host, session: &str, urgent: bool);

    /// The app's headers for one request: a promise of `[name, value]` pairs.
    #[wasm_bindgen(method, structural, catch)]
    pub fn headers(this: &Host, why: &str) -> Result<Promise, JsValue>;

    /// Reads a body: `take` gets every part and says whether more is wanted. In JavaScript, because there a read costs
    /// one promise, and here two closures more. Rejects where the body breaks or gives something else than bytes.
    #[wasm_bindgen(method, structural, catch)]
    pub fn pump(this: &Host, body: &JsValue, take: &Closure<dyn FnMut(Uint8Array) -> bool>)
    -> Result<Promise, JsValue>;

    /// The app's `fetch`, if it gave one.
    #[wasm_bindgen(method, structural, getter)]
    pub fn fetch(this: &Host) -> Option<Fetch>;

    /// The app's storage, if it gave one.
    #[wasm_bindgen(method, structural, getter)]
    pub fn storage(this: &Host) -> Option<StorageLike>;
}

/// Calls what [`Host::fetch`] gave.
pub fn call(fetch: &Fetch, url: &str, init: &web_sys::RequestInit) -> Result<Promise, JsValue> {
    let answer = fetch.call2(&JsValue::UNDEFINED, &url.into(), init)?;
    Ok(Promise::resolve(&answer))
}
