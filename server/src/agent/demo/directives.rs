//! The directives of a message (SERVER.md, "The demo agent"): words that begin with a slash, anywhere in it.

use super::content::{token, unicode_pieces};

/// Text deltas where directives want text and do not say how much.
pub const DEFAULT_TOKENS: usize = 20;
/// The most that one message may ask for.
const MOST_TOKENS: usize = 2_000_000;

/// As written, one field each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    pub tokens: Option<usize>,
    pub rate: Option<u64>,
    pub blocks: Option<usize>,
    pub tools: Vec<String>,
    pub operations: Vec<String>,
    pub client_tools: Vec<String>,
    pub approvals: Vec<String>,
    pub data: Vec<String>,
    pub reasoning: bool,
    pub source: bool,
    pub file: bool,
    pub unicode: bool,
    pub legacy: bool,
    pub error: Option<String>,
    pub silence: Option<u64>,
}

impl Directives {
    /// Those of a message; other words are passed over.
    pub fn of(message: &str) -> Self {
        let mut found = Self::default();
        let mut words = message.split_whitespace().peekable();
        while let Some(word) = words.next() {
            match word {
                "/reasoning" => found.reasoning = true,
                "/source" => found.source = true,
                "/file" => found.file = true,
                "/unicode" => found.unicode = true,
                "/legacy" => found.legacy = true,
                _ => {
                    let taken = words.peek().is_some_and(|argument| found.set(word, argument));
                    if taken {
                        words.next();
                    }
                }
            }
        }
        found
    }

    /// Whether `word` is a directive and `argument` one that it takes.
    fn set(&mut self, word: &str, argument: &str) -> bool {
        match word {
            "/tokens" => set_number(&mut self.tokens, argument),
            "/rate" => set_number(&mut self.rate, argument),
            "/blocks" => set_number(&mut self.blocks, argument),
            "/silence" => set_number(&mut self.silence, argument),
            "/tool" => add(&mut self.tools, argument),
            "/operation" => add(&mut self.operations, argument),
            "/client-tool" => add(&mut self.client_tools, argument),
            "/approve" => add(&mut self.approvals, argument),
            "/data" => add(&mut self.data, argument),
            "/error" => {
                self.error = Some(argument.into());
                true
            }
            _ => false,
        }
    }

    /// Whether something is asked for that makes chunks by itself, so that a text has to be asked for too. After what the
    /// user settles there is always something to say.
    fn asks_for_no_text(&self) -> bool {
        let settles_nothing = self.client_tools.is_empty() && self.approvals.is_empty();
        let makes_chunks = !(self.tools.is_empty() && self.operations.is_empty() && self.data.is_empty());
        self.tokens.is_none() && !self.unicode && settles_nothing && (makes_chunks || self.source || self.file)
    }

    /// The text deltas that they ask for.
    pub fn text(&self) -> Vec<String> {
        if self.asks_for_no_text() {
            return Vec::new();
        }
        let wanted = self.tokens.map(|tokens| tokens.min(MOST_TOKENS));
        if self.unicode {
            let pieces = unicode_pieces();
            let number = wanted.unwrap_or(pieces.len());
            return pieces.into_iter().cycle().take(number).collect();
        }
        (0..wanted.unwrap_or(DEFAULT_TOKENS)).map(token).collect()
    }
}

fn add(list: &mut Vec<String>, argument: &str) -> bool {
    list.push(argument.into());
    true
}

fn set_number<T: std::str::FromStr>(slot: &mut Option<T>, argument: &str) -> bool {
    let number = argument.parse().ok();
    let is_number = number.is_some();
    if is_number {
        *slot = number;
    }
    is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_without_its_number_is_a_word() {
        assert_eq!(
            Directives::of("/tokens many /rate /reasoning"),
            Directives { reasoning: true, ..Directives::default() }
        );
        assert_eq!(Directives::of("a/tokens 3 b"), Directives::default());
    }

    #[test]
    fn parts_alone_have_no_text_and_what_the_user_settles_has_some() {
        for alone in ["/source", "/file", "/data weather", "/tool weather", "/operation deploy"] {
            assert!(Directives::of(alone).text().is_empty(), "{alone}");
        }
        for settled in ["/client-tool map", "/approve pay", "/tool weather /approve pay", "/source /tokens 20"] {
            assert_eq!(Directives::of(settled).text().len(), DEFAULT_TOKENS, "{settled}");
        }
    }
}
