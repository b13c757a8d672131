//! The types of PROTOCOL §3 as data: what each becomes in JavaScript, and what it means to the machine.

/// One type of the wire.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    pub wire: &'static str,
    pub form: Form,
    pub role: Role,
}

/// How it is delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// As it came.
    AsIs,
    /// Not by itself.
    Silent,
    /// Under another type.
    Renamed(Renamed),
    /// `stream_start` where it names a task; else as it came, where it has anything to say.
    Start,
    /// Renamed, unless its text stands under a name of the legacy dialect.
    Error,
}

/// Members keep their order, and those not named here are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Renamed {
    /// The beginning of the object with its type, as it is written.
    pub head: &'static str,
    pub members: &'static [Member],
    /// Delivered name and JSON of a member that is missing or null.
    pub defaults: &'static [(&'static str, &'static str)],
}

/// A member that is delivered under another name.
#[derive(Debug, PartialEq)]
pub(super) struct Member {
    pub wire: &'static str,
    pub name: &'static str,
    /// What is written before its value: a few long pieces cost less than many short ones.
    pub written: &'static str,
}

/// What it means to the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    Start,
    /// The member that names the block.
    BlockStart(&'static str),
    /// The member that names the block.
    Delta(&'static str),
    Finish,
    Abort,
    Error,
    Other,
}

/// The word for a type; `None`: unknown.
pub(super) fn word(wire: &str) -> Option<&'static Word> {
    VOCABULARY.iter().find(|word| word.wire == wire).or_else(|| wire.starts_with("data-").then_some(&DATA))
}

/// `renamed!("type", { wire => name }, defaults)`.
macro_rules! renamed {
    ($to:literal, { $($wire:literal => $name:literal),* }, $defaults:expr $(,)?) => {
        Renamed {
            head: concat!("{\"type\":\"", $to, "\""),
            members: &[$(Member { wire: $wire, name: $name, written: concat!(",\"", $name, "\":") }),*],
            defaults: $defaults,
        }
    };
}

pub(super) const STREAM_START: Renamed = renamed!("stream_start", {}, &[]);
pub(super) const ERROR: Renamed = renamed!("error", { "errorText" => "message" }, &[]);

const fn carried(wire: &'static str) -> Word {
    Word { wire, form: Form::AsIs, role: Role::Other }
}

/// `data-<name>`.
static DATA: Word = carried("data-");

static VOCABULARY: &[Word] = &[
    // First, because the legacy dialect says it most.
    carried("text_chunk"),
    // The AI SDK's UI message stream, majors 5 to 7.
    Word { wire: "start", form: Form::Start, role: Role::Start },
    Word { wire: "text-start", form: Form::Silent, role: Role::BlockStart("id") },
    Word {
        wire: "text-delta",
        form: Form::Renamed(renamed!("text_chunk", { "id" => "blockId", "delta" => "content" }, &[])),
        role: Role::Delta("id"),
    },
    Word {
        wire: "text-end",
        form: Form::Renamed(renamed!("text_ended", { "id" => "blockId" }, &[])),
        role: Role::Other,
    },
    Word { wire: "reasoning-start", form: Form::AsIs, role: Role::BlockStart("id") },
    Word { wire: "reasoning-delta", form: Form::AsIs, role: Role::Delta("id") },
    carried("reasoning-end"),
    Word {
        wire: "tool-input-start",
        form: Form::Renamed(renamed!(
            "tool_call_start",
            { "toolCallId" => "tool_id", "toolName" => "tool_name" },
            &[("arguments", "{}"), ("inputState", "\"streaming\"")],
        )),
        role: Role::BlockStart("toolCallId"),
    },
    Word { wire: "tool-input-delta", form: Form::AsIs, role: Role::Delta("toolCallId") },
    Word {
        wire: "tool-input-available",
        form: Form::Renamed(renamed!(
            "tool_call_start",
            { "toolCallId" => "tool_id", "toolName" => "tool_name", "input" => "arguments" },
            &[],
        )),
        role: Role::Other,
    },
    carried("tool-input-error"),
    Word {
        wire: "tool-output-available",
        form: Form::Renamed(renamed!(
            "tool_response",
            { "toolCallId" => "tool_id", "toolName" => "tool_name", "output" => "result" },
            &[("success", "true")],
        )),
        role: Role::Other,
    },
    carried("tool-output-error"),
    carried("tool-output-denied"),
    carried("tool-approval-request"),
    carried("tool-approval-response"),
    carried("source-url"),
    carried("source-document"),
    carried("file"),
    carried("reasoning-file"),
    carried("custom"),
    carried("start-step"),
    carried("finish-step"),
    carried("reset-step"),
    carried("message-metadata"),
    carried("steering-message"),
    Word { wire: "finish", form: Form::Renamed(renamed!("stream_end", {}, &[])), role: Role::Finish },
    Word { wire: "abort", form: Form::AsIs, role: Role::Abort },
    // Both dialects.
    Word { wire: "error", form: Form::Error, role: Role::Error },
    carried("usage"),
    // The legacy dialect.
    carried("text_ended"),
    carried("tool_call"),
    carried("tool_call_start"),
    carried("tool_response"),
    carried("login_needed"),
    carried("need_login"),
    carried("credentials_needed"),
    Word { wire: "stream_end", form: Form::AsIs, role: Role::Finish },
];
