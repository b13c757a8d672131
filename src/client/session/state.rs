//! Where a session's stream stands, what it is for, and what it shows. Data only; `mod.rs` says which part changes when.

use crate::client::io::{Attempt, Call, Millis, Outcome, SendRequest, Status, StreamError};
use crate::client::turn::{Arrival, Turn};
use crate::tabs::Follower;

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Post the message.
    Send,
    /// The task's stream after the cursor.
    Join,
    /// The session, to learn something.
    Look(Look),
    /// The task's status: its stream says that there is nothing more.
    Verify,
}

/// What a look at the session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Is a task running that could be resumed?
    Resume,
    /// What became of a message whose answer was lost?
    Sent,
    /// What became of a task whose record is gone?
    Lost,
    /// Which task keeps the session busy?
    Busy,
}

/// Where a stream stands.
#[derive(Debug)]
pub(super) enum State {
    /// There is none.
    Idle,
    /// A request is out and unanswered.
    Asking { attempt: Attempt, ask: Ask, since: Millis },
    /// A response is being read.
    Reading { attempt: Attempt, body: Body },
    /// The lock is wanted and the other tabs are asked before the first request.
    Electing { ask: Ask, until: Millis },
    /// Another tab has the connection.
    Following(Follower),
    /// The next request waits: until a time, or for the network or the page (`None`).
    Waiting { ask: Ask, until: Option<Millis> },
    /// The end was seen; its last rows are not delivered yet.
    Draining { outcome: Outcome, record: Record },
    /// It is over.
    Over(Outcome),
}

/// A response that is being read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) opened: Millis,
    /// Silence that is too long.
    pub(super) patience: Millis,
    /// The server's cadence, where it announced one.
    pub(super) heartbeat: Option<Millis>,
    /// When the present silence will have been too long.
    pub(super) silent_at: Millis,
    /// Set when the silence was too long: rejoined then, unless a byte comes first.
    pub(super) doubtful_until: Option<Millis>,
    pub(super) bytes: BodyBytes,
}

/// Whether a response's body has given anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyBytes {
    None,
    Some,
}

/// What to do with the saved task at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// It may be resumed later.
    Keep,
    /// There is nothing left to resume.
    Drop,
    /// It is another tab's.
    Leave,
}

/// What the stream is for.
#[derive(Debug, Default)]
pub(super) struct Goal {
    /// The message that started it, in this page.
    pub(super) sending: Option<Sending>,
    /// A turn that runs and is not that of the message: another tab gives it, or the session showed no trace of the message.
    pub(super) other: Option<Turn>,
    /// A task that was taken for the answer to that message, while several messages wait and nothing has confirmed it.
    pub(super) guess: Option<Turn>,
    /// How another tab's stream ended that was followed, while it is not known whether it answered that message.
    pub(super) followed: Option<Outcome>,
    pub(super) evidence: Evidence,
    /// The call whose message was refused, because the stream that is given ran already.
    pub(super) refused: Option<Call>,
    pub(super) purpose: Purpose,
    pub(super) exposure: Exposure,
    pub(super) started: Millis,
    pub(super) operation: String,
    pub(super) tool: String,
}

/// What is known of a task whose stream is gone.
#[derive(Debug, Default)]
pub(super) enum Evidence {
    /// Nothing.
    #[default]
    None,
    /// Only something that is not the backend says that it is not there.
    Hearsay,
    /// The backend does not know how it ended.
    NoStatus,
    /// The history has its answer, as the frames of a stream without their end; its status is asked for.
    Stored(Vec<String>),
}

/// Which answer the app waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An outcome.
    #[default]
    Outcome,
    /// An outcome, or none if there is nothing to resume.
    Resume,
}

/// Whether other tabs take part in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Exposure {
    /// They do.
    #[default]
    Shared,
    /// It begins at a cursor that only this page's app knows.
    Private,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) request: SendRequest,
    pub(super) call: Call,
    pub(super) fate: Fate,
    /// Its turn, which another tab's stream may take the place of for a while.
    pub(super) turn: Turn,
}

/// What is known of a message's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not sent, or surely refused.
    Unsent,
    /// The answer was lost: it may have arrived.
    Unknown,
    /// A stream was opened for it, and was lost before its first byte: it probably arrived. Browsers drop the bytes that
    /// nobody has read yet when a connection breaks.
    Opened,
    /// A byte of a 200 answer came: it is never sent again.
    Accepted,
}

impl Fate {
    /// Whether it may have arrived, and may not have.
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
    /// Nothing: no task can be running.
    Nothing,
    /// Cancel this task.
    Task(String),
    /// The message is on its way; its answer names the task.
    InFlight {
        /// Its request.
        attempt: Attempt,
        /// The id of the message.
        message: String,
    },
    /// A message may have arrived and started a task.
    Unknown {
        /// The id of the message, where it is known.
        message: Option<String>,
    },
    /// No stream is here: look whether the session runs one all the same.
    Elsewhere,
}

/// What a session shows (API.md, `StreamSnapshot`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// What the stream is doing.
    pub status: Status,
    /// The task, once known.
    pub task: Option<String>,
    /// Tries in a row without progress.
    pub attempt: u32,
    /// When the next request goes out, while it waits for a time.
    pub retry_at: Option<Millis>,
    /// Why it failed.
    pub error: Option<StreamError>,
    /// Whose connection it is.
    pub role: Role,
}

/// Whose connection feeds a session's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// This tab's.
    #[default]
    Owner,
    /// Another tab's.
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

    /// The server announced how often it shows that it lives; `patience` is what the app asked for, if it did.
    pub(super) fn note_heartbeat(&mut self, heartbeat: Millis, patience: Option<Millis>, now: Millis) {
        self.heartbeat = Some(heartbeat);
        self.patience = patience.unwrap_or(heartbeat * 3);
        self.silent_at = now.saturating_add(self.patience);
    }

    pub(super) fn is_silent(&self, now: Millis) -> bool {
        now >= self.silent_at
    }

    /// Whether it has lived for longer than a dead one is waited for: then its end is a new misfortune.
    pub(super) fn is_healthy(&self, now: Millis) -> bool {
        now.saturating_sub(self.opened) > self.patience
    }

    pub(super) fn deadline(&self) -> Millis {
        self.doubtful_until.unwrap_or(self.silent_at)
    }

    /// The network was away: a stream that lives shows it within one announced heartbeat.
    pub(super) fn expect_soon(&mut self, now: Millis) {
        if let Some(heartbeat) = self.heartbeat {
            self.silent_at = self.silent_at.min(now.saturating_add(heartbeat));
        }
    }
}
