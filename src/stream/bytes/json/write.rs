//! Writes JSON text.

use crate::stream::bytes::decimal;

/// Appends a string with its quotes, as `JSON.stringify` writes it.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some((plain, byte, tail)) = special(rest) {
        out.push_str(plain);
        escape(out, byte);
        rest = tail;
    }
    out.push_str(rest);
    out.push('"');
}

/// A string with its quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(&mut out, text);
    out
}

/// An array of values that are JSON text.
pub fn array(items: &mut dyn Iterator<Item = String>) -> String {
    let mut out = String::from("[");
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out.push(']');
    out
}

/// What comes before the first byte that has to be escaped, that byte, and what follows it.
fn special(text: &str) -> Option<(&str, u8, &str)> {
    let at = text.bytes().position(is_escaped)?;
    Some((text.get(..at)?, *text.as_bytes().get(at)?, text.get(at + 1..)?))
}

fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

fn escape(out: &mut String, byte: u8) {
    out.push('\\');
    match byte {
        b'\x08' => out.push('b'),
        b'\x0C' => out.push('f'),
        b'\n' => out.push('n'),
        b'\r' => out.push('r'),
        b'\t' => out.push('t'),
        0..0x20 => {
            out.push_str("u00");
            for half in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(half), 16).unwrap_or_default());
            }
        }
        itself => out.push(char::from(itself)),
    }
}

/// Writes one object, member by member.
#[derive(Debug)]
pub struct ObjectWriter {
    out: String,
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self { out: "{".to_owned() }
    }
}

impl ObjectWriter {
    /// A member that is a string.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        quote(self.name(name), text);
        self
    }

    /// A member that is a string, or `null`.
    #[must_use]
    pub fn maybe_text(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.raw(name, "null"),
        }
    }

    /// A member that is an unsigned integer.
    #[must_use]
    pub fn integer(mut self, name: &str, number: u64) -> Self {
        decimal::write(self.name(name), number);
        self
    }

    /// A member that is an unsigned integer, or is left out.
    #[must_use]
    pub fn maybe_integer(self, name: &str, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.integer(name, number),
            None => self,
        }
    }

    /// A member that is `true` or `false`.
    #[must_use]
    pub fn flag(self, name: &str, flag: bool) -> Self {
        self.raw(name, if flag { "true" } else { "false" })
    }

    /// A member whose value is JSON text.
    #[must_use]
    pub fn raw(mut self, name: &str, json: &str) -> Self {
        self.name(name).push_str(json);
        self
    }

    /// The text.
    #[must_use]
    pub fn end(mut self) -> String {
        self.out.push('}');
        self.out
    }

    /// Names are our own and need no escape.
    fn name(&mut self, name: &str) -> &mut String {
        self.out.push_str(if self.out.len() > 1 { ",\"" } else { "\"" });
        self.out.push_str(name);
        self.out.push_str("\":");
        &mut self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_another_writer_does() {
        let all: String = (0..0x180).filter_map(char::from_u32).collect();
        for text in ["", "plain", "a\"b\\c/d", "\u{2028}🎉", &all] {
            assert_eq!(quoted(text), serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn an_array_is_its_items_in_order() {
        let written = |items: &[&str]| array(&mut items.iter().map(|item| (*item).to_owned()));
        assert_eq!(
            (written(&[]), written(&["1"]), written(&["1", "[]"])),
            ("[]".into(), "[1]".into(), "[1,[]]".into())
        );
    }

    #[test]
    fn an_object_is_its_members_in_order() {
        let object = ObjectWriter::default()
            .text("a", "x\"")
            .maybe_text("b", None)
            .integer("c", u64::MAX)
            .maybe_integer("d", None)
            .flag("e", true)
            .raw("f", "[1]");
        let expected = r#"{"a":"x\"","b":null,"c":18446744073709551615,"e":true,"f":[1]}"#;
        assert_eq!(object.end(), expected);
        assert_eq!(ObjectWriter::default().end(), "{}");
    }
}
