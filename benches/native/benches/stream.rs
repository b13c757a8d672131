//! Framing and decoding of 20 000 text deltas in reads of 16 KiB.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eventsource_stream::Eventsource;
use futures::StreamExt;
use rejoin::stream::chunk;
use rejoin::stream::sse::parser::{Event, Parser, Sink, text};
use rejoin_benches::{deltas, large_events};
use std::convert::Infallible;
use std::hint::black_box;

const READ: usize = 16 * 1024;

/// What a typed decoder has to know of this stream.
#[derive(serde::Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[allow(dead_code)]
enum TypedChunk {
    TextDelta { id: String, delta: String },
    Finish,
    #[serde(other)]
    Other,
}

struct Frames;

impl Sink for Frames {
    fn event(&mut self, event: Event<'_>) {
        black_box(event.data);
    }
}

struct Decoded;

impl Sink for Decoded {
    fn event(&mut self, event: Event<'_>) {
        let _ = black_box(chunk::decode(&text(event.data)));
    }
}

fn read(stream: &[u8], sink: &mut impl Sink) {
    let mut parser = Parser::default();
    for bytes in stream.chunks(READ) {
        let _ = black_box(parser.feed(bytes, sink));
    }
}

fn peer(stream: &[u8], mut each: impl FnMut(String)) {
    let reads = futures::stream::iter(stream.chunks(READ).map(Ok::<_, Infallible>));
    let mut events = reads.eventsource();
    futures::executor::block_on(async {
        while let Some(Ok(event)) = events.next().await {
            each(event.data);
        }
    });
}

fn framing(criterion: &mut Criterion) {
    for (name, stream) in [("deltas", deltas(20_000)), ("events of 16 KiB", large_events(200, READ))] {
        let mut group = criterion.benchmark_group(format!("framing, {name}"));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function("rejoin", |bencher| bencher.iter(|| read(&stream, &mut Frames)));
        group.bench_function("eventsource-stream", |bencher| bencher.iter(|| peer(&stream, |data| drop(black_box(data)))));
        group.finish();
    }
}

fn decoding(criterion: &mut Criterion) {
    let stream = deltas(20_000);
    let mut group = criterion.benchmark_group("framing and decoding, deltas");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("rejoin", |bencher| bencher.iter(|| read(&stream, &mut Decoded)));
    group.bench_function("eventsource-stream, serde_json typed", |bencher| {
        bencher.iter(|| peer(&stream, |data| drop(black_box(serde_json::from_str::<TypedChunk>(&data)))));
    });
    group.finish();
}

criterion_group!(benches, framing, decoding);
criterion_main!(benches);
