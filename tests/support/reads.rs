//! Checks that the rows of a stream do not depend on how it is split into reads. Whole events take the fast path of the parser,
//! and single bytes never do.

use rejoin::client::History;
use rejoin::client::io::Metrics;
use rejoin::stream::chunk::{Chunk, Delta, JsonString, decode};
use rejoin::stream::cursor::EventId;
use rejoin::stream::reader::{Position, Reader, Recording, Span, Verdict};

/// The pieces of random streams: events that repeat, and others that interrupt the repetition.
const PIECES: &[&str] = &[
    "id: 1763840000000-0\n",
    "id: 1763840000000-1\n",
    "id: 1763840000001-10\n",
    "id: 1763840000002-0\n",
    "id: 9-9\n",
    "id: 09-1\n",
    "id: 1763840000003\n",
    "id: \n",
    "data: {\"type\":\"text-start\",\"id\":\"0\"}\n\n",
    "data: {\"type\":\"text-start\",\"id\":\"0\",\"providerMetadata\":{\"a\":1}}\n\n",
    "data: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"",
    "data: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"the \"}\n\n",
    "data: {\"type\":\"text-delta\",\"id\":\"another\",\"delta\":\"",
    "data: {\"type\": \"reasoning-delta\", \"id\": \"0\", \"delta\": \"",
    "data: {\"type\":\"tool-input-delta\",\"toolCallId\":\"c\",\"inputTextDelta\":\"",
    "data: {\"type\":\"text_chunk\",\"content\":\"",
    "data: {\"type\":\"text_chunk\",\"content\":\"x\"}\n\n",
    "data: {\"type\":\"text-delta\",\"delta\":\"x\",\"id\":\"0\"}\n\n",
    "data: {\"type\":\"tool-input-available\",\"toolCallId\":\"c\",\"toolName\":\"t\",\"input\":{\"a\":[1]}}\n\n",
    "data: {\"type\":\"text-delta\"\ndata: ,\"id\":\"0\",\"delta\":\"two lines\"}\n\n",
    "\"}\n\n",
    "\"}\n\n",
    "\"}\n\n",
    "\"}\r\n\r\n",
    "\"}\n",
    "\" }\n\n",
    "\",\"more\":1}\n\n",
    "word ",
    "a text of more than sixteen bytes ",
    "\\n",
    "\\\"",
    "\\\\",
    "\\u00e9",
    "\\ud83d",
    "\\x",
    "é漢🎉",
    "\t",
    "\n",
    "\r",
    ": a comment\n\n",
    "event: message\n",
    "retry: 100\n",
    "data:{\"type\":\"finish\"}\n\n",
    "data: [DONE]\n\n",
];

/// Returns the stream of a program of numbers. A number that is no index of a piece adds a byte, which may break UTF-8.
#[must_use]
pub fn stream(program: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for step in program {
        match PIECES.get(usize::from(*step)) {
            Some(piece) => stream.extend_from_slice(piece.as_bytes()),
            None if *step >= 240 => stream.push(*step),
            None => stream.extend_from_slice(PIECES[usize::from(*step) % PIECES.len()].as_bytes()),
        }
    }
    stream
}

/// Panics if the rows depend on the reads.
pub fn check(stream: &[u8]) {
    for (after, recording) in [("0", Recording::Off), ("1763840000000-0", Recording::Events)] {
        let expected = read(stream.chunks(1), after, recording);
        for size in [1024 * 1024, 97, 31] {
            assert_eq!(read(stream.chunks(size), after, recording), expected, "reads of {size}: {}", shown(stream));
        }
    }
    let expected = kept(read(stream.chunks(1), "0", Recording::Events));
    for size in [1024 * 1024, 97] {
        let runs = read(stream.chunks(size), "0", Recording::Runs);
        assert_eq!(kept(runs), expected, "runs in reads of {size}: {}", shown(stream));
    }
}

/// Returns what a tab that follows late gets: ids, blocks and texts.
fn kept(total: Outcome) -> Vec<(Option<String>, String)> {
    let mut history = History::default();
    total.frames.into_iter().for_each(|(span, data)| history.push((span.text(), data)));
    let frames = history.frames().unwrap_or_default();
    frames.iter().map(|(id, data)| (id.clone(), meaning(data))).collect()
}

fn meaning(data: &str) -> String {
    match decode(data) {
        Ok(Chunk::Delta(Delta { stream, text })) => {
            format!("{:?} {:?} {}", stream.signal(), stream.block().map(JsonString::text), text.text())
        }
        _ => data.to_owned(),
    }
}

fn shown(stream: &[u8]) -> String {
    String::from_utf8_lossy(stream).into_owned()
}

#[derive(Debug, PartialEq)]
struct Outcome {
    descriptors: Vec<u32>,
    text: String,
    names: Vec<u8>,
    verdict: Verdict,
    cursor: EventId,
    received: Position,
    hash: u64,
    events: u64,
    chunks: u64,
    duplicates: u64,
    malformed: u64,
    new_events: u32,
    frames: Vec<(Span, String)>,
}

fn read<'a>(reads: impl Iterator<Item = &'a [u8]>, after: &str, recording: Recording) -> Outcome {
    let after: EventId = after.parse().unwrap_or(EventId::ZERO);
    let mark = Position { last: EventId { ms: 1_763_840_000_000, seq: 1 }, unnumbered: 1 };
    let mut reader = Reader::new(after, mark);
    reader.set_recording(recording);
    reader.open();
    let mut metrics = Metrics::default();
    let mut total = (0, Vec::new(), Verdict::Continue);
    for bytes in reads {
        let found = reader.feed(bytes, &mut metrics);
        total.0 += found.new_events;
        total.1.extend(found.frames);
        total.2 = found.verdict;
        if total.2 != Verdict::Continue {
            break;
        }
    }
    let (new_events, frames, verdict) = total;
    let (cursor, received, hash) = (reader.cursor(), reader.received(), reader.trail_hash());
    let batch = reader.take().unwrap_or_default();
    Outcome {
        descriptors: batch.descriptors().to_vec(),
        text: batch.text().to_owned(),
        names: batch.names().to_vec(),
        verdict,
        cursor,
        received,
        hash,
        events: metrics.events,
        chunks: metrics.chunks,
        duplicates: metrics.duplicates,
        malformed: metrics.malformed,
        new_events,
        frames,
    }
}
