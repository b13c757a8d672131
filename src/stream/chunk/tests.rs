//! The table of PROTOCOL §3, one line per type, and the edges of JSON.

use super::Signal::{Abort, BlockStart, Error, Finish, Other, Start, Unknown};
use super::*;

/// Decodes both ways, which must agree.
fn chunk(data: &str) -> Chunk<'_> {
    let chunk = decode(data).unwrap_or_else(|malformed| panic!("{malformed:?}: {data}"));
    assert_eq!(Ok(&chunk), decode_exact(data).as_ref(), "{data}");
    chunk
}

/// Returns what listeners get, as JSON text. For deltas of the hot path it does what `js/chunks/batch.ts` does.
fn delivered(data: &str) -> String {
    match chunk(data) {
        Chunk::Delta(Delta { stream, text }) => {
            let text = json(&text.text());
            let id = stream.block().map(|id| json(&id.text())).unwrap_or_default();
            match stream {
                Stream::Legacy => format!(r#"{{"type":"text_chunk","content":{text}}}"#),
                Stream::Text(_) => format!(r#"{{"type":"text_chunk","blockId":{id},"content":{text}}}"#),
                Stream::Reasoning(_) => format!(r#"{{"type":"reasoning-delta","id":{id},"delta":{text}}}"#),
                Stream::ToolInput(_) => {
                    format!(r#"{{"type":"tool-input-delta","toolCallId":{id},"inputTextDelta":{text}}}"#)
                }
            }
        }
        Chunk::Tool(Tool { step, call, name, payload }) => {
            let name = name.map(|name| format!(r#","tool_name":{}"#, json(name))).unwrap_or_default();
            let (kind, payload) = match step {
                ToolStep::Input => ("tool_call_start", format!(r#""arguments":{payload}"#)),
                ToolStep::Output => ("tool_response", format!(r#""result":{payload},"success":true"#)),
            };
            format!(r#"{{"type":"{kind}","tool_id":{}{name},{payload}}}"#, json(call))
        }
        Chunk::Object(object) => {
            let mut out = String::new();
            object.write(&mut out, "");
            out
        }
    }
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn is_unknown(data: &str) -> bool {
    matches!(chunk(data), Chunk::Object(object) if object.is_unknown())
}

macro_rules! becomes {
    ($($name:ident: $wire:expr => $delivered:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(delivered($wire), $delivered);
            assert!(!is_unknown($wire));
        }
    )*};
}

macro_rules! passes_unchanged {
    ($($name:ident: $wire:expr;)*) => { becomes! { $($name: $wire => $wire;)* } };
}

becomes! {
    start_with_a_task: r#"{"type":"start","messageId":"m","taskId":"t"}"#
        => r#"{"type":"stream_start","messageId":"m","taskId":"t"}"#;
    start_keeps_its_metadata: r#"{"type":"start","taskId":"t","messageMetadata":{"a":1}}"#
        => r#"{"type":"stream_start","taskId":"t","messageMetadata":{"a":1}}"#;
    start_without_a_task_still_names_the_message: r#"{"type":"start","messageId":"m"}"#
        => r#"{"type":"start","messageId":"m"}"#;
    start_with_an_empty_task_is_one_without: r#"{"type":"start","messageId":"m","taskId":""}"#
        => r#"{"type":"start","messageId":"m","taskId":""}"#;
    start_that_says_nothing: r#"{"type":"start"}"# => "";
    text_start: r#"{"type":"text-start","id":"0"}"# => "";
    text_delta: r#"{"type":"text-delta","id":"0","delta":"x"}"# => r#"{"type":"text_chunk","blockId":"0","content":"x"}"#;
    text_delta_with_metadata: r#"{"type":"text-delta","id":"0","delta":"x","providerMetadata":{"p":{}}}"#
        => r#"{"type":"text_chunk","blockId":"0","content":"x","providerMetadata":{"p":{}}}"#;
    text_delta_of_another_value: r#"{"type":"text-delta","id":0,"delta":5}"#
        => r#"{"type":"text_chunk","blockId":0,"content":5}"#;
    text_delta_with_half_a_surrogate_pair: r#"{"type":"text-delta","id":"0","delta":"\ud83d"}"#
        => r#"{"type":"text_chunk","blockId":"0","content":"\ud83d"}"#;
    text_end: r#"{"type":"text-end","id":"0"}"# => r#"{"type":"text_ended","blockId":"0"}"#;
    tool_input_start: r#"{"type":"tool-input-start","toolCallId":"c","toolName":"n","dynamic":true}"#
        => r#"{"type":"tool_call_start","tool_id":"c","tool_name":"n","dynamic":true,"arguments":{},"inputState":"streaming"}"#;
    tool_input_available: r#"{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":{"b":1,"a":[2]},"title":"T"}"#
        => r#"{"type":"tool_call_start","tool_id":"c","tool_name":"n","arguments":{"b":1,"a":[2]},"title":"T"}"#;
    tool_input_and_nothing_else: r#"{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":{"a":"}"}}"#
        => r#"{"type":"tool_call_start","tool_id":"c","tool_name":"n","arguments":{"a":"}"}}"#;
    tool_input_without_a_name: r#"{"type":"tool-input-available","toolCallId":"c","input":1}"#
        => r#"{"type":"tool_call_start","tool_id":"c","arguments":1}"#;
    tool_input_whose_call_is_escaped: r#"{"type":"tool-input-available","toolCallId":"\u0063","toolName":"n","input":1}"#
        => r#"{"type":"tool_call_start","tool_id":"\u0063","tool_name":"n","arguments":1}"#;
    tool_output_available: r#"{"type":"tool-output-available","toolCallId":"c","output":"o","preliminary":true}"#
        => r#"{"type":"tool_response","tool_id":"c","result":"o","preliminary":true,"success":true}"#;
    tool_output_with_its_name: r#"{"type":"tool-output-available","toolCallId":"c","toolName":"n","output":null}"#
        => r#"{"type":"tool_response","tool_id":"c","tool_name":"n","result":null,"success":true}"#;
    tool_output_and_nothing_else: r#"{"type":"tool-output-available","toolCallId":"c","output":[null]}"#
        => r#"{"type":"tool_response","tool_id":"c","result":[null],"success":true}"#;
    tool_output_with_white_space: "{ \"type\": \"tool-output-available\", \"toolCallId\": \"c\", \"output\": [1, 2] }"
        => r#"{"type":"tool_response","tool_id":"c","result":[1, 2],"success":true}"#;
    tool_output_that_failed: r#"{"type":"tool-output-available","toolCallId":"c","output":{},"success":false}"#
        => r#"{"type":"tool_response","tool_id":"c","result":{},"success":false}"#;
    tool_output_whose_success_is_null: r#"{"type":"tool-output-available","success":null,"toolCallId":"c","output":{}}"#
        => r#"{"type":"tool_response","tool_id":"c","result":{},"success":true}"#;
    finish: r#"{"type":"finish"}"# => r#"{"type":"stream_end"}"#;
    finish_keeps_its_reason: r#"{"type":"finish","finishReason":"stop","messageMetadata":1}"#
        => r#"{"type":"stream_end","finishReason":"stop","messageMetadata":1}"#;
    error_of_the_ai_sdk: r#"{"type":"error","errorText":"no","code":"C","details":{"a":1}}"#
        => r#"{"type":"error","message":"no","code":"C","details":{"a":1}}"#;
    error_whose_message_is_null: r#"{"type":"error","errorText":"no","message":null}"#
        => r#"{"type":"error","message":"no"}"#;
    a_member_in_the_way_of_a_renamed_one_gives_way: r#"{"type":"text-end","blockId":"1","id":"0"}"#
        => r#"{"type":"text_ended","blockId":"0"}"#;
    members_are_known_by_what_their_names_say: r#"{"\u0074ype":"finish","finish\u0052eason":"stop"}"#
        => r#"{"type":"stream_end","finish\u0052eason":"stop"}"#;
    types_are_known_by_what_they_say: r#"{"type":"fin\u0069sh"}"# => r#"{"type":"stream_end"}"#;
    of_duplicates_the_last_counts: r#"{"type":"finish","type":"start","taskId":"","taskId":"t"}"#
        => r#"{"type":"stream_start","taskId":"","taskId":"t"}"#;
    white_space_around_and_within: " {\t\"type\" :\n\"finish\" ,\r\"a\" : 1 } " => r#"{"type":"stream_end","a":1}"#;
}

passes_unchanged! {
    legacy_text: r#"{"type":"text_chunk","content":"x"}"#;
    legacy_text_with_extras: r#"{"type":"text_chunk","content":"x","timestamp":"2026","idx":3,"session_id":"s","foo":null}"#;
    text_ended: r#"{"type":"text_ended","timestamp":"2026"}"#;
    tool_call: r#"{"type":"tool_call","anything":[]}"#;
    tool_call_start: r#"{"type":"tool_call_start","tool_id":"c","tool_name":"n","arguments":"{}"}"#;
    tool_response: r#"{"type":"tool_response","tool_id":"c","result":1,"success":false}"#;
    login_needed: r#"{"type":"login_needed","message":"m","agent_info":{}}"#;
    need_login: r#"{"type":"need_login"}"#;
    credentials_needed: r#"{"type":"credentials_needed","scopes":["a"]}"#;
    legacy_error_with_a_message: r#"{"type":"error","message":"m","errorText":"e"}"#;
    legacy_error_with_content: r#"{"type":"error","content":"c"}"#;
    error_whose_texts_are_null: r#"{"type":"error","errorText":null,"message":null}"#;
    error_that_says_nothing: r#"{"type":"error"}"#;
    usage: r#"{"type":"usage","promptTokens":1,"completionTokens":2,"totalTokens":3,"idx":4}"#;
    stream_end: r#"{"type":"stream_end","idx":5}"#;
    reasoning_start: r#"{"type":"reasoning-start","id":"r"}"#;
    reasoning_delta_with_metadata: r#"{"type":"reasoning-delta","id":"r","delta":"x","providerMetadata":{}}"#;
    reasoning_delta: r#"{"type":"reasoning-delta","id":"r","delta":"x"}"#;
    reasoning_end: r#"{"type":"reasoning-end","id":"r"}"#;
    tool_input_delta: r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{\"a"}"#;
    tool_input_error: r#"{"type":"tool-input-error","toolCallId":"c","toolName":"n","input":1,"errorText":"e"}"#;
    tool_output_error: r#"{"type":"tool-output-error","toolCallId":"c","errorText":"e"}"#;
    tool_output_denied: r#"{"type":"tool-output-denied","toolCallId":"c"}"#;
    tool_approval_request: r#"{"type":"tool-approval-request","approvalId":"a","toolCallId":"c"}"#;
    tool_approval_response: r#"{"type":"tool-approval-response","approvalId":"a","approved":true}"#;
    source_url: r#"{"type":"source-url","sourceId":"s","url":"u"}"#;
    source_document: r#"{"type":"source-document","sourceId":"s","mediaType":"m","title":"t"}"#;
    file: r#"{"type":"file","url":"u","mediaType":"m"}"#;
    reasoning_file: r#"{"type":"reasoning-file","url":"u","mediaType":"m"}"#;
    custom: r#"{"type":"custom","kind":"p.k"}"#;
    data: r#"{"type":"data-weather","data":{"t":1},"id":"1","transient":true}"#;
    start_step: r#"{"type":"start-step"}"#;
    finish_step: r#"{"type":"finish-step"}"#;
    reset_step: r#"{"type":"reset-step"}"#;
    message_metadata: r#"{"type":"message-metadata","messageMetadata":{}}"#;
    abort: r#"{"type":"abort","reason":"user"}"#;
    steering_message: r#"{"type":"steering-message","id":"s","parts":[]}"#;
}

#[test]
fn types_that_the_protocol_does_not_know_pass_as_unknown() {
    for kind in ["stream_start", "stream_reset", "Text-delta", "data", "toString", "", " finish", "\\ud800"] {
        let wire = format!(r#"{{"type":"{kind}","a":1}}"#);
        assert!(is_unknown(&wire), "{kind}");
        assert_eq!(delivered(&wire), wire);
        assert_eq!(chunk(&wire).signal(), Unknown);
    }
}

#[test]
fn added_members_come_last_so_that_they_take_precedence() {
    for (wire, expected) in [
        (r#" {"type":"usage" } "#, r#" {"type":"usage" ,"eventId":"1-0"}"#),
        (r#"{"type":"finish","eventId":"x"}"#, r#"{"type":"stream_end","eventId":"x","eventId":"1-0"}"#),
    ] {
        let Chunk::Object(object) = chunk(wire) else { panic!() };
        let mut out = String::new();
        object.write(&mut out, r#","eventId":"1-0""#);
        assert_eq!(out, expected);
    }
}

#[test]
fn data_that_json_parse_refuses_is_not_json() {
    for data in [
        "",
        " ",
        "[DONE]",
        "{",
        "{}x",
        r#"{"type":"a"} {}"#,
        r#"{"type":"a",}"#,
        r#"{"type":"a" "b":1}"#,
        r#"{type:"a"}"#,
        r#"{'type':'a'}"#,
        "{\"type\":\"a\tb\"}",
        "{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"a\u{0}\"}",
        "{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"more than sixteen bytes and then\n\"}",
        r#"{"type":"text_chunk","content":"\x"}"#,
        r#"{"type":"text_chunk","content":"\u12g4"}"#,
        r#"{"type":"text_chunk","content":"\u+123"}"#,
        r#"{"type":"text_chunk","content":"\u123"}"#,
        r#"{"type":"text_chunk","content":"\"#,
        r#"{"type":"text_chunk","content":"x"#,
        r#"{"type":"a","b":01}"#,
        r#"{"type":"a","b":+1}"#,
        r#"{"type":"a","b":1.}"#,
        r#"{"type":"a","b":.1}"#,
        r#"{"type":"a","b":1e}"#,
        r#"{"type":"a","b":-}"#,
        r#"{"type":"a","b":NaN}"#,
        r#"{"type":"a","b":undefined}"#,
        r#"{"type":"a","b":True}"#,
        r#"{"type":"a","b":[1,]}"#,
        r#"{"type":"a"/**/}"#,
        "\u{feff}{\"type\":\"a\"}",
        "\u{a0}{\"type\":\"a\"}",
        "{\u{c}\"type\":\"a\"}",
        "{\"type\":\"a\"}\u{0}",
        "<html>",
    ] {
        assert_eq!(decode(data), Err(Malformed::NotJson), "{data:?}");
        assert_eq!(decode_exact(data), Err(Malformed::NotJson), "{data:?}");
    }
}

#[test]
fn json_without_a_string_type_is_no_chunk() {
    for data in [
        "{}",
        "null",
        "1e999",
        "\"finish\"",
        r#"[{"type":"finish"}]"#,
        r#"{"type":null}"#,
        r#"{"type":1}"#,
        r#"{"type":["finish"]}"#,
        r#"{"Type":"finish"}"#,
        r#"{"type":"finish","type":{}}"#,
        r#"{"a":{"type":"finish"}}"#,
    ] {
        assert_eq!(decode(data), Err(Malformed::NoType), "{data:?}");
        assert_eq!(decode_exact(data), Err(Malformed::NoType), "{data:?}");
    }
}

#[test]
fn values_are_passed_on_unchanged() {
    for value in [
        r#"{"__proto__":{"a":1},"b":1,"a":2,"b":3}"#,
        r#""\ud800 \udfff\ud83d""#,
        "1e999",
        "-0",
        "123456789012345678901234567890.5E-3",
        "[ 1 ,\t{} , \"\u{2028}\" ]",
        &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    ] {
        let wire = format!(r#"{{"type":"tool-input-available","input":{value}}}"#);
        assert_eq!(delivered(&wire), format!(r#"{{"type":"tool_call_start","arguments":{value}}}"#));
    }
}

macro_rules! signals {
    ($($name:ident: $wire:expr => $signal:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(chunk($wire).signal(), $signal);
        }
    )*};
}

signals! {
    a_start_names_task_and_message: r#"{"type":"start","messageId":"m","taskId":"t"}"#
        => Start { task: Some("t".into()), message: Some("m".into()) };
    a_start_without_a_task: r#"{"type":"start"}"# => Start { task: None, message: None };
    an_empty_task_is_none: r#"{"type":"start","taskId":"","messageId":5}"# => Start { task: None, message: None };
    a_text_block_starts: r#"{"type":"text-start","id":"0"}"# => BlockStart { block: "0".into() };
    a_reasoning_block_starts: r#"{"type":"reasoning-start","id":"r"}"# => BlockStart { block: "r".into() };
    a_tool_input_starts: r#"{"type":"tool-input-start","toolCallId":"c","toolName":"n"}"# => BlockStart { block: "c".into() };
    a_text_delta: r#"{"type":"text-delta","id":"\u0030","delta":"x"}"# => Signal::Delta { block: "0".into() };
    a_text_delta_with_more: r#"{"type":"text-delta","id":"0","delta":"x","a":1}"# => Signal::Delta { block: "0".into() };
    a_reasoning_delta: r#"{"type":"reasoning-delta","id":"r","delta":"x"}"# => Signal::Delta { block: "r".into() };
    a_tool_input_delta: r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"x"}"# => Signal::Delta { block: "c".into() };
    a_legacy_text_has_no_block: r#"{"type":"text_chunk","content":"x"}"# => Other;
    the_end: r#"{"type":"finish","finishReason":"stop"}"# => Finish { reason: Some("stop".into()) };
    the_end_of_the_legacy_dialect: r#"{"type":"stream_end"}"# => Finish { reason: None };
    an_abort: r#"{"type":"abort","reason":"user"}"# => Abort { reason: Some("user".into()) };
    an_error: r#"{"type":"error","errorText":"e","code":"C","details":[1]}"#
        => Error { code: Some("C".into()), message: Some("e".into()), details: Some("[1]") };
    a_legacy_error: r#"{"type":"error","message":"m"}"# => Error { code: None, message: Some("m".into()), details: None };
    a_legacy_error_with_content: r#"{"type":"error","content":"c","details":null}"#
        => Error { code: None, message: Some("c".into()), details: Some("null") };
    a_code_that_is_no_text: r#"{"type":"error","code":500}"# => Error { code: None, message: None, details: None };
    a_lone_surrogate_is_replaced_in_signals: r#"{"type":"abort","reason":"a\ud800b"}"# => Abort { reason: Some("a\u{fffd}b".into()) };
}

#[test]
fn strings_say_what_json_parse_gives() {
    let escapes = r#"\"\\\/\b\f\n\r\t\u00e9\uD83C\udf89 é🎉"#;
    assert_eq!(JsonString::of(escapes).text(), "\"\\/\u{8}\u{c}\n\r\té🎉 é🎉");
    assert!(JsonString::of(escapes).is_well_formed());
}

#[test]
fn lone_surrogates_are_found_at_every_position() {
    for (lone, replaced) in [
        (r"\ud800", "\u{fffd}"),
        (r"\udc00", "\u{fffd}"),
        (r"\ud800x", "\u{fffd}x"),
        (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
        (r"\ud800\ud83c\udf89", "\u{fffd}🎉"),
        (r"\ud800\u0041", "\u{fffd}A"),
        (r"\ud800\n", "\u{fffd}\n"),
    ] {
        assert!(!JsonString::of(lone).is_well_formed(), "{lone}");
        assert_eq!(JsonString::of(lone).text(), replaced);
        assert!(!JsonString::of(lone).is(replaced), "it says something else");
    }
}

#[test]
fn the_scanner_takes_what_backends_write_most() {
    for data in [
        r#"{"type":"text-delta","id":"0","delta":" the"}"#,
        r#"{"type": "text-delta", "id": "0", "delta": " the"}"#,
        r#"{"delta":"a longer text with \"escapes\" \ud83c\udf89 \u00e9 and 漢字","id":"0","type":"text-delta"}"#,
        r#"{"type":"reasoning-delta","id":"r","delta":""}"#,
        r#"{"type":"tool-input-delta","toolCallId":"call_1","inputTextDelta":"{\"a\":"}"#,
        r#"{"type":"text_chunk","content":"x"}"#,
        r#"{"type":"text_chunk","content":"x","timestamp":"2026","idx":10,"ok":true,"no":false,"none":null,"zero":0}"#,
        r#"{"type":"finish"}"#,
        r#"{"type":"unheard-of"}"#,
        r#"{"type":"text-delta","id":"0","delta":"\udf89"}"#,
        r#"{"type":"text-delta","id":"0","delta":"x","delta":"y"}"#,
        r#"{"type":"text-delta","id":0,"delta":"x"}"#,
        r#"{"type":"tool-input-available","toolCallId":"c","input":{"a":[1,-2.5e3,{},[]],"b":"\u0041"}}"#,
        r#"{"type":"a","b":1e5,"c":[[[]]]}"#,
    ] {
        assert!(scan::scan(data).is_some(), "{data}");
        assert_eq!(decode(data), decode_exact(data));
    }
}

#[test]
fn the_scanner_leaves_everything_else_to_the_exact_way() {
    for data in [
        r#"{"type":"a","b":{]}"#,
        r#"{"type":"a","b":[}"#,
        r#"{"type":"a","b":-}"#,
        r#"{"type":"a","b":1.}"#,
        r#"{"type":"a","b":01}"#,
        r#"{"type":"a","b":tru}"#,
        r#"{"type":"a","b":nulll}"#,
        r#"{"type":"a","b":1,"c":2,"d":3,"e":4,"f":5,"g":6,"h":7,"i":8}"#,
        r#"{"type":"text\u002ddelta","id":"0","delta":"x"}"#,
        r#"{"\u0074ype":"text-delta","id":"0","delta":"x"}"#,
        r#"{"type":5}"#,
        r#"{"a":"b"}"#,
        "{}",
    ] {
        assert_eq!(scan::scan(data), None, "{data}");
    }
}

#[test]
fn a_cut_or_changed_byte_never_makes_the_scanner_take_what_the_exact_way_refuses() {
    for frame in [
        r#"{"type": "text-delta", "id":"0","delta":"some \u00e9\n text that is longer"}"#,
        r#"{"type":"text_chunk","content":"x","idx":10,"ok":true,"no":false,"none":null}"#,
        r#"{"type":"tool-output-available","output":{"a":[1,-2.5e3,"x",{}],"b":[[],""]} }"#,
    ] {
        for at in 0..frame.len() {
            assert_agreement(&frame[..at]);
            for byte in b"\"\\{},: \n\x0b\x0c\x1f\x7fu0x" {
                let mut changed = frame.as_bytes().to_vec();
                changed[at] = *byte;
                assert_agreement(std::str::from_utf8(&changed).unwrap());
            }
        }
    }
}

fn assert_agreement(data: &str) {
    if let Some(chunk) = scan::scan(data) {
        assert_eq!(decode_exact(data), Ok(chunk), "{data}");
    }
}

#[test]
fn the_scanner_sees_a_special_byte_at_any_place_after_any_other() {
    for at in 0..20 {
        for byte in 0..=0x7f_u8 {
            let mut content = [b'~'; 20];
            content[at] = byte;
            let content = std::str::from_utf8(&content).unwrap();
            for padding in ["", "é", "\u{7f}", "\u{80}"] {
                assert_agreement(&format!(r#"{{"type":"text_chunk","content":"{padding}{content}"}}"#));
                assert_agreement(&format!("{{\"type\":\"text_chunk\",\"content\":\"{content}{padding}"));
            }
        }
    }
}
