//! `mergeMessages`: JavaScript passes numbers and gets indices. It keeps the texts and answers the few questions about them.

use wasm_bindgen::prelude::*;

use crate::compat::merge::{Activity, Form, Message, Response, Role, Source, Stage, Text, Texts, merge};

#[wasm_bindgen]
extern "C" {
    /// The texts of both lists, by number.
    pub type TextTable;

    #[wasm_bindgen(method, js_name = holdsAt)]
    fn holds_at(this: &TextTable, text: u32, at: u32, part: u32) -> bool;
}

struct Table<'a> {
    texts: &'a TextTable,
    lengths: &'a [u32],
}

impl Texts for Table<'_> {
    fn length(&self, text: Text) -> usize {
        self.lengths.get(text as usize).map_or(0, |length| *length as usize)
    }

    fn holds_at(&self, text: Text, at: usize, part: Text) -> bool {
        u32::try_from(at).is_ok_and(|at| self.texts.holds_at(text, at, part))
    }
}

/// Merges two lists of messages. A message is its role, response, text or 0, files or 0, the number of its keys, and the keys.
/// Returns the indices of the messages to show; the indices of local messages begin at the length of the server's list.
/// `continued` is set while an answer is written: it holds the indices of the server's messages that the answer continues.
/// `lengths` holds the lengths of the texts in UTF-16 code units.
#[wasm_bindgen(js_name = mergeLists)]
pub fn merge_lists(
    server: &[u32],
    local: &[u32],
    continued: Option<Vec<usize>>,
    lengths: &[u32],
    texts: &TextTable,
) -> Vec<u32> {
    let activity = continued.as_deref().map_or(Activity::Idle, |continued| Activity::Answering { continued });
    let server = read(server);
    let merged = merge(&server, &read(local), activity, &Table { texts, lengths });
    let mut places = Vec::with_capacity(merged.len());
    for source in merged {
        places.push(match source {
            Source::Server(place) => place as u32,
            Source::Local(place) => (server.len() + place) as u32,
        });
    }
    places
}

fn read(mut words: &[u32]) -> Vec<Message> {
    let mut messages = Vec::new();
    let text = |number: u32| (number != 0).then_some(number);
    while let Some(([role, response, says, files, count], rest)) = words.split_first_chunk() {
        let (keys, next) = rest.split_at_checked(*count as usize).unwrap_or((rest, &[]));
        messages.push(Message {
            role: self::role(*role),
            text: text(*says),
            files: text(*files),
            keys: keys.to_vec(),
            response: self::response(*response),
        });
        words = next;
    }
    messages
}

fn role(code: u32) -> Role {
    let roles = [Role::User, Role::Assistant, Role::Tool];
    roles.into_iter().find(|role| *role as u32 == code).unwrap_or(Role::Other)
}

/// The tool [`Response`] in a message, as one number.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message contains no response.
    None = 0,
    /// The message is a response that a later one replaces.
    PendingMessage = 1,
    /// The message is a final response.
    FinalMessage = 2,
    /// Parts of the message are responses, and a later one replaces at least one of them.
    PendingPart = 3,
    /// Parts of the message are final responses.
    FinalPart = 4,
}

fn response(code: u32) -> Option<Response> {
    let answers = [
        (Answer::PendingMessage, Stage::Pending, Form::Message),
        (Answer::FinalMessage, Stage::Final, Form::Message),
        (Answer::PendingPart, Stage::Pending, Form::Part),
        (Answer::FinalPart, Stage::Final, Form::Part),
    ];
    let (_, stage, form) = answers.into_iter().find(|(answer, ..)| *answer as u32 == code)?;
    Some(Response { stage, form })
}
