//! What the browser tells, by number (`js/streams/shell/news.ts`).

use crate::client::io::{Head, Redirect};
use crate::stream::bytes::decimal;

/// What happened. Those of a request come with its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum News {
    /// A request is answered whose answer may be a stream; with the head.
    Opened,
    /// A request is answered; with the head and the whole body.
    Answered,
    /// A streamed body is over.
    Ended,
    /// There is no answer, or the body broke; with the reason.
    NetworkFailed,
    /// The app's headers could not be had; with the reason.
    HeadersFailed,
    /// The base URL is none; with a sentence that says so.
    UrlInvalid,
    /// Another tab posted; with its message.
    Posted,
    /// A session's lock is held; with the session.
    Locked,
    /// A session's lock was taken away; with the session.
    LockLost,
    /// The browser grants this page no locks: its storage is forbidden, or its document is of no origin.
    LocksRefused,
    /// The network came.
    Online,
    /// The network went.
    Offline,
    /// The page is visible.
    Shown,
    /// The page is hidden.
    Hidden,
    /// The page goes away.
    Left,
    /// The page is back.
    Returned,
    /// Another tab wrote to the storage; with the key.
    KeyChanged,
    /// Another tab cleared the storage.
    KeysCleared,
    /// The timer rang.
    Rang,
}

impl News {
    const ALL: [Self; 19] = [
        Self::Opened,
        Self::Answered,
        Self::Ended,
        Self::NetworkFailed,
        Self::HeadersFailed,
        Self::UrlInvalid,
        Self::Posted,
        Self::Locked,
        Self::LockLost,
        Self::LocksRefused,
        Self::Online,
        Self::Offline,
        Self::Shown,
        Self::Hidden,
        Self::Left,
        Self::Returned,
        Self::KeyChanged,
        Self::KeysCleared,
        Self::Rang,
    ];

    /// The news of a number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Status and headers of an answer, as `js/streams/shell/exchange.ts` writes them: a line each.
#[must_use]
pub fn head(text: &str) -> Head<'_> {
    let mut rest = text;
    let mut line = || {
        let (line, next) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = next;
        line
    };
    let status = decimal::read(line().as_bytes()).and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
    let redirect = if line().is_empty() { Redirect::None } else { Redirect::Followed };
    let content_type = line();
    let mut header = || Some(line()).filter(|value| !value.is_empty());
    Head { status, redirect, content_type, task: header(), retry_after: header(), date: header() }
}
