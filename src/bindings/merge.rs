//! `mergeMessages`: numbers in, places out. The texts stay in JavaScript, which answers the few questions about them.

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

/// Merges two lists of messages, each as role, response, text or 0, files or 0, number of keys, keys. Gives the places of
/// what is shown: those in the local list are counted on from the server's length. `continued`: where
/// an answer is being written, the places in the server's list of what it continues. `lengths`: of the texts, in UTF-16
/// code units.
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
    let places = merged.into_iter().map(|source| match source {
        Source::Server(place) => place,
        Source::Local(place) => server.len() + place,
    });
    places.filter_map(|place| u32::try_from(place).ok()).collect()
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

/// The [`Response`] that a message holds, in one number.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds none.
    None = 0,
    /// It is one that another takes the place of.
    PendingMessage = 1,
    /// It is one that stays.
    FinalMessage = 2,
    /// Its parts are, and another takes the place of one.
    PendingPart = 3,
    /// Its parts are, and they stay.
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
