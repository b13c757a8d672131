//! The options of `createChatStreams`, and the settings of the core that they become. Every number is clamped to a sensible
//! range. `js/streams/arguments.ts` has rejected wrong types already.

use wasm_bindgen::prelude::*;

use super::codec;
use super::driver::App;
use super::face::Face;
use super::fetch::Endpoint;
use super::reflect::{function, object, property};
use super::storage::Backend;
use super::tabs;
use crate::client::io::{Config, Millis, Repost};
use crate::value::Value;

const DAY: f64 = 86_400_000.0;

/// The app's object of options: settings, functions and other objects. Numbers may have fractions or be infinite, as in
/// JavaScript. A setting that cannot be read, or that has another type than API.md says, counts as missing.
#[derive(Debug)]
pub struct Options(JsValue);

impl Options {
    /// Wraps the app's object.
    pub fn new(given: JsValue) -> Self {
        Self(given)
    }

    /// Reads one setting from the app's object. Converting the whole object would also read the members of its storage and
    /// headers.
    fn setting(&self, name: &str) -> Value {
        setting(&self.0, name)
    }

    /// Returns the settings of the core.
    pub fn config(&self) -> Config {
        let retry = object(&self.0, "retry").unwrap_or_default();
        let text = |name| self.setting(name).into_text();
        let defaults = Config::default();
        Config {
            storage_key: text("storageKey").unwrap_or(defaults.storage_key),
            user_key: text("userKey").unwrap_or_default(),
            task_ttl: time(&self.0, "taskTtlMs", 1_000.0, 365.0 * DAY).unwrap_or(defaults.task_ttl),
            initial_delay: time(&retry, "initialDelayMs", 1.0, DAY).unwrap_or(defaults.initial_delay),
            max_delay: time(&retry, "maxDelayMs", 1.0, DAY).unwrap_or(defaults.max_delay),
            max_retries: time(&retry, "maxRetries", 0.0, 1e6).and_then(|retries| u32::try_from(retries).ok()),
            window: time(&retry, "windowMs", 0.0, 365.0 * DAY).unwrap_or(defaults.window),
            repost: match setting(&retry, "repost").into_text().as_deref() {
                Some("never") => Repost::Never,
                _ => Repost::SameId,
            },
            stall_timeout: time(&self.0, "stallTimeoutMs", 10.0, DAY),
            seed: self.setting("seed").number().unwrap_or_else(js_sys::Math::random).to_bits(),
            tab: self.shares_tabs().then(random_name),
        }
    }

    /// Returns the URLs and credentials of the client's requests.
    pub fn endpoint(&self) -> Endpoint {
        let url = |name| Some(without_slashes(&self.setting(name).into_text()?).to_owned());
        let base_url = url("baseUrl").unwrap_or_else(|| "/api/chat".into());
        let json_base_url = url("jsonBaseUrl").unwrap_or_else(|| base_url.clone());
        Endpoint { base_url, json_base_url, credentials: self.setting("credentials").into_text() }
    }

    /// Returns the app's functions together with the client that the app sees.
    pub fn app(&self, face: Face) -> App {
        App {
            face,
            fetch: function(&self.0, "fetch"),
            headers: property(&self.0, "headers").unwrap_or_default(),
            prepare: function(&self.0, "prepareRequest"),
        }
    }

    /// Returns the storage of saved tasks.
    pub fn backend(&self) -> Backend {
        match object(&self.0, "storage") {
            Some(storage) => Backend::Custom(storage.unchecked_into()),
            None if property(&self.0, "storage").is_some_and(|name| name == "memory") => Backend::Memory,
            None => Backend::Local,
        }
    }

    fn shares_tabs(&self) -> bool {
        !self.setting("crossTab").is_false() && tabs::are_supported()
    }
}

fn setting(of: &JsValue, name: &str) -> Value {
    property(of, name).and_then(codec::read).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a positive range")]
fn time(of: &JsValue, name: &str, low: f64, high: f64) -> Option<Millis> {
    let given = setting(of, name).number().filter(|number| !number.is_nan())?;
    // This is not `clamp`, because its panic prints floating-point numbers, which costs 3 kB.
    Some(given.max(low).min(high) as Millis)
}

/// Returns a URL without the slashes at its end.
fn without_slashes(url: &str) -> &str {
    let mut rest = url;
    while let Some(shorter) = rest.strip_suffix("/") {
        rest = shorter;
    }
    rest
}

/// Returns a name that no other tab has.
fn random_name() -> String {
    let part =
        || String::from(js_sys::Number::from(js_sys::Math::random()).to_string_with_radix(36).unwrap_or_default());
    [part(), part()].concat()
}
