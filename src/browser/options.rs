//! The options of `createChatStreams` as they cross from JavaScript, and the core's settings they become: every number
//! clamped to what makes sense, whatever the app gave. `js/options.ts` has told the app of wrong types already.

use alloc::string::String;
use wasm_bindgen::JsValue;

use super::lifecycle::{object, property, text};
use super::storage::Backend;
use crate::decimal;
use crate::io::{Config, Millis, Repost};

/// The options that Rust needs; unknown ones are ignored. Numbers are JavaScript's: they may be fractional or infinite.
#[derive(Debug, Default)]
pub struct Options {
    /// Where PROTOCOL §1 is mounted.
    pub base_url: Option<String>,
    /// `credentials` of every request, as `fetch` names them.
    pub credentials: Option<String>,
    /// `"local"` or `"memory"`; the app's own storage is the host's.
    pub storage: Option<String>,
    storage_key: Option<String>,
    user_key: Option<String>,
    task_ttl_ms: Option<f64>,
    retry: Retry,
    stall_timeout_ms: Option<f64>,
    seed: Option<f64>,
    cross_tab: Option<bool>,
}

#[derive(Debug, Default)]
struct Retry {
    initial_delay_ms: Option<f64>,
    max_delay_ms: Option<f64>,
    max_retries: Option<f64>,
    window_ms: Option<f64>,
    repost: Option<String>,
}

const DAY: f64 = 86_400_000.0;

impl Options {
    /// Reads the app's object; a member of another type counts as not given.
    pub fn read(given: &JsValue) -> Self {
        Self {
            base_url: text(given, "baseUrl"),
            credentials: text(given, "credentials"),
            storage: text(given, "storage"),
            storage_key: text(given, "storageKey"),
            user_key: text(given, "userKey"),
            task_ttl_ms: number(given, "taskTtlMs"),
            retry: object(given, "retry").map(|retry| Retry::read(&retry)).unwrap_or_default(),
            stall_timeout_ms: number(given, "stallTimeoutMs"),
            seed: number(given, "seed"),
            cross_tab: property(given, "crossTab").and_then(|flag| flag.as_bool()),
        }
    }

    /// The settings of the core.
    pub fn config(&self) -> Config {
        let defaults = Config::default();
        Config {
            storage_key: self.storage_key.clone().unwrap_or(defaults.storage_key),
            user_key: self.user_key.clone().unwrap_or_default(),
            task_ttl: clamp(self.task_ttl_ms, defaults.task_ttl, 1_000.0, 365.0 * DAY),
            initial_delay: clamp(self.retry.initial_delay_ms, defaults.initial_delay, 1.0, DAY),
            max_delay: clamp(self.retry.max_delay_ms, defaults.max_delay, 1.0, DAY),
            max_retries: self.retry.max_retries.map(|retries| saturate(within(retries, 0.0, 1e6))),
            window: clamp(self.retry.window_ms, defaults.window, 0.0, 365.0 * DAY),
            repost: if self.retry.repost.as_deref() == Some("never") { Repost::Never } else { Repost::SameId },
            stall_timeout: self.stall_timeout_ms.map(|ms| clamp(Some(ms), 0, 10.0, DAY)),
            seed: self.seed.map_or_else(random_seed, |seed| seed.to_bits()),
            tab: self.shares_tabs().then(random_name),
        }
    }

    fn shares_tabs(&self) -> bool {
        self.cross_tab.unwrap_or(true) && super::tabs::are_supported()
    }

    /// The storage by its name.
    pub fn backend(&self) -> Backend {
        if self.storage.as_deref() == Some("memory") { Backend::Memory } else { Backend::Local }
    }
}

impl Retry {
    fn read(given: &JsValue) -> Self {
        Self {
            initial_delay_ms: number(given, "initialDelayMs"),
            max_delay_ms: number(given, "maxDelayMs"),
            max_retries: number(given, "maxRetries"),
            window_ms: number(given, "windowMs"),
            repost: text(given, "repost"),
        }
    }
}

fn number(of: &JsValue, name: &str) -> Option<f64> {
    property(of, name)?.as_f64()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a positive range")]
fn clamp(given: Option<f64>, default: Millis, low: f64, high: f64) -> Millis {
    given.filter(|number| !number.is_nan()).map_or(default, |number| within(number, low, high) as Millis)
}

/// Not by `clamp`, whose panic prints floating point numbers: a tenth of the WebAssembly.
fn within(number: f64, low: f64, high: f64) -> f64 {
    number.max(low).min(high)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn saturate(number: f64) -> u32 {
    number as u32
}

/// A name that no other tab has.
fn random_name() -> String {
    decimal::text(random_seed() ^ js_sys::Date::now().to_bits().rotate_left(32))
}

fn random_seed() -> u64 {
    js_sys::Math::random().to_bits()
}
