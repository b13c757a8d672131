//! Interprets an agent's stream: which chunks go into the log as they came, which do not, and how the turn ends.
//!
//! The server has written the task's `start` already, so the agent's `start` only adds its metadata. The first
//! `finish`, `error` or `abort` ends the turn, and everything after it is ignored.

use std::sync::Arc;
use std::time::Duration;

use rejoin::stream::chunk::{self as wire, Object, Signal, Tool, ToolStep};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::{AgentError, Code};
use crate::agent::upstream::{Events, Failure};
use crate::agent::{Dialect, Emitter, Ending, Gone, Turn};
use crate::chunk::{self, Chunk};
use crate::store::Operation;

/// The event that ends an HTTP response, and no task.
const DONE: &str = "[DONE]";
/// How long the start of an operation is held back for the end of the stream. A completion that comes right after
/// readers see the start then finds a task that waits for it.
const HOLD: Duration = Duration::from_millis(500);
/// How many chunks may be held back.
const MOST_HELD: usize = 64;

/// The answer of one turn so far.
pub struct Answer {
    out: Emitter,
    /// The result of the operation after which the agent continues. It is written with the agent's first chunk, so that
    /// the turn can be begun again until then.
    result: Option<Arc<str>>,
    chunks: u64,
    /// The operation that the last tool output started.
    started: Option<Operation>,
    held: Held,
}

/// Chunks that wait for the end of the stream, from the start of an operation on.
#[derive(Default)]
struct Held {
    chunks: Vec<Arc<str>>,
    until: Option<Instant>,
}

/// Why the reading of an answer stops.
pub enum Halt {
    /// Nobody takes the chunks any more.
    Gone,
    /// The agent failed.
    Failed(AgentError),
}

impl From<Gone> for Halt {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<AgentError> for Halt {
    fn from(error: AgentError) -> Self {
        Self::Failed(error)
    }
}

impl Answer {
    /// Makes the answer of a turn that has none yet.
    pub fn new(turn: &Turn, out: Emitter) -> Self {
        let result = turn.completed().map(|completed| {
            let Operation { tool_call_id, tool_name, .. } = &completed.operation;
            Dialect::AiSdk.output(tool_call_id, tool_name, &completed.result)
        });
        Self { out, result, chunks: 0, started: None, held: Held::default() }
    }

    /// Takes events until the turn ends.
    pub async fn relay(&mut self, mut events: Events) -> Result<Ending, Halt> {
        loop {
            let data = match self.next(&mut events).await? {
                Some(data) if &*data != DONE => data,
                _ => return self.over(),
            };
            if let Some(ending) = self.take(data).await? {
                tokio::spawn(events.drain());
                return Ok(ending);
            }
        }
    }

    /// Writes the chunks that come before the failure of the turn.
    pub async fn fail(&mut self) -> Result<(), Gone> {
        self.begin().await?;
        self.release().await
    }

    /// The next event. Chunks that were held back long enough are written meanwhile.
    async fn next(&mut self, events: &mut Events) -> Result<Option<Arc<str>>, Halt> {
        if let Some(until) = self.held.until {
            match timeout_at(until, events.next()).await {
                Ok(next) => return Ok(next?),
                Err(_) => self.release().await?,
            }
        }
        Ok(events.next().await?)
    }

    /// Takes the data of one event. Returns the end of the turn, if it ends the turn.
    async fn take(&mut self, data: Arc<str>) -> Result<Option<Ending>, Halt> {
        let chunk = wire::decode(&data);
        let chunk =
            chunk.map_err(|_| AgentError::new(Code::BadResponse, "an event is not a JSON object with a `type`"))?;
        self.chunks += 1;
        self.begin().await?;
        match chunk.signal() {
            Signal::Start { .. } => self.take_metadata(&chunk).await?,
            Signal::Finish { .. } => return Ok(Some(self.finish(&chunk, &data))),
            Signal::Error { .. } => {
                self.release().await?;
                return Ok(Some(Ending::Failed(data.clone())));
            }
            Signal::Abort { .. } => {
                self.release().await?;
                return Ok(Some(Ending::Aborted(data.clone())));
            }
            _ => {
                self.notice(&chunk).await?;
                self.emit(data.clone()).await?;
            }
        }
        Ok(None)
    }

    /// Writes the result of the operation before any chunk of this turn.
    async fn begin(&mut self) -> Result<(), Gone> {
        match self.result.take() {
            Some(result) => self.out.emit(result).await,
            None => Ok(()),
        }
    }

    /// The metadata of a `start`, for a message that has begun already.
    async fn take_metadata(&mut self, start: &wire::Chunk<'_>) -> Result<(), Gone> {
        match metadata_of(start) {
            Some(metadata) => self.emit(metadata).await,
            None => Ok(()),
        }
    }

    /// Remembers whether the last output of a tool started an operation.
    async fn notice(&mut self, chunk: &wire::Chunk<'_>) -> Result<(), Halt> {
        let Some(output) = Output::of(chunk) else { return Ok(()) };
        self.release().await?;
        self.started = output.started()?;
        self.held.until = self.started.as_ref().map(|_| Instant::now() + HOLD);
        Ok(())
    }

    async fn emit(&mut self, chunk: Arc<str>) -> Result<(), Gone> {
        if self.held.until.is_none() {
            return self.out.emit(chunk).await;
        }
        self.held.chunks.push(chunk);
        if self.held.chunks.len() > MOST_HELD { self.release().await } else { Ok(()) }
    }

    async fn release(&mut self) -> Result<(), Gone> {
        for chunk in std::mem::take(&mut self.held).chunks {
            self.out.emit(chunk).await?;
        }
        Ok(())
    }

    /// Ends the turn of a stream that ended without a last chunk.
    fn over(&mut self) -> Result<Ending, Halt> {
        if self.chunks == 0 {
            return Err(AgentError::new(Code::BadResponse, "the answer is empty").into());
        }
        match self.started.take() {
            Some(operation) => Ok(self.wait(operation)),
            None => Err(AgentError::new(Code::Cut, "the answer ended without a finish, error or abort").into()),
        }
    }

    /// Ends the turn after a `finish`. Where the task waits for an operation the turn is not over, and only the
    /// metadata of the `finish` is kept.
    fn finish(&mut self, finish: &wire::Chunk<'_>, data: &Arc<str>) -> Ending {
        let Some(operation) = self.started.take() else { return Ending::Completed(finish_of(finish, data)) };
        self.held.chunks.extend(metadata_of(finish));
        self.wait(operation)
    }

    fn wait(&mut self, operation: Operation) -> Ending {
        Ending::Waiting(operation, std::mem::take(&mut self.held).chunks)
    }
}

/// The agent's own `finish`, with its reason and metadata. The legacy `stream_end` has none.
fn finish_of(chunk: &wire::Chunk<'_>, data: &Arc<str>) -> Arc<str> {
    match chunk {
        wire::Chunk::Object(object) if object.text("type").as_deref() == Some("finish") => data.clone(),
        _ => chunk::finish(),
    }
}

/// The metadata that a `start` or a `finish` carries, as a chunk of its own.
fn metadata_of(chunk: &wire::Chunk<'_>) -> Option<Arc<str>> {
    let wire::Chunk::Object(object) = chunk else { return None };
    let message_metadata = serde_json::from_str::<&RawValue>(object.value("messageMetadata")?).ok()?;
    Some(chunk::json(&Chunk::MessageMetadata { message_metadata }))
}

/// The output of a tool, or its failure, in either dialect.
struct Output<'a> {
    call: String,
    tool: Option<String>,
    /// The output as JSON text. `None`: the tool failed.
    payload: Option<&'a str>,
}

/// An output that names an operation which the tool has started.
#[derive(Deserialize)]
struct Started {
    r#type: String,
    operation_id: Option<String>,
    tool_name: Option<String>,
}

impl<'a> Output<'a> {
    fn of(chunk: &wire::Chunk<'a>) -> Option<Self> {
        match chunk {
            wire::Chunk::Tool(Tool { step: ToolStep::Output, call, name, payload }) => {
                Some(Self { call: (*call).into(), tool: name.map(String::from), payload: Some(payload) })
            }
            wire::Chunk::Object(object) => match &*object.text("type")? {
                "tool-output-available" => {
                    Some(Self::in_object(object, ["toolCallId", "toolName"], object.value("output")))
                }
                "tool_response" => Some(Self::in_object(object, ["tool_id", "tool_name"], object.value("result"))),
                "tool-output-error" | "tool-output-denied" => {
                    Some(Self::in_object(object, ["toolCallId", "toolName"], None))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn in_object(object: &Object<'a>, [call, tool]: [&str; 2], payload: Option<&'a str>) -> Self {
        Self {
            call: object.text(call).unwrap_or_default().into_owned(),
            tool: object.text(tool).map(std::borrow::Cow::into_owned),
            payload,
        }
    }

    /// The operation that the tool started, if any. Some agents write the output as JSON text in a string.
    fn started(self) -> Result<Option<Operation>, AgentError> {
        let Some(payload) = self.payload else { return Ok(None) };
        let in_string = serde_json::from_str::<String>(payload).ok();
        let started = serde_json::from_str::<Started>(in_string.as_deref().unwrap_or(payload)).ok();
        let Some(started) = started.filter(|started| started.r#type == "operation_started") else { return Ok(None) };
        let id = started.operation_id.filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| AgentError::new(Code::BadResponse, "`operation_started` has no `operation_id`"))?;
        let tool_name = started.tool_name.or(self.tool).unwrap_or_default();
        Ok(Some(Operation { id, tool_name, tool_call_id: self.call, position: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(chunk: &str) -> Result<Option<String>, Code> {
        let chunk = wire::decode(chunk).unwrap();
        let started = Output::of(&chunk).unwrap().started();
        started.map(|operation| operation.map(|operation| operation.id)).map_err(|error| error.code)
    }

    #[test]
    fn an_operation_is_known_in_both_dialects_and_as_json_in_a_string() {
        for chunk in [
            r#"{"type":"tool-output-available","toolCallId":"c","output":{"type":"operation_started","operation_id":"o"}}"#,
            r#"{"type":"tool-output-available","toolCallId":"c","output":{"type":"operation_started","operation_id":"o"},"dynamic":true}"#,
            r#"{"type":"tool-output-available","toolCallId":"c","output":"{\"type\":\"operation_started\",\"operation_id\":\"o\"}"}"#,
            r#"{"type":"tool_response","tool_id":"c","result":{"type":"operation_started","operation_id":"o"},"success":true}"#,
        ] {
            assert_eq!(started(chunk), Ok(Some("o".into())), "{chunk}");
        }
    }

    #[test]
    fn other_outputs_start_nothing_and_one_without_an_id_cannot_be_waited_for() {
        assert_eq!(
            started(r#"{"type":"tool-output-available","toolCallId":"c","output":{"type":"weather"}}"#),
            Ok(None)
        );
        assert_eq!(
            started(r#"{"type":"tool-output-error","toolCallId":"c","errorText":"operation_started"}"#),
            Ok(None)
        );
        let nameless = r#"{"type":"tool-output-available","toolCallId":"c","output":{"type":"operation_started"}}"#;
        assert_eq!(started(nameless), Err(Code::BadResponse));
    }
}
