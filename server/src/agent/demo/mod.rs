//! The demo agent: the same message gets the same answer. Directives control it, for tests and for people who want to
//! see a certain stream (SERVER.md, "The demo agent"). They are in the message's text or in `metadata.directives`, so
//! that a page can show a plain sentence.

mod content;
mod directives;
mod pace;
mod script;
mod speaker;

use async_trait::async_trait;

use super::{Agent, Emitter, Ending, Gone, Turn};
use script::Script;
use speaker::Speaker;

/// See the module.
#[derive(Debug)]
pub struct Demo;

#[async_trait]
impl Agent for Demo {
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone> {
        let behind = turn.asked.metadata.as_ref().and_then(|metadata| metadata["directives"].as_str());
        let script = Script::of(&turn.asked.content, behind);
        Speaker::new(out, &script, &turn).perform(&script).await
    }
}
