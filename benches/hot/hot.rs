//! The hot loop by itself, to count its instructions: it takes bytes of a stream and makes rows for JavaScript. `hot ROW TASKS`
//! reads that many tasks of one row. See scripts/instructions.mjs.

use core::hint::black_box;
use rejoin::client::io::Metrics;
use rejoin::stream::cursor::EventId;
use rejoin::stream::reader::{Position, Reader};

const CHUNKS: usize = 2_000;
const READ: usize = 16 * 1024;

fn main() {
    let mut args = std::env::args().skip(1);
    let row = args.next().unwrap_or_default();
    let tasks: usize = args.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    let stream = stream(&row);
    for _ in 0..tasks {
        read(black_box(&stream));
    }
}

fn read(stream: &[u8]) {
    let mut reader = Reader::new(EventId::ZERO, Position::default());
    let mut metrics = Metrics::default();
    reader.open();
    for bytes in stream.chunks(READ) {
        black_box(reader.feed(bytes, &mut metrics));
        if let Some(batch) = reader.take() {
            black_box(batch.descriptors());
            reader.recycle(batch);
            reader.confirm();
        }
    }
    assert_eq!(metrics.chunks, CHUNKS as u64);
}

fn stream(row: &str) -> Vec<u8> {
    (0..CHUNKS).flat_map(|at| event(row, at).into_bytes()).collect()
}

fn event(row: &str, at: usize) -> String {
    let id = format!("id: {}-{}\n", 1_763_840_000_000 + at / 8, at % 8);
    match row {
        "legacy" => format!("data: {{\"type\":\"text_chunk\",\"content\":\"word {at} \"}}\n\n"),
        "escaped" => {
            format!("{id}data: {{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"naïve \\n \\\"{at}\\\" 🎉\"}}\n\n")
        }
        "tools" => format!(
            "{id}data: {{\"type\":\"tool-input-available\",\"toolCallId\":\"c{at}\",\"toolName\":\"search\",\"input\":{{\"query\":\"rust\",\"limit\":[1,2,3]}}}}\n\n"
        ),
        _ => format!("{id}data: {{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"word {at} \"}}\n\n"),
    }
}
