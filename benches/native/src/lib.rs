//! The streams that the benches read.

/// Returns one answer in the form of the demo agent: `count` text deltas with event ids.
#[must_use]
pub fn deltas(count: usize) -> Vec<u8> {
    let words = ["the", " quick", " brown", " fox", " naïve", " 漢字", " 🎉", " with \\n", " escapes", " and", " more"];
    let mut stream = Vec::new();
    for at in 0..count {
        let word = words[at % words.len()];
        let ms = 1_763_840_000_000 + at * 13;
        let event = format!("id: {ms}-0\ndata: {{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"{word}\"}}\n\n");
        stream.extend_from_slice(event.as_bytes());
    }
    stream
}

/// Returns `count` events with `bytes` of data each.
#[must_use]
pub fn large_events(count: usize, bytes: usize) -> Vec<u8> {
    [b"data: ".as_slice(), &vec![b'x'; bytes], b"\n\n"].concat().repeat(count)
}
