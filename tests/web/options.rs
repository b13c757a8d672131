use wasm_bindgen_test::wasm_bindgen_test;

use super::support::eval;
use crate::browser::options::Options;
use crate::browser::storage::Backend;
use crate::client::io::{Config, Repost};

const DAY: u64 = 86_400_000;

fn options(members: &str) -> Options {
    Options::new(eval(&format!("({{ {members} }})")))
}

#[wasm_bindgen_test]
fn missing_options_have_the_defaults_of_the_core() {
    for members in
        ["crossTab: false, seed: 0", "crossTab: false, seed: 0, retry: null, userKey: null, taskTtlMs: undefined"]
    {
        assert_eq!(options(members).config(), Config::default());
    }
}

#[wasm_bindgen_test]
fn settings_are_taken_over() {
    let config = options(
        "storageKey: 'k', userKey: 'u', taskTtlMs: 5000.9, stallTimeoutMs: 100, seed: 2, crossTab: false, \
         retry: { initialDelayMs: 10, maxDelayMs: 20, maxRetries: 3, windowMs: 40, repost: 'never' }",
    )
    .config();
    let wanted = Config {
        storage_key: "k".into(),
        user_key: "u".into(),
        task_ttl: 5_000,
        stall_timeout: Some(100),
        seed: 2_f64.to_bits(),
        initial_delay: 10,
        max_delay: 20,
        max_retries: Some(3),
        window: 40,
        repost: Repost::Never,
        tab: None,
    };
    assert_eq!(config, wanted);
}

#[wasm_bindgen_test]
fn numbers_are_clamped_and_nan_is_none() {
    let config =
        options("taskTtlMs: Infinity, stallTimeoutMs: -1, retry: { maxDelayMs: 1e300, maxRetries: Infinity }").config();
    assert_eq!((config.task_ttl, config.max_delay), (365 * DAY, DAY));
    assert_eq!((config.stall_timeout, config.max_retries), (Some(10), Some(1_000_000)));
    let config = options("taskTtlMs: NaN, stallTimeoutMs: NaN, retry: { maxRetries: NaN }").config();
    assert_eq!((config.task_ttl, config.stall_timeout, config.max_retries), (3_600_000, None, None));
}

#[wasm_bindgen_test]
fn a_tab_has_a_name_of_its_own_where_tabs_share() {
    let name = || options("").config().tab.unwrap();
    assert_ne!(name(), name());
    assert_eq!(options("crossTab: false").config().tab, None);
}

#[wasm_bindgen_test]
fn the_base_url_has_no_slash_at_its_end() {
    assert_eq!(options("").endpoint().base_url, "/api/chat");
    assert_eq!(options("baseUrl: 'https://a.example/x//'").endpoint().base_url, "https://a.example/x");
    assert_eq!(options("baseUrl: '/x/'").endpoint().json_base_url, "/x");
    assert_eq!(options("baseUrl: '/x', jsonBaseUrl: '/proxy/x/'").endpoint().json_base_url, "/proxy/x");
}

#[wasm_bindgen_test]
fn a_storage_is_known_by_its_name_or_is_the_apps_own() {
    assert!(matches!(options("").backend(), Backend::Local));
    assert!(matches!(options("storage: 'local'").backend(), Backend::Local));
    assert!(matches!(options("storage: 'memory'").backend(), Backend::Memory));
    assert!(matches!(options("storage: { getItem() {} }").backend(), Backend::Custom(_)));
}

#[wasm_bindgen_test]
fn settings_that_throw_or_have_another_type_count_as_missing() {
    for given in ["({ baseUrl: 7, retry: 7 })", "({ get baseUrl() { throw 1 }, get retry() { throw 1 } })", "7", "null"]
    {
        let options = Options::new(eval(given));
        assert_eq!(options.endpoint().base_url, "/api/chat", "{given}");
        assert_eq!(options.config().max_delay, Config::default().max_delay, "{given}");
    }
}
