//! Draws numbers, responses, bodies and frames from the bytes of a program.

use rejoin::client::io::{Head, Redirect, RetryAfter};
use rejoin::protocol::body::Body;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::parser::{Event, Parser, Sink};

use super::super::codec;

pub const TASKS: &[&str] = &["t1", "t2", "", "t 3"];
pub const TYPES: &[&str] =
    &["text/event-stream", "application/json", "text/html", "text/event-stream; charset=utf-8", ""];
pub const STATUSES: &[u16] =
    &[200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 410, 413, 422, 425, 429, 500, 502, 503, 504, 0, 999];
pub const PAUSES: &[&str] =
    &["0", "1", "7", "4000", "-1", "soon", "Sun, 06 Nov 1994 08:49:37 GMT", "99999999999999999999"];

/// The rest of a program. After its end it yields zeros.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn some(&mut self) -> &'a [u8] {
        let length = self.below(64).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.some()).into_owned()
    }

    pub fn id(&mut self) -> EventId {
        match self.byte() {
            255 => EventId { ms: u64::MAX, seq: u64::MAX },
            254 => EventId { ms: u64::MAX, seq: 0 },
            byte => EventId { ms: u64::from(byte >> 3), seq: u64::from(byte & 7) },
        }
    }
}

/// The status and the headers of a response, as owned values.
pub struct Answer {
    status: u16,
    content_type: &'static str,
    task: Option<&'static str>,
    retry_after: Option<&'static str>,
    date: Option<&'static str>,
    redirect: Redirect,
}

impl Answer {
    pub fn new(bytes: &mut Bytes<'_>) -> Self {
        let shape = bytes.byte();
        Self {
            status: bytes.pick(STATUSES),
            content_type: bytes.pick(TYPES),
            task: (shape & 1 != 0).then(|| bytes.pick(TASKS)),
            retry_after: (shape & 2 != 0).then(|| bytes.pick(PAUSES)),
            date: (shape & 4 != 0).then(|| bytes.pick(PAUSES)),
            redirect: if shape & 8 != 0 { Redirect::Followed } else { Redirect::None },
        }
    }

    pub fn head(&self) -> Head<'static> {
        Head {
            status: self.status,
            content_type: self.content_type,
            task: self.task,
            retry_after: self.retry_after.and_then(|text| RetryAfter::read(text, codec::http_date)),
            date: self.date.and_then(codec::http_date),
            redirect: self.redirect,
        }
    }
}

pub fn nth<T: Copy>(from: &[T], place: u8) -> Option<T> {
    from.get(usize::from(place) % from.len().max(1)).copied()
}

pub fn parsed(body: &[u8]) -> Option<Body> {
    codec::body(str::from_utf8(body).ok()?)
}

/// Returns the body of a response: a session, a task, an error, or any bytes.
pub fn body(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let task = bytes.pick(TASKS);
    match bytes.below(7) {
        0 => return bytes.some().to_vec(),
        1 => format!(
            r#"{{"task_id":"{task}","status":"{}"}}"#,
            bytes.pick(&["running", "completed", "failed", "cancelled", "odd"])
        ),
        2 => format!(
            r#"{{"detail":{{"code":"{}","message":"m","task_id":"{task}"}}}}"#,
            bytes.pick(&["CURSOR_TRIMMED", "TASK_RUNNING", "X"])
        ),
        shape => {
            let active = if shape & 1 == 0 { format!(r#"{{"task_id":"{task}"}}"#) } else { "null".to_owned() };
            let user = format!(r#"{{"role":"user","id":"m{}","content":"yes"}}"#, bytes.byte());
            let answer = format!(r#"{{"role":"assistant","task_id":"{}","content":"no"}}"#, bytes.pick(TASKS));
            let messages =
                [user.clone(), answer.clone(), format!("{user},{answer}"), format!("{answer},{user}"), String::new()];
            format!(r#"{{"messages":[{}],"active_stream":{active}}}"#, messages[bytes.below(5)])
        }
    }
    .into_bytes()
}

/// Returns bytes of a stream: whole events, or any bytes.
pub fn frames(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..=bytes.below(4) {
        if bytes.byte() & 3 != 0 {
            out.extend_from_slice(format!("id: {}\n", bytes.id()).as_bytes());
        }
        let block = bytes.pick(&["b", "c", ""]);
        let data = match bytes.below(16) {
            0 => format!(r#"{{"type":"start","messageId":"a","taskId":"{}"}}"#, bytes.pick(TASKS)),
            1 => format!(r#"{{"type":"text-start","id":"{block}"}}"#),
            2..=5 => {
                format!(r#"{{"type":"text-delta","id":"{block}","delta":"{}"}}"#, bytes.pick(&["ha", "\\ud83d", "é"]))
            }
            6 => r#"{"type":"finish"}"#.to_owned(),
            7 => r#"{"type":"abort"}"#.to_owned(),
            8 => r#"{"type":"error","errorText":"bad","code":"BAD"}"#.to_owned(),
            9 => "[DONE]".to_owned(),
            10 => format!(r#"{{"type":"text_chunk","content":"{block}"}}"#),
            11 => "not json".to_owned(),
            12 => {
                out.extend_from_slice(format!(": heartbeat {}\nretry: {}\n", bytes.byte(), bytes.byte()).as_bytes());
                "{\"type\":\"usage\"}".to_owned()
            }
            13 => r#"{"type":"stream_end"}"#.to_owned(),
            _ => {
                out.extend_from_slice(bytes.some());
                continue;
            }
        };
        out.extend_from_slice(format!("data: {data}\n\n").as_bytes());
    }
    if bytes.byte() & 7 == 0 {
        out.truncate(out.len() / 2);
    }
    out
}

/// Returns the largest id of the events that these bytes complete.
pub fn largest_id(parser: &mut Parser, read: &[u8]) -> EventId {
    struct Ids(EventId);
    impl Sink for Ids {
        fn event(&mut self, _: Event<'_>) {}
        fn id(&mut self, id: &[u8]) {
            let id = core::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
            self.0 = self.0.max(id.unwrap_or_default());
        }
    }
    let mut ids = Ids(EventId::ZERO);
    let _ = parser.feed(read, &mut ids);
    ids.0
}

/// Returns a map as the TypeScript layer saved it.
pub fn legacy(session: &str, bytes: &mut Bytes<'_>) -> String {
    let (task, last) = (bytes.pick(TASKS), bytes.id());
    format!(r#"{{"{session}":{{"taskId":"{task}","lastMessageId":"{last}"}},"x":{{"taskId":"t9"}},"y":7}}"#)
}
