//! Reads the bodies of JSON answers: errors, sessions, the status of a task (PROTOCOL §1).
//!
//! Reading is lenient, because a base backend may leave out fields or send other types. That must not lose an answer.

pub use crate::protocol::body::{ActiveStream, SessionView};
use crate::protocol::body::{Body, MessageBody, ToolCallBody};
use crate::protocol::head::Head;
use crate::stream::bytes::decimal;
use crate::stream::bytes::json::{Json, JsonString};
use crate::stream::bytes::short::contains;
use crate::stream::chunk::ChunkWriter;
use crate::stream::error::{Recovery, StreamError};

/// Returns whether an error answer comes from the backend, whose errors are JSON with a `detail`. One without may come from a
/// proxy and proves nothing.
#[must_use]
pub fn is_backend_error(body: Option<&Body>) -> bool {
    body.is_some_and(|body| body.detail.is_some())
}

/// Returns the error of an answer. If the body has none, it is made from the status.
#[must_use]
pub fn read_error(head: &Head<'_>, body: Option<&Body>) -> StreamError {
    let detail = body.and_then(|body| body.detail.as_ref());
    let code = detail.and_then(|detail| detail.code.clone());
    let message = detail.and_then(|detail| detail.message.clone());
    StreamError {
        code: code.unwrap_or_else(|| default_code(head.status)),
        message: message.unwrap_or_else(|| ["The server answered ", &decimal::text(head.status.into()), "."].concat()),
        status: Some(head.status),
        recovery: recovery_of(head.status),
        details: body.and_then(|body| body.details.clone()),
    }
}

/// Returns the task that an error names (409 and 410).
#[must_use]
pub fn read_error_task(body: Option<&Body>) -> Option<String> {
    body?.detail.as_ref()?.task_id.clone()
}

fn default_code(status: u16) -> String {
    let code = match status {
        400 | 422 => "INVALID_REQUEST",
        401 => "UNAUTHORIZED",
        403 => "ACCESS_DENIED",
        404 => "NOT_FOUND",
        409 => "TASK_RUNNING",
        410 => "TASK_EXPIRED",
        413 => "MESSAGE_TOO_LARGE",
        429 => "RATE_LIMITED",
        503 => "SERVICE_UNAVAILABLE",
        other => return ["HTTP_", &decimal::text(other.into())].concat(),
    };
    code.to_owned()
}

/// Returns whether a later try may succeed: after 408, 425, 429 and 5xx it may (API.md, status table).
#[must_use]
pub fn recovery_of(status: u16) -> Recovery {
    if matches!(status, 408 | 425 | 429 | 500..) { Recovery::Retryable } else { Recovery::Permanent }
}

/// The `status` of `GET /tasks/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// The task is running.
    Running,
    /// The task has ended without an error.
    Completed,
    /// The task has ended with an error.
    Failed,
    /// The task was cancelled.
    Cancelled,
}

/// Returns the status of a task, or `None` if the body has none.
#[must_use]
pub fn read_task_status(body: Option<&Body>) -> Option<TaskStatus> {
    match body?.status.as_deref()? {
        "running" => Some(TaskStatus::Running),
        "completed" => Some(TaskStatus::Completed),
        "failed" => Some(TaskStatus::Failed),
        "cancelled" => Some(TaskStatus::Cancelled),
        _ => None,
    }
}

/// Returns the session, or `None` if the answer is no JSON object.
#[must_use]
pub fn read_session(body: Option<&Body>) -> Option<&SessionView> {
    body.map(|body| &body.session)
}

impl ActiveStream {
    /// Returns whether the task is that of an operation, which may belong to any turn of the session.
    #[must_use]
    pub fn is_operation(&self) -> bool {
        self.tool_name.as_deref().is_some_and(|tool| tool != "chat")
    }
}

/// A user message of a session: its index in the list of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question(usize);

/// A user message as the session stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredQuestion<'a> {
    /// The id, which a base backend does not send.
    pub id: Option<&'a str>,
    /// The text, if the content is a string.
    pub text: Option<&'a str>,
    /// The task that answers the message, if the backend names it.
    pub task: Option<&'a str>,
    /// Whether at least a part of an answer follows the message.
    pub is_answered: bool,
}

impl<'a> StoredQuestion<'a> {
    fn read(message: &'a MessageBody, next: Option<&MessageBody>) -> Self {
        Self {
            id: message.id.as_deref(),
            text: message.content.as_deref(),
            task: message.task_id.as_deref(),
            is_answered: next.is_some_and(|next| !next.is("user")),
        }
    }
}

/// The part of a turn's stored answer that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole answer.
    Whole,
    /// The part that an operation wrote in a task of its own: its result, which is the last one of the turn, and what follows.
    Operation,
}

impl SessionView {
    /// Returns the user messages, the oldest first.
    #[must_use]
    pub fn questions(&self) -> Vec<StoredQuestion<'_>> {
        let question = |at: usize| Some(StoredQuestion::read(self.messages.get(at)?, self.messages.get(at + 1)));
        self.places().into_iter().filter_map(question).collect()
    }

    /// Returns the places of the user messages in the list of messages.
    fn places(&self) -> Vec<usize> {
        let mut places = Vec::new();
        for (at, message) in self.messages.iter().enumerate() {
            if message.is("user") {
                places.push(at);
            }
        }
        places
    }

    /// Returns the user message with this ordinal, counted from 0.
    #[must_use]
    pub fn question(&self, ordinal: u64) -> Option<Question> {
        let ordinal = usize::try_from(ordinal).ok()?;
        self.places().get(ordinal).copied().map(Question)
    }

    /// Returns the newest user message.
    #[must_use]
    pub fn newest(&self) -> Option<Question> {
        self.places().last().copied().map(Question)
    }

    /// Returns the ordinal of the newest user message.
    #[must_use]
    pub fn newest_ordinal(&self) -> Option<u64> {
        self.ordinal_before(self.messages.len())
    }

    /// Returns the ordinal of the user message whose answer started an operation: of the answer that shows the operation as
    /// pending, or else of the only answer with a tool's result.
    #[must_use]
    pub fn ordinal_of_operation(&self, operation: &str) -> Option<u64> {
        let results = || self.messages.iter().enumerate().filter(|(_, message)| message.is("tool"));
        let pending = results().rfind(|(_, message)| message.is_pending(operation));
        if let Some((at, _)) = pending {
            return self.ordinal_before(at);
        }
        let mut ordinals = results().map(|(at, _)| self.ordinal_before(at));
        let only = ordinals.next()?;
        only.filter(|_| ordinals.all(|other| other == only))
    }

    /// Returns the ordinal of the newest user message before an index.
    fn ordinal_before(&self, at: usize) -> Option<u64> {
        let count = self.places().iter().filter(|place| **place < at).count();
        (count as u64).checked_sub(1)
    }

    /// Returns whether the session has the answer of a task that no backend streams any more: an assistant message with the
    /// task's id, or one after the user message (API.md, status table).
    #[must_use]
    pub fn has_answer(&self, task: Option<&str>, question: Option<Question>, part: Part) -> bool {
        self.answer(task, question, part).iter().any(|message| message.is("assistant"))
    }

    /// Returns whether the session has an assistant message that names this task.
    #[must_use]
    pub fn has_named_answer(&self, task: Option<&str>) -> bool {
        self.messages.iter().any(|message| message.names(task) && message.is("assistant"))
    }

    /// Returns the task that the answer to a message names.
    #[must_use]
    pub fn answering_task(&self, question: Option<Question>) -> Option<String> {
        self.answer(None, question, Part::Whole).iter().find_map(|message| message.task_id.clone())
    }

    /// Returns the stored answer as frames of a stream, without its end. Listeners get it like any other answer.
    #[must_use]
    pub fn answer_frames(&self, task: Option<&str>, question: Option<Question>, part: Part) -> Vec<String> {
        let messages = self.answer(task, question, part);
        let first = messages.iter().find_map(|message| message.id.as_deref()).unwrap_or_default();
        let start = ChunkWriter::new("start").text("messageId", first);
        let mut frames = vec![start.text("taskId", task.unwrap_or_default()).end()];
        for message in messages {
            message.push_frames(&mut frames);
        }
        frames
    }

    fn answer(&self, task: Option<&str>, question: Option<Question>, part: Part) -> Vec<&MessageBody> {
        let first = question.map_or(0, |Question(at)| at + 1);
        let rest = self.messages.get(first..).unwrap_or_default();
        let length = rest.iter().position(|message| message.is("user")).unwrap_or(rest.len());
        let result = rest.iter().take(length).rposition(|message| message.is("tool"));
        let start = first + result.filter(|_| part == Part::Operation).unwrap_or_default();
        let end = first + length;
        let any_named = self.messages.iter().any(|message| message.names(task) && !message.is("user"));
        let mut messages = Vec::new();
        for (at, message) in self.messages.iter().enumerate() {
            let may_be_its = task.is_none() || message.task_id.is_none() || message.names(task);
            let belongs = if any_named { message.names(task) } else { (start..end).contains(&at) && may_be_its };
            if belongs && !message.is("user") {
                messages.push(message);
            }
        }
        messages
    }
}

impl MessageBody {
    fn is(&self, role: &str) -> bool {
        self.role.as_deref() == Some(role)
    }

    fn names(&self, task: Option<&str>) -> bool {
        task.is_some() && self.task_id.as_deref() == task
    }

    /// Returns whether the message is the backend's placeholder for the result of an operation that has not ended.
    fn is_pending(&self, operation: &str) -> bool {
        let content = self.content.as_deref().filter(|content| contains(content, "operation_pending"));
        let Some(content) = content.and_then(Json::parse) else { return false };
        let has = |name: &str, text: &str| {
            let is_text = |value: Json<'_>| JsonString::of_value(value.text()).is_some_and(|value| value.is(text));
            content.members().any(|(member, value)| member.is(name) && is_text(value))
        };
        has("type", "operation_pending") && has("operation_id", operation)
    }

    fn push_frames(&self, frames: &mut Vec<String>) {
        if self.is("tool") {
            return frames.push(self.tool_output());
        }
        let (block, content) = (self.id.as_deref().unwrap_or_default(), self.content.as_deref().unwrap_or_default());
        if !content.is_empty() {
            frames.push(ChunkWriter::new("text-start").text("id", block).end());
            frames.push(ChunkWriter::new("text-delta").text("id", block).text("delta", content).end());
            frames.push(ChunkWriter::new("text-end").text("id", block).end());
        }
        frames.extend(self.tool_calls.iter().map(ToolCallBody::tool_input));
    }

    fn tool_output(&self) -> String {
        ChunkWriter::new("tool-output-available")
            .text("toolCallId", self.tool_call_id.as_deref().unwrap_or_default())
            .text("toolName", self.name.as_deref().unwrap_or_default())
            .json("output", self.content.as_deref())
            .end()
    }
}

impl ToolCallBody {
    fn tool_input(&self) -> String {
        ChunkWriter::new("tool-input-available")
            .text("toolCallId", self.id.as_deref().unwrap_or_default())
            .text("toolName", self.name.as_deref().unwrap_or_default())
            .json("input", self.arguments.as_deref())
            .end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a body as the browser does.
    fn body(text: &str) -> Option<Body> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let body: Body = serde_json::from_value(value.clone()).ok()?;
        Some(Body { details: value.get("detail").map(ToString::to_string), ..body })
    }

    fn head(status: u16) -> Head<'static> {
        Head { status, ..Head::default() }
    }

    #[test]
    fn an_error_body_gives_code_message_and_details() {
        let body = &body(r#"{"detail":{"code":"TASK_RUNNING","message":"busy","task_id":"t9"}}"#);
        let error = read_error(&head(409), body.as_ref());
        assert_eq!((error.code.as_str(), error.message.as_str(), error.status), ("TASK_RUNNING", "busy", Some(409)));
        assert!(error.details.unwrap().contains("t9"));
        assert_eq!(read_error_task(body.as_ref()).as_deref(), Some("t9"));
    }

    #[test]
    fn a_plain_detail_and_no_detail_still_make_an_error() {
        let plain = read_error(&head(403), body(r#"{"detail":"not yours"}"#).as_ref());
        assert_eq!((plain.code.as_str(), plain.message.as_str()), ("ACCESS_DENIED", "not yours"));
        let html = read_error(&head(502), body("<html>").as_ref());
        assert_eq!((html.code.as_str(), html.recovery), ("HTTP_502", Recovery::Retryable));
        assert_eq!(read_error(&head(418), body("").as_ref()).code, "HTTP_418");
    }

    #[test]
    fn only_some_statuses_are_worth_a_retry() {
        let retryable = |status| recovery_of(status) == Recovery::Retryable;
        assert!([408, 425, 429, 500, 502, 503, 504, 599].into_iter().all(retryable));
        assert!(![200, 301, 400, 401, 403, 404, 409, 410, 413, 422].into_iter().any(retryable));
    }

    #[test]
    fn task_statuses_are_read() {
        assert_eq!(read_task_status(body(r#"{"status":"cancelled","x":1}"#).as_ref()), Some(TaskStatus::Cancelled));
        assert_eq!(read_task_status(body(r#"{"status":"odd"}"#).as_ref()), None);
        assert_eq!(read_task_status(body("nope").as_ref()), None);
    }

    fn session(messages: &str) -> SessionView {
        body(&format!(r#"{{"id":"s","messages":[{messages}],"active_stream":null}}"#)).unwrap().session
    }

    #[test]
    fn an_active_stream_is_read_also_when_only_its_task_is_given() {
        let running = body(r#"{"active_stream":{"task_id":"t1","extra":[]}}"#);
        assert_eq!(read_session(running.as_ref()).unwrap().active.as_ref().unwrap().task_id, "t1");
        assert!(read_session(body(r#"{"active_stream":null}"#).as_ref()).unwrap().active.is_none());
        assert!(read_session(body("<html>").as_ref()).is_none());
    }

    #[test]
    fn an_answer_is_an_assistant_message_of_the_task_or_after_the_last_user_message() {
        let answered = session(r#"{"role":"user"},{"role":"assistant","content":"a"}"#);
        let has_answer = |view: &SessionView, task| view.has_answer(task, view.newest(), Part::Whole);
        assert!(has_answer(&answered, Some("t1")) && has_answer(&answered, None));
        let waiting = session(r#"{"role":"user"},{"role":"assistant","task_id":"t1"},{"role":"user"}"#);
        assert!(has_answer(&waiting, Some("t1")) && !has_answer(&waiting, Some("t2")) && !has_answer(&waiting, None));
    }

    #[test]
    fn an_answer_that_names_another_task_is_none_of_this_one() {
        let other = session(r#"{"role":"user"},{"role":"assistant","content":"a","task_id":"t1"}"#);
        assert!(!other.has_answer(Some("t2"), other.newest(), Part::Whole));
        assert!(other.has_answer(None, other.newest(), Part::Whole), "the task is not known");
        let unnamed = session(r#"{"role":"user"},{"role":"assistant","content":"a","task_id":null}"#);
        assert!(unnamed.has_answer(Some("t2"), unnamed.newest(), Part::Whole));
    }

    #[test]
    fn the_answer_to_an_earlier_message_ends_at_the_next_one() {
        let view = session(
            r#"{"role":"user","id":"m1"},{"role":"assistant","content":"first"},{"role":"user","id":"m2"},
            {"role":"assistant","content":"second"}"#,
        );
        let shown = |ordinal| view.answer_frames(None, view.question(ordinal), Part::Whole).concat();
        assert!(shown(0).contains("first") && !shown(0).contains("second"));
        assert!(shown(1).contains("second") && !shown(1).contains("first"));
        assert_eq!((view.question(1), view.question(2)), (view.newest(), None));
    }

    #[test]
    fn an_operation_has_the_part_of_an_answer_from_its_result_on() {
        let view = session(
            r#"{"role":"user"},{"role":"assistant","content":"chat"},{"role":"tool","tool_call_id":"c","content":"1"},
            {"role":"assistant","content":"operation"},{"role":"user"},{"role":"tool"}"#,
        );
        let shown = |part| view.answer_frames(None, view.question(0), part).concat();
        assert!(shown(Part::Whole).contains("chat") && shown(Part::Whole).contains("operation"));
        assert!(!shown(Part::Operation).contains("chat") && shown(Part::Operation).contains("operation"));
        assert!(shown(Part::Operation).contains("tool-output-available"));
    }

    #[test]
    fn user_messages_are_read_with_what_follows_them() {
        let view = session(
            r#"{"role":"user","id":"m1","content":"a","task_id":"t1"},{"role":"assistant"},{"role":"user"},{"role":"user","content":7}"#,
        );
        let read: Vec<_> = view.questions().iter().map(|stored| (stored.id, stored.text, stored.is_answered)).collect();
        assert_eq!(read, [(Some("m1"), Some("a"), true), (None, None, false), (None, None, false)]);
        assert_eq!(view.questions()[0].task, Some("t1"));
    }

    #[test]
    fn a_stored_answer_becomes_the_frames_it_came_from() {
        let view = session(
            r#"{"role":"user","content":"q"},{"role":"assistant","id":"a1","content":"hé\"","tool_calls":[{"id":"c1",
            "type":"function","function":{"name":"find","arguments":"{\"q\":1}"}}]},
            {"role":"tool","tool_call_id":"c1","name":"find","content":"{\"hits\":2}"},null"#,
        );
        assert_eq!(
            view.answer_frames(Some("t1"), view.newest(), Part::Whole),
            [
                r#"{"type":"start","messageId":"a1","taskId":"t1"}"#,
                r#"{"type":"text-start","id":"a1"}"#,
                r#"{"type":"text-delta","id":"a1","delta":"hé\""}"#,
                r#"{"type":"text-end","id":"a1"}"#,
                r#"{"type":"tool-input-available","toolCallId":"c1","toolName":"find","input":{"q":1}}"#,
                r#"{"type":"tool-output-available","toolCallId":"c1","toolName":"find","output":{"hits":2}}"#,
            ]
        );
    }
}
