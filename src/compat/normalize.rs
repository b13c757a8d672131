//! The compatibility surface: what `normalizeStreamChunk`, `isLegacyStreamChunk` and `parseSSELine` answer (PROTOCOL §3,
//! the table). The streaming client carries more than this table; see [`chunk`](crate::stream::chunk).

/// What `normalizeStreamChunk` makes of a chunk.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// `null`.
    Nothing,
    /// The chunk itself, of the legacy dialect.
    Legacy,
    /// The chunk itself, which has its final form already.
    Normal,
    /// `stream_start{taskId}`.
    StreamStart,
    /// `text_chunk{content: delta}`.
    TextChunk,
    /// `text_ended`.
    TextEnded,
    /// `tool_call_start{tool_id, tool_name, arguments: {}}`.
    ToolInputStart,
    /// `tool_call_start{tool_id, tool_name, arguments: input}`.
    ToolCallStart,
    /// `tool_response{tool_id, tool_name, result: output, success: success ?? true}`.
    ToolResponse,
    /// `error{message: errorText, code, details}`.
    Error,
    /// `stream_end`.
    StreamEnd,
    /// Not told by the type alone: see [`Form::of_start`], [`Form::of_error`].
    Start,
    /// Likewise.
    AnyError,
}

/// Whose name for its text an `error` uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorText {
    /// `message` or `content`, whatever else there is.
    Legacy,
    /// `errorText`.
    AiSdk,
    /// None is there.
    Missing,
}

impl Form {
    /// What the type tells.
    #[must_use]
    pub fn of_type(chunk_type: &str) -> Self {
        match chunk_type {
            "text_chunk" | "text_ended" | "tool_call" | "tool_call_start" | "tool_response" | "login_needed"
            | "need_login" | "credentials_needed" | "usage" | "stream_end" => Self::Legacy,
            "stream_start" => Self::Normal,
            "text-delta" => Self::TextChunk,
            "text-end" => Self::TextEnded,
            "tool-input-start" => Self::ToolInputStart,
            "tool-input-available" => Self::ToolCallStart,
            "tool-output-available" => Self::ToolResponse,
            "finish" => Self::StreamEnd,
            "start" => Self::Start,
            "error" => Self::AnyError,
            _ => Self::Nothing,
        }
    }

    /// "Without `taskId`, or with an empty one: nothing." `units`: its length, 0 where there is none.
    #[must_use]
    pub fn of_start(units: u32) -> Self {
        if units == 0 { Self::Nothing } else { Self::StreamStart }
    }

    /// "An `error` with `message` or `content` is legacy and passes unchanged"; so does one that has no text at all,
    /// of which nothing could be renamed.
    #[must_use]
    pub fn of_error(text: ErrorText) -> Self {
        match text {
            ErrorText::AiSdk => Self::Error,
            ErrorText::Legacy | ErrorText::Missing => Self::Legacy,
        }
    }
}

/// `parseSSELine`: where the data of a `data` line begins, of which at least the first 6 characters are given.
#[must_use]
pub fn data_start(head: &str) -> Option<usize> {
    let value = head.strip_prefix("data:")?;
    Some("data:".len() + usize::from(value.starts_with(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legacy_dialect_passes() {
        for legacy in ["text_chunk", "text_ended", "tool_call", "tool_response", "need_login", "usage", "stream_end"] {
            assert_eq!(Form::of_type(legacy), Form::Legacy, "{legacy}");
        }
    }

    #[test]
    fn what_the_table_does_not_name_is_nothing() {
        for other in ["text-start", "reasoning-delta", "tool-output-error", "data-x", "abort", "", "TEXT_CHUNK"] {
            assert_eq!(Form::of_type(other), Form::Nothing, "{other}");
        }
    }

    #[test]
    fn a_start_without_a_task_is_nothing() {
        assert_eq!(Form::of_start(0), Form::Nothing);
        assert_eq!(Form::of_start(1), Form::StreamStart);
    }

    #[test]
    fn an_error_is_renamed_only_where_its_text_has_the_ai_sdks_name() {
        assert_eq!(Form::of_error(ErrorText::AiSdk), Form::Error);
        assert_eq!(Form::of_error(ErrorText::Legacy), Form::Legacy);
        assert_eq!(Form::of_error(ErrorText::Missing), Form::Legacy);
    }

    #[test]
    fn one_space_after_the_colon_is_no_data() {
        assert_eq!(data_start("data: x"), Some(6));
        assert_eq!(data_start("data:  x"), Some(6));
        assert_eq!(data_start("data:x"), Some(5));
        assert_eq!(data_start("data:"), Some(5));
        for other in ["data", "Data: x", " data: x", "event: x", ": x", ""] {
            assert_eq!(data_start(other), None, "{other}");
        }
    }
}
