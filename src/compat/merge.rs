//! The rules of `mergeMessages` (API.md): which messages of the server's list are shown, and which local ones it lacks.
//!
//! JavaScript reduces each message to a role and to numbers for its ids and texts. Two numbers are equal exactly if the
//! originals are. The texts stay in JavaScript; [`Texts`] answers the few questions about them.
//!
//! # How it matches
//! 1. By key, wherever the two messages are. A key is the id of a message, a tool call or an operation.
//! 2. By text, but only within corresponding turns. A turn is a user message with everything up to the next one. An
//!    alignment decides which turns correspond: in order, one to one, with as many matches as possible, and with the
//!    newest turns if several alignments are equally good. So "yes" sent twice stays twice, and a local list may begin
//!    anywhere or lack turns in between.

mod align;
mod turn;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use turn::Turn;

/// The number of a text. Equal texts have equal numbers.
pub type Text = u32;

/// The number of an id of a message, a tool call, a tool result or an operation. Equal ids of one sort have equal numbers.
pub type Key = u32;

/// The role of a message.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user. The message opens a turn.
    User,
    /// The assistant. Texts match if one is a prefix of the other.
    Assistant,
    /// A call or a result of a tool. It matches by key only.
    Tool,
    /// Any other role. It matches by key, or by an equal text at its place.
    Other,
}

/// A message, reduced to what the rules compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its role.
    pub role: Role,
    /// Its text, if it is compared by one.
    pub text: Option<Text>,
    /// The files of a user message without text, if the list has them.
    pub files: Option<Text>,
    /// Its ids.
    pub keys: Vec<Key>,
    /// The tool response that it contains.
    pub response: Option<Response>,
}

/// The tool response of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// Whether another response of the same call follows.
    pub stage: Stage,
    /// Whether it is a message or a part of one.
    pub form: Form,
}

/// Whether a tool response is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The response is preliminary, or says that an operation was started.
    Pending,
    /// The response is final.
    Final,
}

/// The form of a tool response. A response takes the place only of one in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A message of its own.
    Message,
    /// Parts of an answer. Their stage is pending if one of them is.
    Part,
}

/// Answers questions about the texts behind the numbers.
pub trait Texts {
    /// Returns the length of a text, in the unit of `holds_at`.
    fn length(&self, text: Text) -> usize;
    /// Returns whether `text` continues at `at` with `part`, compared up to the end of the shorter one.
    fn holds_at(&self, text: Text, at: usize, part: Text) -> bool;
}

/// Whether a task of the session writes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity<'a> {
    /// None does. An operation may be under way.
    Idle,
    /// One does, and its answer comes only through its stream (PROTOCOL §1, "single source of truth").
    Answering {
        /// The places of the server's messages that the task continues. Its stream does not repeat them.
        continued: &'a [usize],
    },
}

/// A message to show, by its place in the list that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A place in the server's list.
    Server(usize),
    /// A place in the local list.
    Local(usize),
}

/// Both lists, with the messages that match by key.
struct Lists<'a, T> {
    server: &'a [Message],
    local: &'a [Message],
    texts: &'a T,
    /// The last two texts that were compared from their beginnings, and whether they agreed. The same turns are compared
    /// several times in a row, and a comparison may call JavaScript.
    compared: Cell<(Text, Text, bool)>,
    /// For each local message, the place of the server's message that shares a key with it.
    anchors: Vec<Option<usize>>,
}

/// Merges two lists. Returns the messages to show, in order.
#[must_use]
pub fn merge(server: &[Message], local: &[Message], activity: Activity<'_>, texts: &impl Texts) -> Vec<Source> {
    let shown = shown(server, activity);
    let lists = Lists::new(server, &shown, local, texts);
    let mut known = vec![false; local.len()];
    let everything: Vec<usize> = (0..local.len()).collect();
    for (theirs, ours) in align::align(&lists, &Turn::split(server, &shown), &Turn::split(local, &everything)) {
        for (place, _) in turn::matches(&lists, theirs, ours) {
            if let Some(known) = known.get_mut(place) {
                *known = true;
            }
        }
    }
    let mut merged = Vec::new();
    for place in shown {
        merged.push(lists.settled(place));
    }
    for (place, (known, anchor)) in known.iter().zip(&lists.anchors).enumerate() {
        if !known && anchor.is_none() {
            merged.push(Source::Local(place));
        }
    }
    merged
}

/// Returns the places of the server's messages that are shown. While a task writes an answer, the assistant and tool
/// messages after the last user message are not, except those that the task continues.
fn shown(server: &[Message], activity: Activity<'_>) -> Vec<usize> {
    let (complete, continued) = match activity {
        Activity::Idle => (server.len(), [].as_slice()),
        Activity::Answering { continued } => {
            (server.iter().rposition(|message| message.role == Role::User).unwrap_or(0), continued)
        }
    };
    let mut shown = Vec::new();
    for (place, message) in server.iter().enumerate() {
        if place < complete || matches!(message.role, Role::User | Role::Other) || continued.contains(&place) {
            shown.push(place);
        }
    }
    shown
}

impl<'a, T: Texts> Lists<'a, T> {
    fn new(server: &'a [Message], shown: &[usize], local: &'a [Message], texts: &'a T) -> Self {
        let owners = owners(server, shown);
        let owner = |key: &Key| owners.get(*key as usize).copied().flatten();
        let anchors = local.iter().map(|message| message.keys.iter().find_map(owner)).collect();
        Self { server, local, texts, compared: Cell::new((0, 0, true)), anchors }
    }

    /// Returns the message to show for one of the server's: for a pending tool response the first local one that is final.
    fn settled(&self, place: usize) -> Source {
        let theirs = self.server.get(place).and_then(|message| message.response);
        let wins = |(ours, anchor): (&Message, &Option<usize>)| {
            *anchor == Some(place) && theirs.zip(ours.response).is_some_and(wins_second)
        };
        let is_pending = theirs.is_some_and(|response| response.stage == Stage::Pending);
        let ours = if is_pending { self.local.iter().zip(&self.anchors).position(wins) } else { None };
        ours.map_or(Source::Server(place), Source::Local)
    }

    /// Returns whether one of two texts is a prefix of the other.
    fn agree(&self, theirs: Text, ours: Text) -> bool {
        let (last_theirs, last_ours, agreed) = self.compared.get();
        if theirs == ours || (theirs, ours) == (last_theirs, last_ours) {
            return theirs == ours || agreed;
        }
        let agree = self.texts.holds_at(theirs, 0, ours);
        self.compared.set((theirs, ours, agree));
        agree
    }

    /// Returns the texts of two messages, if both have one.
    fn texts(&self, theirs: usize, ours: usize) -> Option<(Text, Text)> {
        Some((self.server.get(theirs)?.text?, self.local.get(ours)?.text?))
    }
}

/// Returns whether the first response is pending and the second one is final, in the same form.
fn wins_second((first, second): (Response, Response)) -> bool {
    first.form == second.form && (first.stage, second.stage) == (Stage::Pending, Stage::Final)
}

/// Returns for each key the place of the server's message that has it, among those that are shown. Keys are small numbers
/// without gaps.
fn owners(server: &[Message], shown: &[usize]) -> Vec<Option<usize>> {
    let mut owners = Vec::new();
    for place in shown {
        for key in server.get(*place).into_iter().flat_map(|message| &message.keys) {
            let at = *key as usize;
            if owners.len() <= at {
                owners.resize(at + 1, None);
            }
            if let Some(owner) = owners.get_mut(at) {
                *owner = Some(*place);
            }
        }
    }
    owners
}
