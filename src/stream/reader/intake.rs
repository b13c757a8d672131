//! Feeds the events of one read to a reader: new events become rows, and those that were received before are dropped.

use super::align::Step;
use super::operation;
use super::{Coverage, End, Findings, HEARTBEATS, IdsSeen, Reader, Recording, Span, Verdict};
use crate::stream::bytes::decimal;
use crate::stream::bytes::short::Start;
use crate::stream::chunk::{self, Chunk, Repeat, Signal};
use crate::stream::cursor::EventId;
use crate::stream::error::{Recovery, StreamError};
use crate::stream::metrics::Metrics;
use crate::stream::sse::parser::{Event, Sink, Taken, text};
use crate::stream::sse::whole::WholeEvent;

/// Feeds one read to a reader.
pub(super) struct Intake<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) metrics: &'a mut Metrics,
    pub(super) found: &'a mut Findings,
}

impl Sink for Intake<'_> {
    fn event(&mut self, event: Event<'_>) {
        if self.found.verdict != Verdict::Continue {
            return;
        }
        self.metrics.events += 1;
        if event.data.trim_ascii() == b"[DONE]" {
            self.found.verdict = Verdict::ResponseDone;
            return;
        }
        let id = event.own_id.and_then(|id| EventId::read(id).ok());
        if id.is_some() {
            self.found.ids = IdsSeen::Yes;
        }
        match self.reader.admit(id, event.data) {
            Step::New => self.take_new(id, &text(event.data)),
            Step::Known => {
                self.metrics.duplicates += 1;
                // A log that ends before the events that were received is a different log, or one that lost its beginning.
                if id.is_none() && chunk::decode(&text(event.data)).is_ok_and(|chunk| chunk.signal().is_end()) {
                    self.found.verdict = Verdict::Broken;
                }
            }
            Step::Differs => self.found.verdict = Verdict::Broken,
        }
    }

    fn comment(&mut self, text: &[u8]) {
        let announced = text.trim_ascii().strip_prefix(b"heartbeat ");
        let ms = announced.and_then(|digits| decimal::read(digits.trim_ascii()));
        if let Some(ms) = ms {
            self.found.heartbeat = Some(ms.clamp(*HEARTBEATS.start(), *HEARTBEATS.end()));
        }
    }

    fn retry(&mut self, ms: u64) {
        self.found.retry = Some(ms);
    }

    // A function of its own: engines compile a loop badly if it lies inside a large function.
    #[inline(never)]
    fn take_whole<'a>(&mut self, bytes: &'a [u8]) -> Taken<'a> {
        let mut taken = Taken::default();
        let mut last = Start::NONE;
        if self.reader.patterns.is_empty() {
            return taken;
        }
        self.reader.batch.reserve(bytes.len());
        let mut patterns = std::mem::take(&mut self.reader.patterns);
        while self.takes_whole() {
            let rest = bytes.get(taken.length..).unwrap_or_default();
            let known = &mut patterns;
            let Some(event) = WholeEvent::read(rest, move |data| {
                let delta = known.read(data)?;
                Some((delta.length, delta))
            }) else {
                break;
            };
            taken.length += event.length;
            if let Some((_, id)) = &event.id {
                last = *id;
            }
            self.take_repeated(&event);
        }
        self.reader.patterns = patterns;
        taken.id = Some(last.slice()).filter(|id| !id.is_empty());
        taken
    }
}

/// An event that differs from an earlier one only in its id and the text of its delta. This is the hot path.
type Repeated<'a, 'p> = WholeEvent<'a, Repeat<'p>>;

impl Intake<'_> {
    /// Returns whether the fast path may take whole events. While metadata of a block waits for its first delta, it may not.
    fn takes_whole(&self) -> bool {
        matches!(self.found.verdict, Verdict::Continue) && self.reader.openings.is_empty()
    }

    /// Takes an event as [`Sink::event`] does, where a pattern has shown that it is a delta.
    #[inline(always)]
    fn take_repeated(&mut self, event: &Repeated<'_, '_>) {
        self.metrics.events += 1;
        let step = match &event.id {
            Some((id, _)) => {
                self.found.ids = IdsSeen::Yes;
                self.reader.admit_numbered(*id)
            }
            None => self.reader.admit(None, event.data()),
        };
        match step {
            Step::New => self.take_delta(event),
            Step::Known => self.metrics.duplicates += 1,
            Step::Differs => self.found.verdict = Verdict::Broken,
        }
    }

    #[inline(always)]
    fn take_delta(&mut self, event: &Repeated<'_, '_>) {
        self.found.new_events += 1;
        if !matches!(self.reader.recording, Recording::Off) {
            self.record(event);
        }
        if !matches!(self.reader.coverage, Coverage::Whole) && self.reader.is_hole(&event.content.stream.signal()) {
            self.found.verdict = Verdict::Broken;
            return;
        }
        if self.reader.opening.is_some() {
            self.reader.push_opening(None, self.metrics);
        }
        let age = self.reader.age();
        let id = match &event.id {
            Some((_, id)) => *id,
            None => Start::NONE,
        };
        self.reader.batch.push_repeat(&event.content, id, age);
        self.reader.rows += 1;
        self.metrics.chunks += 1;
    }

    #[inline(never)]
    fn record(&mut self, event: &Repeated<'_, '_>) {
        let span = Span::of(event.id.as_ref().map(|(id, _)| *id));
        let pattern = Some(event.content.pattern);
        let goes_on = self.reader.recording == Recording::Runs && self.found.run == pattern;
        let last = self.found.frames.last_mut().filter(|_| goes_on);
        match last.and_then(|(last, data)| Some((last.join(span)?, last, data))) {
            Some((joined, last, data)) => {
                *last = joined;
                event.content.lengthen(data);
            }
            None => self.found.frames.push((span, text(event.data()).into_owned())),
        }
        self.found.run = pattern;
    }

    fn take_new(&mut self, id: Option<EventId>, data: &str) {
        self.found.new_events += 1;
        if self.reader.recording != Recording::Off {
            self.found.frames.push((Span::of(id), data.to_owned()));
            self.found.run = None;
        }
        let chunk = match chunk::decode(data) {
            Ok(chunk) => chunk,
            Err(malformed) => {
                self.metrics.malformed += 1;
                return self.reader.batch.push_malformed(data, malformed);
            }
        };
        let signal = chunk.signal();
        if self.reader.is_hole(&signal) {
            self.found.verdict = Verdict::Broken;
            return;
        }
        self.reader.push_opening(Some(&signal), self.metrics);
        self.note(signal);
        if let Some((call, output)) = operation::output(&chunk) {
            operation::take(&mut self.reader.operation, &call, output);
        }
        if let Chunk::Delta(delta) = &chunk {
            self.reader.patterns.learn(delta, data);
        }
        let age = self.reader.age();
        let carried = self.reader.openings.carry(&chunk, data);
        let chunk = carried.as_deref().and_then(|data| chunk::decode(data).ok()).unwrap_or(chunk);
        let made = self.reader.batch.push(&chunk, id, age);
        self.reader.count_row(made, self.metrics);
    }

    fn note(&mut self, signal: Signal<'_>) {
        match signal {
            Signal::Start { task: Some(task), .. } if !task.is_empty() => {
                self.reader.has_start = true;
                self.found.task = Some(task.into_owned());
            }
            Signal::Finish { reason } => self.end(End::Finish { reason: reason.map(Into::into) }),
            Signal::Abort { .. } => self.end(End::Abort),
            Signal::Error { code, message, details } => self.end(End::Error(StreamError {
                code: code.map_or_else(|| "TASK_FAILED".to_owned(), Into::into),
                message: message.map_or_else(|| "The task failed.".to_owned(), Into::into),
                status: None,
                recovery: Recovery::Permanent,
                details: details.map(str::to_owned),
            })),
            Signal::Unknown => self.metrics.unknown += 1,
            _ => {}
        }
    }

    fn end(&mut self, end: End) {
        self.reader.has_ended = true;
        self.found.verdict = Verdict::TaskEnded(end);
    }
}
