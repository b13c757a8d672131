//! The contract between the core, which decides, and a shell, which acts: inputs and effects.
//!
//! # For the shell
//! 1. Call [`Client::handle`](crate::client::Client::handle) with one [`Input`] and the time.
//! 2. **Then drain** [`Client::poll`](crate::client::Client::poll): carry out each [`Effect`] in order until it returns `None`.
//! 3. Arm one timer for [`Client::deadline`](crate::client::Client::deadline). When it fires, pass [`Input::Timeout`].
//!
//! While an effect is carried out, the shell does not call the core. The result of an effect is a later input.

use crate::persist::{SavedTask, Stored};
use crate::protocol::body::Body;
pub use crate::protocol::head::{Head, Redirect, RetryAfter};
pub use crate::protocol::request::{Author, Replay, Request, SendRequest, Trigger};
pub use crate::stream::Millis;
pub use crate::stream::batch::Urgency;
use crate::stream::cursor::EventId;
pub use crate::stream::error::{Recovery, StreamError};
pub use crate::stream::metrics::Metrics;
pub use crate::stream::reader::Operation;
pub use crate::tabs::LockMode;
use crate::tabs::Message;

/// The number of a request, by which the core recognises inputs of requests that it no longer waits for. It is never used twice.
pub type Attempt = u32;

/// The number of a pending call of the app (a promise). The shell chooses it and never uses it twice.
pub type Call = u32;

/// An event that the shell reports to the core.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a value lives for one call, and a box would cost an allocation")]
pub enum Input<'a> {
    /// `startStream`.
    Start {
        /// The session's id.
        session: &'a str,
        /// The call that the outcome resolves.
        call: Call,
        /// The message to send.
        request: SendRequest,
    },
    /// `reconnectToTask`.
    Rejoin {
        /// The session's id.
        session: &'a str,
        /// The call that the outcome resolves.
        call: Call,
        /// Task id.
        task: &'a str,
        /// The cursor: the events after it are delivered. `None` means all events.
        after: Option<EventId>,
    },
    /// `resumeSession`.
    Resume {
        /// The session's id.
        session: &'a str,
        /// The call that the outcome resolves. If there is nothing to resume, it resolves with `None`.
        call: Call,
    },
    /// `stopStream`.
    Stop {
        /// The session's id.
        session: &'a str,
        /// The call that is resolved, with `None`, when the server has acknowledged the stop.
        call: Call,
    },
    /// `detachStream`.
    Detach {
        /// The session's id.
        session: &'a str,
    },
    /// The response to `loadSession` contained a session.
    Loaded {
        /// The session's id.
        session: &'a str,
        /// The value of [`Client::mark`](crate::client::Client::mark) when the request was sent.
        mark: u32,
        /// The session.
        body: &'a Body,
    },
    /// `forget` of a session without listeners: its stream is detached and its state dropped. Its saved task is kept.
    Forget {
        /// The session's id.
        session: &'a str,
    },
    /// `close`: all streams are detached and all calls resolved. Nothing happens after it.
    Close,
    /// Every listener has got the rows of the last [`Client::take_batch`](crate::client::Client::take_batch).
    Delivered {
        /// The session's id.
        session: &'a str,
    },
    /// The response to a streaming request has status 200 and is an event stream. Its bytes follow.
    Opened {
        /// The number of the request.
        attempt: Attempt,
        /// The status and the headers.
        head: Head<'a>,
    },
    /// Bytes of an opened stream.
    Bytes {
        /// The number of the request.
        attempt: Attempt,
        /// The bytes, which may be split anywhere.
        bytes: &'a [u8],
    },
    /// An opened stream has ended without an error.
    Ended {
        /// The number of the request.
        attempt: Attempt,
    },
    /// Any other response: all responses to requests for JSON, and those to streaming requests that are no event streams.
    Answered {
        /// The number of the request.
        attempt: Attempt,
        /// The status and the headers.
        head: Head<'a>,
        /// The body, if it is a JSON object. Of a response to a streaming request, at most 64 KiB are read.
        body: Option<&'a Body>,
    },
    /// A request failed without a response, or an opened stream broke.
    Failed {
        /// The number of the request.
        attempt: Attempt,
        /// The reason.
        failure: Failure,
    },
    /// The deadline has passed.
    Timeout,
    /// The page went online or offline.
    Network(Network),
    /// The page was hidden, shown, left or restored.
    Page(Page),
    /// The content of the storage under one of the client's keys, which may be nothing. The shell passes it at start-up, after a
    /// `storage` event, and before a call that continues the saved task.
    Stored {
        /// The storage key.
        key: &'a str,
        /// Its content.
        value: Stored,
    },
    /// The shell has passed everything that the storage held at start-up.
    Restored,
    /// The app shows this session, so it has to get the streams that other tabs begin.
    Watch {
        /// The session's id.
        session: &'a str,
    },
    /// Another tab of this browser posted a message.
    Tab {
        /// The message, which is untrusted.
        message: Message,
    },
    /// The browser granted the lock that [`Effect::Lock`] requested. Pass [`Input::Stored`] of the session's record before.
    Locked {
        /// The session's id.
        session: &'a str,
    },
    /// Another tab took the lock of this session.
    LockLost {
        /// The session's id.
        session: &'a str,
    },
    /// The browser refuses locks or channels to this page. From now on it shares no streams.
    Alone,
}

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `fetch` rejected, or the body broke: connection lost or refused, DNS, CORS. A script cannot distinguish these.
    Network(String),
    /// The app's `headers` callback threw or rejected.
    Headers(String),
    /// The app's `prepareRequest` threw or rejected.
    Prepare(String),
    /// The request is invalid, for example its base URL.
    InvalidUrl(String),
}

/// Whether the page is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The page went online.
    Online,
    /// The page went offline. No requests are sent until it is online again.
    Offline,
}

/// A change in the life of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The page became visible or was resumed from a freeze.
    Shown,
    /// The page was hidden. Streams go on, and cursors are saved at once.
    Hidden,
    /// `pagehide` or `freeze`: streams are closed, so that the page may enter the back-forward cache.
    Left,
    /// `pageshow` from the back-forward cache, or `resume`: the closed streams are joined again.
    Returned,
}

/// The reason for which the app's `headers` function is called (API.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// To send a message.
    Send,
    /// To join a stream, read a session or a task, or cancel a task.
    Resume,
    /// To repeat a request after a 401.
    Unauthorized,
}

/// An action that the shell has to carry out.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a value lives for one call, and a box would cost an allocation")]
pub enum Effect {
    /// A new stream of the session begins, so its transcript starts over. The shell does not have to notify the app.
    Began {
        /// The session's id.
        session: String,
    },
    /// Send a request.
    Open {
        /// The number of the request, for all inputs about it.
        attempt: Attempt,
        /// The request.
        request: Request,
        /// The reason for the app's `headers` function.
        why: Why,
    },
    /// Cancel a request. Inputs about it no longer count.
    Abort {
        /// The number of the request.
        attempt: Attempt,
    },
    /// Rows wait. Take them with [`Client::take_batch`](crate::client::Client::take_batch) at the time that `urgency` says, pass
    /// them to the listeners, then pass [`Input::Delivered`].
    Deliver {
        /// The session's id.
        session: String,
        /// When to deliver them.
        urgency: Urgency,
    },
    /// The snapshot of a session has changed: its status, attempt, retry time, error or saved task.
    Changed {
        /// The session's id.
        session: String,
    },
    /// Write a record to the storage.
    Save {
        /// The storage key.
        key: String,
        /// The record.
        value: SavedTask,
    },
    /// Remove a record from the storage.
    Remove {
        /// The storage key.
        key: String,
    },
    /// Request the lock of a session. The name of the lock is the session's storage key. The grant is reported as
    /// [`Input::Locked`].
    Lock {
        /// The session's id.
        session: String,
        /// How to request it.
        mode: LockMode,
    },
    /// Release the lock of a session, or withdraw the request for it. No inputs about it follow.
    Unlock {
        /// The session's id.
        session: String,
    },
    /// Post a message to the other tabs.
    Post {
        /// The message.
        message: Message,
    },
    /// Resolve calls of the app.
    Resolve {
        /// The calls, at least one.
        calls: Vec<Call>,
        /// The outcome. `None` resolves with `null` or `undefined`.
        outcome: Option<Outcome>,
    },
    /// A backend accepted a message (`onTurn`).
    Turn {
        /// The session's id.
        session: String,
        /// The description that the app of the sending tab passed, as JSON text. It is untrusted if it came from another tab.
        turn: String,
        /// Which tab sent the message.
        from: Sender,
    },
    /// A stream has ended (`onStreamComplete`). All its rows were delivered before.
    Ended {
        /// The session's id.
        session: String,
        /// The outcome.
        outcome: Outcome,
    },
}

/// How a stream ended for the app (API.md, `StreamOutcome`).
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The kind of the outcome.
    pub kind: OutcomeKind,
    /// The task, if its id is known.
    pub task: Option<String>,
    /// `finishReason` of the `finish` chunk.
    pub finish_reason: Option<String>,
    /// Whether the task's log lacked the beginning of the answer.
    pub truncated: bool,
    /// The operation that goes on in a task of its own.
    pub operation: Option<Operation>,
    /// Whether the stream of another message's task was joined instead of sending this message.
    pub origin: Origin,
    /// The error of a `Failed` outcome. An `Expired` one may have one as well.
    pub error: Option<StreamError>,
}

/// Which tab sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// This tab.
    Here,
    /// Another tab.
    Tab,
}

/// Which task a stream belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The task that was asked for.
    #[default]
    Own,
    /// A task that was running already, so that the message was not sent (409).
    Joined,
}

/// The kinds of outcomes (API.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The stream contained the end of the answer.
    Finished,
    /// The task was cancelled, by the app or with an `abort` chunk.
    Stopped,
    /// The stream contained an `error` chunk, or it could not be continued.
    Failed,
    /// The server has no record of the task, and the session has no answer.
    Expired,
    /// The stream was detached, its client closed, or another stream of the session took its place.
    Superseded,
}

impl OutcomeKind {
    /// Returns the kind as API.md writes it (`StreamOutcome`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

/// The status of a session's stream (API.md, `StreamStatus`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// The session has had no stream yet.
    #[default]
    Idle,
    /// A request was sent and not answered yet.
    Connecting,
    /// Bytes arrive.
    Streaming,
    /// No byte has arrived for longer than the stall timeout.
    Stalled,
    /// The connection was lost. The stream will be joined again.
    Reconnecting,
    /// The answer is complete.
    Completed,
    /// The answer was cancelled.
    Stopped,
    /// The stream failed or its task has expired.
    Error,
}

/// The settings of a client (API.md, `createChatStreams`), validated and clamped. All times are in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `storageKey`.
    pub storage_key: String,
    /// `userKey`, or empty if the app passes none.
    pub user_key: String,
    /// `taskTtlMs`.
    pub task_ttl: Millis,
    /// `retry.initialDelayMs`.
    pub initial_delay: Millis,
    /// `retry.maxDelayMs`.
    pub max_delay: Millis,
    /// `retry.maxRetries`.
    pub max_retries: Option<u32>,
    /// `retry.windowMs`.
    pub window: Millis,
    /// `retry.repost`.
    pub repost: Repost,
    /// `stallTimeoutMs`, if the app passes it.
    pub stall_timeout: Option<Millis>,
    /// The seed of the random numbers for jitter.
    pub seed: u64,
    /// The name of this tab. `None` if the browser has no locks or channels, or if the app switched `crossTab` off.
    pub tab: Option<String>,
}

/// Whether a message may be posted again after a failure (API.md, `retry.repost`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repost {
    /// It may, with the same `messageId`, as long as no byte of its answer has arrived.
    #[default]
    SameId,
    /// It may not, because the backend cannot recognise a repeat.
    Never,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            storage_key: "chat_active_tasks".into(),
            user_key: String::new(),
            task_ttl: 3_600_000,
            initial_delay: 1_000,
            max_delay: 30_000,
            max_retries: None,
            window: 600_000,
            repost: Repost::SameId,
            stall_timeout: None,
            seed: 0,
            tab: None,
        }
    }
}
