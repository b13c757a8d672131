//! Any OpenAI-compatible endpoint (Ollama, vLLM, llama.cpp, …): chat completions, streamed.
//!
//! An answer has ended only after a `finish_reason` or `[DONE]`. A connection that stops before that is an error for
//! the reader, too, so that an answer that was cut off never looks like a whole one.

mod error;
mod prompt;
mod speaker;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use rejoin::stream::sse::parser::DEFAULT_LIMIT;
use reqwest::{Request, Url};
use serde_json::json;

use super::upstream::{Events, Failure, Limits, Upstream};
use super::{Agent, Emitter, Ending, Gone, Turn};
use crate::chunk;
use error::{EndpointError, Halt};
use speaker::Speaker;

/// Silence after which an endpoint is given up: a large model on a small machine may think long before its first word.
const SILENCE: Duration = Duration::from_secs(300);
/// The longest time that an answer may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The address, model and key of an endpoint.
#[derive(Clone)]
pub struct Endpoint {
    /// The base URL, with or without the path.
    pub url: String,
    pub model: String,
    pub key: Option<String>,
}

/// See the module.
pub struct OpenAi {
    upstream: Upstream,
    url: Url,
    model: String,
    key: Option<String>,
}

impl OpenAi {
    /// Checks the address; connects to nothing yet.
    pub fn new(endpoint: Endpoint) -> Result<Self, String> {
        let limits = Limits {
            first_byte: SILENCE,
            silence: SILENCE,
            total: LONGEST,
            event_bytes: DEFAULT_LIMIT,
            body_bytes: u64::MAX,
        };
        Ok(Self {
            upstream: Upstream::new(limits, 1)?,
            url: completions_url(&endpoint.url)?,
            model: endpoint.model,
            key: endpoint.key,
        })
    }

    async fn ask(&self, turn: &Turn) -> Result<Events, Failure> {
        self.upstream.open(u64::MAX, |_| self.request(turn)).await
    }

    fn request(&self, turn: &Turn) -> Result<Request, Failure> {
        let body = json!({
            "model": self.model,
            "messages": prompt::messages(turn),
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        let request = self.upstream.client().post(self.url.clone()).json(&body);
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        request.build().map_err(|error| Failure::Unreachable(error.to_string()))
    }

    async fn speak(&self, turn: &Turn, speaker: &mut Speaker) -> Result<(), Halt> {
        let events = self.ask(turn).await.map_err(|failure| EndpointError::before_an_answer(&failure))?;
        speaker.relay(events).await
    }
}

#[async_trait]
impl Agent for OpenAi {
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone> {
        let mut speaker = Speaker::new(out, &turn);
        let outcome = self.speak(&turn, &mut speaker).await;
        speaker.close_block().await?;
        match outcome {
            Ok(()) => speaker.close_calls().await.map(|()| Ending::Completed(chunk::finish())),
            Err(Halt::Failed(error)) => Ok(Ending::Failed(error.chunk())),
            Err(Halt::Gone) => Err(Gone),
        }
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
}
