//! Reads incomplete JSON text: the input of a tool while it streams. As in the AI SDK, open values count as closed, the
//! beginning of a literal as the literal, and a key without a value is left out.

use serde_json::{Map, Value};

use super::json::{self, decode};

/// How deep a value may be nested. Deeper values are left out.
const DEEPEST: usize = 90;

/// The value so far; `None` where there is none yet.
pub fn value(text: &str) -> Option<Value> {
    json::value(text).or_else(|| Reader { rest: text }.value(0).so_far)
}

struct Reader<'a> {
    rest: &'a str,
}

/// The part of a value that was read.
struct Read<T> {
    so_far: Option<T>,
    /// Whether the value is complete, so that something may follow it.
    is_whole: bool,
}

impl<T> Read<T> {
    fn whole(value: Option<T>) -> Self {
        Self { is_whole: value.is_some(), so_far: value }
    }

    fn part(value: Option<T>) -> Self {
        Self { so_far: value, is_whole: false }
    }
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.peek() {
            Some(_) if depth > DEEPEST => Read::part(None),
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"') => {
                let Read { so_far, is_whole } = self.string();
                Read { so_far: so_far.map(Value::String), is_whole }
            }
            Some(_) => self.scalar(),
            None => Read::part(None),
        }
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        self.rest.chars().next()
    }

    /// Whether this sign comes next; it is taken then.
    fn takes(&mut self, sign: char) -> bool {
        let is_next = self.peek() == Some(sign);
        if is_next {
            self.rest = self.rest.get(sign.len_utf8()..).unwrap_or_default();
        }
        is_next
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.takes('{');
        let mut members = Map::new();
        while self.peek() == Some('"') {
            let key = self.string();
            let (Some(key), true) = (key.so_far, key.is_whole && self.takes(':')) else { break };
            let member = self.value(depth + 1);
            members.extend(member.so_far.map(|value| (key, value)));
            if !member.is_whole || !self.takes(',') {
                break;
            }
        }
        Read { is_whole: self.takes('}'), so_far: Some(members.into()) }
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.takes('[');
        let mut items = Vec::new();
        while !matches!(self.peek(), None | Some(']')) {
            let item = self.value(depth + 1);
            items.extend(item.so_far);
            if !item.is_whole || !self.takes(',') {
                break;
            }
        }
        Read { is_whole: self.takes(']'), so_far: Some(items.into()) }
    }

    fn string(&mut self) -> Read<String> {
        let text = self.rest;
        let mut signs = text.char_indices().skip(1);
        while let Some((at, sign)) = signs.next() {
            match sign {
                '"' => {
                    let (string, rest) = text.split_at(at + 1);
                    self.rest = rest;
                    return Read::whole(decode(string));
                }
                '\\' if is_cut_escape(text.get(at..).unwrap_or_default()) => return self.cut_string(at),
                '\\' => drop(signs.next()),
                _ => (),
            }
        }
        self.cut_string(text.len())
    }

    /// A string that breaks off, of which so many bytes can be read.
    fn cut_string(&mut self, length: usize) -> Read<String> {
        let string = self.rest.get(..length).unwrap_or_default();
        self.rest = "";
        Read::part(decode(&format!("{string}\"")))
    }

    fn scalar(&mut self) -> Read<Value> {
        match self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t']) {
            Some(end) => {
                let (token, rest) = self.rest.split_at(end);
                self.rest = rest;
                Read::whole(decode(token))
            }
            None => Read::part(scalar_so_far(std::mem::take(&mut self.rest))),
        }
    }
}

/// Whether an escape breaks off.
fn is_cut_escape(escape: &str) -> bool {
    let length = if escape.starts_with("\\u") { 6 } else { 2 };
    escape.len() < length
}

fn scalar_so_far(token: &str) -> Option<Value> {
    let literal = ["true", "false", "null"].into_iter().find(|literal| literal.starts_with(token));
    match literal {
        Some(literal) => decode(literal),
        None => (1..=token.len()).rev().find_map(|length| decode(token.get(..length)?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_open_counts_as_closed() {
        for (text, expected) in [
            (r#"{"a":[1,{"b":"x"#, json!({"a": [1, {"b": "x"}]})),
            (r#"{"a":1,"b"#, json!({"a": 1})),
            (r#"{"a":1,"b":"#, json!({"a": 1})),
            (r#"{"a":tr"#, json!({"a": true})),
            (r#"{"a":n"#, json!({"a": null})),
            (r#"[12.5e"#, json!([12.5])),
            (r#"[1,-"#, json!([1])),
            (r#"["a\"#, json!(["a"])),
            (r#"["a\u00e"#, json!(["a"])),
            (r#"["\ud83d\ude00 \n"#, json!(["😀 \n"])),
            ("  [1, 2,", json!([1, 2])),
            ("{", json!({})),
            (r#""text"#, json!("text")),
            (r#"{"a":{"b":1},"c":[]}"#, json!({"a": {"b": 1}, "c": []})),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for nothing in ["", " ", "-", "x"] {
            assert_eq!(value(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_follows_a_mistake_is_left_out() {
        assert_eq!(value(r#"{"a":1 x"#), Some(json!({"a": 1})));
        assert_eq!(value(r#"[1,x,2]"#), Some(json!([1])));
    }

    #[test]
    fn a_nesting_that_is_too_deep_takes_no_stack() {
        assert!(value(&"[".repeat(100_000)).is_some());
    }
}
