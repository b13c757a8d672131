//! The one error shape of the package (API.md, `RejoinError`).

/// The one error shape of the package (`RejoinError`).
#[derive(Clone, Debug, PartialEq)]
pub struct StreamError {
    /// Stable, upper case.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// Whether trying again may help.
    pub recovery: Recovery,
    /// `details` as JSON text.
    pub details: Option<String>,
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It may.
    Retryable,
    /// It will not.
    Permanent,
}

/// An error that no server sent.
#[must_use]
pub fn local_error(code: &str, message: &str, recovery: Recovery) -> StreamError {
    StreamError { code: code.to_owned(), message: message.to_owned(), status: None, recovery, details: None }
}
