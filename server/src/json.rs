//! Reads JSON as JavaScript and Python write it: an escape may be half of a surrogate pair, which no text in Rust can
//! hold. A user pastes half an emoji, an agent cuts a text within a character. Such a half becomes U+FFFD.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Parses a JSON text.
///
/// # Errors
/// It is none, has another shape, is nested too deep, or has a number that is too large.
pub fn parse<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(text).or_else(|error| match well_formed(text) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(text) => serde_json::from_str(&text),
    })
}

/// Replaces each half of a pair that is alone by U+FFFD. A text without such escapes is borrowed.
fn well_formed(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return text.into();
    }
    let mut formed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        formed.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                formed.push('\u{fffd}');
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            _ => escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end),
        };
        let (kept, after) = escape.split_at(length);
        formed.push_str(kept);
        rest = after;
    }
    formed.push_str(rest);
    formed.into()
}

/// The UTF-16 code unit that an escape at the beginning of a text is.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn halves_in_any_value_are_replaced_and_what_looks_like_one_is_not() {
        let value: Value = parse(r#"{"\udc00":["\ud83d\ud83d\ude00","\\ud83d","é\u00e9"]}"#).unwrap();
        assert_eq!(value, json!({ "\u{fffd}": ["\u{fffd}😀", "\\ud83d", "éé"] }));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "{", r#"{"a":"\ud83d""#, r#""\ud8""#] {
            assert!(parse::<Value>(text).is_err(), "{text}");
        }
    }
}
