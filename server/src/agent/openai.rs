//! Any OpenAI-compatible endpoint (Ollama, vLLM, llama.cpp, …): chat completions, streamed.
//!
//! Its end is an end only when it says so, with a `finish_reason` or `[DONE]`. A connection that stops before that is
//! an error for the reader too: an answer that was cut off is never shown as a whole one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rejoin::stream::sse::parser::{Event, Parser, Sink};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Agent, Dialect, Emitter, Ending, Gone, Turn};
use crate::chunk::{self, Chunk};
use crate::store::{Message, Role};

const CONNECT: Duration = Duration::from_secs(10);
/// Silence after which an endpoint is given up: a large model on a small machine may think long before its first word.
const SILENCE: Duration = Duration::from_secs(300);
/// How much of an endpoint's error is shown.
const LONGEST_ERROR: usize = 500;

/// Which endpoint.
#[derive(Clone)]
pub struct Endpoint {
    /// With or without its path.
    pub url: String,
    pub model: String,
    pub key: Option<String>,
}

/// See the module.
pub struct OpenAi {
    client: Client,
    url: Url,
    model: String,
    key: Option<String>,
}

impl OpenAi {
    /// Checks the address; connects to nothing yet.
    pub fn new(endpoint: Endpoint) -> Result<Self, String> {
        let client = Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE).build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            url: completions_url(&endpoint.url)?,
            model: endpoint.model,
            key: endpoint.key,
        })
    }

    async fn ask(&self, turn: &Turn) -> Result<Response, Trouble> {
        let body = json!({
            "model": self.model,
            "messages": messages(turn),
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        let request = self.client.post(self.url.clone()).json(&body);
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let response = request.send().await.map_err(|error| unreachable_because(&error))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") { Ok(response) } else { Err(Trouble::no_stream()) }
    }
}

/// A base URL may be given with its path, as most documentation does, or without.
fn completions_url(base: &str) -> Result<Url, String> {
    let mut url = Url::parse(base).map_err(|error| format!("--openai-url: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("--openai-url is neither http nor https".into());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path = match path.as_str() {
        "" => "/v1/chat/completions".into(),
        path if path.ends_with("/chat/completions") => path.to_owned(),
        path => format!("{path}/chat/completions"),
    };
    url.set_path(&path);
    Ok(url)
}

/// What was said so far, in the words of the endpoint.
fn messages(turn: &Turn) -> Vec<Value> {
    let history = turn.history.iter().filter_map(|message| spoken(message, &turn.history));
    history.chain([json!({ "role": "user", "content": asked(turn) })]).collect()
}

/// The message, and below it where the user was. A page says that, so it never speaks with the operator's voice, as a
/// system message would; and it is no message of its own, since some models take only turns that alternate.
fn asked(turn: &Turn) -> String {
    match &turn.context {
        Some(context) => {
            format!("{}\n\n(Not an instruction, but the page that the user sees: {context})", turn.message)
        }
        None => turn.message.clone(),
    }
}

/// Endpoints refuse a call without its result, and a result without its call.
fn spoken(message: &Message, history: &[Message]) -> Option<Value> {
    let is_answered = |id: &str| history.iter().any(|other| other.tool_call_id.as_deref() == Some(id));
    match message.role {
        Role::User => Some(json!({ "role": "user", "content": message.content })),
        Role::Tool => Some(json!({ "role": "tool", "tool_call_id": message.tool_call_id, "content": message.content })),
        Role::Assistant => {
            let calls: Vec<Value> = message.tool_calls.iter().filter(|call| is_answered(&call.id)).map(|call| {
                json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
            }).collect();
            let mut said = json!({ "role": "assistant", "content": message.content });
            if !calls.is_empty() {
                said["tool_calls"] = calls.into();
            }
            Some(said)
        }
    }
}

/// What goes wrong at the other end, as the reader is told.
#[derive(Debug, PartialEq, Eq)]
struct Trouble {
    code: &'static str,
    message: String,
}

impl Trouble {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn no_stream() -> Self {
        Self::new("UPSTREAM_ERROR", "The model's endpoint did not answer with a stream.")
    }

    fn cut() -> Self {
        Self::new("UPSTREAM_CUT", "The model's endpoint broke off in the middle of its answer.")
    }

    fn chunk(&self) -> Arc<str> {
        Dialect::AiSdk.error(self.code, &self.message)
    }
}

fn unreachable_because(error: &reqwest::Error) -> Trouble {
    tracing::warn!(error = %error.without_address(), "the model's endpoint cannot be reached");
    if error.is_timeout() {
        return Trouble::new("UPSTREAM_TIMEOUT", "The model's endpoint did not answer in time.");
    }
    Trouble::new("UPSTREAM_UNAVAILABLE", "The model's endpoint cannot be reached.")
}

/// An address may hold a password.
trait WithoutAddress {
    fn without_address(&self) -> String;
}

impl WithoutAddress for reqwest::Error {
    fn without_address(&self) -> String {
        match self.url() {
            Some(url) => self.to_string().replace(url.as_str(), "…"),
            None => self.to_string(),
        }
    }
}

async fn refusal(response: Response) -> Trouble {
    let status = response.status();
    // Whatever can be read of it helps.
    let body = response.text().await.unwrap_or_default();
    match status {
        // What endpoints say here may quote the key.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Trouble::new("UPSTREAM_UNAUTHORIZED", "The model's endpoint refused this server's key.")
        }
        StatusCode::TOO_MANY_REQUESTS => Trouble::new("UPSTREAM_RATE_LIMITED", told(status, &body)),
        _ => Trouble::new("UPSTREAM_ERROR", told(status, &body)),
    }
}

fn told(status: StatusCode, body: &str) -> String {
    let said = serde_json::from_str::<Value>(body).ok().and_then(|body| error_of(&body["error"]));
    let said = said.unwrap_or_else(|| "no reason given".into());
    format!("The model's endpoint answered {}: {said}", status.as_u16())
}

/// `{"error": {"message": …}}`, or `{"error": "…"}`.
fn error_of(error: &Value) -> Option<String> {
    let text = error["message"].as_str().or(error.as_str())?;
    Some(text.chars().take(LONGEST_ERROR).collect())
}

/// One event of the endpoint's stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallDelta {
    index: Option<usize>,
    id: Option<String>,
    function: FunctionDelta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

#[async_trait]
impl Agent for OpenAi {
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone> {
        let mut speaker = Speaker::new(out, &turn);
        let outcome = match self.ask(&turn).await {
            Ok(response) => speaker.relay(response).await?,
            Err(trouble) => Err(trouble),
        };
        speaker.close_block().await?;
        match outcome {
            Ok(()) => speaker.close_calls().await.map(|()| Ending::Completed),
            Err(trouble) => Ok(Ending::Failed(trouble.chunk())),
        }
    }
}

/// The data of events, until `[DONE]`.
#[derive(Default)]
struct Heard {
    data: Vec<String>,
    done: bool,
}

impl Sink for Heard {
    fn event(&mut self, event: Event<'_>) {
        match event.data {
            b"[DONE]" => self.done = true,
            data if !self.done => self.data.push(String::from_utf8_lossy(data).into_owned()),
            _ => (),
        }
    }
}

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
struct Speaker {
    out: Emitter,
    task: String,
    open: Option<Block>,
    blocks: usize,
    calls: Vec<Call>,
    finished: bool,
}

impl Speaker {
    fn new(out: Emitter, turn: &Turn) -> Self {
        Self { out, task: turn.task.id.clone(), open: None, blocks: 0, calls: Vec::new(), finished: false }
    }

    /// Reads the whole answer. The outer error: nobody listens; the inner one: the endpoint failed.
    async fn relay(&mut self, mut response: Response) -> Result<Result<(), Trouble>, Gone> {
        let (mut parser, mut heard) = (Parser::default(), Heard::default());
        loop {
            let read = match response.chunk().await {
                Ok(Some(bytes)) => parser
                    .feed(&bytes, &mut heard)
                    .map_err(|_| Trouble::new("UPSTREAM_ERROR", "An event of the model's endpoint is too large.")),
                Ok(None) | Err(_) => Err(Trouble::cut()),
            };
            for data in std::mem::take(&mut heard.data) {
                if let Err(trouble) = self.take(&data).await? {
                    return Ok(Err(trouble));
                }
            }
            match read {
                _ if heard.done => return Ok(Ok(())),
                // Some endpoints close without `[DONE]`; what counts is that the answer was finished.
                Err(_) if self.finished => return Ok(Ok(())),
                Err(trouble) => return Ok(Err(trouble)),
                Ok(()) => (),
            }
        }
    }

    async fn take(&mut self, data: &str) -> Result<Result<(), Trouble>, Gone> {
        let Ok(completion) = serde_json::from_str::<Completion>(data) else {
            return Ok(Err(Trouble::new(
                "UPSTREAM_MALFORMED",
                "The model's endpoint sent something that is no chunk.",
            )));
        };
        if let Some(error) = completion.error.filter(|error| !error.is_null()) {
            let said = error_of(&error).unwrap_or_else(|| "no reason given".into());
            return Ok(Err(Trouble::new("UPSTREAM_ERROR", format!("The model's endpoint failed: {said}"))));
        }
        for choice in completion.choices.into_iter().take(1) {
            self.say(choice).await?;
        }
        if let Some(Usage { prompt_tokens, completion_tokens, total_tokens }) = completion.usage {
            self.out.emit(chunk::json(&Chunk::Usage { prompt_tokens, completion_tokens, total_tokens })).await?;
        }
        Ok(Ok(()))
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

    async fn close_block(&mut self) -> Result<(), Gone> {
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

    /// The inputs are whole now.
    async fn close_calls(&mut self) -> Result<(), Gone> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_come_with_or_without_its_path() {
        for (base, url) in [
            ("http://h:1", "http://h:1/v1/chat/completions"),
            ("http://h:1/", "http://h:1/v1/chat/completions"),
            ("http://h/v1", "http://h/v1/chat/completions"),
            ("https://h/api/v1/", "https://h/api/v1/chat/completions"),
            ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ] {
            assert_eq!(completions_url(base).unwrap().as_str(), url);
        }
        assert!(completions_url("file:///x").is_err());
        assert!(completions_url("nonsense").is_err());
    }

    #[test]
    fn an_error_is_told_in_the_endpoints_words() {
        let body = r#"{"error":{"message":"model not found","type":"x"}}"#;
        assert_eq!(told(StatusCode::NOT_FOUND, body), "The model's endpoint answered 404: model not found");
        assert_eq!(told(StatusCode::BAD_GATEWAY, "<html>"), "The model's endpoint answered 502: no reason given");
    }
}
