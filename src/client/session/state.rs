//! The state of a session's stream, its goal, and its snapshot. This file contains data only. `mod.rs` lists which file changes
//! which part.

use crate::client::io::{Attempt, Call, Millis, Outcome, SendRequest, Status, StreamError};
use crate::client::turn::{Arrival, Turn};
use crate::tabs::Follower;

/// A request to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Post the message.
    Send,
    /// Join the task's stream after the cursor.
    Join,
    /// Read the session.
    Look(Look),
    /// Read the task's status, because its stream says that nothing more follows.
    Verify,
}

/// Why the session is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The page has sent no message, so the client looks for a running task to resume.
    Resume,
    /// It is unknown whether a message has arrived, so the client looks for it.
    Sent,
    /// The server no longer knows the task, so the client looks for its stored answer.
    Lost,
    /// The server refused a message because the session is busy, so the client looks for the task that runs.
    Busy,
}

/// The state of a stream.
#[derive(Debug)]
pub(super) enum State {
    /// There is no stream.
    Idle,
    /// A request was sent and not answered yet.
    Asking { attempt: Attempt, ask: Ask, since: Millis },
    /// A response is being read.
    Reading { attempt: Attempt, body: Body },
    /// The lock is requested and the other tabs are asked, before the first request.
    Electing { ask: Ask, until: Millis },
    /// Another tab has the connection.
    Following(Follower),
    /// The next request waits for a time, or for the network or the page (`None`).
    Waiting { ask: Ask, until: Option<Millis> },
    /// The stream has ended, and its last rows are not delivered yet.
    Draining { outcome: Outcome, record: Record },
    /// The stream has ended.
    Over(Outcome),
}

/// A response that is being read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) opened: Millis,
    /// The silence after which the connection is doubted, in milliseconds.
    pub(super) patience: Millis,
    /// The heartbeat interval that the server announced.
    pub(super) heartbeat: Option<Millis>,
    /// When the current silence becomes too long.
    pub(super) silent_at: Millis,
    /// Set while the connection is doubted: it is given up at this time unless a byte arrives.
    pub(super) doubtful_until: Option<Millis>,
    pub(super) bytes: BodyBytes,
}

/// Whether a response has contained any byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyBytes {
    None,
    Some,
}

/// What happens to the saved task at the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// The record stays, because the task may be resumed later.
    Keep,
    /// The record is removed, because nothing is left to resume.
    Drop,
    /// The record stays as it is, because it belongs to another tab or was settled before.
    Leave,
}

/// The goal of a stream.
#[derive(Debug, Default)]
pub(super) struct Goal {
    /// The message of this page that started it.
    pub(super) sending: Option<Sending>,
    /// A running turn that is not the one of the message: another tab streams it, or the session does not contain the message.
    pub(super) other: Option<Turn>,
    /// A task that may be the answer to the message, while several messages are possible and nothing has confirmed it.
    pub(super) guess: Option<Turn>,
    /// The outcome of another tab's stream that was followed, while it is unknown whether it answered the message.
    pub(super) followed: Option<Outcome>,
    pub(super) evidence: Evidence,
    /// The call whose message was refused because the joined stream was running already.
    pub(super) refused: Option<Call>,
    pub(super) purpose: Purpose,
    pub(super) exposure: Exposure,
    pub(super) started: Millis,
    pub(super) operation: String,
    pub(super) tool: String,
}

/// What is known of a task whose stream the server no longer has.
#[derive(Debug, Default)]
pub(super) enum Evidence {
    /// Nothing.
    #[default]
    None,
    /// A response that may come from a proxy says that the task is gone.
    Unproven,
    /// The backend does not know how the task ended.
    NoStatus,
    /// The history has the answer, here as frames of a stream without an end. The task's status is requested.
    Stored(Vec<String>),
}

/// The result that the app waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The app waits for the stream's outcome.
    #[default]
    Outcome,
    /// The app waits for the outcome of a running task that is resumed, or for the result that no task runs.
    Resume,
}

/// Whether other tabs take part in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Exposure {
    /// They take part.
    #[default]
    Shared,
    /// They do not, because the stream begins at a cursor that only the app of this page knows.
    Private,
}

/// A message that was sent or has to be sent.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) request: SendRequest,
    pub(super) call: Call,
    pub(super) fate: Fate,
    /// Its turn. Another tab's stream may be the current one for a while.
    pub(super) turn: Turn,
}

/// Whether a message has arrived at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not sent, or it was certainly refused.
    Unsent,
    /// It may have arrived, because the response was lost.
    Unknown,
    /// It has probably arrived: its stream was opened but lost before the first byte. Browsers drop unread bytes when a
    /// connection breaks.
    Opened,
    /// It has arrived, because a byte of its stream was received. It is never sent again.
    Accepted,
}

impl Fate {
    /// Returns whether it is unknown if the message has arrived.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Unknown | Self::Opened)
    }

    pub(super) fn arrival(self) -> Arrival {
        match self {
            Self::Accepted => Arrival::Certain,
            Self::Opened => Arrival::Probable,
            Self::Unsent | Self::Unknown => Arrival::Uncertain,
        }
    }
}

/// What a stop leaves for the canceller to do.
#[derive(Debug)]
pub enum Leftover {
    /// Nothing, because no task can be running.
    Nothing,
    /// Cancel this task.
    Task(String),
    /// Wait for the response to the message, which names its task.
    InFlight {
        /// The attempt number of the message's request.
        attempt: Attempt,
        /// The id of the message.
        message: String,
    },
    /// Find out whether a message has arrived and started a task.
    Unknown {
        /// The id of the message, if it is known.
        message: Option<String>,
    },
    /// Read the session for a running task, because this client has no stream of it.
    Elsewhere,
}

/// The snapshot of a session (API.md, `StreamSnapshot`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The status of the stream.
    pub status: Status,
    /// The task, if its id is known.
    pub task: Option<String>,
    /// The number of tries since the last progress.
    pub attempt: u32,
    /// When the next request will be sent, if it waits for a time.
    pub retry_at: Option<Millis>,
    /// The error of a stream that failed.
    pub error: Option<StreamError>,
    /// Which tab has the connection.
    pub role: Role,
}

/// Which tab has the connection of a session's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// This tab.
    #[default]
    Owner,
    /// Another tab.
    Follower,
}

impl Body {
    pub(super) fn new(now: Millis, patience: Millis) -> Self {
        let silent_at = now.saturating_add(patience);
        Self { opened: now, patience, heartbeat: None, silent_at, doubtful_until: None, bytes: BodyBytes::None }
    }

    pub(super) fn note_bytes(&mut self, now: Millis) {
        self.silent_at = now.saturating_add(self.patience);
        self.doubtful_until = None;
        self.bytes = BodyBytes::Some;
    }

    /// Takes the heartbeat interval that the server announced. `patience` is the stall timeout of the app, if it has set one.
    pub(super) fn note_heartbeat(&mut self, heartbeat: Millis, patience: Option<Millis>, now: Millis) {
        self.heartbeat = Some(heartbeat);
        self.patience = patience.unwrap_or(heartbeat * 3);
        self.silent_at = now.saturating_add(self.patience);
    }

    pub(super) fn is_silent(&self, now: Millis) -> bool {
        now >= self.silent_at
    }

    /// Returns whether the connection has lived for longer than a dead one is tolerated. Its end then counts as a new failure.
    pub(super) fn is_healthy(&self, now: Millis) -> bool {
        now.saturating_sub(self.opened) > self.patience
    }

    pub(super) fn deadline(&self) -> Millis {
        self.doubtful_until.unwrap_or(self.silent_at)
    }

    /// Expects a byte within one heartbeat, because the network was away and the connection may be lost.
    pub(super) fn expect_soon(&mut self, now: Millis) {
        if let Some(heartbeat) = self.heartbeat {
            self.silent_at = self.silent_at.min(now.saturating_add(heartbeat));
        }
    }
}
