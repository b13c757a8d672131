//! `normalizeStreamChunk`, `isLegacyStreamChunk`, `parseSSELine`. Chunks stay in JavaScript: what crosses is a type.

use wasm_bindgen::prelude::*;

use crate::compat::normalize::{ErrorText, Form, data_start};

/// The [`Form`] of a type, by its number.
#[wasm_bindgen(js_name = formOfType)]
pub fn form_of_type(chunk_type: &str) -> u8 {
    Form::of_type(chunk_type) as u8
}

/// The [`Form`] of a `start` whose task id is that long.
#[wasm_bindgen(js_name = formOfStart)]
pub fn form_of_start(units: u32) -> u8 {
    Form::of_start(units) as u8
}

/// The [`Form`] of an `error` that has these names for its text.
#[wasm_bindgen(js_name = formOfError)]
pub fn form_of_error(has_legacy_text: bool, has_error_text: bool) -> u8 {
    let text = match (has_legacy_text, has_error_text) {
        (true, _) => ErrorText::Legacy,
        (false, true) => ErrorText::AiSdk,
        (false, false) => ErrorText::Missing,
    };
    Form::of_error(text) as u8
}

/// Where the data of a line begins whose first characters these are.
#[wasm_bindgen(js_name = dataStart)]
pub fn line_data_start(head: &str) -> Option<u32> {
    data_start(head).and_then(|start| u32::try_from(start).ok())
}
