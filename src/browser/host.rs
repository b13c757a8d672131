//! What the shell may call of the browser (`js/streams/shell/host.ts`). None of it throws, and none of it calls code of the app before the
//! WebAssembly call has returned; but for the app's storage, which is synchronous, and what listens to an abort.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Made by `js/streams/client.ts` for each client.
    pub type Host;

    /// The time: milliseconds since the Unix epoch that never run back.
    #[wasm_bindgen(method)]
    pub fn now(this: &Host) -> f64;

    /// Rings once after so many milliseconds instead of when it would have; not at all where that is negative.
    #[wasm_bindgen(method)]
    pub fn arm(this: &Host, ms: i32);

    /// Notices wait (`takeNotices`).
    #[wasm_bindgen(method)]
    pub fn wake(this: &Host);

    /// Chunks of a session wait, with their [`Urgency`](crate::client::io::Urgency) by its number. No notice, because it comes
    /// with each read: this way costs one string.
    #[wasm_bindgen(method)]
    pub fn deliver(this: &Host, session: &str, urgency: u8);

    /// Starts a request: its path below the base URL, its body, for what the app's headers are asked, and whether an event
    /// stream is what a good answer is.
    #[wasm_bindgen(method)]
    pub fn open(
        this: &Host,
        attempt: u32,
        method: &str,
        path: &str,
        body: Option<String>,
        why: &str,
        expects_stream: bool,
    );

    /// Gives up a request; nothing more is heard of it.
    #[wasm_bindgen(method)]
    pub fn abort(this: &Host, attempt: u32);

    /// The saved text under a key.
    #[wasm_bindgen(method)]
    pub fn read(this: &Host, key: &str) -> Option<String>;

    /// Saves a text under a key.
    #[wasm_bindgen(method)]
    pub fn write(this: &Host, key: &str, text: &str);

    /// Forgets a key.
    #[wasm_bindgen(method)]
    pub fn remove(this: &Host, key: &str);

    /// The keys that begin so, each with a NUL behind it.
    #[wasm_bindgen(method)]
    pub fn keys(this: &Host, prefix: &str) -> String;

    /// Joins the tabs of a channel; `false` where the browser forbids it.
    #[wasm_bindgen(method)]
    pub fn join(this: &Host, name: &str) -> bool;

    /// Leaves them, and gives every lock back.
    #[wasm_bindgen(method)]
    pub fn leave(this: &Host);

    /// Tells the other tabs.
    #[wasm_bindgen(method)]
    pub fn post(this: &Host, message: &str);

    /// Asks for a session's lock, in turn or at once.
    #[wasm_bindgen(method)]
    pub fn lock(this: &Host, session: &str, name: &str, steals: bool);

    /// Gives a session's lock back, or no longer waits for it.
    #[wasm_bindgen(method)]
    pub fn unlock(this: &Host, session: &str);

    /// Lets go of everything: streams, timer, listeners, locks.
    #[wasm_bindgen(method)]
    pub fn close(this: &Host);
}
