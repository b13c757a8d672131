//! The frames of a stream so far, which its owner keeps for tabs that follow later.

use std::borrow::Cow;

use crate::stream::chunk::{self, Chunk, ChunkWriter};
use crate::stream::reader::{Frame, Span};

/// The number of new bytes after which a history is compacted. A larger history waits until its own size has arrived again.
const COMPACT_EVERY: usize = 256 * 1024;
/// The size in bytes above which a history is dropped. Tabs that follow later then connect by themselves.
const MOST_HISTORY: usize = 64 * 1024 * 1024;

/// The frames of a stream so far, for tabs that follow later. Adjacent deltas of a block are merged from time to time, so the
/// memory depends on the content and not on the number of deltas.
#[derive(Debug, Default)]
pub struct History {
    frames: Vec<Frame>,
    size: usize,
    /// The number and the size of the frames that are merged already.
    merged: usize,
    merged_size: usize,
    overflown: bool,
}

impl History {
    /// Adds a frame.
    pub fn push(&mut self, frame: Frame) {
        if self.overflown {
            return;
        }
        self.size += frame.1.len();
        self.frames.push(frame);
        let fresh = self.size - self.merged_size;
        if fresh > COMPACT_EVERY && fresh > self.merged_size {
            self.compact();
        }
        if self.size > MOST_HISTORY {
            *self = Self { overflown: true, ..Self::default() };
        }
    }

    /// Returns frames that yield the whole stream, or `None` if they became too many.
    pub fn frames(&mut self) -> Option<&[Frame]> {
        if self.overflown {
            return None;
        }
        self.compact();
        Some(&self.frames)
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let texts = self.frames.iter().map(|(id, data)| data.capacity() + id.as_ref().map_or(0, String::capacity));
        self.frames.capacity() * size_of::<Frame>() + texts.sum::<usize>()
    }

    /// Takes over the frames that another tab kept.
    pub fn adopt(&mut self, frames: Vec<Frame>) {
        let size = frames.iter().map(|(_, data)| data.len()).sum();
        *self = Self { merged: frames.len(), merged_size: size, size, frames, overflown: false };
    }

    fn compact(&mut self) {
        let fresh = self.frames.split_off(self.merged.saturating_sub(1).min(self.frames.len()));
        let mut open = Merge::default();
        for frame in fresh {
            open.take(frame, &mut self.frames);
        }
        open.finish(&mut self.frames);
        self.merged = self.frames.len();
        self.size = self.frames.iter().map(|(_, data)| data.len()).sum();
        self.merged_size = self.size;
    }
}

/// A run of adjacent deltas of one block that are merged into one.
#[derive(Default)]
struct Merge {
    /// The last frame of the run, unchanged. A run of one frame is not rewritten.
    last: Option<Frame>,
    run: u32,
    span: Option<Span>,
    kind: Kind,
    block: String,
    text: String,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    None,
    Legacy,
    Text,
    Reasoning,
    ToolInput,
}

impl Merge {
    fn take(&mut self, frame: Frame, out: &mut Vec<Frame>) {
        let Some((kind, block, text)) = delta(&frame.1) else {
            self.finish(out);
            return out.push(frame);
        };
        let span = Span::read(frame.0.as_deref());
        let joined = self.span.and_then(|before| before.join(span));
        if kind != self.kind || block != self.block || joined.is_none() {
            self.finish(out);
            self.kind = kind;
            self.block = block.into_owned();
        }
        self.span = joined.filter(|_| self.run > 0).or(Some(span));
        self.text.push_str(&text);
        self.run += 1;
        self.last = Some(frame);
    }

    fn finish(&mut self, out: &mut Vec<Frame>) {
        let Some((id, data)) = self.last.take() else { return };
        let merged = self.span.filter(|_| self.run > 1);
        out.push(merged.map_or((id, data), |span| (span.text(), self.written())));
        *self = Self::default();
    }

    fn written(&self) -> String {
        let (kind, block, text) = match self.kind {
            Kind::Text => ("text-delta", "id", "delta"),
            Kind::Reasoning => ("reasoning-delta", "id", "delta"),
            Kind::ToolInput => ("tool-input-delta", "toolCallId", "inputTextDelta"),
            Kind::Legacy | Kind::None => return ChunkWriter::new("text_chunk").text("content", &self.text).end(),
        };
        ChunkWriter::new(kind).text(block, &self.block).text(text, &self.text).end()
    }
}

/// Returns the kind, the block and the text of a simple delta.
fn delta(data: &str) -> Option<(Kind, Cow<'_, str>, Cow<'_, str>)> {
    let Chunk::Delta(delta) = chunk::decode(data).ok()? else { return None };
    let block = delta.stream.block().map_or(Cow::Borrowed(""), chunk::JsonString::text);
    let kind = match &delta.stream {
        chunk::Stream::Legacy => Kind::Legacy,
        chunk::Stream::Text(_) => Kind::Text,
        chunk::Stream::Reasoning(_) => Kind::Reasoning,
        chunk::Stream::ToolInput(_) => Kind::ToolInput,
    };
    Some((kind, block, delta.text.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::chunk::quoted;

    fn id(ms: u64) -> Option<String> {
        Some(format!("{ms}-0"))
    }

    fn text_delta(text: &str) -> String {
        format!(r#"{{"type":"text-delta","id":"b","delta":{}}}"#, quoted(text))
    }

    #[test]
    fn a_history_merges_adjacent_deltas_under_the_last_id() {
        let mut history = History::default();
        history.push((id(1), r#"{"type":"start"}"#.into()));
        history.push((id(2), text_delta("é\"")));
        history.push((id(3), text_delta("b")));
        history.push((id(4), r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#.into()));
        history.push((id(5), r#"{"type":"finish"}"#.into()));
        let frames: Vec<_> = history.frames().unwrap().to_vec();
        let data: Vec<_> = frames.iter().map(|(_, data)| data.as_str()).collect();
        assert_eq!(
            data,
            [
                r#"{"type":"start"}"#,
                r#"{"type":"text-delta","id":"b","delta":"é\"b"}"#,
                r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#,
                r#"{"type":"finish"}"#
            ]
        );
        assert_eq!(frames[1].0.as_deref(), Some("3-0"));
    }

    #[test]
    fn merged_deltas_without_ids_keep_their_number() {
        let mut history = History::default();
        for texts in [["a", "b"], ["c", "d"]] {
            texts.into_iter().for_each(|text| history.push((None, text_delta(text))));
            history.frames();
        }
        let frames = history.frames().unwrap();
        assert_eq!(frames, [(Some("+4".into()), text_delta("abcd"))]);
    }

    #[test]
    fn only_deltas_of_one_kind_and_block_are_merged_and_one_alone_stays_as_it_came() {
        let mut history = History::default();
        let frames = [
            r#"{"type":"text_chunk","content":"a"}"#,
            r#"{"type":"text-delta","id":"","delta":"b"}"#,
            r#"{"type":"text-delta","id":"x","delta":"c"}"#,
            r#"{"type":"reasoning-delta","id":"x","delta":"d"}"#,
            r#"{"type":"tool-input-delta","toolCallId":"x","inputTextDelta":"e"}"#,
            r#"{ "type" : "text-delta", "delta" : "\u0066", "id" : "x" }"#,
        ];
        frames.iter().for_each(|frame| history.push((None, (*frame).into())));
        let kept: Vec<_> = history.frames().unwrap().iter().map(|(_, data)| data.as_str()).collect();
        assert_eq!(kept, frames);
        for frame in [frames[0], r#"{"type":"reasoning-delta","id":"r","delta":"d"}"#] {
            let mut history = History::default();
            (0..3).for_each(|_| history.push((None, (*frame).into())));
            let merged = history.frames().unwrap()[0].1.clone();
            assert_eq!(
                (merged.matches("aaa").count() + merged.matches("ddd").count(), merged.len()),
                (1, frame.len() + 2)
            );
        }
    }

    #[test]
    fn a_history_beyond_its_bound_is_dropped() {
        let mut history = History::default();
        history.push((None, "x".repeat(MOST_HISTORY + 1)));
        history.push((None, "{}".into()));
        assert_eq!(history.frames(), None);
        assert_eq!(history.footprint(), 0);
    }

    #[test]
    fn a_history_goes_on_merging_where_it_stopped() {
        let mut history = History::default();
        let mut whole = String::new();
        for count in 1..=30 {
            history.push((id(count), text_delta(&format!("{count} "))));
            whole.push_str(&format!("{count} "));
            assert_eq!(history.frames().unwrap(), [(Some(format!("{count}-0")), text_delta(&whole))]);
        }
    }

    #[test]
    fn a_long_history_costs_what_it_keeps() {
        let mut history = History::default();
        for count in 0..100_000 {
            history.push((id(count + 1), text_delta("x")));
        }
        assert!(history.frames.len() < 20_000 && history.size < 2 * COMPACT_EVERY + 200_000, "{}", history.size);
        assert_eq!(history.frames().unwrap()[0].1.len(), text_delta("").len() + 100_000);
    }
}
