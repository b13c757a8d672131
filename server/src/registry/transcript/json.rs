//! Reads the JSON that agents write. They cut text into deltas anywhere, also between the halves of a surrogate pair.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json;
use crate::store::can_be_stored;

/// The text of a JSON string that grows, kept as it is escaped. A pair that was cut is whole again when both halves are
/// there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// A text that does not come from JSON.
    pub fn of(text: &str) -> Self {
        let mut escaped = Self::default();
        escaped.push(&Value::from(text).to_string());
        escaped
    }

    /// Appends a JSON string. Any other value adds nothing.
    pub fn push(&mut self, json: &str) {
        let text = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
        self.0.push_str(text.unwrap_or_default());
    }

    /// Appends the JSON string of a chunk's field, if it has one.
    pub fn push_field(&mut self, field: Option<&RawValue>) {
        self.push(field.map_or("", RawValue::get));
    }

    /// The text. A half without its other half is U+FFFD.
    pub fn decode(&self) -> String {
        if !self.0.contains('\\') {
            return self.0.clone();
        }
        decode(&format!("\"{}\"", self.0)).unwrap_or_default()
    }
}

/// The value of a JSON text; `None` where it is none, is nested too deep, or has a number that is too large.
pub fn decode<T: DeserializeOwned>(text: &str) -> Option<T> {
    json::parse(text).ok()
}

/// The value of a JSON text, where it can be stored.
pub fn value(text: &str) -> Option<Value> {
    decode(text).filter(can_be_stored)
}

/// The object of a JSON text, where it can be stored.
pub fn object(text: &str) -> Option<Map<String, Value>> {
    if let Some(Value::Object(members)) = value(text) { Some(members) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_was_cut_is_whole_again_and_a_half_alone_is_the_replacement_character() {
        let mut text = Text::of("a\"\\u");
        text.push(r#""\ud83d""#);
        assert_eq!(text.decode(), "a\"\\u\u{fffd}");
        text.push(r#""\ude00!""#);
        assert_eq!(text.decode(), "a\"\\u😀!");
    }

    #[test]
    fn what_is_nested_too_deep_to_be_read_again_is_not_stored() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(value(&nested(100)).is_some());
        assert_eq!(value(&nested(101)), None);
    }
}
