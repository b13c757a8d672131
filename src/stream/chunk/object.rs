//! A chunk as an object of JSON text: its members uncut, and how they are delivered.

use super::exact;
use super::vocabulary::{self, Form, Renamed, Word};
use crate::stream::bytes::json::JsonString;
use std::borrow::Cow;

/// A chunk with any members.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<'a> {
    /// The whole text.
    source: &'a str,
    /// In order, duplicates too: JSON.parse deals with those in what is written.
    members: Vec<Member<'a>>,
    pub(super) word: Option<&'static Word>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Member<'a> {
    pub name: JsonString<'a>,
    /// JSON text.
    pub value: &'a str,
}

impl<'a> Object<'a> {
    pub(super) fn new(source: &'a str, members: Vec<Member<'a>>, word: Option<&'static Word>) -> Self {
        Self { source, members, word }
    }

    /// The JSON text of a member.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        exact::find(&self.members, name)
    }

    /// The text of a member that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        Some(JsonString::of_value(self.value(name)?)?.text())
    }

    /// The task that a `start` names.
    pub(super) fn task(&self) -> Option<Cow<'a, str>> {
        self.text("taskId").filter(|task| !task.is_empty())
    }

    /// The block that a `text-start` opens.
    #[must_use]
    pub fn opened_text(&self) -> Option<Cow<'a, str>> {
        self.word.filter(|word| word.wire == "text-start").and_then(|_| self.text("id"))
    }

    /// The block that a `text-delta` or `text-end` is of.
    #[must_use]
    pub fn continued_text(&self) -> Option<Cow<'a, str>> {
        self.word.filter(|word| matches!(word.wire, "text-delta" | "text-end")).and_then(|_| self.text("id"))
    }

    /// Whether it is delivered by itself.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        !matches!(self.delivery(), Delivery::None)
    }

    /// Appends it as it is delivered, as JSON text, with `surplus` as its last members: `,"name":value` each.
    pub fn write(&self, out: &mut String, surplus: &str) {
        match self.delivery() {
            Delivery::None => {}
            Delivery::AsItCame => self.write_source(out, surplus),
            Delivery::Renamed(renamed) => self.write_renamed(renamed, out, surplus),
        }
    }

    /// Whether PROTOCOL §3 does not know its type.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.word.is_none()
    }

    fn delivery(&self) -> Delivery {
        match self.word.map(|word| word.form) {
            None | Some(Form::AsIs) => Delivery::AsItCame,
            Some(Form::Silent) => Delivery::None,
            Some(Form::Renamed(renamed)) => Delivery::Renamed(renamed),
            Some(Form::Start) if self.task().is_some() => Delivery::Renamed(vocabulary::STREAM_START),
            Some(Form::Start) if self.members.len() > 1 => Delivery::AsItCame,
            Some(Form::Start) => Delivery::None,
            Some(Form::Error) if self.is_legacy_error() => Delivery::AsItCame,
            Some(Form::Error) => Delivery::Renamed(vocabulary::ERROR),
        }
    }

    /// "An `error` with `message` or `content` is legacy and passes unchanged"; so does one without any text.
    fn is_legacy_error(&self) -> bool {
        self.has("message") || self.has("content") || !self.has("errorText")
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != "null")
    }

    fn write_source(&self, out: &mut String, surplus: &str) {
        let members = self.source.rfind('}').and_then(|end| self.source.get(..end)).unwrap_or_default();
        out.push_str(members);
        out.push_str(surplus);
        out.push('}');
    }

    fn write_renamed(&self, renamed: Renamed, out: &mut String, surplus: &str) {
        out.push_str(renamed.head);
        for member in &self.members {
            self.write_member(member, renamed, out);
        }
        for (name, value) in renamed.defaults {
            if !self.has(name) {
                write_member(out, name, value);
            }
        }
        out.push_str(surplus);
        out.push('}');
    }

    fn write_member(&self, member: &Member<'a>, renamed: Renamed, out: &mut String) {
        let is = |name: &str| member.name.is(name);
        if is("type") {
            return;
        }
        if let Some(known) = renamed.members.iter().find(|entry| is(entry.wire)) {
            out.push_str(known.written);
            return out.push_str(member.value);
        }
        // A member that is renamed to this name has precedence; so has a default over null.
        let displaced = renamed.members.iter().any(|entry| is(entry.name) && self.value(entry.wire).is_some());
        let defaulted = member.value == "null" && renamed.defaults.iter().any(|(name, _)| is(name));
        if !displaced && !defaulted {
            let (JsonString::Plain(name) | JsonString::Escaped(name)) = member.name;
            write_member(out, name, member.value);
        }
    }
}

enum Delivery {
    None,
    AsItCame,
    Renamed(Renamed),
}

/// `name` as it stands between quotes.
fn write_member(out: &mut String, name: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    out.push_str(value);
}
