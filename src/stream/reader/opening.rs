//! What a `text-start` says beside the name of its block. It is not delivered by itself (PROTOCOL §3), so the provider's
//! facts go with the first chunk of the block that is.

use crate::stream::chunk::{Chunk, Stream};
use std::borrow::{Cow, ToOwned};

/// Blocks whose facts wait; of more, the oldest are forgotten.
const MOST: usize = 32;
/// Facts longer than this, in bytes, are not kept.
const LONGEST: usize = 16 * 1024;

/// Facts that wait for their block's next chunk.
#[derive(Debug, Default)]
pub struct Openings {
    waiting: Vec<Opening>,
}

#[derive(Debug)]
struct Opening {
    block: String,
    /// `providerMetadata` as JSON text.
    facts: String,
}

impl Openings {
    /// Takes the next chunk, which came as `data`. Gives its data with the facts, where some waited for it.
    pub fn carry(&mut self, chunk: &Chunk<'_>, data: &str) -> Option<String> {
        if let Some((block, facts)) = opening(chunk) {
            self.remember(block, facts);
            return None;
        }
        if self.waiting.is_empty() {
            return None;
        }
        let (block, own) = text_block(chunk)?;
        let place = self.waiting.iter().position(|opening| opening.block == block)?;
        let facts = self.waiting.remove(place).facts;
        // As the AI SDK has it: facts of the chunk itself replace those of the block.
        own.is_none().then(|| with_facts(data, &facts))?
    }

    /// Whether no facts wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes that it holds on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let held = self.waiting.iter().map(|opening| opening.block.capacity() + opening.facts.capacity());
        self.waiting.capacity() * size_of::<Opening>() + held.sum::<usize>()
    }

    fn remember(&mut self, block: Cow<'_, str>, facts: &str) {
        self.waiting.retain(|opening| opening.block != block);
        if facts.len() > LONGEST || block.len() > LONGEST {
            return;
        }
        if self.waiting.len() == MOST {
            self.waiting.remove(0);
        }
        self.waiting.push(Opening { block: block.into_owned(), facts: facts.to_owned() });
    }
}

/// The block and the facts of a `text-start` that has some.
fn opening<'a>(chunk: &Chunk<'a>) -> Option<(Cow<'a, str>, &'a str)> {
    let Chunk::Object(object) = chunk else { return None };
    let block = object.opened_text()?;
    object.value("providerMetadata").filter(|facts| *facts != "null").map(|facts| (block, facts))
}

/// The text block of a delta or an end, and the facts that it has itself.
fn text_block<'a>(chunk: &Chunk<'a>) -> Option<(Cow<'a, str>, Option<&'a str>)> {
    match chunk {
        Chunk::Delta(delta) => match &delta.stream {
            Stream::Text(block) => Some((block.text(), None)),
            _ => None,
        },
        Chunk::Tool(_) => None,
        Chunk::Object(object) => {
            Some((object.continued_text()?, object.value("providerMetadata").filter(|facts| *facts != "null")))
        }
    }
}

/// As the last member, so that it counts where there is a null under this name.
fn with_facts(data: &str, facts: &str) -> Option<String> {
    let members = data.get(..data.rfind('}')?)?;
    Some([members, ",\"providerMetadata\":", facts, "}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::chunk::decode;

    const START: &str = r#"{"type":"text-start","id":"0","providerMetadata":{"a":{"b":1}}}"#;

    /// What each frame becomes.
    fn carried(frames: &[&str]) -> Vec<Option<String>> {
        let mut openings = Openings::default();
        frames.iter().map(|data| openings.carry(&decode(data).unwrap(), data)).collect()
    }

    #[test]
    fn the_facts_of_a_block_go_with_its_first_delta_and_no_other() {
        let delta = r#"{"type":"text-delta","id":"0","delta":"x"}"#;
        let with = r#"{"type":"text-delta","id":"0","delta":"x","providerMetadata":{"a":{"b":1}}}"#;
        assert_eq!(carried(&[START, delta, delta]), [None, Some(with.to_owned()), None]);
    }

    #[test]
    fn a_block_without_text_has_them_at_its_end() {
        let end = r#"{"type":"text-end","id":"0"}"#;
        let with = r#"{"type":"text-end","id":"0","providerMetadata":{"a":{"b":1}}}"#;
        assert_eq!(carried(&[START, end]), [None, Some(with.to_owned())]);
    }

    #[test]
    fn facts_of_the_chunk_itself_replace_them() {
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
    fn other_blocks_and_other_kinds_of_text_leave_them_alone() {
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
    fn what_it_holds_is_bounded() {
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
