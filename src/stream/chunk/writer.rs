//! Writes chunks of the AI SDK dialect (PROTOCOL §3) as JSON text, for answers that are rebuilt from a session's history.

use crate::stream::bytes::json::Json;

/// Writes one chunk, member by member.
#[derive(Debug)]
pub struct ChunkWriter {
    out: String,
}

impl ChunkWriter {
    /// Begins a chunk of this type.
    #[must_use]
    pub fn new(chunk_type: &str) -> Self {
        Self { out: "{".to_owned() }.text("type", chunk_type)
    }

    /// Adds a member that is a string.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.raw(name, &quoted(text))
    }

    /// Adds a member whose value came as JSON text, as tool arguments and results do. If the text does not parse, the value is
    /// the text as a string. If it is missing, the value is `null`.
    #[must_use]
    pub fn json(self, name: &str, text: Option<&str>) -> Self {
        match text {
            None => self.raw(name, "null"),
            Some(text) if Json::parse(text).is_some() => self.raw(name, text),
            Some(text) => self.text(name, text),
        }
    }

    fn raw(mut self, name: &str, value: &str) -> Self {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push_str(&quoted(name));
        self.out.push(':');
        self.out.push_str(value);
        self
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn end(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

/// Returns a text as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_written_as_json_stringify_writes_it() {
        let chunk = ChunkWriter::new("text-delta").text("id", "a\"b").text("delta", "é\n\u{1}").end();
        assert_eq!(chunk, r#"{"type":"text-delta","id":"a\"b","delta":"é\n\u0001"}"#);
    }

    #[test]
    fn json_text_becomes_the_value_that_it_holds() {
        let written = |text| ChunkWriter::new("t").json("v", text).end();
        assert_eq!(written(Some(r#"{"a":[1]}"#)), r#"{"type":"t","v":{"a":[1]}}"#);
        assert_eq!(written(Some("not {json")), r#"{"type":"t","v":"not {json"}"#);
        assert_eq!(written(None), r#"{"type":"t","v":null}"#);
    }
}
