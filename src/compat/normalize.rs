//! The rules of `normalizeStreamChunk`, `isLegacyStreamChunk` and `parseSSELine` (PROTOCOL §3, the table). The streaming
//! client has more chunks than this table; see [`chunk`](crate::stream::chunk).

/// The result of `normalizeStreamChunk` for a chunk.
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
    /// The type `start` alone does not decide; [`Form::of_start`] does.
    Start,
    /// The type `error` alone does not decide; [`Form::of_error`] does.
    AnyError,
}

/// The fields in which an `error` has its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorText {
    /// It has `message` or `content`, and perhaps others.
    Legacy,
    /// It has only `errorText`.
    AiSdk,
    /// It has no text.
    Missing,
}

impl Form {
    /// Returns the form that the type alone decides.
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

    /// Returns the form of a `start` by the length of its `taskId`, which is 0 if there is none.
    #[must_use]
    pub fn of_start(units: u32) -> Self {
        if units == 0 { Self::Nothing } else { Self::StreamStart }
    }

    /// Returns the form of an `error`. One with `message` or `content` is legacy and passes unchanged, and so does one
    /// without any text, because nothing in it could be renamed.
    #[must_use]
    pub fn of_error(text: ErrorText) -> Self {
        match text {
            ErrorText::AiSdk => Self::Error,
            ErrorText::Legacy | ErrorText::Missing => Self::Legacy,
        }
    }
}

/// Returns where the data of a `data` line begins, for `parseSSELine`. It needs the first 6 characters of the line.
#[must_use]
pub fn data_start(head: &str) -> Option<usize> {
    let value = head.strip_prefix("data:")?;
    Some("data:".len() + usize::from(value.starts_with(" ")))
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
    fn types_that_the_table_does_not_list_become_nothing() {
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
    fn one_space_after_the_colon_is_not_part_of_the_data() {
        assert_eq!(data_start("data: x"), Some(6));
        assert_eq!(data_start("data:  x"), Some(6));
        assert_eq!(data_start("data:x"), Some(5));
        assert_eq!(data_start("data:"), Some(5));
        for other in ["data", "Data: x", " data: x", "event: x", ": x", ""] {
            assert_eq!(data_start(other), None, "{other}");
        }
    }
}
