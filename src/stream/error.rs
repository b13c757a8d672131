//! The error type of the package (API.md, `RejoinError`).

/// An error as JavaScript sees it (API.md, `RejoinError`).
#[derive(Clone, Debug, PartialEq)]
pub struct StreamError {
    /// A stable code in upper case.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// The HTTP status, if a response caused the error.
    pub status: Option<u16>,
    /// Whether the same call may succeed later.
    pub recovery: Recovery,
    /// `details`, as JSON text.
    pub details: Option<String>,
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// A later try may succeed.
    Retryable,
    /// A later try will fail as well.
    Permanent,
}

/// Makes an error that has no HTTP response.
#[must_use]
pub fn local_error(code: &str, message: &str, recovery: Recovery) -> StreamError {
    StreamError { code: code.to_owned(), message: message.to_owned(), status: None, recovery, details: None }
}
