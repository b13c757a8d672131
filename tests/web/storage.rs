use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Bent, eval};
use crate::browser::storage::{Backend, Storage};

const WORKING: &str = "map: {}, getItem(k) { return this.map[k] ?? null }, setItem(k, v) { this.map[k] = v }, \
                       removeItem(k) { delete this.map[k] }, key(i) { return Object.keys(this.map)[i] ?? null }, \
                       get length() { return Object.keys(this.map).length }";

fn local() -> Storage {
    Storage::new(Backend::Local)
}

/// Makes a storage that works except for these members.
fn custom(members: &str) -> Storage {
    Storage::new(Backend::Custom(eval(&format!("({{ {WORKING}, {members} }})")).unchecked_into()))
}

#[wasm_bindgen_test]
fn a_text_in_local_storage_is_shared_with_other_tabs() {
    let (one, other) = (local(), local());
    one.write("web:a", "1");
    assert_eq!(other.read("web:a").as_deref(), Some("1"));
    assert_eq!(other.keys("web:a"), ["web:a"]);
    other.remove("web:a");
    assert_eq!(one.read("web:a"), None);
}

#[wasm_bindgen_test]
fn storage_in_memory_does_not_touch_local_storage() {
    let memory = Storage::new(Backend::Memory);
    memory.write("web:m", "1");
    assert_eq!(memory.read("web:m").as_deref(), Some("1"));
    assert_eq!(memory.keys("web:"), ["web:m"]);
    assert_eq!(local().read("web:m"), None);
    memory.remove("web:m");
    assert_eq!(memory.read("web:m"), None);
}

#[wasm_bindgen_test]
fn a_full_storage_falls_back_to_memory_and_loses_nothing() {
    let storage = custom("setItem() { throw new DOMException('full', 'QuotaExceededError') }");
    storage.write("k", "1");
    assert_eq!(storage.read("k").as_deref(), Some("1"));
    assert_eq!(storage.keys("k"), ["k"]);
    storage.remove("k");
    assert_eq!(storage.read("k"), None);
}

#[wasm_bindgen_test]
fn a_storage_that_throws_on_every_method_falls_back_to_memory() {
    let storage = custom(
        "getItem() { throw 1 }, setItem() { throw 1 }, removeItem() { throw 1 }, key() { throw 1 }, get length() { throw 1 }",
    );
    assert_eq!(storage.read("k"), None);
    storage.write("k", "1");
    assert_eq!(storage.read("k").as_deref(), Some("1"));
    storage.remove("k");
    assert_eq!(storage.read("k"), None);
    assert_eq!(storage.keys(""), Vec::<String>::new());
}

#[wasm_bindgen_test]
fn a_written_text_is_returned_while_reading_fails() {
    let storage = custom("getItem() { throw 1 }");
    storage.write("k", "1");
    assert_eq!(storage.read("k").as_deref(), Some("1"));
    assert_eq!(storage.keys("k"), ["k"]);
    storage.remove("k");
    assert_eq!(storage.read("k"), None);
}

#[wasm_bindgen_test]
fn a_key_that_is_not_given_up_is_empty_until_somebody_writes_it() {
    let object = eval(&format!("({{ {WORKING}, removeItem() {{ throw 1 }} }})"));
    let storage = Storage::new(Backend::Custom(object.clone().unchecked_into()));
    storage.write("k", "old");
    storage.remove("k");
    assert_eq!(storage.read("k"), None);
    let map = Reflect::get(&object, &"map".into()).unwrap();
    Reflect::set(&map, &"k".into(), &"of another tab".into()).unwrap();
    assert_eq!(storage.read("k").as_deref(), Some("of another tab"));
    storage.write("k", "new");
    assert_eq!(storage.read("k").as_deref(), Some("new"));
}

#[wasm_bindgen_test]
fn a_storage_may_begin_to_throw_and_cease_again() {
    let object = eval(&format!(
        "({{ {WORKING}, full: true, setItem(k, v) {{ if (this.full) throw 1; this.map[k] = v }}, \
           getItem(k) {{ if (this.full) throw 1; return this.map[k] ?? null }} }})"
    ));
    let set = |full: bool| Reflect::set(&object, &"full".into(), &full.into()).unwrap();
    let storage = Storage::new(Backend::Custom(object.clone().unchecked_into()));
    storage.write("k", "old");
    set(false);
    storage.write("k", "new");
    assert_eq!(storage.read("k").as_deref(), Some("new"));
    set(true);
    assert_eq!(storage.read("k").as_deref(), Some("new"));
    set(false);
    let map = Reflect::get(&object, &"map".into()).unwrap();
    Reflect::delete_property(map.unchecked_ref::<js_sys::Object>(), &"k".into()).unwrap();
    assert_eq!(storage.read("k"), None);
}

#[wasm_bindgen_test]
fn a_window_that_throws_at_local_storage_does_not_bring_the_client_down() {
    let storage = local();
    let bent = Bent::throwing("window", "localStorage");
    storage.write("web:f", "1");
    assert_eq!(storage.read("web:f").as_deref(), Some("1"));
    assert_eq!(storage.keys("web:f"), ["web:f"]);
    drop(bent);
    assert_eq!(local().read("web:f"), None);
}

#[wasm_bindgen_test]
fn a_window_without_local_storage_is_memory() {
    for absent in ["return undefined", "return null"] {
        let bent = Bent::new("window", "localStorage", absent);
        let storage = local();
        storage.write("web:n", "1");
        assert_eq!(storage.read("web:n").as_deref(), Some("1"), "{absent}");
        storage.remove("web:n");
        assert_eq!(storage.keys("web:n"), Vec::<String>::new());
        drop(bent);
    }
}

#[wasm_bindgen_test]
fn a_storage_with_any_length_and_no_keys_is_looked_through() {
    for length in ["NaN", "-1", "Infinity", "'x'", "2 ** 40"] {
        let storage = custom(&format!("get length() {{ return {length} }}, key: () => 7"));
        assert_eq!(storage.keys(""), Vec::<String>::new(), "{length}");
    }
    assert_eq!(custom("key: undefined").keys(""), Vec::<String>::new());
}
