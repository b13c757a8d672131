//! The provider metadata of a `text-start`. Listeners do not receive that chunk (PROTOCOL §3), so its metadata is added to the
//! next chunk of the block.

use crate::stream::chunk::{Chunk, Stream, without_end};
use std::borrow::{Cow, ToOwned};

/// The number of blocks whose metadata waits. Beyond it the oldest is dropped.
const MOST: usize = 32;
/// Longer metadata, in bytes, is dropped.
const LONGEST: usize = 16 * 1024;

/// The metadata that waits for the next chunk of its block.
#[derive(Debug, Default)]
pub struct Openings {
    waiting: Vec<Opening>,
}

#[derive(Debug)]
struct Opening {
    block: String,
    /// `providerMetadata` as JSON text.
    metadata: String,
}

impl Openings {
    /// Takes the next chunk, whose data is `data`. Returns its data with the metadata that waited for it, if there is any.
    pub fn carry(&mut self, chunk: &Chunk<'_>, data: &str) -> Option<String> {
        if let Some((block, metadata)) = opening(chunk) {
            self.remember(block, metadata);
            return None;
        }
        if self.waiting.is_empty() {
            return None;
        }
        let (block, own) = text_block(chunk)?;
        let place = self.waiting.iter().position(|opening| opening.block == block)?;
        let metadata = self.waiting.remove(place).metadata;
        // As in the AI SDK, metadata of the chunk itself replaces that of the block.
        own.is_none().then(|| with_metadata(data, &metadata))?
    }

    /// Returns whether no metadata waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let held = self.waiting.iter().map(|opening| opening.block.capacity() + opening.metadata.capacity());
        self.waiting.capacity() * size_of::<Opening>() + held.sum::<usize>()
    }

    fn remember(&mut self, block: Cow<'_, str>, metadata: &str) {
        self.waiting.retain(|opening| opening.block != block);
        if metadata.len() > LONGEST || block.len() > LONGEST {
            return;
        }
        if self.waiting.len() == MOST {
            self.waiting.remove(0);
        }
        self.waiting.push(Opening { block: block.into_owned(), metadata: metadata.to_owned() });
    }
}

/// Returns the block and the metadata of a `text-start` that has metadata.
fn opening<'a>(chunk: &Chunk<'a>) -> Option<(Cow<'a, str>, &'a str)> {
    let Chunk::Object(object) = chunk else { return None };
    let block = object.opened_text()?;
    object.value("providerMetadata").filter(|metadata| *metadata != "null").map(|metadata| (block, metadata))
}

/// Returns the text block of a delta or an end, and the metadata that the chunk itself has.
fn text_block<'a>(chunk: &Chunk<'a>) -> Option<(Cow<'a, str>, Option<&'a str>)> {
    match chunk {
        Chunk::Delta(delta) => match &delta.stream {
            Stream::Text(block) => Some((block.text(), None)),
            _ => None,
        },
        Chunk::Tool(_) => None,
        Chunk::Object(object) => {
            Some((object.continued_text()?, object.value("providerMetadata").filter(|metadata| *metadata != "null")))
        }
    }
}

/// Adds the metadata as the last member, so that it takes precedence over a null of the same name.
fn with_metadata(data: &str, metadata: &str) -> Option<String> {
    Some([without_end(data)?, ",\"providerMetadata\":", metadata, "}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::chunk::decode;

    const START: &str = r#"{"type":"text-start","id":"0","providerMetadata":{"a":{"b":1}}}"#;

    /// Returns the data that each frame becomes.
    fn carried(frames: &[&str]) -> Vec<Option<String>> {
        let mut openings = Openings::default();
        frames.iter().map(|data| openings.carry(&decode(data).unwrap(), data)).collect()
    }

    #[test]
    fn the_metadata_of_a_block_is_added_to_its_first_delta_only() {
        let delta = r#"{"type":"text-delta","id":"0","delta":"x"}"#;
        let with = r#"{"type":"text-delta","id":"0","delta":"x","providerMetadata":{"a":{"b":1}}}"#;
        assert_eq!(carried(&[START, delta, delta]), [None, Some(with.to_owned()), None]);
    }

    #[test]
    fn the_metadata_of_a_block_without_text_is_added_to_its_end() {
        let end = r#"{"type":"text-end","id":"0"}"#;
        let with = r#"{"type":"text-end","id":"0","providerMetadata":{"a":{"b":1}}}"#;
        assert_eq!(carried(&[START, end]), [None, Some(with.to_owned())]);
    }

    #[test]
    fn metadata_of_the_chunk_itself_replaces_that_of_the_block() {
        let own = r#"{"type":"text-delta","id":"0","delta":"x","providerMetadata":{}}"#;
        let none = r#"{"type":"text-delta","id":"0","delta":"x","providerMetadata":null}"#;
        assert_eq!(carried(&[START, own]), [None, None]);
        assert!(
            carried(&[START, none])[1]
                .as_deref()
                .is_some_and(|data| data.ends_with(r#"null,"providerMetadata":{"a":{"b":1}}}"#))
        );
    }

    #[test]
    fn chunks_of_other_blocks_and_kinds_get_no_metadata() {
        let others = [
            r#"{"type":"text-delta","id":"1","delta":"x"}"#,
            r#"{"type":"reasoning-delta","id":"0","delta":"x"}"#,
            r#"{"type":"tool-input-delta","toolCallId":"0","inputTextDelta":"x"}"#,
            r#"{"type":"text_chunk","content":"x"}"#,
            r#"{"type":"reasoning-start","id":"0","providerMetadata":{"c":{}}}"#,
            r#"{"type":"text-start","id":"1"}"#,
        ];
        for other in others {
            let end = r#"{"type":"text-end","id":"0"}"#;
            let made = carried(&[START, other, end]);
            assert_eq!((made[1].is_some(), made[2].is_some()), (false, true), "{other}");
        }
    }

    #[test]
    fn the_metadata_that_waits_is_bounded() {
        let mut openings = Openings::default();
        for id in 0..1_000 {
            let data = format!(r#"{{"type":"text-start","id":"{id}","providerMetadata":{{"a":{{}}}}}}"#);
            openings.carry(&decode(&data).unwrap(), &data);
        }
        let long = format!(
            r#"{{"type":"text-start","id":"long","providerMetadata":{{"a":{{"b":"{}"}}}}}}"#,
            "x".repeat(LONGEST)
        );
        openings.carry(&decode(&long).unwrap(), &long);
        assert_eq!(openings.waiting.len(), MOST);
        assert!(openings.footprint() < 8 * 1024);
    }
}
