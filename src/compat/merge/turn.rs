//! Turns, and the comparison of a local turn with one of the server's list.

use super::{Lists, Message, Role, Text, Texts};
use std::ops::Range;

/// How much a match counts for two turns being the same. An equal answer or a shared id counts much more than an equal
/// question, which people may ask often.
const EQUAL: u32 = 256;
const BEGINNING: u32 = 64;
const EMPTY: u32 = 1;
const ASKED: u32 = 4;

/// A local message that the server's turn has as well, by its place, and how much that counts.
type Match = (usize, u32);

/// A user message and everything up to the next one, as places in the list.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The user message. Only the first turn of a list may lack it.
    pub user: Option<usize>,
    /// The assistant texts in order, without messages that only call tools.
    texts: Vec<Piece>,
    /// The messages of role [`Role::Other`].
    others: Vec<usize>,
    /// All messages of the turn, including the user's.
    all: Range<usize>,
}

/// An assistant text, which may be a part of an answer.
#[derive(Clone, Copy, Debug)]
struct Piece {
    place: usize,
    text: Text,
}

impl Turn {
    /// Splits the messages of a list that lie at these places into turns.
    pub(super) fn split(messages: &[Message], places: &[usize]) -> Vec<Self> {
        let mut turns: Vec<Self> = Vec::new();
        for (place, message) in places.iter().filter_map(|place| Some((*place, messages.get(*place)?))) {
            if message.role == Role::User || turns.is_empty() {
                turns.push(Self { all: place..place, ..Self::default() });
            }
            if let Some(turn) = turns.last_mut() {
                turn.push(place, message);
            }
        }
        turns
    }

    /// Returns the assistant texts at these places of the list.
    fn texts_in(&self, places: Range<usize>) -> &[Piece] {
        let before = |end: usize| self.texts.partition_point(|piece| piece.place < end);
        self.texts.get(before(places.start)..before(places.end)).unwrap_or_default()
    }

    fn push(&mut self, place: usize, message: &Message) {
        self.all.end = place + 1;
        match message.role {
            Role::User => self.user = Some(place),
            Role::Assistant => self.texts.extend(message.text.map(|text| Piece { place, text })),
            Role::Other => self.others.push(place),
            Role::Tool => {}
        }
    }
}

/// Returns how well two turns correspond, where 0 means not at all.
pub(super) fn score<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> u32 {
    let anchored = anchored(lists, theirs, ours);
    if anchored == 0 && ours.user.is_some() && !is_same_question(lists, theirs, ours) {
        return 0;
    }
    let matches = matches(lists, theirs, ours);
    matches.iter().fold(anchored.saturating_mul(EQUAL), |score, (_, counts)| score.saturating_add(*counts))
}

/// Returns the messages of the local turn `ours` that the corresponding turn `theirs` has as well, by their texts.
pub(super) fn matches<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> Vec<Match> {
    let mut found = equal_texts(lists, theirs, ours);
    if let Some(user) = ours.user.filter(|_| is_same_question(lists, theirs, ours)) {
        found.push((user, ASKED));
    }
    for (theirs, ours) in theirs.others.iter().zip(&ours.others) {
        if lists.texts(*theirs, *ours).is_some_and(|(theirs, ours)| theirs == ours) {
            found.push((*ours, EMPTY));
        }
    }
    found
}

/// Returns how many messages of `ours` share a key with one of `theirs`.
fn anchored<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> u32 {
    let anchors = lists.anchors.get(ours.all.clone()).unwrap_or_default();
    let count = anchors.iter().flatten().filter(|anchor| theirs.all.contains(anchor)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Returns whether the user messages of two turns have equal texts. Two messages without text differ if both lists have
/// their files and those differ.
fn is_same_question<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> bool {
    let question = |theirs: usize, ours: usize| Some((lists.server.get(theirs)?, lists.local.get(ours)?));
    let pair = theirs.user.zip(ours.user).and_then(|(theirs, ours)| question(theirs, ours));
    pair.is_some_and(|(theirs, ours)| {
        let differ = theirs.files.zip(ours.files).is_some_and(|(theirs, ours)| theirs != ours);
        theirs.text.is_some() && theirs.text == ours.text && !differ
    })
}

/// Returns the assistant texts of `ours` that are a prefix of the server's text at their place, or the other way round. The
/// answers are compared as a whole first, because one side may have cut the same answer into other pieces. If they
/// differ as a whole, the place of a text counts from the last message before it that both sides have, because a local
/// list may lack the beginning of an answer.
fn equal_texts<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> Vec<Match> {
    // A local list that begins inside a turn may begin at any of its texts.
    let starts = if ours.user.is_some() { 1 } else { theirs.texts.len().max(1) };
    let whole = |first| equal_answers(lists, theirs.texts.get(first..).unwrap_or_default(), &ours.texts);
    (0..starts).find_map(whole).unwrap_or_else(|| equal_stretches(lists, theirs, ours))
}

/// Cuts both turns at the messages that share a key, and compares each pair of stretches between them. A message is ignored if
/// its counterpart comes before that of an earlier one.
fn equal_stretches<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> Vec<Match> {
    let mut found = Vec::new();
    let mut compare = |theirs, ours| {
        let whole = equal_answers(lists, theirs, ours);
        found.extend(whole.unwrap_or_else(|| equal_by_index(lists, theirs, ours)));
    };
    let (mut their_rest, mut our_rest) = (theirs.all.clone(), ours.all.clone());
    for (place, anchor) in ours.all.clone().zip(lists.anchors.get(ours.all.clone()).unwrap_or_default()) {
        if let Some(anchor) = anchor.filter(|anchor| their_rest.contains(anchor)) {
            compare(theirs.texts_in(their_rest.start..anchor), ours.texts_in(our_rest.start..place));
            (their_rest.start, our_rest.start) = (anchor + 1, place + 1);
        }
    }
    compare(theirs.texts_in(their_rest), ours.texts_in(our_rest));
    found
}

fn equal_by_index<T: Texts>(lists: &Lists<'_, T>, theirs: &[Piece], ours: &[Piece]) -> Vec<Match> {
    let pairs = theirs.iter().zip(ours);
    pairs.filter_map(|(theirs, ours)| Some((ours.place, grade(lists, theirs.text, ours.text)?))).collect()
}

/// Returns how much it counts that one text is a prefix of the other, or `None` if it is not.
fn grade<T: Texts>(lists: &Lists<'_, T>, theirs: Text, ours: Text) -> Option<u32> {
    if theirs == ours {
        return Some(EQUAL);
    }
    let is_empty = lists.texts.length(theirs).min(lists.texts.length(ours)) == 0;
    lists.agree(theirs, ours).then_some(if is_empty { EMPTY } else { BEGINNING })
}

/// Compares two answers that may be cut into other pieces. Returns each piece of ours that begins before the server's
/// answer ends, or `None` if the answers differ before the end of the shorter one.
fn equal_answers<T: Texts>(lists: &Lists<'_, T>, theirs: &[Piece], ours: &[Piece]) -> Option<Vec<Match>> {
    let mut found = Vec::new();
    let mut rest = Rest { pieces: theirs, at: 0 };
    for mine in ours {
        let Some(next) = rest.pieces.first() else { break };
        let counts = if rest.at == 0 { grade(lists, next.text, mine.text)? } else { BEGINNING };
        rest = lay(lists, mine.text, rest)?;
        found.push((mine.place, counts));
    }
    Some(found)
}

/// What is left of an answer: its last pieces, without the beginning of the first one.
#[derive(Clone, Copy)]
struct Rest<'a> {
    pieces: &'a [Piece],
    /// Where in the first piece the rest begins.
    at: usize,
}

/// Compares one of our pieces with the server's pieces that it covers. Returns those that are left, or `None` if they differ.
fn lay<'a, T: Texts>(lists: &Lists<'_, T>, mine: Text, mut rest: Rest<'a>) -> Option<Rest<'a>> {
    let texts = lists.texts;
    let length = texts.length(mine);
    let mut laid = 0;
    while let [piece, later @ ..] = rest.pieces {
        let left = texts.length(piece.text) - rest.at;
        let agrees = match (laid, rest.at) {
            (0, 0) => lists.agree(piece.text, mine),
            (0, at) => texts.holds_at(piece.text, at, mine),
            (laid, _) => texts.holds_at(mine, laid, piece.text),
        };
        if !agrees {
            return None;
        }
        if length - laid < left {
            return Some(Rest { at: rest.at + length - laid, ..rest });
        }
        laid += left;
        rest = Rest { pieces: later, at: 0 };
        if laid == length {
            break;
        }
    }
    Some(rest)
}
