//! Writes an event stream (PROTOCOL §2): appends whole events and comments to the caller's buffer.

use crate::stream::cursor::EventId;

/// The last bytes of a response that reached the end of its task. They end the response and nothing else.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Appends one event: its id if it has one, then one `data:` line for each line of `data`.
///
/// A CR or CRLF in `data` arrives as LF, because the format cannot carry them.
pub fn event(out: &mut Vec<u8>, id: Option<EventId>, data: &str) {
    if let Some(id) = id {
        lines(out, b"id: ", &id.text());
    }
    lines(out, b"data: ", data);
    out.push(b'\n');
}

/// Appends one comment and a blank line, so that readers that wait for a blank line see it at once.
pub fn comment(out: &mut Vec<u8>, text: &str) {
    lines(out, b": ", text);
    out.push(b'\n');
}

fn lines(out: &mut Vec<u8>, prefix: &[u8], text: &str) {
    let mut rest = text;
    while let Some((line, tail)) = split_line(rest) {
        line_of(out, prefix, line);
        rest = tail;
    }
    line_of(out, prefix, rest);
}

fn line_of(out: &mut Vec<u8>, prefix: &[u8], line: &str) {
    out.extend_from_slice(prefix);
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn split_line(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memchr2(b'\n', b'\r', text.as_bytes())?;
    let (line, rest) = text.split_at_checked(at)?;
    let tail = rest.strip_prefix("\r\n").or_else(|| rest.get(1..))?;
    Some((line, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_its_id_its_data_and_a_blank_line() {
        let id = Some(EventId { ms: 17, seq: 4 });
        assert_eq!(written(|out| event(out, id, "{\"a\":1}")), "id: 17-4\ndata: {\"a\":1}\n\n");
    }

    #[test]
    fn an_event_without_an_id_writes_no_id_line() {
        assert_eq!(written(|out| event(out, None, "x")), "data: x\n\n");
    }

    #[test]
    fn every_line_of_the_data_gets_its_own_field() {
        assert_eq!(written(|out| event(out, None, "a\nb\r\nc\rd\n")), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    }

    #[test]
    fn a_line_that_opens_with_a_space_keeps_it() {
        assert_eq!(written(|out| event(out, None, " x")), "data:  x\n\n");
    }

    #[test]
    fn a_comment_with_line_ends_stays_a_comment() {
        assert_eq!(written(|out| comment(out, "heartbeat 15000")), ": heartbeat 15000\n\n");
        assert_eq!(written(|out| comment(out, "a\ndata: b")), ": a\n: data: b\n\n");
    }
}
