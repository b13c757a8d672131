//! The demo agent: the same message gets the same answer. Directives in the message drive it, for tests and for people
//! who want to see a stream behave in a certain way (SERVER.md, "The demo agent").

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{Agent, Completed, Dialect, Emitter, Ending, Gone, Turn};
use crate::chunk::{self, Chunk, Legacy};
use crate::store::Operation;

/// Deltas per second where directives are given without a rate.
const DEFAULT_RATE: u64 = 50;
/// Words per second of an answer without directives: about as fast as one reads.
const HUMAN_RATE: u64 = 25;
/// Text deltas where directives want text and do not say how much.
const DEFAULT_TOKENS: usize = 20;
/// The most that one message may ask for.
const MOST_TOKENS: usize = 2_000_000;

/// See the module.
#[derive(Debug)]
pub struct Demo;

#[async_trait]
impl Agent for Demo {
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone> {
        let script = Script::of(&turn.message);
        let mut speaker = Speaker { out, pace: Pace::new(script.rate), dialect: script.dialect, turn: &turn };
        speaker.perform(&script).await
    }
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Script {
    reasoning: Option<String>,
    tools: Vec<Tool>,
    operations: Vec<String>,
    text: Vec<String>,
    blocks: usize,
    rate: u64,
    dialect: Dialect,
    error: Option<String>,
    silence: Duration,
}

/// A tool to call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tool {
    name: String,
    /// JSON text.
    input: String,
    /// Text deltas before the call.
    after: usize,
}

/// The directives of a message, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Directives {
    tokens: Option<usize>,
    rate: Option<u64>,
    blocks: Option<usize>,
    tools: Vec<String>,
    operations: Vec<String>,
    reasoning: bool,
    unicode: bool,
    legacy: bool,
    error: Option<String>,
    silence: Option<u64>,
}

impl Directives {
    fn of(message: &str) -> Self {
        let mut found = Self::default();
        let mut words = message.split_whitespace().peekable();
        while let Some(word) = words.next() {
            match word {
                "/reasoning" => found.reasoning = true,
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
            "/tool" => {
                self.tools.push(argument.into());
                true
            }
            "/operation" => {
                self.operations.push(argument.into());
                true
            }
            "/error" => {
                self.error = Some(argument.into());
                true
            }
            _ => false,
        }
    }

    /// Whether something is asked for that makes chunks by itself; otherwise directives only shape a text.
    fn asks_for_no_text(&self) -> bool {
        self.tokens.is_none() && !self.unicode && !(self.tools.is_empty() && self.operations.is_empty())
    }

    fn text(&self) -> Vec<String> {
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

fn set_number<T: std::str::FromStr>(slot: &mut Option<T>, argument: &str) -> bool {
    let number = argument.parse().ok();
    let is_number = number.is_some();
    if is_number {
        *slot = number;
    }
    is_number
}

impl Script {
    fn of(message: &str) -> Self {
        let directives = Directives::of(message);
        if directives == Directives::default() { Self::conversation(message) } else { Self::directed(directives) }
    }

    fn directed(directives: Directives) -> Self {
        let text = directives.text();
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
            rate: directives.rate.unwrap_or(DEFAULT_RATE),
            dialect: if directives.legacy { Dialect::Legacy } else { Dialect::AiSdk },
            error: directives.error,
            silence: Duration::from_millis(directives.silence.unwrap_or(0)),
        }
    }

    /// The text, cut into its blocks; a tool call in the middle of the text stands between two of them.
    fn passages(&self) -> Vec<&[String]> {
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
            reasoning: None,
            operations: Vec::new(),
            rate: HUMAN_RATE,
            dialect: Dialect::AiSdk,
            error: None,
            silence: Duration::ZERO,
        }
    }
}

const REASONING: &str = "The message asks for something. I look at what it says, think of what would help, and answer.";

const WORDS: [&str; 12] = [
    "harbour", "lantern", "meadow", "copper", "window", "orchard", "signal", "paper", "river", "ladder", "garden",
    "stone",
];

/// No two tokens of an answer are equal, so that a doubled or a missing one shows.
fn token(number: usize) -> String {
    format!("{}-{number} ", WORDS[number % WORDS.len()])
}

/// Several scripts, emoji with joiners, and every escape that JSON knows.
fn unicode_pieces() -> Vec<String> {
    [
        "Grüße, ",
        "Zürich! ",
        "Καλημέρα ",
        "Привет ",
        "שלום ",
        "مرحبا ",
        "नमस्ते ",
        "สวัสดี ",
        "你好",
        "，世界 ",
        "こんにちは ",
        "안녕 ",
        "👩‍👩‍👧‍👦 ",
        "🏳️‍🌈 ",
        "👍🏽 ",
        "e\u{301} ",
        "𝄞 ",
        "\"quoted\" ",
        "back\\slash ",
        "sla/sh ",
        "tab\t",
        "line\n",
        "return\r",
        "form\u{c}",
        "back\u{8}",
        "nul\u{0} ",
        "esc\u{1b} ",
        "del\u{7f} ",
        "\u{2028}\u{2029} ",
        "\u{feff}bom ",
        "\u{10ffff} ",
        "</script> ",
        "data: [DONE]\n\n",
        "id: 9-9 ",
    ]
    .map(String::from)
    .into()
}

fn answer_to(message: &str) -> String {
    let quote = clipped(message, 200);
    format!(
        "You wrote: “{quote}”. Here is what I can say about it, and I will take my time, so that you can see how a long \
         answer arrives.\n\n\
         I am the demo agent of this server. I do not know anything about the world, but I am reliable in my own way: \
         the same message always gets the same answer, word for word. That makes me useful for trying out what happens \
         when a connection breaks. You may close the lid of your computer, walk from one network to another, reload the \
         page, or open it in a second window while I speak. The task that writes this text runs on the server and does \
         not care who is listening; each chunk gets a number in its log before anyone sees it. When you come back, your \
         browser says which number it saw last, and the server goes on from the next one. Nothing is said twice, and \
         nothing is left out.\n\n\
         Before I go on, I looked into the notes, as you can see from the tool call. They say that most streams are cut \
         in the middle of a word, that the second most common place is the middle of a character, and that people \
         mostly notice when the answer begins again from the start. None of that should happen here.\n\n\
         If you would like to see more of what can be streamed, write a message with directives. Try “/tokens 200 \
         /rate 20” for a steady stream, “/tool weather” for a tool call, “/reasoning” for thoughts before the answer, \
         “/unicode” for many scripts at once, or “/silence 20000” for a pause that tests the patience of your \
         connection. Stop me whenever you like: what I said until then stays in the history of this session, exactly as \
         it was streamed.\n\n\
         That is all that I have to say about “{}”. Thank you for listening to the end.",
        clipped(message, 40)
    )
}

/// So many blocks, of equal length but for one token.
fn blocks_of(text: &[String], number: usize) -> Vec<&[String]> {
    let bounds = |block: usize| block * text.len() / number;
    (0..number).map(|block| &text[bounds(block)..bounds(block + 1)]).filter(|block| !block.is_empty()).collect()
}

fn clipped(text: &str, longest: usize) -> String {
    let clip: String = text.chars().take(longest).collect();
    if clip.len() < text.len() { format!("{clip}…") } else { clip }
}

/// Cut after each space, so that the pieces joined are the text.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(String::from).collect()
}

/// When the next chunk is due. By the clock and not by pauses, so that lateness does not add up.
#[derive(Debug)]
struct Pace {
    step: Duration,
    next: Instant,
}

impl Pace {
    fn new(rate: u64) -> Self {
        let step =
            if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX) };
        Self { step, next: Instant::now() }
    }

    async fn wait(&mut self) {
        if !self.step.is_zero() {
            tokio::time::sleep_until(self.next).await;
            self.next += self.step;
        }
    }

    async fn pause(&mut self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
        self.next = Instant::now();
    }
}

/// Says a script aloud.
struct Speaker<'a> {
    out: Emitter,
    pace: Pace,
    dialect: Dialect,
    turn: &'a Turn,
}

impl Speaker<'_> {
    async fn perform(&mut self, script: &Script) -> Result<Ending, Gone> {
        let next_operation = match &self.turn.completed {
            Some(completed) => {
                self.report(completed).await?;
                completed.number + 1
            }
            None => {
                self.open(script).await?;
                0
            }
        };
        if let Some(name) = script.operations.get(next_operation) {
            return self.operate(next_operation, name).await;
        }
        self.speak(script).await?;
        Ok(match &script.error {
            Some(code) => {
                Ending::Failed(self.dialect.error(code, &format!("The demo agent was asked to fail with {code}.")))
            }
            None => Ending::Completed,
        })
    }

    /// What comes before all text and operations.
    async fn open(&mut self, script: &Script) -> Result<(), Gone> {
        if let Some(thoughts) = &script.reasoning {
            self.think(thoughts).await?;
        }
        for (number, tool) in script.tools.iter().enumerate().filter(|(_, tool)| tool.after == 0) {
            self.call(&self.call_id(number), tool).await?;
            self.result(number, tool).await?;
        }
        Ok(())
    }

    async fn think(&mut self, thoughts: &str) -> Result<(), Gone> {
        let id = "reasoning-1";
        self.out.emit(chunk::json(&Chunk::ReasoningStart { id })).await?;
        for delta in words(thoughts) {
            self.pace.wait().await;
            self.out.emit(chunk::json(&Chunk::ReasoningDelta { id, delta: &delta })).await?;
        }
        self.out.emit(chunk::json(&Chunk::ReasoningEnd { id })).await
    }

    /// Tool call ids are unique among all tasks: readers match messages by them.
    fn call_id(&self, number: usize) -> String {
        format!("call-{}-{number}", self.turn.task.id)
    }

    async fn call(&mut self, id: &str, tool: &Tool) -> Result<(), Gone> {
        let input = RawValue::from_string(tool.input.clone()).unwrap_or_default();
        if self.dialect == Dialect::Legacy {
            let start = Legacy::ToolCallStart { tool_id: id, tool_name: &tool.name, arguments: &input };
            return self.out.emit(chunk::json(&start)).await;
        }
        self.out.emit(chunk::json(&Chunk::ToolInputStart { tool_call_id: id, tool_name: &tool.name })).await?;
        for piece in pieces(&tool.input) {
            self.pace.wait().await;
            let delta = Chunk::ToolInputDelta { tool_call_id: id, input_text_delta: &piece };
            self.out.emit(chunk::json(&delta)).await?;
        }
        let available = Chunk::ToolInputAvailable { tool_call_id: id, tool_name: &tool.name, input: &input };
        self.out.emit(chunk::json(&available)).await
    }

    async fn result(&mut self, number: usize, tool: &Tool) -> Result<(), Gone> {
        let output = json!({ "tool": tool.name, "found": 3, "summary": format!("{} looked and found three things.", tool.name) });
        self.pace.wait().await;
        let chunk = self.dialect.output(&self.call_id(number), &tool.name, &output);
        self.out.emit(chunk).await
    }

    /// Starts an operation and waits for it, which ends this turn.
    async fn operate(&mut self, number: usize, name: &str) -> Result<Ending, Gone> {
        let task = &self.turn.task.id;
        let tool_call_id = format!("call-{task}-op-{number}");
        let id = format!("op-{task}-{number}");
        let tool = Tool { name: name.into(), input: json!({ "operation": name }).to_string(), after: 0 };
        self.call(&tool_call_id, &tool).await?;
        let started = json!({
            "type": "operation_started",
            "operation_id": id,
            "task_id": task,
            "tool_name": name,
            "message": format!("{name} is running. This may take a while."),
        });
        let chunk = self.dialect.output(&tool_call_id, name, &started);
        Ok(Ending::Waiting(Operation { id, tool_name: name.into(), tool_call_id, position: 0 }, chunk))
    }

    /// The real result of an operation.
    async fn report(&mut self, completed: &Completed) -> Result<(), Gone> {
        let Operation { tool_call_id, tool_name, .. } = &completed.operation;
        let chunk = self.dialect.output(tool_call_id, tool_name, &completed.result);
        self.out.emit(chunk).await
    }

    async fn speak(&mut self, script: &Script) -> Result<(), Gone> {
        let half = script.text.len() / 2;
        if script.text.is_empty() {
            self.pace.pause(script.silence).await;
        }
        let mut spoken = 0;
        for (number, tokens) in script.passages().into_iter().enumerate() {
            for (call, tool) in
                script.tools.iter().enumerate().filter(|(_, tool)| tool.after > 0 && tool.after == spoken)
            {
                self.call(&self.call_id(call), tool).await?;
                self.result(call, tool).await?;
            }
            let id = format!("text-{}", number + 1);
            self.begin_text(&id).await?;
            for token in tokens {
                if spoken == half && !script.silence.is_zero() {
                    self.pace.pause(script.silence).await;
                }
                self.pace.wait().await;
                self.say(&id, token).await?;
                spoken += 1;
            }
            self.end_text(&id).await?;
        }
        Ok(())
    }

    async fn begin_text(&mut self, id: &str) -> Result<(), Gone> {
        match self.dialect {
            Dialect::AiSdk => self.out.emit(chunk::json(&Chunk::TextStart { id })).await,
            Dialect::Legacy => Ok(()),
        }
    }

    async fn say(&mut self, id: &str, delta: &str) -> Result<(), Gone> {
        let chunk = match self.dialect {
            Dialect::AiSdk => chunk::json(&Chunk::TextDelta { id, delta }),
            Dialect::Legacy => chunk::json(&Legacy::TextChunk { content: delta }),
        };
        self.out.emit(chunk).await
    }

    async fn end_text(&mut self, id: &str) -> Result<(), Gone> {
        let chunk = match self.dialect {
            Dialect::AiSdk => chunk::json(&Chunk::TextEnd { id }),
            Dialect::Legacy => chunk::json(&Legacy::TextEnded),
        };
        self.out.emit(chunk).await
    }
}

/// About eight characters each.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(8).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_directives_is_quoted_at_length() {
        let script = Script::of("What is a lantern?");
        let text = script.text.concat();
        assert!(text.contains("“What is a lantern?”"));
        assert!((200..600).contains(&script.text.len()));
        assert_eq!(script.tools.len(), 1);
    }

    #[test]
    fn directives_stand_anywhere_and_say_all_there_is() {
        let script = Script::of("please /tokens 3 now /rate 0 and /tool weather /tool news");
        assert_eq!(script.text, ["harbour-0 ", "lantern-1 ", "meadow-2 "]);
        assert_eq!((script.rate, script.tools.len(), script.blocks), (0, 2, 1));
        assert_eq!(script.reasoning, None);
    }

    #[test]
    fn a_directive_without_its_number_is_a_word() {
        assert_eq!(
            Directives::of("/tokens many /rate /reasoning"),
            Directives { reasoning: true, ..Directives::default() }
        );
        assert_eq!(Directives::of("a/tokens 3 b"), Directives::default());
    }

    #[test]
    fn blocks_share_the_text_evenly_and_none_is_empty() {
        let script = Script::of("/tokens 10 /blocks 4");
        let lengths: Vec<usize> = script.passages().iter().map(|block| block.len()).collect();
        assert_eq!(lengths, [2, 3, 2, 3]);
        assert_eq!(Script::of("/tokens 2 /blocks 5").passages().len(), 2);
        assert!(Script::of("/tokens 0 /blocks 5").passages().is_empty());
    }

    #[test]
    fn a_tool_alone_has_no_text_and_a_shape_alone_has_some() {
        assert!(Script::of("/tool weather").text.is_empty());
        assert!(Script::of("/operation deploy").text.is_empty());
        assert_eq!(Script::of("/legacy").text.len(), DEFAULT_TOKENS);
        assert_eq!(Script::of("/error BOOM").error.as_deref(), Some("BOOM"));
    }
}
