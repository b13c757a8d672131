//! Performs a script, in either dialect.
//!
//! A message that asks for operations, tools of the page or approvals is answered in several turns. Each turn looks at
//! the answer so far and adds the next part.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::content::{FILE, pieces, words};
use super::pace::Pace;
use super::script::{Script, Tool};
use crate::agent::{Completed, Dialect, Emitter, Ending, Gone, Turn, conversation};
use crate::chunk::{self, Chunk, Legacy};
use crate::store::Operation;

/// A `data-NAME` chunk: the only one whose type is not one of a few.
#[derive(Serialize)]
struct DataPart<'a> {
    r#type: &'a str,
    id: &'a str,
    data: Value,
}

/// See the module.
pub struct Speaker<'a> {
    out: Emitter,
    pace: Pace,
    dialect: Dialect,
    turn: &'a Turn,
    /// Parts that earlier turns gave this answer.
    answered: Vec<Value>,
}

impl<'a> Speaker<'a> {
    /// Makes the speaker of a turn, which has emitted nothing yet.
    pub fn new(out: Emitter, script: &Script, turn: &'a Turn) -> Self {
        let answered = conversation::answered(turn);
        Self { out, pace: Pace::new(script.rate), dialect: script.dialect, turn, answered }
    }

    /// Emits the chunks of this turn.
    pub async fn perform(&mut self, script: &Script) -> Result<Ending, Gone> {
        if self.is_settled(script) {
            self.carry_out(script).await?;
            return self.conclude(script).await;
        }
        let next_operation = match self.turn.completed() {
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
        if !(script.client_tools.is_empty() && script.approvals.is_empty()) {
            self.ask(script).await?;
            return Ok(Ending::Completed(chunk::finish()));
        }
        self.conclude(script).await
    }

    /// Emits the chunks that come before all text and operations.
    async fn open(&mut self, script: &Script) -> Result<(), Gone> {
        if let Some(thoughts) = &script.reasoning {
            self.think(thoughts).await?;
        }
        for (number, tool) in script.tools.iter().enumerate().filter(|(_, tool)| tool.after == 0) {
            let id = self.call_id(number);
            self.call(&id, tool).await?;
            self.result(&id, &tool.name).await?;
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

    async fn result(&mut self, id: &str, name: &str) -> Result<(), Gone> {
        let output = json!({ "tool": name, "found": 3, "summary": format!("{name} looked and found three things.") });
        self.pace.wait().await;
        let chunk = self.dialect.output(id, name, &output);
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
        Ok(Ending::Waiting(Operation { id, tool_name: name.into(), tool_call_id, position: 0 }, vec![chunk]))
    }

    /// The real result of an operation.
    async fn report(&mut self, completed: &Completed) -> Result<(), Gone> {
        let Operation { tool_call_id, tool_name, .. } = &completed.operation;
        let chunk = self.dialect.output(tool_call_id, tool_name, &completed.result);
        self.out.emit(chunk).await
    }

    /// Calls that the page or the user settles. They are named by the message and not by the task, since the message goes
    /// on in another task.
    async fn ask(&mut self, script: &Script) -> Result<(), Gone> {
        for (number, name) in script.client_tools.iter().enumerate() {
            self.call(&self.client_tool_id(number), &asked(name)).await?;
        }
        for (number, name) in script.approvals.iter().enumerate() {
            let id = self.approved_id(number);
            self.call(&id, &asked(name)).await?;
            let request = Chunk::ToolApprovalRequest { approval_id: &format!("approval-{id}"), tool_call_id: &id };
            self.out.emit(chunk::json(&request)).await?;
        }
        Ok(())
    }

    fn client_tool_id(&self, number: usize) -> String {
        format!("call-{}-client-{number}", self.turn.task.writes)
    }

    fn approved_id(&self, number: usize) -> String {
        format!("call-{}-approve-{number}", self.turn.task.writes)
    }

    /// Whether this message asked for something that the user has settled by now.
    fn is_settled(&self, script: &Script) -> bool {
        let client_tools = (0..script.client_tools.len()).map(|number| self.client_tool_id(number));
        let approvals = (0..script.approvals.len()).map(|number| self.approved_id(number));
        client_tools.chain(approvals).any(|id| self.part(&id).is_some())
    }

    fn part(&self, id: &str) -> Option<&Value> {
        self.answered.iter().find(|part| part["toolCallId"] == id)
    }

    /// Runs the approved calls and answers for the denied ones.
    async fn carry_out(&mut self, script: &Script) -> Result<(), Gone> {
        for (number, name) in script.approvals.iter().enumerate() {
            let id = self.approved_id(number);
            if self.part(&id).is_some_and(|part| part["approval"]["approved"] == true) {
                self.result(&id, name).await?;
            } else {
                self.out.emit(chunk::json(&Chunk::ToolOutputDenied { tool_call_id: &id })).await?;
            }
        }
        Ok(())
    }

    /// Emits the parts that need no further turn.
    async fn conclude(&mut self, script: &Script) -> Result<Ending, Gone> {
        for (number, name) in script.data.iter().enumerate() {
            self.pace.wait().await;
            let data = DataPart {
                r#type: &format!("data-{name}"),
                id: &format!("data-{number}"),
                data: json!({ "name": name }),
            };
            self.out.emit(chunk::json(&data)).await?;
        }
        self.speak(script).await?;
        if script.source {
            let source =
                Chunk::SourceUrl { source_id: "source-1", url: "https://example.org/harbour", title: "The harbour" };
            self.out.emit(chunk::json(&source)).await?;
        }
        if script.file {
            self.out.emit(chunk::json(&Chunk::File { url: FILE, media_type: "text/plain" })).await?;
        }
        Ok(match &script.error {
            Some(code) => {
                Ending::Failed(self.dialect.error(code, &format!("The demo agent was asked to fail with {code}.")))
            }
            None => Ending::Completed(chunk::finish()),
        })
    }

    async fn speak(&mut self, script: &Script) -> Result<(), Gone> {
        let half = script.text.len() / 2;
        if script.text.is_empty() {
            self.pace.pause(script.silence).await;
        }
        let mut spoken = 0;
        for (number, tokens) in script.passages().into_iter().enumerate() {
            let due = |tool: &Tool| tool.after > 0 && tool.after == spoken;
            for (call, tool) in script.tools.iter().enumerate().filter(|(_, tool)| due(tool)) {
                let id = self.call_id(call);
                self.call(&id, tool).await?;
                self.result(&id, &tool.name).await?;
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

/// A tool that the page or the user settles.
fn asked(name: &str) -> Tool {
    Tool { name: name.into(), input: json!({ "tool": name, "query": "as the message asked" }).to_string(), after: 0 }
}

#[cfg(test)]
mod tests {
    use super::super::Demo;
    use super::*;
    use crate::agent::{Agent, Trigger, queue};
    use crate::store::{Message, Role, Stage, Status, Task};
    use serde_json::Map;

    fn message(id: &str, role: Role, content: &str) -> Message {
        Message {
            id: id.into(),
            sequence: 0,
            role,
            content: content.into(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
            parts: Vec::new(),
            metadata: None,
            created_at: 0,
            task_id: "t".into(),
        }
    }

    fn turn(asked: &str, answered: Vec<Message>) -> Turn {
        let task = Task {
            id: "t".into(),
            session_id: "s".into(),
            status: Status::Running,
            stage: Stage::Working,
            answers: "u".into(),
            writes: "a".into(),
            created_at: 0,
            operations: Vec::new(),
            body: Map::new(),
        };
        Turn {
            task,
            user_id: None,
            trigger: Trigger::Submit,
            asked: message("u", Role::User, asked),
            context: None,
            headers: axum::http::HeaderMap::new(),
            history: Vec::new(),
            answered,
            logged_bytes: 0,
        }
    }

    /// The types of the chunks that a turn emits.
    async fn types(turn: Turn) -> Vec<String> {
        let (out, mut backlog) = queue::queue();
        let speaking = tokio::spawn(async move { Demo.answer(turn, out).await });
        let mut queued = Vec::new();
        while backlog.take_all(&mut queued).await > 0 {}
        assert!(matches!(speaking.await.unwrap(), Ok(Ending::Completed(_))));
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        queued.iter().map(|queued| value(&queued.chunk)["type"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn the_first_turn_of_a_message_ends_in_the_calls_that_the_page_settles() {
        let first = types(turn("/tool a /client-tool map /tokens 2 /rate 0", Vec::new())).await;
        assert_eq!(first.last().unwrap(), "tool-input-available");
        assert_eq!(first.iter().filter(|kind| *kind == "tool-output-available").count(), 1);
    }

    /// What was answered: one call.
    fn called(part: Value) -> Vec<Message> {
        vec![Message { parts: vec![part], ..message("a", Role::Assistant, "") }]
    }

    #[tokio::test]
    async fn the_turn_after_it_says_the_rest_and_calls_nothing_again() {
        let part = json!({"type": "tool-map", "toolCallId": "call-a-client-0", "state": "output-available"});
        let rest = types(turn("/tool a /client-tool map /tokens 2 /rate 0 /source", called(part))).await;
        assert_eq!(rest, ["text-start", "text-delta", "text-delta", "text-end", "source-url"]);
    }

    #[tokio::test]
    async fn a_tool_runs_where_the_user_approved_it_and_is_denied_where_not() {
        for (approved, outcome) in [(true, "tool-output-available"), (false, "tool-output-denied")] {
            let approval = json!({"id": "approval-call-a-approve-0", "approved": approved});
            let part = json!({
                "type": "tool-pay", "toolCallId": "call-a-approve-0", "state": "approval-responded", "approval": approval,
            });
            let rest = types(turn("/approve pay /tokens 1 /rate 0", called(part))).await;
            assert_eq!(rest, [outcome, "text-start", "text-delta", "text-end"]);
        }
    }
}
