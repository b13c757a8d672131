//! What the shell knows of its requests, and what a session's listeners have a right to.

use rejoin::client::io::Request;
use rejoin::stream::batch::Batch;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::parser::Parser;

/// What the shell knows of a request.
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
    /// A message whose stream was stopped or let go, while it was on its way.
    pub is_orphan: bool,
}

/// What a session's listeners have a right to.
#[derive(Default)]
pub struct Listener {
    /// The largest id that the session's streams, its storage or its app ever named.
    pub heard: EventId,
    pub taken: Option<EventId>,
    pub delivered: EventId,
    pub spare: Vec<Batch>,
    /// Bytes that rows may come from, since rows were taken last.
    pub waiting: usize,
}

impl Exchange {
    pub fn is_foreground(&self, session: &str) -> bool {
        !self.is_orphan && matches!(&self.request, Request::Send { session: of, .. } if of == session)
    }
}
