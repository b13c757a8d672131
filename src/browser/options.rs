//! The options of `createChatStreams`, and the settings of the core that they become. Every number is clamped to a sensible
//! range. `js/streams/arguments.ts` has rejected wrong types already.

use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::driver::App;
use super::face::Face;
use super::fetch::Endpoint;
use super::reflect::{function, object, property};
use super::storage::Backend;
use super::tabs;
use crate::client::io::{Config, Millis, Repost};

const DAY: f64 = 86_400_000.0;

/// The app's options. Numbers may have fractions or be infinite, as in JavaScript.
#[derive(Debug)]
pub struct Options {
    settings: Settings,
    retry: Settings,
    /// The app's object. Functions and other objects are read from it later.
    given: JsValue,
}

/// The members of `options` and of `options.retry`. One struct reads both, because a second one costs 2 kB.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    base_url: Option<String>,
    json_base_url: Option<String>,
    credentials: Option<String>,
    storage_key: Option<String>,
    user_key: Option<String>,
    task_ttl_ms: Option<f64>,
    stall_timeout_ms: Option<f64>,
    seed: Option<f64>,
    cross_tab: Option<bool>,
    initial_delay_ms: Option<f64>,
    max_delay_ms: Option<f64>,
    max_retries: Option<f64>,
    window_ms: Option<f64>,
    repost: Option<String>,
}

impl Options {
    /// Reads the app's object.
    ///
    /// # Errors
    /// Fails if a setting has another type than API.md says.
    pub fn read(given: JsValue) -> Result<Self, serde_wasm_bindgen::Error> {
        let retry = object(&given, "retry").map(serde_wasm_bindgen::from_value).transpose()?.unwrap_or_default();
        Ok(Self { settings: serde_wasm_bindgen::from_value(given.clone())?, retry, given })
    }

    /// Returns the settings of the core.
    pub fn config(&self) -> Config {
        let (settings, retry) = (&self.settings, &self.retry);
        let defaults = Config::default();
        Config {
            storage_key: settings.storage_key.clone().unwrap_or(defaults.storage_key),
            user_key: settings.user_key.clone().unwrap_or_default(),
            task_ttl: time(settings.task_ttl_ms, 1_000.0, 365.0 * DAY).unwrap_or(defaults.task_ttl),
            initial_delay: time(retry.initial_delay_ms, 1.0, DAY).unwrap_or(defaults.initial_delay),
            max_delay: time(retry.max_delay_ms, 1.0, DAY).unwrap_or(defaults.max_delay),
            max_retries: time(retry.max_retries, 0.0, 1e6).and_then(|retries| u32::try_from(retries).ok()),
            window: time(retry.window_ms, 0.0, 365.0 * DAY).unwrap_or(defaults.window),
            repost: if retry.repost.as_deref() == Some("never") { Repost::Never } else { Repost::SameId },
            stall_timeout: time(settings.stall_timeout_ms, 10.0, DAY),
            seed: settings.seed.unwrap_or_else(js_sys::Math::random).to_bits(),
            tab: self.shares_tabs().then(random_name),
        }
    }

    /// Returns the URLs and credentials of the client's requests.
    pub fn endpoint(&self) -> Endpoint {
        let base_url = self.settings.base_url.as_deref().unwrap_or("/api/chat");
        let json_base_url = self.settings.json_base_url.as_deref().unwrap_or(base_url);
        Endpoint {
            base_url: base_url.trim_end_matches('/').into(),
            json_base_url: json_base_url.trim_end_matches('/').into(),
            credentials: self.settings.credentials.clone(),
        }
    }

    /// Returns the app's functions together with the client that the app sees.
    pub fn app(&self, face: Face) -> App {
        App {
            face,
            fetch: function(&self.given, "fetch"),
            headers: property(&self.given, "headers").unwrap_or_default(),
            prepare: function(&self.given, "prepareRequest"),
        }
    }

    /// Returns the storage of saved tasks.
    pub fn backend(&self) -> Backend {
        match object(&self.given, "storage") {
            Some(storage) => Backend::Custom(storage.unchecked_into()),
            None if property(&self.given, "storage").is_some_and(|name| name == "memory") => Backend::Memory,
            None => Backend::Local,
        }
    }

    fn shares_tabs(&self) -> bool {
        self.settings.cross_tab.unwrap_or(true) && tabs::are_supported()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a positive range")]
fn time(given: Option<f64>, low: f64, high: f64) -> Option<Millis> {
    let given = given.filter(|number| !number.is_nan())?;
    // This is not `clamp`, because its panic prints floating-point numbers, which costs 3 kB.
    Some(given.max(low).min(high) as Millis)
}

/// Returns a name that no other tab has.
fn random_name() -> String {
    let part =
        || String::from(js_sys::Number::from(js_sys::Math::random()).to_string_with_radix(36).unwrap_or_default());
    [part(), part()].concat()
}
