//! Turns an endpoint's deltas into chunks: one block for each run of text or reasoning, one call for each tool.

use serde_json::value::RawValue;

use super::error::{EndpointError, Halt};
use super::wire::{CallDelta, Choice, Completion, Usage};
use crate::agent::upstream::Events;
use crate::agent::{Emitter, Gone, Turn};
use crate::chunk::{self, Chunk};

/// The event that ends the stream.
const DONE: &str = "[DONE]";

/// A block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Text,
    Reasoning,
}

/// A tool call whose input streams in.
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// Turns an endpoint's deltas into chunks.
pub struct Speaker {
    out: Emitter,
    task: String,
    open: Option<Block>,
    blocks: usize,
    calls: Vec<Call>,
    finished: bool,
}

impl Speaker {
    /// Makes a speaker that has emitted nothing yet.
    pub fn new(out: Emitter, turn: &Turn) -> Self {
        Self { out, task: turn.task.id.clone(), open: None, blocks: 0, calls: Vec::new(), finished: false }
    }

    /// Reads the whole answer.
    pub async fn relay(&mut self, mut events: Events) -> Result<(), Halt> {
        loop {
            match events.next().await {
                Ok(Some(data)) if &*data == DONE => return Ok(()),
                Ok(Some(data)) => self.take(&data).await?,
                // Some endpoints close without `[DONE]`; what counts is that the answer was finished.
                Ok(None) | Err(_) if self.finished => return Ok(()),
                Ok(None) => return Err(EndpointError::cut().into()),
                Err(failure) => return Err(EndpointError::in_the_middle(&failure).into()),
            }
        }
    }

    async fn take(&mut self, data: &str) -> Result<(), Halt> {
        let completion: Completion = serde_json::from_str(data).map_err(|_| EndpointError::malformed())?;
        if let Some(error) = completion.error.filter(|error| !error.is_null()) {
            return Err(EndpointError::said(&error).into());
        }
        for choice in completion.choices.into_iter().take(1) {
            self.say(choice).await?;
        }
        if let Some(Usage { prompt_tokens, completion_tokens, total_tokens }) = completion.usage {
            self.out.emit(chunk::json(&Chunk::Usage { prompt_tokens, completion_tokens, total_tokens })).await?;
        }
        Ok(())
    }

    async fn say(&mut self, choice: Choice) -> Result<(), Gone> {
        if let Some(text) = choice.delta.reasoning_content.filter(|text| !text.is_empty()) {
            self.write(Block::Reasoning, &text).await?;
        }
        if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
            self.write(Block::Text, &text).await?;
        }
        for call in choice.delta.tool_calls.into_iter().flatten() {
            self.close_block().await?;
            self.call(call).await?;
        }
        self.finished |= choice.finish_reason.is_some();
        Ok(())
    }

    async fn write(&mut self, block: Block, delta: &str) -> Result<(), Gone> {
        if self.open != Some(block) {
            self.close_block().await?;
            self.blocks += 1;
            self.open = Some(block);
            let id = &self.block_id(block);
            let start = match block {
                Block::Text => chunk::json(&Chunk::TextStart { id }),
                Block::Reasoning => chunk::json(&Chunk::ReasoningStart { id }),
            };
            self.out.emit(start).await?;
        }
        let id = &self.block_id(block);
        let delta = match block {
            Block::Text => chunk::json(&Chunk::TextDelta { id, delta }),
            Block::Reasoning => chunk::json(&Chunk::ReasoningDelta { id, delta }),
        };
        self.out.emit(delta).await
    }

    fn block_id(&self, block: Block) -> String {
        let kind = if block == Block::Text { "text" } else { "reasoning" };
        format!("{kind}-{}", self.blocks)
    }

    /// Ends the block that is open, if one is.
    pub async fn close_block(&mut self) -> Result<(), Gone> {
        let Some(block) = self.open.take() else { return Ok(()) };
        let id = &self.block_id(block);
        let end = match block {
            Block::Text => chunk::json(&Chunk::TextEnd { id }),
            Block::Reasoning => chunk::json(&Chunk::ReasoningEnd { id }),
        };
        self.out.emit(end).await
    }

    async fn call(&mut self, delta: CallDelta) -> Result<(), Gone> {
        let at = self.place_of(&delta);
        if at == self.calls.len() {
            let id = delta.id.unwrap_or_else(|| format!("call-{}-{at}", self.task));
            let name = delta.function.name.unwrap_or_default();
            let start = chunk::json(&Chunk::ToolInputStart { tool_call_id: &id, tool_name: &name });
            self.calls.push(Call { id, name, arguments: String::new() });
            self.out.emit(start).await?;
        }
        let Some(piece) = delta.function.arguments.filter(|piece| !piece.is_empty()) else { return Ok(()) };
        let call = &mut self.calls[at];
        call.arguments.push_str(&piece);
        let delta = Chunk::ToolInputDelta { tool_call_id: &call.id, input_text_delta: &piece };
        let delta = chunk::json(&delta);
        self.out.emit(delta).await
    }

    /// By its index; endpoints that give none give an id with each new call.
    fn place_of(&self, delta: &CallDelta) -> usize {
        let known = |id: &String| self.calls.iter().position(|call| call.id == *id).unwrap_or(self.calls.len());
        match (delta.index, &delta.id) {
            (Some(index), _) => index.min(self.calls.len()),
            (None, Some(id)) => known(id),
            (None, None) => self.calls.len().saturating_sub(1),
        }
    }

    /// Emits the complete inputs of the calls.
    pub async fn close_calls(&mut self) -> Result<(), Gone> {
        for Call { id, name, arguments } in std::mem::take(&mut self.calls) {
            let text = if arguments.trim().is_empty() { "{}".into() } else { arguments };
            let chunk = match RawValue::from_string(text.clone()) {
                Ok(input) => {
                    chunk::json(&Chunk::ToolInputAvailable { tool_call_id: &id, tool_name: &name, input: &input })
                }
                Err(_) => chunk::json(&Chunk::ToolInputError {
                    tool_call_id: &id,
                    tool_name: &name,
                    input: &text,
                    error_text: "The model's input for this tool is not JSON.",
                }),
            };
            self.out.emit(chunk).await?;
        }
        Ok(())
    }
}
