//! The script of an answer of the demo agent.

use std::time::Duration;

use serde_json::json;

use super::content::{REASONING, answer_to, clipped, words};
use super::directives::Directives;
use crate::agent::Dialect;

/// Deltas per second where directives are given without a rate.
const DEFAULT_RATE: u64 = 50;
/// Words per second of an answer without directives: about as fast as one reads.
const HUMAN_RATE: u64 = 25;

/// The content of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub reasoning: Option<String>,
    pub tools: Vec<Tool>,
    pub operations: Vec<String>,
    /// Names of tools whose outputs the page gives.
    pub client_tools: Vec<String>,
    /// Names of tools that run only when the user approves.
    pub approvals: Vec<String>,
    /// Names of data parts.
    pub data: Vec<String>,
    pub source: bool,
    pub file: bool,
    pub text: Vec<String>,
    pub blocks: usize,
    /// Chunks per second; 0 is as fast as they can be written.
    pub rate: u64,
    pub dialect: Dialect,
    /// The code of the error that it ends with.
    pub error: Option<String>,
    pub silence: Duration,
}

/// A tool to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: String,
    /// JSON text.
    pub input: String,
    /// Text deltas before the call.
    pub after: usize,
}

impl Script {
    /// The same message gives the same script. `behind` are directives that are not in its text.
    pub fn of(message: &str, behind: Option<&str>) -> Self {
        behind.map_or_else(|| Self::of_text(message), |directives| Self::of_sentence(message, directives))
    }

    fn of_text(message: &str) -> Self {
        let directives = Directives::of(message);
        if directives == Directives::default() {
            return Self::conversation(message);
        }
        let text = directives.text();
        Self::directed(directives, text)
    }

    /// A person's sentence, whose answer is prose unless the directives behind it ask for another text.
    fn of_sentence(message: &str, behind: &str) -> Self {
        let directives = Directives::of(behind);
        let is_prose = directives.tokens.is_none() && !directives.unicode;
        let text = if is_prose { words(&answer_to(message)) } else { directives.text() };
        Self::directed(directives, text)
    }

    fn directed(directives: Directives, text: Vec<String>) -> Self {
        let input = |name: &String| json!({ "tool": name, "query": "as the message asked" }).to_string();
        Self {
            blocks: directives.blocks.unwrap_or(1).clamp(1, text.len().max(1)),
            text,
            reasoning: directives.reasoning.then(|| REASONING.into()),
            tools: directives
                .tools
                .iter()
                .map(|name| Tool { name: name.clone(), input: input(name), after: 0 })
                .collect(),
            operations: directives.operations,
            client_tools: directives.client_tools,
            approvals: directives.approvals,
            data: directives.data,
            source: directives.source,
            file: directives.file,
            rate: directives.rate.unwrap_or(DEFAULT_RATE),
            dialect: if directives.legacy { Dialect::Legacy } else { Dialect::AiSdk },
            error: directives.error,
            silence: Duration::from_millis(directives.silence.unwrap_or(0)),
        }
    }

    /// The text in blocks. A tool call in the middle of the text is between two of them.
    pub fn passages(&self) -> Vec<&[String]> {
        match self.tools.iter().find_map(|tool| self.text.split_at_checked(tool.after)) {
            Some((before, after)) if !before.is_empty() => vec![before, after],
            _ => blocks_of(&self.text, self.blocks),
        }
    }

    fn conversation(message: &str) -> Self {
        let text = words(&answer_to(message));
        let input = json!({ "query": clipped(message, 60) }).to_string();
        Self {
            tools: vec![Tool { name: "search_notes".into(), input, after: text.len() / 3 }],
            blocks: 1,
            text,
            rate: HUMAN_RATE,
            ..Self::default()
        }
    }
}

/// So many blocks, of equal length but for one token.
fn blocks_of(text: &[String], number: usize) -> Vec<&[String]> {
    let bounds = |block: usize| block * text.len() / number;
    (0..number).map(|block| &text[bounds(block)..bounds(block + 1)]).filter(|block| !block.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::directives::DEFAULT_TOKENS;
    use super::*;

    #[test]
    fn a_message_without_directives_is_quoted_at_length() {
        let script = Script::of_text("What is a lantern?");
        let text = script.text.concat();
        assert!(text.contains("“What is a lantern?”"));
        assert!((200..600).contains(&script.text.len()));
        assert_eq!(script.tools.len(), 1);
    }

    #[test]
    fn directives_stand_anywhere_and_say_all_there_is() {
        let script = Script::of_text("please /tokens 3 now /rate 0 and /tool weather /tool news");
        assert_eq!(script.text, ["harbour-0 ", "lantern-1 ", "meadow-2 "]);
        assert_eq!((script.rate, script.tools.len(), script.blocks), (0, 2, 1));
        assert_eq!(script.reasoning, None);
    }

    #[test]
    fn directives_behind_a_sentence_shape_an_answer_in_prose() {
        let script = Script::of("When is it?", Some("/client-tool clock /rate 90"));
        assert_eq!((script.client_tools.len(), script.rate), (1, 90));
        assert!(script.text.concat().contains("“When is it?”"));
        assert_eq!(Script::of("Briefly.", Some("/tokens 3")).text.len(), 3);
        assert_eq!(Script::of("Briefly. /tokens 4", None).text.len(), 4);
    }

    #[test]
    fn blocks_share_the_text_evenly_and_none_is_empty() {
        let script = Script::of_text("/tokens 10 /blocks 4");
        let lengths: Vec<usize> = script.passages().iter().map(|block| block.len()).collect();
        assert_eq!(lengths, [2, 3, 2, 3]);
        assert_eq!(Script::of_text("/tokens 2 /blocks 5").passages().len(), 2);
        assert!(Script::of_text("/tokens 0 /blocks 5").passages().is_empty());
    }

    #[test]
    fn a_tool_alone_has_no_text_and_a_shape_alone_has_some() {
        assert!(Script::of_text("/tool weather").text.is_empty());
        assert!(Script::of_text("/operation deploy").text.is_empty());
        assert_eq!(Script::of_text("/legacy").text.len(), DEFAULT_TOKENS);
        assert_eq!(Script::of_text("/error BOOM").error.as_deref(), Some("BOOM"));
    }
}
