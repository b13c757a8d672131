//! Turns, and the comparison of a local turn with one of the server's list.

use super::{Lists, Message, Role, Text, Texts};
use std::ops::Range;

/// How much a match counts for two turns being the same. An equal answer or a shared id counts much more than an equal
/// question, which people may ask often.
const EQUAL: u32 = 256;
const BEGINNING: u32 = 64;
const EMPTY: u32 = 1;
const ASKED: u32 = 4;

/// How well an assistant text matches the one at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Equal,
    Beginning,
    Empty,
}

/// A user message and everything up to the next one, as places in the list.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The user message. Only the first turn of a list may lack it.
    pub user: Option<usize>,
    /// The assistant texts in order, without messages that only call tools.
    texts: Vec<usize>,
    /// The messages of role [`Role::Other`].
    others: Vec<usize>,
    /// All messages of the turn, including the user's.
    all: Range<usize>,
}

impl Turn {
    /// Splits a list into its turns.
    pub(super) fn split<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<Self> {
        let mut turns: Vec<Self> = Vec::new();
        for (place, message) in messages.into_iter().enumerate() {
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
    fn texts_in(&self, places: Range<usize>) -> &[usize] {
        let before = |end: usize| self.texts.partition_point(|place| *place < end);
        self.texts.get(before(places.start)..before(places.end)).unwrap_or_default()
    }

    fn push(&mut self, place: usize, message: &Message) {
        self.all.end = place + 1;
        match message.role {
            Role::User => self.user = Some(place),
            Role::Assistant if message.text.is_some() => self.texts.push(place),
            Role::Other => self.others.push(place),
            Role::Assistant | Role::Tool => {}
        }
    }
}

/// Returns how well two turns correspond, where 0 means not at all.
pub(super) fn score<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> u32 {
    let anchored = anchored(lists, theirs, ours);
    let asked = if is_same_question(lists, theirs, ours) { ASKED } else { 0 };
    if anchored == 0 && asked == 0 && ours.user.is_some() {
        return 0;
    }
    let mut score = anchored.saturating_mul(EQUAL).saturating_add(asked);
    each_text(lists, theirs, ours, &mut |_, grade| {
        score = score.saturating_add(match grade {
            Grade::Equal => EQUAL,
            Grade::Beginning => BEGINNING,
            Grade::Empty => EMPTY,
        });
    });
    score.saturating_add(EMPTY.saturating_mul(count(equal_others(lists, theirs, ours))))
}

/// Reports each message of the local turn `ours` that the corresponding turn `theirs` has as well, by its text.
pub(super) fn matches<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn, found: &mut dyn FnMut(usize)) {
    if let Some(user) = ours.user.filter(|_| is_same_question(lists, theirs, ours)) {
        found(user);
    }
    each_text(lists, theirs, ours, &mut |place, _| found(place));
    equal_others(lists, theirs, ours).for_each(found);
}

/// Returns how many messages of `ours` share a key with one of `theirs`.
fn anchored<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> u32 {
    let anchors = lists.anchors.get(ours.all.clone()).unwrap_or_default();
    count(anchors.iter().flatten().filter(|anchor| theirs.all.contains(anchor)))
}

fn count(matches: impl Iterator) -> u32 {
    u32::try_from(matches.count()).unwrap_or(u32::MAX)
}

/// Returns the messages of other roles that have equal texts at the same place.
fn equal_others<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> impl Iterator<Item = usize> {
    let pairs = theirs.others.iter().zip(&ours.others);
    pairs
        .filter(|(theirs, ours)| lists.texts(**theirs, **ours).is_some_and(|(theirs, ours)| theirs == ours))
        .map(|(_, ours)| *ours)
}

/// Returns whether the user messages of two turns have equal texts. Two messages without text differ if both lists have
/// their files and those differ.
fn is_same_question<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn) -> bool {
    let question = |theirs: usize, ours: usize| Some((*lists.server.get(theirs)?, lists.local.get(ours)?));
    let pair = theirs.user.zip(ours.user).and_then(|(theirs, ours)| question(theirs, ours));
    pair.is_some_and(|(theirs, ours)| {
        let differ = theirs.files.zip(ours.files).is_some_and(|(theirs, ours)| theirs != ours);
        theirs.text.is_some() && theirs.text == ours.text && !differ
    })
}

/// Reports each assistant text of `ours` that is a prefix of the server's text at its place, or the other way round. The
/// answers are compared as a whole first, because one side may have cut the same answer into other pieces. If they
/// differ as a whole, the place of a text counts from the last message before it that both sides have, because a local
/// list may lack the beginning of an answer.
fn each_text<T: Texts>(lists: &Lists<'_, T>, theirs: &Turn, ours: &Turn, found: &mut dyn FnMut(usize, Grade)) {
    let answer = |first: usize| theirs.texts.get(first..).unwrap_or_default();
    // A local list that begins inside a turn may begin at any of its texts.
    let starts = if ours.user.is_some() { 1 } else { theirs.texts.len().max(1) };
    if let Some(first) = (0..starts).find(|first| agrees_as_a_whole(lists, answer(*first), &ours.texts, &mut |_, _| {}))
    {
        agrees_as_a_whole(lists, answer(first), &ours.texts, found);
        return;
    }
    for (theirs, ours) in stretches(lists, theirs, ours) {
        if agrees_as_a_whole(lists, theirs, ours, &mut |_, _| {}) {
            agrees_as_a_whole(lists, theirs, ours, found);
        } else {
            each_text_by_index(lists, theirs, ours, found);
        }
    }
}

fn each_text_by_index<T: Texts>(
    lists: &Lists<'_, T>,
    theirs: &[usize],
    ours: &[usize],
    found: &mut dyn FnMut(usize, Grade),
) {
    for (theirs, place) in theirs.iter().zip(ours) {
        let grade = lists.texts(*theirs, *place).and_then(|(theirs, mine)| grade(lists, theirs, mine));
        if let Some(grade) = grade {
            found(*place, grade);
        }
    }
}

/// Cuts both turns at the messages that share a key, and returns the texts of each pair of stretches between them. A
/// message is ignored if its counterpart comes before that of an earlier one.
fn stretches<'a, T: Texts>(lists: &Lists<'_, T>, theirs: &'a Turn, ours: &'a Turn) -> Vec<(&'a [usize], &'a [usize])> {
    let mut stretches = Vec::new();
    let (mut their_rest, mut our_rest) = (theirs.all.clone(), ours.all.clone());
    for (place, anchor) in ours.all.clone().zip(lists.anchors.get(ours.all.clone()).unwrap_or_default()) {
        if let Some(anchor) = anchor.filter(|anchor| their_rest.contains(anchor)) {
            stretches.push((theirs.texts_in(their_rest.start..anchor), ours.texts_in(our_rest.start..place)));
            (their_rest.start, our_rest.start) = (anchor + 1, place + 1);
        }
    }
    stretches.push((theirs.texts_in(their_rest), ours.texts_in(our_rest)));
    stretches
}

fn grade<T: Texts>(lists: &Lists<'_, T>, theirs: Text, mine: Text) -> Option<Grade> {
    if theirs == mine {
        return Some(Grade::Equal);
    }
    let is_empty = lists.texts.length(theirs).min(lists.texts.length(mine)) == 0;
    lists.agree(theirs, mine).then_some(if is_empty { Grade::Empty } else { Grade::Beginning })
}

/// Compares two answers that may be cut into other pieces. Reports each piece of ours that begins before the server's
/// answer ends. Returns whether the answers agree up to the end of the shorter one.
fn agrees_as_a_whole<T: Texts>(
    lists: &Lists<'_, T>,
    answer: &[usize],
    ours: &[usize],
    found: &mut dyn FnMut(usize, Grade),
) -> bool {
    let mut pieces = answer.iter().filter_map(|place| lists.server.get(*place)?.text);
    let mut piece = pieces.next();
    let mut at = 0;
    for place in ours {
        let (Some(mine), Some(next)) = (lists.local.get(*place).and_then(|message| message.text), piece) else { break };
        let grade = if at == 0 { grade(lists, next, mine) } else { Some(Grade::Beginning) };
        if !lay(lists, mine, &mut piece, &mut at, &mut pieces) {
            return false;
        }
        if let Some(grade) = grade {
            found(*place, grade);
        }
    }
    true
}

/// Compares one of our pieces with the server's pieces that it covers, from where the last one ended.
fn lay<T: Texts>(
    lists: &Lists<'_, T>,
    mine: Text,
    piece: &mut Option<Text>,
    at: &mut usize,
    pieces: &mut dyn Iterator<Item = Text>,
) -> bool {
    let texts = lists.texts;
    let length = texts.length(mine);
    let mut laid = 0;
    while let Some(theirs) = *piece {
        let left = texts.length(theirs) - *at;
        let agrees = match (laid, *at) {
            (0, 0) => lists.agree(theirs, mine),
            (0, at) => texts.holds_at(theirs, at, mine),
            (laid, _) => texts.holds_at(mine, laid, theirs),
        };
        if !agrees {
            return false;
        }
        if length - laid < left {
            *at += length - laid;
            return true;
        }
        laid += left;
        *at = 0;
        *piece = pieces.next();
        if laid == length {
            return true;
        }
    }
    true
}
