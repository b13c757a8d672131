//! The form in which messages travel between tabs: a flat object that the browser clones. A received object may have any content.

use serde::{Serialize, Serializer};

use super::message::{Aliases, Content, EndRecord, Message, Place, Shown, ShownStatus, State};
use crate::stream::bytes::short::cut;
use crate::stream::reader::Frame;
use crate::value::Value;

/// The version of the messages. Tabs of other versions do not read them and have streams of their own.
const VERSION: u64 = 2;

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::from(self).serialize(serializer)
    }
}

impl From<&Message> for Value {
    fn from(message: &Message) -> Self {
        let mut value = Self::record();
        value.add("v", VERSION);
        value.add("from", message.from.as_str());
        value.add("session", message.session.as_str());
        value.add("epoch", message.epoch);
        message.content.add_to(&mut value);
        value
    }
}

impl TryFrom<Value> for Message {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::read(value).ok_or("this is no message of this version")
    }
}

impl Message {
    fn read(mut value: Value) -> Option<Self> {
        if value.take_count("v") != Some(VERSION) {
            return None;
        }
        Some(Self {
            from: value.take_text_or_empty("from"),
            session: value.take_text_or_empty("session"),
            epoch: value.take_count("epoch").unwrap_or_default(),
            content: Content::read(value)?,
        })
    }
}

impl Content {
    fn add_to(&self, value: &mut Value) {
        let (kind, stream) = self.names();
        value.add("kind", kind);
        value.add("stream", stream);
        match self {
            Self::Ask { next, asked, turn, .. } => {
                value.add("number", *next);
                value.add("asked", *asked);
                turn.add_to(value);
            }
            Self::Recall { asked, .. } => value.add("asked", *asked),
            Self::Owner { turn, place, .. } => {
                turn.add_to(value);
                value.add("place", place);
            }
            Self::State(state) => {
                value.add("to", state.to.as_str());
                value.add("asked", state.asked);
                value.add("number", state.next);
                state.turn.add_to(value);
                value.add("frames", joined(&state.frames));
                value.add("place", &state.place);
                value.add("shown", &state.shown);
            }
            Self::Frames { number, frames, .. } => {
                value.add("number", *number);
                value.add("frames", joined(frames));
            }
            Self::Shown { shown, .. } => value.add("shown", shown),
            Self::Alive { .. } => {}
            Self::End { end, .. } => value.add("end", end),
            Self::Turn { turn } => value.add("text", turn.as_str()),
            Self::Stop { task } => value.add("task", task.as_deref()),
        }
    }

    /// Returns the name of the content's kind, and the id of the broadcast that it belongs to, if it belongs to one.
    fn names(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Ask { stream, .. } => ("ask", stream.as_deref()),
            Self::Recall { stream, .. } => ("recall", Some(stream)),
            Self::Owner { stream, .. } => ("owner", Some(stream)),
            Self::State(state) => ("state", Some(&state.stream)),
            Self::Frames { stream, .. } => ("frames", Some(stream)),
            Self::Shown { stream, .. } => ("shown", Some(stream)),
            Self::Alive { stream } => ("alive", Some(stream)),
            Self::End { stream, .. } => ("end", Some(stream)),
            Self::Turn { .. } => ("turn", None),
            Self::Stop { .. } => ("stop", None),
        }
    }

    fn read(mut value: Value) -> Option<Self> {
        let (kind, stream, number) = (value.take_text("kind")?, value.take_text("stream"), value.take_count("number"));
        let asked = value.take_count("asked").unwrap_or_default();
        if kind == "stop" {
            return Self::read_stop(value);
        }
        let turn = Aliases::read(&mut value);
        Some(match kind.as_str() {
            "ask" => Self::Ask { stream, next: number.unwrap_or_default(), asked, turn },
            "recall" => Self::Recall { stream: stream?, asked },
            "owner" => Self::Owner { stream: stream?, turn, place: Place::from(value.take("place")) },
            "state" => Self::State(Box::new(State {
                to: value.take_text("to")?,
                asked,
                stream: stream?,
                next: number?,
                turn,
                frames: split(value.take_some("frames")?)?,
                place: value.take_some("place")?.into(),
                shown: value.take_some("shown")?.into(),
            })),
            "frames" => Self::Frames { stream: stream?, number: number?, frames: split(value.take_some("frames")?)? },
            "shown" => Self::Shown { stream: stream?, shown: value.take_some("shown")?.into() },
            "alive" => Self::Alive { stream: stream? },
            "end" => Self::End { stream: stream?, end: value.take_some("end")?.into() },
            "turn" => Self::Turn { turn: turn.text? },
            _ => return None,
        })
    }
}

impl Content {
    /// Reads a stop. One without a task applies to any task, so a task that is no id makes it no message.
    fn read_stop(mut value: Value) -> Option<Self> {
        let named = value.take_some("task").map(|task| task.into_text().filter(|task| !task.is_empty()));
        match named {
            None => Some(Self::Stop { task: None }),
            Some(task) => Some(Self::Stop { task: Some(task?) }),
        }
    }
}

impl Aliases {
    fn add_to(&self, value: &mut Value) {
        value.add("message", self.message.as_deref());
        value.add("task", self.task.as_deref());
        value.add("ordinal", self.ordinal);
        value.add("text", self.text.as_deref());
    }

    /// Removes the aliases of the turn from a message and returns them. An empty task id counts as none.
    fn read(value: &mut Value) -> Self {
        Self {
            message: value.take_text("message"),
            task: value.take_text("task").filter(|task| !task.is_empty()),
            ordinal: value.take_count("ordinal"),
            text: value.take_text("text"),
        }
    }
}

impl From<&Place> for Value {
    fn from(place: &Place) -> Self {
        let mut value = Self::record();
        value.add("last", place.last.as_str());
        value.add("unnumbered", place.unnumbered);
        value.add("hash", place.hash.as_str());
        value
    }
}

impl From<Value> for Place {
    fn from(mut value: Value) -> Self {
        Self {
            last: value.take_text_or_empty("last"),
            unnumbered: value.take_count("unnumbered").unwrap_or_default(),
            hash: value.take_text_or_empty("hash"),
        }
    }
}

impl From<&Shown> for Value {
    fn from(shown: &Shown) -> Self {
        let mut value = Self::record();
        value.add("status", shown.status.name());
        value.add("attempt", shown.attempt);
        value.add("retry_at", shown.retry_at);
        value.add("patience", shown.patience);
        value
    }
}

impl From<Value> for Shown {
    fn from(mut value: Value) -> Self {
        Self {
            status: ShownStatus::named(&value.take_text_or_empty("status")),
            attempt: value.take_count("attempt").and_then(|attempt| attempt.try_into().ok()).unwrap_or_default(),
            retry_at: value.take_count("retry_at"),
            patience: value.take_count("patience").unwrap_or_default(),
        }
    }
}

impl From<&EndRecord> for Value {
    fn from(end: &EndRecord) -> Self {
        let mut value = Self::record();
        value.add("kind", end.kind.as_str());
        value.add("code", end.code.as_str());
        value.add("message", end.message.as_str());
        value.add("status", end.status.map(u32::from));
        value.add("retryable", end.retryable);
        value
    }
}

impl From<Value> for EndRecord {
    fn from(mut value: Value) -> Self {
        Self {
            kind: value.take_text_or_empty("kind"),
            code: value.take_text_or_empty("code"),
            message: value.take_text_or_empty("message"),
            status: value.take_count("status").and_then(|status| status.try_into().ok()),
            retryable: value.take_flag("retryable"),
        }
    }
}

/// Joins several frames into one text with offsets, because an object for each frame would cost more than its text. The member
/// `text` holds the data of all frames, and `ends` the end of each frame's data, in bytes of UTF-8. The member `ids` holds the ids
/// of the frames, each followed by a line feed. The line of a frame without an id is empty.
fn joined(frames: &[Frame]) -> Value {
    let (mut text, mut ids, mut ends) = (String::new(), String::new(), Vec::with_capacity(frames.len()));
    for (id, data) in frames {
        text.push_str(data);
        ends.push(text.len() as u64);
        ids.push_str(id.as_deref().unwrap_or_default());
        ids.push('\n');
    }
    let mut value = Value::record();
    value.add("text", text);
    value.add("ends", ends);
    value.add("ids", ids);
    value
}

/// Splits the value that [`joined`] makes into its frames. Returns `None` if the offsets do not fit the text,
/// or if the number of ids is not that of the frames.
fn split(mut value: Value) -> Option<Vec<Frame>> {
    let (text, ids) = (value.take_text_or_empty("text"), value.take_text_or_empty("ids"));
    let mut ids = ids.as_str();
    let mut start = 0;
    let mut frames = Vec::new();
    for end in value.take("ends").into_list() {
        let end = usize::try_from(end.count()?).ok()?;
        if ids.is_empty() {
            return None;
        }
        let (id, rest) = cut(ids, b'\n');
        frames.push(((!id.is_empty()).then(|| id.to_owned()), text.get(start..end)?.to_owned()));
        (start, ids) = (end, rest);
    }
    let is_whole = start == text.len() && ids.is_empty();
    is_whole.then_some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_json(message: &Message) -> Option<Message> {
        serde_json::from_str(&serde_json::to_string(message).ok()?).ok()
    }

    #[test]
    fn a_message_is_read_back() {
        let frames = vec![(Some("1-0".into()), "{\"é\":1}".into()), (None, String::new()), (None, "{}".into())];
        let place = Place::default();
        let shown = Shown { retry_at: Some(7), ..Shown::default() };
        let end = EndRecord { kind: "failed".into(), status: Some(500), ..EndRecord::default() };
        let (stream, task) = (String::from("a-1"), Some(String::from("t1")));
        let turn =
            Aliases { message: Some("m1".into()), task: task.clone(), ordinal: Some(3), text: Some("hi".into()) };
        let contents = [
            Content::Ask { stream: None, next: 0, asked: 5, turn: turn.clone() },
            Content::Recall { stream: stream.clone(), asked: 5 },
            Content::Owner { stream: stream.clone(), turn: turn.clone(), place: place.clone() },
            Content::State(Box::new(State {
                to: "b".into(),
                asked: 5,
                stream: stream.clone(),
                next: 2,
                turn,
                frames: frames.clone(),
                place,
                shown: shown.clone(),
            })),
            Content::Frames { stream: stream.clone(), number: 3, frames },
            Content::Shown { stream: stream.clone(), shown },
            Content::Alive { stream: stream.clone() },
            Content::End { stream, end },
            Content::Turn { turn: "{}".into() },
            Content::Stop { task },
        ];
        for content in contents {
            let message = Message::new("a", "s", 7, content);
            assert_eq!(through_json(&message), Some(message));
        }
    }

    #[test]
    fn a_stop_whose_task_is_no_id_is_no_message() {
        let stop = |task: &str| serde_json::from_str::<Message>(&format!(r#"{{"v":2,"kind":"stop"{task}}}"#)).ok();
        assert_eq!(stop("").map(|stop| stop.content), Some(Content::Stop { task: None }));
        assert_eq!((stop(r#","task":42"#), stop(r#","task":"""#)), (None, None));
    }

    #[test]
    fn anything_but_a_message_of_this_version_is_ignored() {
        let opened = |text: &str| serde_json::from_str::<Message>(text).ok();
        let good = serde_json::to_string(&Message::new("a", "s", 7, Content::Stop { task: None })).unwrap();
        assert!(opened(&good).is_some());
        assert_eq!(opened(&good.replace("\"v\":2", "\"v\":3")), None);
        assert_eq!(opened(&good.replace("stop", "new")), None);
        assert_eq!(opened("{}"), None);
    }

    #[test]
    fn frames_whose_offsets_do_not_fit_are_refused() {
        let frames = |ends: &[u64], ids: &str| {
            let mut value = Value::record();
            value.add("text", "é{}");
            value.add("ends", ends.to_vec());
            value.add("ids", ids);
            value
        };
        let good = frames(&[2, 4], "\n1-0\n");
        assert_eq!(joined(&[(None, "é".into()), (Some("1-0".into()), "{}".into())]), good);
        assert!(split(good).is_some());
        for ends in [vec![1, 4], vec![2], vec![2, 9], vec![4, 2], vec![2, 4, 4]] {
            assert_eq!(split(frames(&ends, "\n1-0\n")), None, "{ends:?}");
        }
        assert_eq!(split(frames(&[2, 4], "\n")), None);
    }
}
