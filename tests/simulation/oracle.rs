//! What a listener has received of a session's answers, compared with what the simulated backend wrote. The oracle does not
//! look at the client's state: the text itself shows where each piece comes from.
//!
//! A listener of all rows collects answers. A new answer begins with a `stream_start`, after an end, and with a stream of the
//! page. A `stream_reset` drops the last answer that has any content. The guarantees:
//! - Each answer is that of one task, from its first token on, with nothing missing and nothing twice.
//! - An answer that was not reset is delivered again only if `stream_start` names its task and all of it is `replayed`.
//! - A piece is fresh once in the life of a page, and `replayed` only if it was delivered before, by this page or another.
//!
//! The contract of `onReset` is that every chunk so far is void. This listener goes further and keeps the answers before the
//! last one, because an app that keeps a list of answers must not find one in it twice. After a reset, two things cannot be
//! asked of a client:
//! - It does not reset once more for an answer before the one that was dropped, because `stream_start` names its task.
//! - It does not recognise an answer if one of its two streams named no task. Such answers are counted.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::{Mark, Server, Token};
use crate::plan::Naming;
use crate::rows::Row;

/// The pieces of a session's answers that any page of the browser has delivered.
pub type Given = BTreeSet<Mark>;

/// An answer, as the listener has received it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    rows: u32,
    pub text: String,
    /// The tokens of the text, if the tokens of different answers differ.
    pub tokens: Vec<Token>,
    /// The task that its `stream_start` named.
    pub named: Option<String>,
    pub has_ended: bool,
    /// The origin of its first piece.
    first: Option<Mark>,
    /// Whether it came from the session's history.
    pub is_stored: bool,
}

impl Answer {
    fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

/// The saved position that a page found when it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    pub task: usize,
    /// The number of the task's frames that were delivered.
    pub frames: usize,
}

/// The rows that a listener of one session has received, and how they break the guarantees.
#[derive(Debug, Default)]
pub struct Listener {
    pub answers: Vec<Answer>,
    /// Whether a stream of the page has begun and delivered nothing yet.
    pub begins: bool,
    fresh: BTreeSet<Mark>,
    /// The position that the page found, until another task is saved.
    pub saved: Option<Saved>,
    /// The number of resets that dropped nothing, or the answer to another message.
    pub needless_resets: u32,
    pub replayed: u32,
    /// The answer that the last reset dropped.
    voided: Option<Answer>,
    /// The answers before the last reset, and whether they were counted since then as unknown. The reset dropped each of them,
    /// or may have: by the contract it drops all.
    unsure: BTreeMap<Unsure, bool>,
    /// The number of turns that were delivered again as new, because their streams named no task.
    pub unknown_turns: u32,
    owes_verdict: bool,
}

/// An answer from before a reset, which may be delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Unsure {
    task: usize,
    /// Whether its stream named its task.
    was_named: bool,
}

impl Listener {
    /// Returns the listener of a page that found this saved position.
    pub fn of(saved: Option<Saved>) -> Self {
        Self { saved, ..Self::default() }
    }

    /// Takes a row. Fails if the row breaks a guarantee.
    pub fn take(&mut self, row: &Row, server: &Server, given: &mut Given) -> Step {
        match row {
            Row::Reset => return self.reset(),
            Row::Start { task, .. } => self.start(task.as_deref())?,
            _ => self.begin_if_due(),
        }
        if let Some(last) = self.answers.last_mut() {
            last.rows += 1;
            last.has_ended |= matches!(row, Row::End);
        }
        match row {
            Row::Start { task, is_replayed } => {
                let mark = task.as_deref().and_then(|task| mark_of_start(task, server));
                self.check_age(mark, Age { is_replayed: *is_replayed, is_lenient: true }, server, given)
            }
            Row::Text { text, block, is_replayed } => {
                let age = Age { is_replayed: *is_replayed, is_lenient: !block.starts_with('b') };
                self.take_text(text, age, server, given)
            }
            Row::Output { call: name, is_replayed } | Row::Unknown { name, is_replayed } => {
                let age = Age { is_replayed: *is_replayed, is_lenient: false };
                self.check_age(server.mark_of_name(name), age, server, given)
            }
            Row::Reset | Row::End | Row::Other | Row::Malformed => Ok(()),
        }
    }

    /// Returns the last answer.
    pub fn last(&self) -> Option<&Answer> {
        self.answers.last()
    }

    fn reset(&mut self) -> Step {
        let mut last = self.answers.pop().unwrap_or_default();
        while last.is_empty() && !self.answers.is_empty() {
            last = self.answers.pop().unwrap_or_default();
        }
        if last.is_empty() {
            self.needless_resets += 1;
        } else {
            self.owes_verdict = true;
        }
        let given = self.answers.iter().chain([&last]).filter_map(Unsure::of);
        let before = std::mem::take(&mut self.unsure).into_keys();
        self.unsure = before.chain(given).map(|unsure| (unsure, false)).collect();
        self.voided = Some(last);
        self.answers.push(Answer::default());
        self.begins = false;
        Ok(())
    }

    fn begin_if_due(&mut self) {
        let is_over = self.last().is_none_or(|last| last.has_ended);
        if core::mem::take(&mut self.begins) && self.last().is_some_and(|last| !last.is_empty()) || is_over {
            self.answers.push(Answer::default());
        }
    }

    fn start(&mut self, task: Option<&str>) -> Step {
        let Some(task) = task.filter(|task| !task.is_empty()) else { return Err("a stream_start of no task".into()) };
        let is_new = core::mem::take(&mut self.begins);
        match self.answers.last_mut() {
            Some(last) if !last.is_empty() && last.named.as_deref() == Some(task) => {
                return Err(format!("{task} starts again, and what was given of it is not void"));
            }
            // The name of the task may come after the first rows.
            Some(last) if last.is_empty() || (last.named.is_none() && !last.has_ended && !is_new) => {
                last.named = Some(task.to_owned());
            }
            _ => self.answers.push(Answer { named: Some(task.to_owned()), ..Answer::default() }),
        }
        Ok(())
    }

    /// Appends a text to the last answer.
    fn take_text(&mut self, text: &str, age: Age, server: &Server, given: &mut Given) -> Step {
        if server.quirks.is_alike {
            return self.take_alike(text, age, server, given);
        }
        let tokens = server.read_tokens(text).ok_or_else(|| format!("no answer says {text:?}"))?;
        let Some(first) = tokens.first() else { return Ok(()) };
        if self.last().is_some_and(|last| last.text.is_empty()) {
            self.check_beginning(*first, age, server)?;
        }
        let last = self.answers.last_mut().ok_or("text without an answer")?;
        last.text.push_str(text);
        last.is_stored |= age.is_lenient;
        for token in &tokens {
            last.check_next(*token, server)?;
            last.tokens.push(*token);
        }
        let marks: Vec<Mark> = tokens.iter().filter_map(|token| server.mark_of(*token)).collect();
        self.note_beginning(marks.first().copied());
        self.check_age(marks.last().copied(), age, server, given)?;
        given.extend(marks);
        if age.is_lenient {
            note_stored(first.task, server, given);
        }
        Ok(())
    }

    /// Compares texts only, because the tokens of all answers are alike.
    fn take_alike(&mut self, text: &str, age: Age, server: &Server, given: &mut Given) -> Step {
        let last = self.answers.last_mut().ok_or("text without an answer")?;
        last.text.push_str(text);
        if age.is_lenient {
            // Its `stream_start` names the task, or else its last token does.
            let named = last.named.as_deref().and_then(|task| server.find(task));
            named.or_else(|| server.task_that_ends(text)).into_iter().for_each(|task| note_stored(task, server, given));
        }
        let is_beginning = server.tasks.iter().any(|task| task.whole_text().starts_with(&last.text));
        let is_left =
            server.quirks.log_limit.is_some() && server.tasks.iter().any(|task| task.whole_text().contains(&last.text));
        let is_turn = age.is_lenient && server.quirks.has_operations;
        let is_some = is_beginning || is_left || is_turn;
        if is_some { Ok(()) } else { Err(format!("no answer begins {:?}", last.text)) }
    }

    fn check_beginning(&mut self, first: Token, age: Age, server: &Server) -> Step {
        let follows_reset = core::mem::take(&mut self.owes_verdict);
        if follows_reset {
            let voided = self.voided.take().unwrap_or_default();
            let is_same = voided.tokens.last().is_some_and(|token| token.task == first.task)
                || voided.named.as_deref() == Some(server.tasks[first.task].id.as_str());
            self.needless_resets += u32::from(!is_same);
        }
        let is_of = |answer: &Answer| answer.tokens.first().is_some_and(|token| token.task == first.task);
        let is_announced = self.last().is_some_and(|last| last.named.is_some());
        let (_, before) = self.answers.split_last().ok_or("no answer")?;
        let is_there = before.iter().any(is_of);
        let is_newest = before.iter().rev().find(|answer| !answer.text.is_empty()).is_some_and(is_of);
        let is_doubled = match (is_announced, follows_reset) {
            (true, true) => false,
            (true, false) if age.is_replayed => is_newest,
            (false, true) => is_there && !self.is_unknown(first.task, server),
            (_, false) => is_there,
        };
        if is_doubled { Err(format!("the answer of task {} is given twice", first.task)) } else { Ok(()) }
    }

    fn note_beginning(&mut self, mark: Option<Mark>) {
        if let Some(last) = self.answers.last_mut() {
            last.first = last.first.or(mark);
        }
    }

    /// Checks that a piece is fresh once, and replayed only if it was delivered before.
    fn check_age(&mut self, mark: Option<Mark>, age: Age, server: &Server, given: &mut Given) -> Step {
        let Some(mark) = mark else { return Ok(()) };
        let is_known = !given.insert(mark);
        self.note_beginning(Some(mark));
        let cut = self.last().map_or(Cut::None, |last| last.cut(server));
        if age.is_replayed {
            self.replayed += 1;
            let is_right = is_known || age.is_lenient || matches!(cut, Cut::Unseen | Cut::BetweenParts);
            return if is_right { Ok(()) } else { Err(format!("{mark:?} is flagged as replayed and is new")) };
        }
        let is_saved = self.saved.is_some_and(|saved| saved.task == mark.task && mark.frame < saved.frames);
        if is_saved && server.quirks.log_limit.is_none() {
            return Err(format!("{mark:?} was delivered before the reload and is not flagged"));
        }
        if self.fresh.insert(mark) || cut != Cut::None || self.is_unknown(mark.task, server) {
            Ok(())
        } else {
            Err(format!("{mark:?} is fresh twice"))
        }
    }

    /// Returns whether an answer from before a reset is delivered again, with one of the two streams naming no task. Nothing
    /// shows that they are the same, so the client may treat the second one as new.
    fn is_unknown(&mut self, task: usize, server: &Server) -> bool {
        let is_named = self.last().is_some_and(|last| last.named.is_some());
        let is_nameless = server.quirks.naming == Naming::Nameless;
        let is_unknown = |unsure: &Unsure| is_nameless && unsure.task == task && !(unsure.was_named && is_named);
        let Some((_, is_counted)) = self.unsure.iter_mut().find(|(unsure, _)| is_unknown(unsure)) else { return false };
        self.unknown_turns += u32::from(!std::mem::replace(is_counted, true));
        true
    }
}

impl Unsure {
    fn of(answer: &Answer) -> Option<Self> {
        Some(Self { task: answer.first?.task, was_named: answer.named.is_some() })
    }
}

type Step = Result<(), String>;

/// Notes that the history has a whole answer in another form than the log, so all of the log counts as delivered.
fn note_stored(task: usize, server: &Server, given: &mut Given) {
    given.extend(server.named_marks(task));
}

/// The age of a row.
#[derive(Clone, Copy, Debug)]
struct Age {
    is_replayed: bool,
    /// Whether the row comes from the session's history or from the client itself. Then it is `replayed` if any part of the
    /// answer was delivered before.
    is_lenient: bool,
}

/// Returns the origin of a `stream_start`. A start that the client adds is in no log. If the log was cut, any start may be such a
/// one.
fn mark_of_start(task: &str, server: &Server) -> Option<Mark> {
    let at = server.find(task).filter(|_| server.quirks.log_limit.is_none())?;
    let is_in_log = server.tasks[at].frames.first().is_some_and(|(_, frame)| frame.contains("\"taskId\":\"task"));
    is_in_log.then_some(Mark { task: at, frame: 0 })
}

/// Where an answer begins in a log of a base backend that keeps only its newest entries. The number of missing entries is
/// unknown, so no part of the answer is known to have been delivered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The log has all entries.
    None,
    /// Only entries that make no rows may be missing.
    Unseen,
    /// The answer begins in the middle of a part, so its listener can see that it is incomplete.
    InPart,
    /// The answer begins with a later part, so it looks complete.
    BetweenParts,
}

impl Answer {
    /// Returns where the answer begins.
    pub fn cut(&self, server: &Server) -> Cut {
        let first = self.first.filter(|first| !self.is_stored && server.may_lose_entries(first.task));
        match first {
            None => Cut::None,
            Some(first) if server.is_beginning(first) => Cut::Unseen,
            Some(first) if server.is_in_part(first) => Cut::InPart,
            Some(_) => Cut::BetweenParts,
        }
    }

    /// Checks that a token follows the previous one. The first token of an operation may follow the last one of the chat.
    fn check_next(&mut self, token: Token, server: &Server) -> Step {
        let Some(last) = self.tokens.last() else {
            let is_cut_log = server.quirks.log_limit.is_some();
            return if token.place == 0 || is_cut_log {
                Ok(())
            } else {
                Err(format!("an answer begins with {token:?}"))
            };
        };
        let follows = last.task == token.task && last.place + 1 == token.place;
        let is_next_part =
            server.quirks.has_operations && token.place == 0 && last.place + 1 == server.tasks[last.task].tokens.len();
        if follows || is_next_part { Ok(()) } else { Err(format!("{token:?} follows {last:?}")) }
    }

    /// Returns whether this is the whole answer of a task.
    pub fn is_whole(&self, task: usize, server: &Server) -> bool {
        if server.quirks.is_alike {
            let turn = server.turn_text(task);
            let whole = server.tasks[task].whole_text();
            let is_left = server.may_lose_entries(task) && (turn.ends_with(&self.text) || whole.ends_with(&self.text));
            return self.text == turn || self.text == whole || is_left;
        }
        let count = server.tasks[task].tokens.len();
        let own = self.tokens.iter().filter(|token| token.task == task);
        let (own_count, newest) = own.fold((0, None), |(count, _), token| (count + 1, Some(token.place)));
        newest == count.checked_sub(1)
            && (own_count == count || matches!(self.cut(server), Cut::InPart | Cut::BetweenParts))
    }
}
