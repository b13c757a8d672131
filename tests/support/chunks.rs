//! What holds for the data of any event, checked by `cargo test` and by fuzzing.

use rejoin::batch::{Age, Batch};
use rejoin::chunk::{Chunk, Malformed, decode, decode_exact};
use rejoin::cursor::EventId;
use serde_json::value::RawValue;

/// Panics where one of the promises is broken.
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
    // Twice: the second row meets the state that the first one left.
    let mut batch = Batch::default();
    for id in [None, Some(EventId { ms: 1, seq: u64::MAX })] {
        batch.push(chunk, id, Age::Replayed);
        let _ = chunk.signal();
    }
    let names = str::from_utf8(batch.names()).unwrap_or_else(|error| panic!("{error}: {data:?}"));
    let total = [batch.text(), names].map(|text| text.encode_utf16().count()).iter().sum::<usize>();
    assert_eq!(units(batch.descriptors()), total, "{data:?}");
    if let Chunk::Object(object) = chunk {
        check_json(batch.text(), if object.is_delivered() { 2 } else { 0 });
    }
}

/// The sum of the lengths.
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

/// Objects cross as one JSON array.
fn check_json(text: &str, chunks: usize) {
    if chunks == 0 {
        return assert_eq!(text, "");
    }
    let array: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(array.len(), chunks, "{text}");
}
