//! The form in which messages travel between tabs: a flat object that the browser clones. A received object may have any content.

use serde::{Deserialize, Serialize};

use super::message::{Aliases, Content, EndRecord, Message, Place, Shown, State};
use crate::stream::Millis;
use crate::stream::reader::Frame;

/// The version of the messages. Tabs of other versions do not read them and have streams of their own.
const VERSION: u32 = 2;

/// A message between tabs. Each kind of content has some of the optional members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope {
    v: u32,
    from: String,
    session: String,
    epoch: u64,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordinal: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<Frames>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<EndRecord>,
}

/// Several frames as one text with offsets. An object for each frame would cost more than its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Frames {
    /// The data of all frames.
    text: String,
    /// The end of each frame's data, in bytes of UTF-8.
    ends: Vec<u32>,
    /// The ids of the frames, each followed by a line feed. The line of a frame without an id is empty.
    ids: String,
}

impl From<Message> for Envelope {
    fn from(message: Message) -> Self {
        let Message { from, session, epoch, content } = message;
        Self { v: VERSION, from, session, epoch, ..content.into_envelope() }
    }
}

impl Message {
    /// Reads a message of another tab. Returns `None` if it is no valid message of this version.
    #[must_use]
    pub fn open(envelope: Envelope) -> Option<Self> {
        if envelope.v != VERSION {
            return None;
        }
        let (from, session, epoch) = (envelope.from.clone(), envelope.session.clone(), envelope.epoch);
        Some(Self { from, session, epoch, content: Content::of_envelope(envelope)? })
    }
}

impl Envelope {
    fn with_turn(self, turn: Aliases) -> Self {
        let Aliases { message, task, ordinal, text } = turn;
        Self { message, task, ordinal, text, ..self }
    }

    /// Returns the aliases of the turn. An empty task id counts as none.
    fn turn(&self) -> Aliases {
        Aliases {
            message: self.message.clone(),
            task: self.task.clone().filter(|task| !task.is_empty()),
            ordinal: self.ordinal,
            text: self.text.clone(),
        }
    }
}

impl Content {
    fn into_envelope(self) -> Envelope {
        let of = |kind: &str| Envelope { kind: kind.to_owned(), ..Envelope::default() };
        match self {
            Self::Ask { stream, next, asked, turn } => {
                Envelope { stream, number: Some(next), asked: Some(asked), ..of("ask") }.with_turn(turn)
            }
            Self::Recall { stream, asked } => Envelope { stream: Some(stream), asked: Some(asked), ..of("recall") },
            Self::Owner { stream, turn, place } => {
                Envelope { stream: Some(stream), place: Some(place), ..of("owner") }.with_turn(turn)
            }
            Self::State(state) => {
                let State { to, asked, stream, next, turn, frames, place, shown } = *state;
                let envelope = Envelope {
                    to: Some(to),
                    asked: Some(asked),
                    stream: Some(stream),
                    number: Some(next),
                    frames: Some(Frames::join(&frames)),
                    place: Some(place),
                    shown: Some(shown),
                    ..of("state")
                };
                envelope.with_turn(turn)
            }
            Self::Frames { stream, number, frames } => Envelope {
                stream: Some(stream),
                number: Some(number),
                frames: Some(Frames::join(&frames)),
                ..of("frames")
            },
            Self::Shown { stream, shown } => Envelope { stream: Some(stream), shown: Some(shown), ..of("shown") },
            Self::Alive { stream } => Envelope { stream: Some(stream), ..of("alive") },
            Self::End { stream, end } => Envelope { stream: Some(stream), end: Some(end), ..of("end") },
            Self::Turn { turn } => Envelope { text: Some(turn), ..of("turn") },
            Self::Stop { task } => Envelope { task, ..of("stop") },
        }
    }

    fn of_envelope(envelope: Envelope) -> Option<Self> {
        let turn = envelope.turn();
        let Envelope { kind, stream, task, text, asked, to, number, frames, place, shown, end, .. } = envelope;
        let asked = asked.unwrap_or_default();
        Some(match kind.as_str() {
            "ask" => Self::Ask { stream, next: number.unwrap_or_default(), asked, turn },
            "recall" => Self::Recall { stream: stream?, asked },
            "owner" => Self::Owner { stream: stream?, turn, place: place.unwrap_or_default() },
            "state" => Self::State(Box::new(State {
                to: to?,
                asked,
                stream: stream?,
                next: number?,
                turn,
                frames: frames?.split()?,
                place: place?,
                shown: shown?,
            })),
            "frames" => Self::Frames { stream: stream?, number: number?, frames: frames?.split()? },
            "shown" => Self::Shown { stream: stream?, shown: shown? },
            "alive" => Self::Alive { stream: stream? },
            "end" => Self::End { stream: stream?, end: end? },
            "turn" => Self::Turn { turn: text? },
            "stop" => Self::Stop { task },
            _ => return None,
        })
    }
}

impl Frames {
    fn join(frames: &[Frame]) -> Self {
        let mut joined = Self::default();
        for (id, data) in frames {
            joined.text.push_str(data);
            joined.ends.push(u32::try_from(joined.text.len()).unwrap_or(u32::MAX));
            joined.ids.push_str(id.as_deref().unwrap_or_default());
            joined.ids.push('\n');
        }
        joined
    }

    fn split(&self) -> Option<Vec<Frame>> {
        let mut ids = self.ids.split_terminator('\n');
        let mut start = 0;
        let mut frames = Vec::with_capacity(self.ends.len());
        for end in &self.ends {
            let end = usize::try_from(*end).ok()?;
            let (id, data) = (ids.next()?, self.text.get(start..end)?);
            frames.push(((!id.is_empty()).then(|| id.to_owned()), data.to_owned()));
            start = end;
        }
        let is_whole = start == self.text.len() && ids.next().is_none();
        is_whole.then_some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_json(envelope: &Envelope) -> Option<Message> {
        Message::open(serde_json::from_str(&serde_json::to_string(envelope).ok()?).ok()?)
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
            assert_eq!(through_json(&Envelope::from(message.clone())), Some(message));
        }
    }

    #[test]
    fn anything_but_a_message_of_this_version_is_ignored() {
        let good = Envelope::from(Message::new("a", "s", 7, Content::Stop { task: None }));
        assert_eq!(Message::open(Envelope { v: VERSION + 1, ..good.clone() }), None);
        assert_eq!(Message::open(Envelope { kind: "new".into(), ..good }), None);
        assert_eq!(Message::open(Envelope::default()), None);
    }

    #[test]
    fn frames_whose_offsets_do_not_fit_are_refused() {
        let good = Frames::join(&[(None, "é".into()), (Some("1-0".into()), "{}".into())]);
        assert!(good.split().is_some());
        for ends in [vec![1, 4], vec![2], vec![2, 9], vec![4, 2], vec![2, 4, 4]] {
            assert_eq!(Frames { ends: ends.clone(), ..good.clone() }.split(), None, "{ends:?}");
        }
        assert_eq!(Frames { ids: "\n".into(), ..good }.split(), None);
    }
}
