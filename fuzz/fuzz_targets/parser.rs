//! Any bytes in any reads with any limit, compared with the standard.
#![no_main]

#[path = "../../tests/support/event_stream.rs"]
mod event_stream;

use event_stream::{by_the_standard, parsed};
use libfuzzer_sys::fuzz_target;

// The first byte is the limit (none from 128 on), and the second decides how the rest is split into reads.
fuzz_target!(|input: &[u8]| {
    let [limit, cuts, stream @ ..] = input else { return };
    let limit = if *limit < 128 { usize::from(*limit) } else { usize::MAX };
    let expected = by_the_standard(limit, stream);
    assert_eq!(parsed(limit, [stream]), expected);
    assert_eq!(parsed(limit, stream.chunks(1)), expected);
    assert_eq!(parsed(limit, reads(stream, *cuts)), expected);
});

/// Splits the stream into reads of two alternating lengths, one from each half of `cuts`.
fn reads(mut stream: &[u8], cuts: u8) -> Vec<&[u8]> {
    let lengths = [cuts & 0xf, cuts >> 4].map(|length| 1 + usize::from(length));
    let mut reads = Vec::new();
    for length in lengths.into_iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (read, rest) = stream.split_at(length.min(stream.len()));
        reads.push(read);
        stream = rest;
    }
    reads
}
