//! JSON without values: text that is checked once, exactly as `JSON.parse` would, and then cut where it is needed.
//!
//! Small on purpose. What crosses to JavaScript stays text and is parsed there; what the core itself reads (errors,
//! sessions, saved records, messages of tabs) is a handful of members. A derived decoder for those was a third of the
//! WebAssembly.

mod lexer;
mod string;
mod write;

pub use lexer::{Escapes, Lexer, specials};
pub use string::JsonString;
pub use write::{ObjectWriter, array, quote, quoted};

use crate::stream::bytes::decimal;

/// One checked value, as it stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Checks a text that is one value, with white space around it or not. Any depth; numbers of any size.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut lexer = Lexer::new(text);
        let value = lexer.value()?;
        lexer.end()?;
        Some(Self(value))
    }

    /// As [`Json::parse`], of bytes that should be UTF-8.
    #[must_use]
    pub fn parse_bytes(bytes: &'a [u8]) -> Option<Self> {
        Self::parse(str::from_utf8(bytes).ok()?)
    }

    /// The JSON text.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// What a string says; a lone surrogate becomes U+FFFD.
    #[must_use]
    pub fn string(self) -> Option<String> {
        JsonString::of_value(self.0).map(|string| string.text().into_owned())
    }

    /// What a member says; nothing where it is missing, or no string.
    #[must_use]
    pub fn text_of(member: Option<Self>) -> String {
        member.and_then(Self::string).unwrap_or_default()
    }

    /// An integer that is written with digits only.
    #[must_use]
    pub fn integer(self) -> Option<u64> {
        decimal::read(self.0.as_bytes())
    }

    /// `true` or `false`.
    #[must_use]
    pub fn flag(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The members of an object, in order, duplicates too; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (JsonString<'a>, Self)> {
        let mut parts = Parts::of(self.0, '{');
        std::iter::from_fn(move || {
            let name = parts.next()?.name()?;
            Some((name, Self(parts.lexer.value()?)))
        })
    }

    /// The items of an array; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let mut parts = Parts::of(self.0, '[');
        std::iter::from_fn(move || Some(Self(parts.next()?.value()?)))
    }

    /// The members of these names; the last one where there are several, as `JSON.parse` has it. `null` counts as none.
    #[must_use]
    pub fn get<const N: usize>(self, names: [&str; N]) -> [Option<Self>; N] {
        let mut found = [None; N];
        self.find(&names, &mut found);
        found
    }

    /// Once for all numbers of names.
    fn find(self, names: &[&str], found: &mut [Option<Self>]) {
        for (name, value) in self.members() {
            if let Some(at) = names.iter().position(|wanted| name.is(wanted))
                && let Some(place) = found.get_mut(at)
            {
                *place = Some(value).filter(|value| !value.is_null());
            }
        }
    }
}

/// The parts of an array or an object, one after the other.
struct Parts<'a> {
    lexer: Lexer<'a>,
    is_over: bool,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, opening: char) -> Self {
        let inner = text.strip_prefix(opening).and_then(|text| text.get(..text.len().checked_sub(1)?));
        let lexer = Lexer::new(inner.unwrap_or_default());
        Self { is_over: lexer.is_empty(), lexer }
    }

    /// Where the next part begins.
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
    fn what_another_parser_takes_is_taken_and_nothing_else() {
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
    fn what_was_opened_is_closed_in_its_turn_at_any_depth() {
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
    fn members_and_items_are_cut_in_order() {
        let json = Json::parse(r#" {"a" : 1 , "b":[ 1,"x" ,{}],"\u0061":"two"} "#).unwrap();
        let members: Vec<_> = json.members().map(|(name, value)| (name.text().into_owned(), value.text())).collect();
        assert_eq!(members, [("a".into(), "1"), ("b".into(), r#"[ 1,"x" ,{}]"#), ("a".to_owned(), r#""two""#)]);
        let [a, b, c] = json.get(["a", "b", "c"]);
        assert_eq!(a.and_then(Json::string).as_deref(), Some("two"));
        assert_eq!(b.unwrap().items().map(Json::text).collect::<Vec<_>>(), ["1", r#""x""#, "{}"]);
        assert!(c.is_none());
    }

    #[test]
    fn nothing_is_cut_out_of_other_values() {
        for text in ["1", "null", "\"{}\"", "[]", "{}", "[ ]", "{ }"] {
            let json = Json::parse(text).unwrap();
            assert_eq!((json.members().count(), json.items().count()), (0, 0), "{text}");
        }
        let json = Json::parse(r#"{"a":null}"#).unwrap();
        assert!(json.get(["a"])[0].is_none());
    }

    #[test]
    fn scalars_are_read() {
        let parse = |text| Json::parse(text).unwrap();
        assert_eq!((parse("17").integer(), parse("-1").integer(), parse("1.0").integer()), (Some(17), None, None));
        assert_eq!((parse("true").flag(), parse("false").flag(), parse("1").flag()), (Some(true), Some(false), None));
        assert_eq!((parse(r#""a\n""#).string().as_deref(), parse("1").string()), (Some("a\n"), None));
    }
}
