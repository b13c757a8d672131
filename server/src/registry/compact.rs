//! Merges adjacent deltas of a block into one chunk, which gets the id of the last of them (PROTOCOL §2, `compact=1`).
//! Snapshots of long logs are made in the same way.

use rejoin::stream::cursor::EventId;
use serde::Deserialize;

use crate::chunk::{Chunk, Legacy, json};
use crate::store::Entry;

/// How many bytes of text a merged chunk may have: far below the client's limit for one event.
const LARGEST: usize = 256 * 1024;

/// Takes entries one by one and returns merged ones when they are complete.
#[derive(Debug, Default)]
pub struct Compactor {
    open: Option<Run>,
}

/// The deltas of one block that were merged so far.
#[derive(Debug)]
struct Run {
    block: Block,
    text: String,
    last: EventId,
}

/// A chunk that has a delta and no further fields. Other chunks are not merged.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Delta {
    #[serde(rename = "text-delta")]
    Text { id: String, delta: String },
    #[serde(rename = "reasoning-delta")]
    Reasoning { id: String, delta: String },
    #[serde(rename = "tool-input-delta")]
    ToolInput { tool_call_id: String, input_text_delta: String },
    #[serde(rename = "text_chunk")]
    Legacy { content: String },
}

#[derive(Debug, PartialEq, Eq)]
enum Block {
    Text(String),
    Reasoning(String),
    ToolInput(String),
    Legacy,
}

impl Delta {
    fn split(self) -> (Block, String) {
        match self {
            Self::Text { id, delta } => (Block::Text(id), delta),
            Self::Reasoning { id, delta } => (Block::Reasoning(id), delta),
            Self::ToolInput { tool_call_id, input_text_delta } => (Block::ToolInput(tool_call_id), input_text_delta),
            Self::Legacy { content } => (Block::Legacy, content),
        }
    }
}

impl Compactor {
    /// Takes the next entry, and adds complete ones to `out`.
    pub fn push(&mut self, entry: Entry, out: &mut impl FnMut(Entry)) {
        let Ok(delta) = serde_json::from_str::<Delta>(&entry.data) else {
            self.flush(out);
            return out(entry);
        };
        let (block, text) = delta.split();
        match &mut self.open {
            Some(run) if run.block == block && run.text.len() + text.len() <= LARGEST => {
                run.text.push_str(&text);
                run.last = entry.id;
            }
            _ => {
                self.flush(out);
                self.open = Some(Run { block, text, last: entry.id });
            }
        }
    }

    /// Adds the last merged entry to `out`: nothing more comes that could be merged with it.
    pub fn flush(&mut self, out: &mut impl FnMut(Entry)) {
        if let Some(run) = self.open.take() {
            out(run.entry());
        }
    }
}

impl Run {
    fn entry(self) -> Entry {
        let delta = self.text.as_str();
        let data = match &self.block {
            Block::Text(id) => json(&Chunk::TextDelta { id, delta }),
            Block::Reasoning(id) => json(&Chunk::ReasoningDelta { id, delta }),
            Block::ToolInput(id) => json(&Chunk::ToolInputDelta { tool_call_id: id, input_text_delta: delta }),
            Block::Legacy => json(&Legacy::TextChunk { content: delta }),
        };
        Entry { id: self.last, data }
    }
}

/// Merges a whole list.
pub fn all(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut merged = Vec::new();
    let mut compactor = Compactor::default();
    for entry in entries {
        compactor.push(entry, &mut |entry| merged.push(entry));
    }
    compactor.flush(&mut |entry| merged.push(entry));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(chunks: &[&str]) -> Vec<(u64, String)> {
        let entries =
            chunks.iter().zip(1..).map(|(data, ms)| Entry { id: EventId { ms, seq: 0 }, data: (*data).into() });
        all(entries).into_iter().map(|entry| (entry.id.ms, entry.data.to_string())).collect()
    }

    #[test]
    fn adjacent_deltas_of_a_block_become_one_with_the_last_id() {
        let merged = compacted(&[
            r#"{"type":"text-start","id":"a"}"#,
            r#"{"type":"text-delta","id":"a","delta":"o"}"#,
            r#"{"type":"text-delta","id":"a","delta":"ne"}"#,
            r#"{"type":"text-delta","id":"b","delta":"two"}"#,
        ]);
        assert_eq!(merged[1], (3, r#"{"type":"text-delta","id":"a","delta":"one"}"#.into()));
        assert_eq!(merged[2], (4, r#"{"type":"text-delta","id":"b","delta":"two"}"#.into()));
    }

    #[test]
    fn a_chunk_in_between_keeps_the_order() {
        let merged = compacted(&[
            r#"{"type":"reasoning-delta","id":"a","delta":"1"}"#,
            r#"{"type":"data-x","data":1}"#,
            r#"{"type":"reasoning-delta","id":"a","delta":"2"}"#,
        ]);
        assert_eq!(merged.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_delta_with_further_fields_is_left_alone() {
        let kept = r#"{"type":"text-delta","id":"a","delta":"1","providerMetadata":{}}"#;
        assert_eq!(compacted(&[kept, kept]), [(1, kept.into()), (2, kept.into())]);
    }

    #[test]
    fn a_merged_chunk_has_a_bound() {
        let long = format!(r#"{{"type":"text_chunk","content":"{}"}}"#, "x".repeat(LARGEST - 1));
        assert_eq!(compacted(&[&long, &long]).len(), 2);
    }
}
