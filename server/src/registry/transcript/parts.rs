//! The parts of a message, as the AI SDK's reducer (`processUIMessageStream`) makes them of a stream. Where the reducer
//! throws, because a chunk belongs to a block or a call that never began, this code begins the block or call, or
//! ignores the chunk. Chunks of the legacy dialect make text and `dynamic-tool` parts.

use serde_json::{Value, json};

use super::json::Text;
use super::tool::{Change, Fields, Kind, ToolPart, present};

/// The name of a tool that no chunk names.
const UNKNOWN: &str = "unknown";

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    cells: Vec<Cell>,
    /// The open blocks, and the indexes of their parts.
    open: Vec<(Block, usize)>,
}

/// The block that a delta belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Text(String),
    Reasoning(String),
    /// The legacy dialect names no blocks: there is one at a time, up to the next part of another kind.
    Legacy,
}

/// A part that may still change, or one that comes whole.
#[derive(Clone, Debug)]
enum Cell {
    Text { block: Block, text: Text, metadata: Option<Value>, citations: Option<Value> },
    Tool(ToolPart),
    Whole(Value),
}

impl Parts {
    /// The parts of a message that is continued.
    pub fn stored(parts: &[Value]) -> Self {
        let cell = |part: &Value| ToolPart::stored(part).map_or_else(|| Cell::Whole(part.clone()), Cell::Tool);
        Self { cells: parts.iter().map(cell).collect(), open: Vec::new() }
    }

    /// All parts so far. Text and reasoning are always `done`, because a stored part no longer grows.
    pub fn values(&self) -> Vec<Value> {
        self.cells.iter().map(Cell::value).collect()
    }

    /// Appends to a block, and begins it where it has not begun.
    pub fn delta(&mut self, block: Block, piece: &str, metadata: Option<Value>) {
        let at = self.place(&block).unwrap_or_else(|| self.begin(block));
        if let Some(Cell::Text { text, metadata: known, .. }) = self.cells.get_mut(at) {
            text.push(piece);
            *known = metadata.or_else(|| known.take());
        }
    }

    /// Appends to the input of a call.
    pub fn input_delta(&mut self, call: &str, piece: &str) {
        if let Some(at) = self.find_call(call)
            && let Some(tool) = self.tool_at(at)
        {
            tool.stream(piece);
        }
    }

    /// Takes a chunk that is not a delta.
    pub fn take(&mut self, kind: &str, chunk: &Fields) {
        match kind {
            "text-start" => self.start(Block::Text(id(chunk)), chunk),
            "text-end" => self.end(&Block::Text(id(chunk)), chunk),
            "reasoning-start" => self.start(Block::Reasoning(id(chunk)), chunk),
            "reasoning-end" => self.end(&Block::Reasoning(id(chunk)), chunk),
            "text_ended" => self.end(&Block::Legacy, chunk),
            "start-step" => self.add(Cell::Whole(json!({ "type": "step-start" }))),
            "reset-step" => self.reset_step(),
            "file" | "reasoning-file" => self.whole(kind, chunk, &["mediaType", "url"]),
            "source-url" => self.whole(kind, chunk, &["sourceId", "url", "title"]),
            "source-document" => self.whole(kind, chunk, &["sourceId", "mediaType", "title", "filename"]),
            "custom" => self.whole(kind, chunk, &["kind"]),
            "steering-message" => self.whole(kind, chunk, &["id", "parts"]),
            _ if kind.starts_with("data-") => self.data(kind, chunk),
            _ => self.take_tool(kind, chunk),
        }
    }

    fn take_tool(&mut self, kind: &str, chunk: &Fields) {
        let field = |name: &str| chunk.get(name).cloned();
        match kind {
            "tool-input-start" => {
                let input_encoding = present(chunk, "inputEncoding");
                self.call(chunk, Change { state: "input-streaming", input_encoding, ..Change::default() });
            }
            "tool-input-available" => {
                self.call(chunk, Change { state: "input-available", input: field("input"), ..Change::default() });
            }
            "tool-input-error" => {
                let (input, error_text) = (field("input"), field("errorText"));
                self.call(chunk, Change { state: "output-error", input, error_text, ..Change::default() });
            }
            "tool-output-available" => {
                let (output, preliminary) = (field("output"), present(chunk, "preliminary"));
                let result = Change { state: "output-available", output, preliminary, ..Change::default() };
                self.settle(chunk, result);
            }
            "tool-output-error" => {
                let result = Change { state: "output-error", error_text: field("errorText"), ..Change::default() };
                self.settle(chunk, result);
            }
            "tool-output-denied" => self.change(chunk, ToolPart::deny),
            "tool-approval-request" => self.change(chunk, |tool| tool.ask(chunk)),
            "tool-approval-response" => self.answer(chunk),
            "tool_call" | "tool_call_start" => self.legacy_call(chunk),
            "tool_response" => self.legacy_result(chunk),
            _ => (),
        }
    }

    fn start(&mut self, block: Block, chunk: &Fields) {
        let at = self.begin(block);
        if let Some(Cell::Text { metadata, .. }) = self.cells.get_mut(at) {
            *metadata = present(chunk, "providerMetadata");
        }
    }

    fn begin(&mut self, block: Block) -> usize {
        self.add(Cell::Text { block: block.clone(), text: Text::default(), metadata: None, citations: None });
        let at = self.cells.len() - 1;
        self.open.retain(|(open, _)| *open != block);
        self.open.push((block, at));
        at
    }

    fn place(&self, block: &Block) -> Option<usize> {
        self.open.iter().find(|(open, _)| open == block).map(|(_, at)| *at)
    }

    fn end(&mut self, block: &Block, chunk: &Fields) {
        let Some(at) = self.place(block) else { return };
        if let Some(Cell::Text { metadata, citations, .. }) = self.cells.get_mut(at) {
            *metadata = present(chunk, "providerMetadata").or_else(|| metadata.take());
            *citations = present(chunk, "citations");
        }
        self.open.retain(|(open, _)| open != block);
    }

    /// Adds a part, which ends the block without a name.
    fn add(&mut self, cell: Cell) {
        self.open.retain(|(open, _)| *open != Block::Legacy);
        self.cells.push(cell);
    }

    /// Makes a part of these fields of a chunk.
    fn whole(&mut self, kind: &str, chunk: &Fields, names: &[&str]) {
        let mut part = Fields::new();
        part.insert("type".into(), kind.into());
        part.extend(names.iter().filter_map(|name| Some(((*name).into(), chunk.get(*name)?.clone()))));
        part.extend(present(chunk, "providerMetadata").map(|metadata| ("providerMetadata".into(), metadata)));
        self.add(Cell::Whole(part.into()));
    }

    /// Adds a data part. One with an id replaces the part of that id, and transient data makes no part.
    fn data(&mut self, kind: &str, chunk: &Fields) {
        if chunk.get("transient") == Some(&true.into()) {
            return;
        }
        let id = present(chunk, "id");
        let known = self.cells.iter_mut().find_map(|cell| match cell {
            Cell::Whole(part) if id.is_some() && part["type"] == kind && part.get("id") == id.as_ref() => Some(part),
            _ => None,
        });
        match known {
            Some(part) => part["data"] = chunk.get("data").cloned().unwrap_or_default(),
            None => self.add(Cell::Whole(chunk.clone().into())),
        }
    }

    /// Removes the parts of the current step.
    fn reset_step(&mut self) {
        self.cells.truncate(self.step());
        self.open.clear();
    }

    /// The index at which the current step begins.
    fn step(&self) -> usize {
        let is_start = |cell: &Cell| matches!(cell, Cell::Whole(part) if part["type"] == "step-start");
        self.cells.iter().rposition(is_start).map_or(0, |at| at + 1)
    }

    /// Begins a call, or takes its input.
    fn call(&mut self, chunk: &Fields, change: Change) {
        let (call, name) = (text(chunk, "toolCallId"), text(chunk, "toolName").unwrap_or(UNKNOWN).to_owned());
        let Some(call) = call else { return };
        let given = if chunk.get("dynamic") == Some(&true.into()) { Kind::Dynamic } else { Kind::Static };
        // An error does not change the kind of a known call.
        let any = change.state == "output-error";
        let step = self.step();
        let known = (step..self.cells.len())
            .find(|at| self.tool(*at).is_some_and(|tool| tool.call() == Some(call) && (any || tool.kind() == given)));
        let at = known.unwrap_or_else(|| self.add_call(given, call, &name));
        if let Some(tool) = self.tool_at(at) {
            tool.change(&name, chunk, change);
        }
    }

    fn add_call(&mut self, kind: Kind, call: &str, name: &str) -> usize {
        self.add(Cell::Tool(ToolPart::new(kind, call, name)));
        self.cells.len() - 1
    }

    /// Takes a result, also that of a call that never began.
    fn settle(&mut self, chunk: &Fields, result: Change) {
        let Some(call) = text(chunk, "toolCallId") else { return };
        let name = text(chunk, "toolName").unwrap_or(UNKNOWN);
        let at = self.find_call(call).unwrap_or_else(|| self.add_call(Kind::Static, call, name));
        if let Some(tool) = self.tool_at(at) {
            tool.settle(chunk, result);
        }
    }

    /// Changes a known call.
    fn change(&mut self, chunk: &Fields, change: impl FnOnce(&mut ToolPart)) {
        let at = text(chunk, "toolCallId").and_then(|call| self.find_call(call));
        if let Some(tool) = at.and_then(|at| self.tool_at(at)) {
            change(tool);
        }
    }

    fn answer(&mut self, chunk: &Fields) {
        let Some(approval) = chunk.get("approvalId") else { return };
        let asked = self.cells.iter_mut().find_map(|cell| match cell {
            Cell::Tool(tool) if tool.asks(approval) => Some(tool),
            _ => None,
        });
        if let Some(tool) = asked {
            tool.answer(chunk);
        }
    }

    fn legacy_call(&mut self, chunk: &Fields) {
        let (Some(call), Some(name)) = (text(chunk, "tool_id"), text(chunk, "tool_name")) else { return };
        let at = self.find_call(call).unwrap_or_else(|| self.add_call(Kind::Dynamic, call, name));
        let input = chunk.get("arguments").cloned();
        if let Some(tool) = self.tool_at(at) {
            tool.change(name, &Fields::new(), Change { state: "input-available", input, ..Change::default() });
        }
    }

    fn legacy_result(&mut self, chunk: &Fields) {
        let Some(call) = text(chunk, "tool_id") else { return };
        let name = text(chunk, "tool_name").unwrap_or(UNKNOWN);
        let at = self.find_call(call).unwrap_or_else(|| self.add_call(Kind::Dynamic, call, name));
        let result = chunk.get("result").cloned().unwrap_or_default();
        let change = if chunk.get("success") == Some(&false.into()) {
            Change { state: "output-error", error_text: Some(failure_text(&result).into()), ..Change::default() }
        } else {
            Change { state: "output-available", output: Some(result), ..Change::default() }
        };
        if let Some(tool) = self.tool_at(at) {
            tool.settle(&Fields::new(), change);
        }
    }

    /// The index of a call: the first in the current step, else the last of all.
    fn find_call(&self, call: &str) -> Option<usize> {
        let is_of = |at: &usize| self.tool(*at).is_some_and(|tool| tool.call() == Some(call));
        let step = self.step();
        (step..self.cells.len()).find(is_of).or_else(|| (0..step).rev().find(is_of))
    }

    fn tool(&self, at: usize) -> Option<&ToolPart> {
        self.cells.get(at).and_then(|cell| if let Cell::Tool(tool) = cell { Some(tool) } else { None })
    }

    fn tool_at(&mut self, at: usize) -> Option<&mut ToolPart> {
        self.cells.get_mut(at).and_then(|cell| if let Cell::Tool(tool) = cell { Some(tool) } else { None })
    }
}

impl Cell {
    fn value(&self) -> Value {
        let Self::Text { block, text, metadata, citations } = self else {
            return match self {
                Self::Tool(tool) => tool.value(),
                Self::Whole(part) => part.clone(),
                Self::Text { .. } => Value::Null,
            };
        };
        let mut part = Fields::new();
        match block {
            Block::Reasoning(id) => {
                part.insert("type".into(), "reasoning".into());
                part.insert("id".into(), id.as_str().into());
            }
            Block::Text(_) | Block::Legacy => drop(part.insert("type".into(), "text".into())),
        }
        part.insert("text".into(), text.decode().into());
        part.extend(metadata.clone().map(|metadata| ("providerMetadata".into(), metadata)));
        part.insert("state".into(), "done".into());
        part.extend(citations.clone().map(|citations| ("citations".into(), citations)));
        part.into()
    }
}

fn text<'a>(chunk: &'a Fields, name: &str) -> Option<&'a str> {
    chunk.get(name)?.as_str()
}

fn id(chunk: &Fields) -> String {
    text(chunk, "id").unwrap_or_default().into()
}

/// The text of a failed tool's error.
fn failure_text(result: &Value) -> String {
    let said = result.get("error").or_else(|| result.get("message")).unwrap_or(result);
    said.as_str().map_or_else(|| result.to_string(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(chunks: &[Value]) -> Value {
        let mut parts = Parts::default();
        for chunk in chunks {
            parts.take(chunk["type"].as_str().unwrap(), chunk.as_object().unwrap());
        }
        parts.values().into()
    }

    #[test]
    fn data_of_the_same_id_takes_the_place_of_the_data_before_it_and_transient_data_is_no_part() {
        let data = |id: &str, data: u8| json!({"type": "data-x", "id": id, "data": data});
        let chunks =
            [data("a", 1), data("b", 2), data("a", 3), json!({"type": "data-x", "data": 4, "transient": true})];
        assert_eq!(parts(&chunks), json!([data("a", 3), data("b", 2)]));
    }

    #[test]
    fn a_step_that_is_reset_takes_its_parts_with_it() {
        let chunks = [
            json!({"type": "source-url", "sourceId": "s", "url": "u", "surplus": 1}),
            json!({"type": "start-step"}),
            json!({"type": "tool-input-start", "toolCallId": "c", "toolName": "find"}),
            json!({"type": "reset-step"}),
        ];
        assert_eq!(
            parts(&chunks),
            json!([{"type": "source-url", "sourceId": "s", "url": "u"}, {"type": "step-start"}])
        );
    }

    #[test]
    fn the_users_word_stands_in_the_part_of_its_call() {
        let called = [
            json!({"type": "tool-input-available", "toolCallId": "c", "toolName": "pay", "input": {"n": 1}}),
            json!({"type": "tool-approval-request", "toolCallId": "c", "approvalId": "a", "reason": "dear"}),
        ];
        let answer = json!({"type": "tool-approval-response", "approvalId": "a", "approved": false, "reason": "no"});
        let denied = json!({"type": "tool-output-denied", "toolCallId": "c"});
        let part = |state: &str, approval: Value| json!([{"type": "tool-pay", "toolCallId": "c", "state": state, "input": {"n": 1}, "approval": approval}]);
        assert_eq!(parts(&called), part("approval-requested", json!({"id": "a", "requestReason": "dear"})));
        let answered = json!({"id": "a", "requestReason": "dear", "approved": false, "reason": "no"});
        let all = [&called[..], &[answer, denied]].concat();
        assert_eq!(parts(&all), part("output-denied", answered));
    }

    #[test]
    fn a_result_keeps_the_input_and_a_later_one_replaces_it() {
        let chunks = [
            json!({"type": "tool-input-available", "toolCallId": "c", "toolName": "find", "input": 1, "dynamic": true, "title": "Find"}),
            json!({"type": "tool-output-available", "toolCallId": "c", "output": "so far", "preliminary": true}),
            json!({"type": "tool-output-error", "toolCallId": "c", "errorText": "broken", "providerMetadata": {"p": 1}}),
        ];
        let call = json!({"type": "dynamic-tool", "toolName": "find", "toolCallId": "c", "title": "Find", "input": 1});
        let with = |fields: Value| {
            let mut part = call.clone();
            part.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            json!([part])
        };
        let so_far = json!({"state": "output-available", "output": "so far", "preliminary": true});
        assert_eq!(parts(&chunks[..2]), with(so_far));
        let broken = json!({"state": "output-error", "errorText": "broken", "resultProviderMetadata": {"p": 1}});
        assert_eq!(parts(&chunks), with(broken));
    }
}
