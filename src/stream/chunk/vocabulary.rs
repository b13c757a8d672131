//! The chunk types of PROTOCOL §3 as data: the form in which each is delivered, and its meaning to the machine.

/// A chunk type as it appears in the stream.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    pub wire: &'static str,
    pub form: Form,
    pub role: Role,
}

/// How a chunk type is delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// Unchanged.
    AsIs,
    /// Not delivered by itself.
    Silent,
    /// Under another type.
    Renamed(Renamed),
    /// As `stream_start` if it names a task. Otherwise unchanged if it has other members, else not at all.
    Start,
    /// As the renamed form, unless its text has a name of the legacy dialect.
    Error,
}

/// A renamed chunk. Its members keep their order, and members that are not listed are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Renamed {
    /// The beginning of the delivered object, up to its type.
    pub head: &'static str,
    pub members: &'static [Member],
    /// Names and JSON values of the members that are added where they are missing or null.
    pub defaults: &'static [(&'static str, &'static str)],
}

/// A member that is delivered under another name.
#[derive(Debug, PartialEq)]
pub(super) struct Member {
    pub wire: &'static str,
    pub name: &'static str,
    /// The JSON that is written before its value. A few long pieces cost less than many short ones.
    pub written: &'static str,
}

/// The meaning of a chunk type to the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    Start,
    /// A block begins. Holds the name of the member with the block's id.
    BlockStart(&'static str),
    /// A block goes on. Holds the name of the member with the block's id.
    Delta(&'static str),
    Finish,
    Abort,
    Error,
    Other,
}

/// Returns the entry of a type, or `None` for an unknown type.
pub(super) fn word(wire: &str) -> Option<&'static Word> {
    VOCABULARY.iter().find(|word| word.wire == wire).or_else(|| wire.starts_with("data-").then_some(&DATA))
}

/// `renamed!("type", { wire => name }, defaults)` makes a [`Form::Renamed`].
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

/// The entry for every type that begins with `data-`. The AI SDK lets apps choose the rest of the name.
static DATA: Word = carried("data-");

static VOCABULARY: &[Word] = &[
    // This entry comes first because it is the most frequent type of the legacy dialect.
    carried("text_chunk"),
    // The types of the AI SDK's UI message stream, majors 5 to 7.
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
    // A type that both dialects have.
    Word { wire: "error", form: Form::Error, role: Role::Error },
    carried("usage"),
    // The other types of the legacy dialect.
    carried("text_ended"),
    carried("tool_call"),
    carried("tool_call_start"),
    carried("tool_response"),
    carried("login_needed"),
    carried("need_login"),
    carried("credentials_needed"),
    Word { wire: "stream_end", form: Form::AsIs, role: Role::Finish },
];
