//! A chunk as a list of members in JSON text, and how it is written for JavaScript.

use super::exact;
use super::vocabulary::{self, Form, Renamed, Word};
use crate::stream::bytes::json::JsonString;
use std::borrow::Cow;

/// A chunk with any members.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<'a> {
    /// The whole JSON text of the chunk.
    source: &'a str,
    /// The members in order, duplicates included: `JSON.parse` resolves duplicates in the written text.
    members: Vec<Member<'a>>,
    pub(super) word: Option<&'static Word>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Member<'a> {
    pub name: JsonString<'a>,
    /// The value as JSON text.
    pub value: &'a str,
}

impl<'a> Object<'a> {
    pub(super) fn new(source: &'a str, members: Vec<Member<'a>>, word: Option<&'static Word>) -> Self {
        Self { source, members, word }
    }

    /// Returns the value of a member as JSON text.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        exact::find(&self.members, name)
    }

    /// Returns the text of a member that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        Some(JsonString::of_value(self.value(name)?)?.text())
    }

    /// Returns the task that a `start` names.
    pub(super) fn task(&self) -> Option<Cow<'a, str>> {
        self.text("taskId").filter(|task| !task.is_empty())
    }

    /// Returns the block that a `text-start` begins.
    #[must_use]
    pub fn opened_text(&self) -> Option<Cow<'a, str>> {
        self.word.filter(|word| word.wire == "text-start").and_then(|_| self.text("id"))
    }

    /// Returns the block that a `text-delta` or `text-end` belongs to.
    #[must_use]
    pub fn continued_text(&self) -> Option<Cow<'a, str>> {
        self.word.filter(|word| matches!(word.wire, "text-delta" | "text-end")).and_then(|_| self.text("id"))
    }

    /// Returns whether listeners receive the chunk.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        !matches!(self.delivery(), Delivery::None)
    }

    /// Appends the chunk as JSON in the form that listeners receive. `surplus` holds members that the client adds, each as
    /// `,"name":value`.
    pub fn write(&self, out: &mut String, surplus: &str) {
        match self.delivery() {
            Delivery::None => {}
            Delivery::AsItCame => self.write_source(out, surplus),
            Delivery::Renamed(renamed) => self.write_renamed(renamed, out, surplus),
        }
    }

    /// Returns whether PROTOCOL §3 does not list the type.
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

    /// Returns whether this is an `error` of the legacy dialect: "An `error` with `message` or `content` is legacy and passes
    /// unchanged", and so does one without any text.
    fn is_legacy_error(&self) -> bool {
        self.has("message") || self.has("content") || !self.has("errorText")
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != "null")
    }

    fn write_source(&self, out: &mut String, surplus: &str) {
        out.push_str(without_end(self.source).unwrap_or_default());
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
        // A member that is renamed to this name takes precedence. A default takes precedence over null.
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

/// Returns an object as JSON text without its closing brace, so that members can be added.
pub(in crate::stream) fn without_end(object: &str) -> Option<&str> {
    object.trim_ascii_end().strip_suffix("}")
}

/// Writes a member with a comma before it. `name` is JSON text without its quotes, and `value` is JSON text.
fn write_member(out: &mut String, name: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    out.push_str(value);
}
