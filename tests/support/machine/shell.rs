//! The shell's view of its requests, and what a session's listeners may get.

use rejoin::client::io::Request;
use rejoin::stream::batch::Batch;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::parser::Parser;

/// The state of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Asked,
    Open,
}

#[derive(Debug)]
pub struct Exchange {
    pub request: Request,
    pub stage: Stage,
    pub parser: Parser,
    /// Whether the stream of the message was stopped or detached while the request was open.
    pub is_orphan: bool,
}

/// What the listeners of a session may get.
#[derive(Default)]
pub struct Listener {
    /// The largest event id that the session's streams, its storage or its app have named.
    pub largest: EventId,
    pub taken: Option<EventId>,
    pub delivered: EventId,
    pub spare: Vec<Batch>,
    /// The number of bytes that arrived since rows were taken last.
    pub waiting: usize,
}

impl Exchange {
    pub fn is_foreground(&self, session: &str) -> bool {
        !self.is_orphan && matches!(&self.request, Request::Send { session: of, .. } if of == session)
    }
}
