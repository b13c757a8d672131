//! The part of one tool call, as the AI SDK's reducer changes it from chunk to chunk.

use serde_json::{Map, Value};

use super::json::Text;
use super::partial;

/// The fields of a chunk or a part.
pub type Fields = Map<String, Value>;

/// See the module.
#[derive(Clone, Debug)]
pub struct ToolPart {
    fields: Fields,
    /// The input as it streams, from its first delta until something else comes.
    streamed: Option<Text>,
}

/// The kind of a tool's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The part's type has its name: `tool-NAME`.
    Static,
    /// `dynamic-tool`, with its name in `toolName`.
    Dynamic,
}

/// The changes that a chunk makes. A field that is `None` is removed.
#[derive(Default)]
pub struct Change {
    pub state: &'static str,
    pub input: Option<Value>,
    pub output: Option<Value>,
    pub error_text: Option<Value>,
    pub raw_input: Option<Value>,
    pub input_encoding: Option<Value>,
    pub preliminary: Option<Value>,
}

impl ToolPart {
    /// Makes a call of which only the names are known.
    pub fn new(kind: Kind, call: &str, name: &str) -> Self {
        let mut fields = Fields::new();
        match kind {
            Kind::Static => drop(fields.insert("type".into(), format!("tool-{name}").into())),
            Kind::Dynamic => {
                fields.insert("type".into(), "dynamic-tool".into());
                fields.insert("toolName".into(), name.into());
            }
        }
        fields.insert("toolCallId".into(), call.into());
        Self { fields, streamed: None }
    }

    /// Reads a stored part; `None` where it is not a tool's.
    pub fn stored(part: &Value) -> Option<Self> {
        let fields = part.as_object()?.clone();
        let kind = fields.get("type")?.as_str()?;
        (kind == "dynamic-tool" || kind.starts_with("tool-")).then_some(Self { fields, streamed: None })
    }

    /// The part.
    pub fn value(&self) -> Value {
        let mut part = self.clone();
        part.settle_input();
        part.fields.into()
    }

    pub fn kind(&self) -> Kind {
        if self.text("type") == Some("dynamic-tool") { Kind::Dynamic } else { Kind::Static }
    }

    pub fn call(&self) -> Option<&str> {
        self.text("toolCallId")
    }

    /// Whether the call has this approval request.
    pub fn asks(&self, approval: &Value) -> bool {
        self.fields.get("approval").and_then(|asked| asked.get("id")).is_some_and(|id| id == approval)
    }

    /// Appends a piece of the input, which is a JSON string.
    pub fn stream(&mut self, piece: &str) {
        if self.text("state") == Some("input-streaming") {
            self.streamed.get_or_insert_default().push(piece);
        }
    }

    /// Changes the state, as `updateToolPart` does. Optional fields keep their values where this chunk has none.
    pub fn change(&mut self, name: &str, chunk: &Fields, change: Change) {
        self.settle_input();
        match self.kind() {
            Kind::Static => self.set("type", Some(format!("tool-{name}").into())),
            Kind::Dynamic => self.set("toolName", Some(name.into())),
        }
        let is_result = matches!(change.state, "output-available" | "output-error");
        self.set("state", Some(change.state.into()));
        self.set("input", change.input);
        self.set("rawInput", change.raw_input);
        self.set("inputEncoding", change.input_encoding);
        self.set("output", change.output);
        self.set("errorText", change.error_text);
        self.set("preliminary", change.preliminary);
        self.keep("title", chunk, "title");
        self.keep("toolMetadata", chunk, "toolMetadata");
        self.keep("providerExecuted", chunk, "providerExecuted");
        let metadata = if is_result { "resultProviderMetadata" } else { "callProviderMetadata" };
        self.keep(metadata, chunk, "providerMetadata");
    }

    /// Gives the call a result, which keeps its input.
    pub fn settle(&mut self, chunk: &Fields, result: Change) {
        self.settle_input();
        let is_error = result.state == "output-error";
        let raw_input = if is_error && self.kind() == Kind::Static { self.field("rawInput") } else { None };
        let (name, title) = (self.name(), self.field("title"));
        let input = self.field("input");
        self.change(&name, chunk, Change { input, raw_input, ..result });
        // The title belongs to the call. A result does not change it.
        self.set("title", title);
    }

    /// Asks the user whether it may run.
    pub fn ask(&mut self, chunk: &Fields) {
        let mut approval = Fields::new();
        approval.extend(chunk.get("approvalId").map(|id| ("id".into(), id.clone())));
        approval.extend(present(chunk, "approvalDescriptor").map(|value| ("descriptor".into(), value)));
        approval.extend(chunk.get("inputSchemaInput").map(|value| ("inputSchemaInput".into(), value.clone())));
        approval.extend(present(chunk, "reason").map(|value| ("requestReason".into(), value)));
        approval.extend(present(chunk, "isAutomatic").filter(|is| is == true).map(|is| ("isAutomatic".into(), is)));
        approval.extend(present(chunk, "signature").map(|value| ("signature".into(), value)));
        self.settle_input();
        self.set("state", Some("approval-requested".into()));
        self.set("approval", Some(approval.into()));
    }

    /// Takes the user's answer to an approval request.
    pub fn answer(&mut self, chunk: &Fields) {
        let mut approval = self.fields.get("approval").and_then(Value::as_object).cloned().unwrap_or_default();
        approval.extend(chunk.get("approvalId").map(|id| ("id".into(), id.clone())));
        approval.extend(chunk.get("approved").map(|approved| ("approved".into(), approved.clone())));
        approval.extend(present(chunk, "reason").map(|reason| ("reason".into(), reason)));
        self.set("state", Some("approval-responded".into()));
        self.set("approval", Some(approval.into()));
        self.keep("providerExecuted", chunk, "providerExecuted");
        self.keep("callProviderMetadata", chunk, "providerMetadata");
    }

    /// Marks the call as denied.
    pub fn deny(&mut self) {
        self.settle_input();
        self.set("state", Some("output-denied".into()));
    }

    /// Makes the streamed text the input, as far as it can be read.
    fn settle_input(&mut self) {
        let Some(streamed) = self.streamed.take() else { return };
        let text = streamed.decode();
        let is_text = self.text("inputEncoding") == Some("text");
        let input = if is_text { Some(text.clone().into()) } else { partial::value(&text) };
        self.set("input", input);
        self.set("rawInput", Some(text.into()));
    }

    /// The tool's name.
    pub fn name(&self) -> String {
        let name = match self.kind() {
            Kind::Static => self.text("type").and_then(|kind| kind.strip_prefix("tool-")),
            Kind::Dynamic => self.text("toolName"),
        };
        name.unwrap_or_default().into()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.get(name).cloned()
    }

    fn set(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => drop(self.fields.insert(name.into(), value)),
            None => drop(self.fields.shift_remove(name)),
        }
    }

    /// Takes a field of a chunk, if it has that.
    fn keep(&mut self, name: &str, chunk: &Fields, of: &str) {
        if let Some(value) = present(chunk, of) {
            self.set(name, Some(value));
        }
    }
}

/// A field that is there and not null.
pub fn present(chunk: &Fields, name: &str) -> Option<Value> {
    chunk.get(name).filter(|value| !value.is_null()).cloned()
}
