//! `createStreamEventDispatcher`: one call per batch. A chunk crosses as three words, and a handler call that results as three
//! words.

use wasm_bindgen::prelude::*;

use crate::compat::dispatch::{Action, Dispatcher, Handler, Item, Kind, Weight};

/// Flags in the first word of a chunk, besides its [`Kind`].
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkFlag {
    /// The [`Weight`] of the chunk is interim.
    Interim = 0x100,
}

/// Flags in the first word of a handler call, besides its [`Handler`].
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFlag {
    /// JavaScript has to make the chunk that the handler gets.
    Made = 0x100,
}

const INTERIM: u32 = ChunkFlag::Interim as u32;
const MADE: u32 = CallFlag::Made as u32;

/// Returns the number of the [`Kind`] of a chunk type.
#[wasm_bindgen(js_name = kindOfType)]
pub fn kind_of_type(chunk_type: &str) -> u8 {
    Kind::of(chunk_type) as u8
}

/// The rules behind one dispatcher function.
#[wasm_bindgen]
#[derive(Default)]
pub struct DispatchRules {
    dispatcher: Dispatcher,
    actions: Vec<Action>,
}

#[wasm_bindgen]
impl DispatchRules {
    /// Returns the rules in their initial state.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes chunks as kind and flags, name, and the name of the operation's task or 0. Returns handler calls as handler and
    /// flags, index of the chunk, and name.
    pub fn take(&mut self, chunks: &[u32]) -> Vec<u32> {
        let mut calls = Vec::with_capacity(chunks.len());
        for (place, [head, name, operation]) in (0..).zip(chunks.as_chunks().0) {
            self.dispatcher.take(item(*head, *name, *operation), &mut self.actions);
            for action in self.actions.drain(..) {
                calls.extend_from_slice(&call(action, place));
            }
        }
        calls
    }

    /// Drops names that are not needed. Returns the old numbers of the others, which are renumbered 1, 2, … in this order.
    pub fn compact(&mut self) -> Vec<u32> {
        self.dispatcher.compact()
    }
}

fn item(head: u32, name: u32, operation: u32) -> Item {
    let [code, ..] = head.to_le_bytes();
    let weight = match (head & INTERIM, operation) {
        (0, _) => Weight::Final,
        (_, 0) => Weight::Interim,
        (_, task) => Weight::Operation(task),
    };
    Item { kind: Kind::from_code(code), name, weight }
}

fn call(action: Action, place: u32) -> [u32; 3] {
    match action {
        Action::Hand(handler) => [handler as u32, place, 0],
        Action::CloseBlock(block) => [Handler::TextEnded as u32 | MADE, place, block],
        Action::EndStream => [Handler::StreamEnd as u32 | MADE, place, 0],
        Action::StartStream(task) => [Handler::StreamStart as u32 | MADE, place, task],
    }
}
