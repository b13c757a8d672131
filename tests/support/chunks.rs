//! Checks properties of the data of any event, for `cargo test` and for fuzzing.

use rejoin::stream::batch::{Age, Batch};
use rejoin::stream::chunk::{Chunk, Malformed, Tool, ToolStep, decode, decode_exact};
use rejoin::stream::cursor::EventId;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Panics if a property does not hold.
pub fn check(data: &str) {
    let decoded = decode(data);
    assert_eq!(decoded, decode_exact(data), "the scanner and the exact way differ: {data:?}");
    match decoded {
        Ok(chunk) => check_chunk(&chunk, data),
        Err(reason) => {
            let is_json = serde_json::from_str::<&RawValue>(data).is_ok();
            assert_eq!(reason == Malformed::NoType, is_json, "{data:?}");
        }
    }
}

fn check_chunk(chunk: &Chunk<'_>, data: &str) {
    // Added twice, because the first row leaves state behind.
    let mut batch = Batch::default();
    for id in [None, Some(EventId { ms: 1, seq: u64::MAX })] {
        batch.push(chunk, id, Age::Replayed);
        let _ = chunk.signal();
    }
    let names = str::from_utf8(batch.names()).unwrap_or_else(|error| panic!("{error}: {data:?}"));
    let total = [batch.text(), names].map(|text| text.encode_utf16().count()).iter().sum::<usize>();
    assert_eq!(units(batch.descriptors()), total, "{data:?}");
    match chunk {
        Chunk::Object(object) => check_json(batch.text(), if object.is_delivered() { 2 } else { 0 }),
        Chunk::Tool(tool) => check_tool(tool, data),
        Chunk::Delta(_) => {}
    }
}

/// Checks that the parts of a tool chunk contain all that serde_json reads from it.
fn check_tool(tool: &Tool<'_>, data: &str) {
    let (kind, payload) = match tool.step {
        ToolStep::Input => ("tool-input-available", "input"),
        ToolStep::Output => ("tool-output-available", "output"),
    };
    let quoted = |text: &str| format!("\"{text}\"");
    let mut expected =
        vec![("type", quoted(kind)), ("toolCallId", quoted(tool.call)), (payload, tool.payload.to_owned())];
    expected.extend(tool.name.map(|name| ("toolName", quoted(name))));
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
    let members: BTreeMap<&str, &str> = members.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
    assert_eq!(members, expected.iter().map(|(name, value)| (*name, value.as_str())).collect(), "{data:?}");
}

/// Returns the sum of the lengths.
fn units(mut descriptors: &[u32]) -> usize {
    let mut units = 0;
    while let Some((head, rest)) = descriptors.split_first() {
        units += if matches!(head & 0xf, 0 | 4) { (head >> 16) as usize } else { 0 };
        let (skipped, slices) = match head & 0xf {
            0 => (0, 1 + (head >> 10 & 1)),
            1 => (1, 1),
            4 => (0, 2 + (head >> 10 & 1)),
            kind => unreachable!("row {kind}"),
        };
        let (lengths, rest) = rest[skipped..].split_at(slices as usize);
        units += lengths.iter().sum::<u32>() as usize;
        descriptors = rest;
    }
    units
}

/// Checks that objects cross as one JSON array.
fn check_json(text: &str, chunks: usize) {
    if chunks == 0 {
        return assert_eq!(text, "");
    }
    let array: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(array.len(), chunks, "{text}");
}
