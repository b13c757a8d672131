//! The demo agent: the same message gets the same answer. Directives in the message drive it, for tests and for people
//! who want to see a stream behave in a certain way (SERVER.md, "The demo agent").

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
        let script = Script::of(&turn.asked.content);
        Speaker::new(out, &script, &turn).perform(&script).await
    }
}
