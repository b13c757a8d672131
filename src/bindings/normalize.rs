//! `normalizeStreamChunk`, `isLegacyStreamChunk` and `parseSSELine`. Chunks stay in JavaScript; only their types cross.

use wasm_bindgen::prelude::*;

use crate::compat::normalize::{ErrorText, Form, data_start};

/// Returns the number of the [`Form`] of a chunk type.
#[wasm_bindgen(js_name = formOfType)]
pub fn form_of_type(chunk_type: &str) -> u8 {
    Form::of_type(chunk_type) as u8
}

/// Returns the number of the [`Form`] of a `start` whose task id has this length.
#[wasm_bindgen(js_name = formOfStart)]
pub fn form_of_start(units: u32) -> u8 {
    Form::of_start(units) as u8
}

/// Returns the number of the [`Form`] of an `error` that has a text under these names.
#[wasm_bindgen(js_name = formOfError)]
pub fn form_of_error(has_legacy_text: bool, has_error_text: bool) -> u8 {
    let text = match (has_legacy_text, has_error_text) {
        (true, _) => ErrorText::Legacy,
        (false, true) => ErrorText::AiSdk,
        (false, false) => ErrorText::Missing,
    };
    Form::of_error(text) as u8
}

/// Returns where the data of a line begins. Needs the first characters of the line.
#[wasm_bindgen(js_name = dataStart)]
pub fn line_data_start(head: &str) -> Option<u32> {
    data_start(head).and_then(|start| u32::try_from(start).ok())
}
