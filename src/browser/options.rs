//! The options of `createChatStreams` as they cross from JavaScript, and the core's settings they become: every number
//! clamped to what makes sense, whatever the app gave. `js/streams/arguments.ts` has told the app of wrong types already.

use crate::client::io::{Config, Millis, Repost};
use crate::stream::bytes::json::Json;

const DAY: Millis = 86_400_000;

/// Reads the settings, of which some may be missing: whole numbers in milliseconds, and texts. `seed` is the jitter's.
#[must_use]
pub fn read(json: &str, seed: f64) -> Config {
    let defaults = Config::default();
    let [storage_key, user_key, tab, repost, task_ttl, stall_timeout] =
        members(json, ["storageKey", "userKey", "tab", "repost", "taskTtlMs", "stallTimeoutMs"]);
    let [initial_delay, max_delay, max_retries, window] =
        members(json, ["initialDelayMs", "maxDelayMs", "maxRetries", "windowMs"]);
    Config {
        storage_key: text(storage_key).unwrap_or(defaults.storage_key),
        user_key: text(user_key).unwrap_or_default(),
        task_ttl: number(task_ttl, 1_000, 365 * DAY).unwrap_or(defaults.task_ttl),
        initial_delay: number(initial_delay, 1, DAY).unwrap_or(defaults.initial_delay),
        max_delay: number(max_delay, 1, DAY).unwrap_or(defaults.max_delay),
        max_retries: number(max_retries, 0, 1_000_000).and_then(|retries| u32::try_from(retries).ok()),
        window: number(window, 0, 365 * DAY).unwrap_or(defaults.window),
        repost: if repost.is_some() { Repost::Never } else { Repost::SameId },
        stall_timeout: number(stall_timeout, 10, DAY),
        seed: seed.to_bits(),
        tab: text(tab),
    }
}

fn members<'a, const N: usize>(json: &'a str, names: [&str; N]) -> [Option<Json<'a>>; N] {
    Json::parse(json).map_or([None; N], |json| json.get(names))
}

fn text(member: Option<Json<'_>>) -> Option<String> {
    member.and_then(Json::string)
}

fn number(member: Option<Json<'_>>, low: u64, high: u64) -> Option<u64> {
    Some(member?.integer()?.max(low).min(high))
}
