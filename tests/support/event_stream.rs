//! A slow event stream parser that follows the HTML standard clause by clause, on the whole decoded stream. `cargo test` and
//! fuzzing compare the parser in `src/stream/sse` with it.

use rejoin::stream::sse::parser::{Event, Parser, Sink, text};

/// What a parser finds in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Event { kind: String, data: String, id: String, own_id: Option<String> },
    Id(String),
    Retry(u64),
    InvalidRetry(String),
    Comment(String),
    Unknown { name: String, value: String, line: String },
    TooLarge,
}

/// Returns what the parser of the package finds in these reads.
pub fn parsed<'a>(limit: usize, reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let mut parser = Parser::new(limit);
    let mut recorder = Recorder::default();
    for read in reads {
        if parser.feed(read, &mut recorder).is_err() {
            recorder.0.push(Seen::TooLarge);
            break;
        }
    }
    recorder.0
}

/// Returns what the standard finds in the stream.
pub fn by_the_standard(limit: usize, stream: &[u8]) -> Vec<Seen> {
    // "Streams must be decoded using the UTF-8 decode algorithm", which strips one leading byte order mark.
    let decoded = String::from_utf8_lossy(stream);
    let texts = lines(decoded.strip_prefix('\u{feff}').unwrap_or(&decoded).chars());
    let raw = lines(stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream).iter().map(|byte| char::from(*byte)));
    let mut block = Block { limit, ..Block::default() };
    for ((text, ended), (bytes, _)) in texts.iter().zip(&raw) {
        if block.is_too_large(bytes, *ended) {
            block.seen.push(Seen::TooLarge);
            break;
        }
        if *ended {
            block.line(text);
        }
    }
    block.seen
}

/// Splits text into lines, each with whether its end was found.
fn lines(chars: impl Iterator<Item = char>) -> Vec<(String, bool)> {
    let mut chars = chars.peekable();
    let mut lines = Vec::new();
    let mut line = String::new();
    while let Some(char) = chars.next() {
        if char == '\r' && chars.peek() == Some(&'\n') {
            chars.next();
        }
        if char == '\r' || char == '\n' {
            lines.push((std::mem::take(&mut line), true));
        } else {
            line.push(char);
        }
    }
    lines.push((line, false));
    lines
}

#[derive(Default)]
struct Block {
    limit: usize,
    size: usize,
    kind: String,
    data: String,
    id: String,
    own_id: bool,
    seen: Vec<Seen>,
}

impl Block {
    /// PROTOCOL §4; `bytes` holds one character for each byte.
    fn is_too_large(&mut self, bytes: &str, ended: bool) -> bool {
        let name = match bytes.split_once(':') {
            Some((name, _)) => name,
            None if ended => bytes,
            None => return false,
        };
        if !["data", "event", "id", "retry"].contains(&name) {
            return false;
        }
        self.size += bytes.chars().count();
        self.size > self.limit
    }

    fn line(&mut self, line: &str) {
        // "If the line is empty (a blank line): dispatch the event, as defined below."
        if line.is_empty() {
            return self.dispatch();
        }
        match line.split_once(':') {
            // "If the line starts with a U+003A COLON character (:): ignore the line."
            Some(("", comment)) => self.seen.push(Seen::Comment(value(comment))),
            Some((name, rest)) => self.field(name, value(rest), line),
            // "Use the whole line as the field name, and the empty string as the field value."
            None => self.field(line, String::new(), line),
        }
    }

    fn field(&mut self, name: &str, value: String, line: &str) {
        match name {
            "event" => self.kind = value,
            // "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character."
            "data" => {
                self.data.push_str(&value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => {
                self.id = value;
                self.own_id = true;
            }
            "id" => {}
            "retry" => self.seen.push(retry(value)),
            _ => self.seen.push(Seen::Unknown { name: name.into(), value, line: line.into() }),
        }
    }

    fn dispatch(&mut self) {
        let own_id = std::mem::take(&mut self.own_id).then(|| self.id.clone());
        let kind = std::mem::take(&mut self.kind);
        let mut data = std::mem::take(&mut self.data);
        self.size = 0;
        self.seen.extend(own_id.clone().map(Seen::Id));
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and
        // return. If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove it."
        if data.pop().is_some() {
            self.seen.push(Seen::Event { kind, data, id: self.id.clone(), own_id });
        }
    }
}

/// "If value starts with a U+0020 SPACE character, remove it from value."
fn value(rest: &str) -> String {
    rest.strip_prefix(' ').unwrap_or(rest).into()
}

fn retry(value: String) -> Seen {
    if value.is_empty() || value.contains(|char: char| !char.is_ascii_digit()) {
        return Seen::InvalidRetry(value);
    }
    let limit = 0x7fff_ffff;
    Seen::Retry(value.parse::<u128>().map_or(limit, |ms| ms.min(u128::from(limit)) as u64))
}

#[derive(Default)]
struct Recorder(Vec<Seen>);

fn owned(bytes: &[u8]) -> String {
    text(bytes).into_owned()
}

impl Sink for Recorder {
    fn event(&mut self, event: Event<'_>) {
        let Event { kind, data, id, own_id } = event;
        self.0.push(Seen::Event { kind: owned(kind), data: owned(data), id: owned(id), own_id: own_id.map(owned) });
    }
    fn id(&mut self, id: &[u8]) {
        self.0.push(Seen::Id(owned(id)));
    }
    fn retry(&mut self, ms: u64) {
        self.0.push(Seen::Retry(ms));
    }
    fn comment(&mut self, text: &[u8]) {
        self.0.push(Seen::Comment(owned(text)));
    }
    fn unknown_field(&mut self, name: &[u8], value: &[u8], line: &[u8]) {
        self.0.push(Seen::Unknown { name: owned(name), value: owned(value), line: owned(line) });
    }
    fn invalid_retry(&mut self, value: &[u8], _line: &[u8]) {
        self.0.push(Seen::InvalidRetry(owned(value)));
    }
}
