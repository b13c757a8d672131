//! JSON text that is checked once, exactly as `JSON.parse` checks it, and then sliced where it is needed.
//!
//! The values of a chunk stay text on their way through Rust. JavaScript parses only the payloads that it gives to listeners.

mod lexer;
mod string;

pub use lexer::{Escapes, Lexer, specials};
pub use string::JsonString;

/// The text of one JSON value whose grammar was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Checks a text that holds one value, with or without white space around it. Accepts any depth, and numbers of any size.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut lexer = Lexer::new(text);
        let value = lexer.value()?;
        lexer.end()?;
        Some(Self(value))
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Returns the members of an object in order, duplicates included. Any other value has none.
    pub fn members(self) -> impl Iterator<Item = (JsonString<'a>, Self)> {
        let mut parts = Parts::of(self.0, "{");
        std::iter::from_fn(move || {
            let name = parts.next()?.name()?;
            Some((name, Self(parts.lexer.value()?)))
        })
    }
}

/// An iterator over the parts of an array or an object.
struct Parts<'a> {
    lexer: Lexer<'a>,
    is_over: bool,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, opening: &str) -> Self {
        let inner = text.strip_prefix(opening).and_then(|text| text.get(..text.len().checked_sub(1)?));
        let lexer = Lexer::new(inner.unwrap_or_default());
        Self { is_over: lexer.is_empty(), lexer }
    }

    /// Moves to the beginning of the next part.
    fn next(&mut self) -> Option<&mut Lexer<'a>> {
        if self.is_over {
            return None;
        }
        if !self.lexer.is_first() {
            self.is_over = self.lexer.token() != Some(b',');
        }
        (!self.is_over).then_some(&mut self.lexer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 30] = [
        "0",
        "-0",
        "12",
        "-1.5",
        "1e9",
        "1E+9",
        "0.25e-3",
        "1e999",
        "true",
        "false",
        "null",
        r#""""#,
        r#""a\"b""#,
        r#""\ud800""#,
        r#""é\u00e9\/""#,
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,2]",
        " [ 1 , [ ] ] ",
        r#"{"a":1}"#,
        r#"{"a":{},"b":[{}]}"#,
        r#" { "a" : [ 1 , { "b" : null } ] , "a" : 2 } "#,
        "\t\r\n1\n",
        "[[[[]]]]",
        r#"{"":""}"#,
        r#"{"a":"}"}"#,
        r#"["]"]"#,
        "\"\u{7f}\"",
    ];
    const BAD: [&str; 44] = [
        "",
        " ",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "--1",
        "tru",
        "True",
        "nul",
        "nullx",
        "\"",
        "\"\n\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        "[",
        "]",
        "[1",
        "[1,",
        "[,1]",
        "[1,]",
        "[1 2]",
        "{",
        "}",
        "{1:2}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":1]"#,
        "[1}",
        "1 2",
        "{}{}",
        "'a'",
        "// x",
        "\u{a0}1",
        "\u{feff}1",
        "NaN",
        "[1],",
        "\"\t\"",
    ];

    #[test]
    fn it_accepts_exactly_what_another_parser_accepts() {
        for text in GOOD.into_iter().chain(BAD) {
            let expected = serde_json::from_str::<&serde_json::value::RawValue>(text).ok().map(|raw| raw.get());
            assert_eq!(Json::parse(text).map(Json::text), expected, "{text:?}");
        }
        assert!(GOOD.iter().all(|text| Json::parse(text).is_some()));
        assert!(!BAD.iter().any(|text| Json::parse(text).is_some()));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_judged_alike() {
        for text in GOOD {
            for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
                for change in ["", "\"", "\\", ",", "}", "]", "{", "[", ":", "0", "e", " ", "\n"] {
                    let rest = text[at..].chars().next().map_or("", |char| &text[at + char.len_utf8()..]);
                    let changed = [&text[..at], change, rest].concat();
                    let expected = serde_json::from_str::<serde::de::IgnoredAny>(&changed).is_ok();
                    assert_eq!(Json::parse(&changed).is_some(), expected, "{changed:?}");
                }
            }
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        assert!(Json::parse(&deep).is_some());
        assert!(Json::parse(&deep[1..]).is_none());
    }

    #[test]
    fn brackets_must_close_in_order_at_any_depth() {
        for depth in [1, 2, 63, 64, 65, 66, 128, 129, 300] {
            let is_object = |level: &usize| level * level % 7 < 3;
            let opened: String = (0..depth).map(|level| if is_object(&level) { "{\"a\":" } else { "[" }).collect();
            let closed: Vec<u8> = (0..depth).rev().map(|level| if is_object(&level) { b'}' } else { b']' }).collect();
            let text = |closed: &[u8]| [&opened, "1", str::from_utf8(closed).unwrap()].concat();
            assert!(Json::parse(&text(&closed)).is_some(), "{depth}");
            for place in 0..depth {
                let mut wrong = closed.clone();
                wrong[place] ^= b'}' ^ b']';
                assert!(Json::parse(&text(&wrong)).is_none(), "{place} of {depth}");
            }
        }
    }

    #[test]
    fn members_are_cut_in_order_duplicates_too() {
        let json = Json::parse(r#" {"a" : 1 , "b":[ 1,"x" ,{}],"\u0061":"two"} "#).unwrap();
        let members: Vec<_> = json.members().map(|(name, value)| (name.text().into_owned(), value.text())).collect();
        assert_eq!(members, [("a".into(), "1"), ("b".into(), r#"[ 1,"x" ,{}]"#), ("a".to_owned(), r#""two""#)]);
    }

    #[test]
    fn only_objects_have_members() {
        for text in ["1", "null", "\"{}\"", "[]", "{}", "[ ]", "{ }", "[1]"] {
            assert_eq!(Json::parse(text).unwrap().members().count(), 0, "{text}");
        }
    }
}
