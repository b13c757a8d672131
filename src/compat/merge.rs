//! The rules of `mergeMessages` (API.md): which messages of the server's list count, and which local ones it lacks.
//!
//! Messages come reduced: roles, and ids and texts as small numbers, equal exactly where the originals are equal. The
//! texts themselves stay where they are; the few comparisons that need them are asked of [`Texts`].
//!
//! # How it matches
//! 1. By key, wherever the two stand: an id, a tool call's id, an operation's id.
//! 2. By text, only within turns that correspond. A turn is a user message and what follows it. Which ones correspond
//!    is an alignment: in order, one to one, as much matched as possible, and of equally good ones the newest. So "yes"
//!    sent twice stays twice, and a local list may begin anywhere or lack turns in between.

mod align;
mod turn;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use turn::Turn;

/// A text by number; equal texts have equal numbers.
pub type Text = u32;

/// An id by number, of whatever sort: message, tool call, tool result, operation. Equal ones are equal.
pub type Key = u32;

/// Who a message is from.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens a turn.
    User,
    /// Its text is matched by prefix.
    Assistant,
    /// Calls and results of tools: matched by key alone.
    Tool,
    /// Anything else: matched by key, or by equal text at its place.
    Other,
}

/// A message, reduced.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who it is from.
    pub role: Role,
    /// What it says, where it says anything.
    pub text: Option<Text>,
    /// The files of a user message without text, where the list tells of them.
    pub files: Option<Text>,
    /// What it is known by.
    pub keys: Vec<Key>,
    /// What it tells of the tools that were called.
    pub response: Option<Response>,
}

/// The response of a tool, in the form that the list holds it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// Whether another one follows it.
    pub stage: Stage,
    /// What holds it.
    pub form: Form,
}

/// Whether a tool has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// An operation that was started goes on, or the response is preliminary.
    Pending,
    /// This is its final response.
    Final,
}

/// What holds a tool's response. One never takes the place of another of the other form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A message of its own.
    Message,
    /// A part of an answer; the stage is that of all such parts of the message.
    Part,
}

/// What the texts behind the numbers say.
pub trait Texts {
    /// Length, in the unit of `holds_at`.
    fn length(&self, text: Text) -> usize;
    /// Whether `text` holds, from `at` on, `part` as far as the shorter of the two goes.
    fn holds_at(&self, text: Text, at: usize, part: Text) -> bool;
}

/// Whether a task of the session is writing an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity<'a> {
    /// None is; an operation may be under way.
    Idle,
    /// The answer comes through its stream alone (PROTOCOL §1, "single source of truth").
    Answering {
        /// Places in the server's list of what the task found there and continues, which its stream does not give.
        continued: &'a [usize],
    },
}

/// A message to show, by its place in the list that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the server's list.
    Server(usize),
    /// In the local one.
    Local(usize),
}

/// The lists under comparison, and what was matched by key.
struct Lists<'a, T> {
    server: Vec<&'a Message>,
    local: &'a [Message],
    texts: &'a T,
    /// The last two texts that were compared from their beginnings, and whether they agreed: turns are looked at
    /// several times in a row, and asking may be dear.
    compared: Cell<(Text, Text, bool)>,
    /// For each local message the server's that shares a key with it.
    anchors: Vec<Option<usize>>,
}

/// Merges two lists: what to show, in order.
#[must_use]
pub fn merge(server: &[Message], local: &[Message], activity: Activity<'_>, texts: &impl Texts) -> Vec<Source> {
    let shown = shown(server, activity);
    let lists = Lists::new(shown.iter().filter_map(|place| server.get(*place)).collect(), local, texts);
    let mut known: Vec<bool> = lists.anchors.iter().map(Option::is_some).collect();
    for (theirs, ours) in align::align(&lists, &Turn::split(lists.server.iter().copied()), &Turn::split(local)) {
        turn::matches(&lists, theirs, ours, &mut |place| {
            if let Some(known) = known.get_mut(place) {
                *known = true;
            }
        });
    }
    let mut merged: Vec<Source> = shown.into_iter().map(Source::Server).collect();
    lists.settle(&mut merged);
    merged.extend((0..).zip(known).filter(|(_, known)| !known).map(|(place, _)| Source::Local(place)));
    merged
}

/// "With `activeStream`, all assistant and tool messages after the last user message are dropped from the server's
/// list, even if the backend forgot to", but for those that its task continues.
fn shown(server: &[Message], activity: Activity<'_>) -> Vec<usize> {
    let (complete, continued) = match activity {
        Activity::Idle => (server.len(), [].as_slice()),
        Activity::Answering { continued } => {
            (server.iter().rposition(|message| message.role == Role::User).unwrap_or(0), continued)
        }
    };
    let kept = |place: usize, message: &Message| {
        place < complete || matches!(message.role, Role::User | Role::Other) || continued.contains(&place)
    };
    server.iter().enumerate().filter(|(place, message)| kept(*place, message)).map(|(place, _)| place).collect()
}

impl<'a, T: Texts> Lists<'a, T> {
    fn new(server: Vec<&'a Message>, local: &'a [Message], texts: &'a T) -> Self {
        let owners = owners(&server);
        let owner = |key: &Key| owners.get(*key as usize).copied().flatten();
        let anchors = local.iter().map(|message| message.keys.iter().find_map(owner)).collect();
        Self { server, local, texts, compared: Cell::new((0, 0, true)), anchors }
    }

    /// "A final tool response wins over a pending one, from whichever side, and takes its place": `shown` holds the
    /// server's messages. Of several local ones the first is final.
    fn settle(&self, shown: &mut [Source]) {
        let pairs = (0..).zip(self.local.iter().zip(&self.anchors));
        for (place, (ours, anchor)) in pairs {
            let Some(slot) = anchor.and_then(|anchor| shown.get_mut(anchor)) else { continue };
            let theirs = anchor.and_then(|anchor| self.server.get(anchor)).and_then(|theirs| theirs.response);
            if matches!(slot, Source::Server(_)) && theirs.zip(ours.response).is_some_and(wins_second) {
                *slot = Source::Local(place);
            }
        }
    }

    /// Whether one of two texts is a prefix of the other.
    fn agree(&self, theirs: Text, ours: Text) -> bool {
        let (last_theirs, last_ours, agreed) = self.compared.get();
        if theirs == ours || (theirs, ours) == (last_theirs, last_ours) {
            return theirs == ours || agreed;
        }
        let agree = self.texts.holds_at(theirs, 0, ours);
        self.compared.set((theirs, ours, agree));
        agree
    }

    /// What two messages say, where both say something.
    fn texts(&self, theirs: usize, ours: usize) -> Option<(Text, Text)> {
        Some((self.server.get(theirs)?.text?, self.local.get(ours)?.text?))
    }
}

/// Whether the second of two responses is the final one of the first, which is pending.
fn wins_second((first, second): (Response, Response)) -> bool {
    first.form == second.form && (first.stage, second.stage) == (Stage::Pending, Stage::Final)
}

/// By key, the message of the server that has it. Keys are small numbers, counted up.
fn owners(server: &[&Message]) -> Vec<Option<usize>> {
    let mut owners = Vec::new();
    for (place, message) in server.iter().enumerate() {
        for key in &message.keys {
            let at = *key as usize;
            if owners.len() <= at {
                owners.resize(at + 1, None);
            }
            if let Some(owner) = owners.get_mut(at) {
                *owner = Some(place);
            }
        }
    }
    owners
}
