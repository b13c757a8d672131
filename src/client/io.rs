//! What goes into the core and what comes out of it: the whole contract between the deciding core and a shell that acts.
//!
//! # For the shell
//! 1. Call [`Client::handle`](crate::client::Client::handle) with one [`Input`] and the time.
//! 2. **Then drain** [`Client::poll`](crate::client::Client::poll) until it is empty, carrying out each [`Effect`] in order.
//! 3. Arm one timer for [`Client::deadline`](crate::client::Client::deadline); when it fires, hand in [`Input::Timeout`].
//!
//! No effect is ever carried out by calling back into the core from within the drain: its answer is a later input.

use crate::persist::{Entry, Stored};
use crate::protocol::body::Body;
pub use crate::protocol::head::{Head, Redirect, RetryAfter};
pub use crate::protocol::request::{Author, Replay, Request, SendRequest, Trigger};
pub use crate::stream::Millis;
pub use crate::stream::batch::Urgency;
use crate::stream::cursor::EventId;
pub use crate::stream::error::{Recovery, StreamError};
pub use crate::stream::metrics::Metrics;
pub use crate::stream::reader::Operation;
use crate::tabs::Envelope;
pub use crate::tabs::LockMode;

/// Names one request, so that an answer that comes after its time is known as such. Never used twice.
pub type Attempt = u32;

/// Names one pending call of the app (a promise). Given by the shell, never used twice.
pub type Call = u32;

/// What the core is told.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a value lives for one call, and a box would cost an allocation")]
pub enum Input<'a> {
    /// `startStream`.
    Start {
        /// Session id.
        session: &'a str,
        /// Resolved by the outcome.
        call: Call,
        /// What to send.
        request: SendRequest,
    },
    /// `reconnectToTask`.
    Rejoin {
        /// Session id.
        session: &'a str,
        /// Resolved by the outcome.
        call: Call,
        /// Task id.
        task: &'a str,
        /// Deliver what comes after this; `None`: everything.
        after: Option<EventId>,
    },
    /// `resumeSession`.
    Resume {
        /// Session id.
        session: &'a str,
        /// Resolved by the outcome, or by none.
        call: Call,
    },
    /// `stopStream`.
    Stop {
        /// Session id.
        session: &'a str,
        /// Resolved (by none) when the server has acknowledged.
        call: Call,
    },
    /// `detachStream`.
    Detach {
        /// Session id.
        session: &'a str,
    },
    /// `loadSession` was answered with a session.
    Loaded {
        /// Session id.
        session: &'a str,
        /// What [`Client::mark`](crate::client::Client::mark) was when it was asked.
        mark: u32,
        /// The session.
        body: &'a Body,
    },
    /// `forget`, of a session that nobody listens to: its stream is let go, and what is known of it. Its saved task stays.
    Forget {
        /// Session id.
        session: &'a str,
    },
    /// `close`: every stream is let go, every call resolved; nothing happens afterwards.
    Close,
    /// What [`Client::take_batch`](crate::client::Client::take_batch) gave last has reached every listener.
    Delivered {
        /// Session id.
        session: &'a str,
    },
    /// A streaming request was answered 200 with an event stream; its bytes follow.
    Opened {
        /// Of which request.
        attempt: Attempt,
        /// Status and headers.
        head: Head<'a>,
    },
    /// Bytes of an opened stream.
    Bytes {
        /// Of which request.
        attempt: Attempt,
        /// As they came, split anywhere.
        bytes: &'a [u8],
    },
    /// An opened stream reached its end of file.
    Ended {
        /// Of which request.
        attempt: Attempt,
    },
    /// Any other answer: every status of a probe, and whatever is no event stream of a streaming request.
    Answered {
        /// Of which request.
        attempt: Attempt,
        /// Status and headers.
        head: Head<'a>,
        /// The body, where it is a JSON object; of a streaming request at most its first 64 KiB are read.
        body: Option<&'a Body>,
    },
    /// A request ended without an answer, or an opened stream broke.
    Failed {
        /// Of which request.
        attempt: Attempt,
        /// Why.
        failure: Failure,
    },
    /// The deadline has come.
    Timeout,
    /// The network came or went.
    Network(Network),
    /// The page's life changed.
    Page(Page),
    /// What the storage holds under one of our keys, or that it holds nothing there any more: at start-up, at a
    /// `storage` event, and freshly before a call that reads the saved task.
    Stored {
        /// The whole storage key.
        key: &'a str,
        /// What is there.
        value: Stored,
    },
    /// Everything that the storage held at start-up has been handed in.
    Restored,
    /// The app shows this session: it hears of streams that other tabs begin.
    Watch {
        /// Session id.
        session: &'a str,
    },
    /// Another tab of this browser posted.
    Tab {
        /// As it came; untrusted.
        message: Envelope,
    },
    /// The lock that [`Effect::Lock`] asked for is held. Hand in [`Input::Stored`] of the session's record first.
    Locked {
        /// Session id.
        session: &'a str,
    },
    /// A lock that was held was taken away by another tab.
    LockLost {
        /// Session id.
        session: &'a str,
    },
    /// The browser refuses locks or channels to this page: from now on it keeps streams of its own.
    Alone,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `fetch` rejected, or the body broke: reset, refused, DNS, CORS; a script cannot tell which.
    Network(String),
    /// The app's `headers` callback threw or rejected.
    Headers(String),
    /// The app's `prepareRequest` threw or rejected.
    Prepare(String),
    /// The request cannot be made at all, e.g. an invalid base URL.
    InvalidUrl(String),
}

/// What the browser says of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// `online`.
    Online,
    /// `offline`: nothing is asked until it is back.
    Offline,
}

/// What the browser says of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Visible, or resumed from a freeze.
    Shown,
    /// Hidden: streams are kept, cursors saved at once.
    Hidden,
    /// `pagehide`, `freeze`: streams are let go, so that the page may enter the back-forward cache.
    Left,
    /// `pageshow` from the back-forward cache, `resume`: streams that were let go are rejoined.
    Returned,
}

/// For what `headers` are asked (API.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A message is sent.
    Send,
    /// A stream is joined, a session or task looked at, a task cancelled.
    Resume,
    /// The last answer was 401.
    Unauthorized,
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a value lives for one call, and a box would cost an allocation")]
pub enum Effect {
    /// A new stream of the session begins: its transcript starts over. Nobody needs to be told.
    Began {
        /// Session id.
        session: String,
    },
    /// Make a request.
    Open {
        /// Its name in every answer.
        attempt: Attempt,
        /// What to ask.
        request: Request,
        /// What to ask headers for.
        why: Why,
    },
    /// Give up a request; nothing more comes of it.
    Abort {
        /// Which.
        attempt: Attempt,
    },
    /// Chunks wait: take them with [`Client::take_batch`](crate::client::Client::take_batch) when the app's delivery
    /// rule says so, hand them to the listeners, then hand in [`Input::Delivered`].
    Deliver {
        /// Session id.
        session: String,
        /// When.
        urgency: Urgency,
    },
    /// Status, attempt, retry time, error or saved task of a session changed.
    Changed {
        /// Session id.
        session: String,
    },
    /// Write to the storage.
    Save {
        /// The whole key.
        key: String,
        /// The record.
        value: Entry,
    },
    /// Remove from the storage.
    Remove {
        /// The whole key.
        key: String,
    },
    /// Ask for the lock of a session, whose name is the session's storage key. Granted: [`Input::Locked`].
    Lock {
        /// Session id.
        session: String,
        /// How.
        mode: LockMode,
    },
    /// Give the lock back, or no longer wait for it. Nothing comes of it afterwards.
    Unlock {
        /// Session id.
        session: String,
    },
    /// Tell the other tabs.
    Post {
        /// What to tell them.
        message: Envelope,
    },
    /// Resolve calls of the app.
    Resolve {
        /// Which, never empty.
        calls: Vec<Call>,
        /// With what; `None` is `null` or `undefined`.
        outcome: Option<Outcome>,
    },
    /// A backend took a message (`onTurn`).
    Turn {
        /// Session id.
        session: String,
        /// What the app of the sending tab said of it, as JSON text. Another tab's is untrusted.
        turn: String,
        /// Which tab sent it.
        from: Sender,
    },
    /// A stream reached its outcome (`onStreamComplete`). Comes after the delivery of its last chunk.
    Ended {
        /// Session id.
        session: String,
        /// How.
        outcome: Outcome,
    },
}

/// How a stream ended for the app (API.md, `StreamOutcome`).
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The verdict.
    pub kind: OutcomeKind,
    /// The task, where known.
    pub task: Option<String>,
    /// `finishReason` of the `finish` chunk.
    pub finish_reason: Option<String>,
    /// The beginning of the answer was missing from the task's log.
    pub truncated: bool,
    /// The operation that goes on in a task of its own.
    pub operation: Option<Operation>,
    /// Set when the stream of another message's task was joined instead of sending.
    pub origin: Origin,
    /// Why, for `Failed` and where known for `Expired`.
    pub error: Option<StreamError>,
}

/// Which tab sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// This one.
    Here,
    /// Another one.
    Tab,
}

/// Whose task a stream shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The one that was asked for.
    #[default]
    Own,
    /// One that was running already: the message was not sent (409).
    Joined,
}

/// The verdicts of API.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// A real end was seen.
    Finished,
    /// Cancelled, or `abort`.
    Stopped,
    /// An `error` chunk, or no way to go on.
    Failed,
    /// The record is gone and the session has no answer.
    Expired,
    /// Let go by `detachStream`, `close`, or another stream of the session.
    Superseded,
}

/// What a session's stream is doing (API.md, `StreamStatus`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nothing.
    #[default]
    Idle,
    /// Sent or asked, no answer yet.
    Connecting,
    /// Bytes come.
    Streaming,
    /// Silent beyond the stall timeout.
    Stalled,
    /// Cut; it will be rejoined.
    Reconnecting,
    /// Really finished.
    Completed,
    /// Stopped by someone.
    Stopped,
    /// Failed or expired.
    Error,
}

/// The settings of a client (API.md, `createChatStreams`), already validated and clamped. Times in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `storageKey`.
    pub storage_key: String,
    /// `userKey`, or empty.
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
    /// `stallTimeoutMs`, where given.
    pub stall_timeout: Option<Millis>,
    /// Seeds the jitter.
    pub seed: u64,
    /// This tab's name, where the browser has locks and channels and the app wants them (`crossTab`).
    pub tab: Option<String>,
}

/// Whether a message may be posted again (API.md, `retry.repost`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repost {
    /// With the same `messageId`, before a byte of an answer.
    #[default]
    SameId,
    /// Never: for backends that cannot tell a repeat.
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
