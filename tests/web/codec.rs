use js_sys::JSON;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::eval;
use crate::browser::codec;
use crate::client::io::{Request, SendRequest};
use crate::client::{SavedTask, Stored};

const RECORD: &str = r#"{"v":1,"task":"t","session":"s","last":"5-1","started":70,"saved":80}"#;

fn entry(text: &str) -> Option<SavedTask> {
    codec::stored(Some(text)).record_of("s")
}

#[wasm_bindgen_test]
fn a_record_is_read_back() {
    let record = entry(RECORD).unwrap();
    assert_eq!((record.task(), record.active.as_ref().map(|active| active.started)), (Some("t"), Some(70)));
    let text = codec::record_text(record.clone()).unwrap();
    assert_eq!(entry(&text), Some(record));
}

#[wasm_bindgen_test]
fn a_record_that_javascript_cannot_count_is_not_written() {
    let mut record = entry(RECORD).unwrap();
    record.saved = u64::MAX;
    assert_eq!(codec::record_text(record), None);
}

#[wasm_bindgen_test]
fn anything_else_in_the_storage_is_unreadable() {
    assert_eq!(codec::stored(None), Stored::Nothing);
    for text in ["", "nonsense", "null", "7", "[]", "{}", r#"{"v":1,"task":7}"#, &RECORD.replace("70", "-1")] {
        assert_eq!(codec::stored(Some(text)), Stored::Unreadable, "{text}");
    }
}

#[wasm_bindgen_test]
fn the_legacy_map_is_read_with_dates_and_without_what_is_no_task() {
    let text = r#"{"s1":{"taskId":"t1","operationId":"o","startedAt":70.9},
        "s2":{"taskId":"t2","startedAt":"1970-01-01T00:00:01Z"}, "s3":{"taskId":"t3","startedAt":"no date"},"s4":17,"s5":null}"#;
    let Stored::Legacy(entries) = codec::stored_legacy(Some(text)) else { panic!("it is a map") };
    let read: Vec<_> = entries.iter().map(|entry| (entry.session.as_str(), entry.started)).collect();
    assert_eq!(read, [("s1", Some(70)), ("s2", Some(1_000)), ("s3", None)]);
    for other in ["nonsense", "null", "7", "\"x\""] {
        assert_eq!(codec::stored_legacy(Some(other)), Stored::Unreadable, "{other}");
    }
    assert_eq!(codec::stored_legacy(None), Stored::Nothing);
}

#[wasm_bindgen_test]
fn a_message_of_another_tab_may_contain_itself_anywhere() {
    for message in [
        "const map = new Map(); map.set(map, 1); return map",
        "const map = new Map(); map.set(map, map); return { v: 2, from: map }",
        "const map = new Map([['v', 2]]); map.set({}, map); return map",
        "const list = []; list.push(list); return { v: 2, frames: list }",
        "const record = { v: 2 }; record.state = record; return record",
    ] {
        let message = eval(&format!("(() => {{ {message} }})()"));
        assert_eq!(codec::read_message(message), None);
    }
}

#[wasm_bindgen_test]
fn a_body_is_read_with_its_details_and_without_what_has_another_type() {
    let body = codec::body(r#"{"detail":{"code":"C","message":"m","extra":[1]},"status":7,"messages":null}"#).unwrap();
    assert_eq!(body.details.as_deref(), Some(r#"{"code":"C","message":"m","extra":[1]}"#));
    assert_eq!((body.status.as_deref(), body.session.messages.len()), (None, 0));
    for other in ["", "nonsense", "null", "[]", "7", "\"text\""] {
        assert_eq!(codec::body(other), None, "{other}");
    }
}

#[wasm_bindgen_test]
fn a_request_is_written_with_the_context_that_the_app_gave() {
    let request = SendRequest {
        message: "say \"hi\" 🎉".into(),
        context: Some(r#"{"a":[1,null]}"#.into()),
        message_id: "m1".into(),
        ..SendRequest::default()
    };
    let request = Request::Send { session: "s".into(), request };
    let text = request.body().unwrap();
    let same = eval(
        "JSON.stringify({ message: 'say \"hi\" 🎉', is_user_message: true, message_id: 'm1', context: { a: [1, null] } })",
    );
    assert_eq!(text, same.as_string().unwrap());
}

#[wasm_bindgen_test]
fn a_message_of_another_tab_may_be_anything() {
    for other in ["undefined", "null", "7", "'text'", "Symbol()", "({ v: 'x' })", "({ frames: 7 })"] {
        assert!(codec::read_message(eval(other)).is_none(), "{other}");
    }
    let message =
        codec::read_message(JSON::parse(r#"{"v":2,"from":"a","session":"s","kind":"stop"}"#).unwrap()).unwrap();
    assert_eq!(codec::read_message(codec::message(&message)), Some(message));
}
