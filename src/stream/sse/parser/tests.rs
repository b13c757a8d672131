//! Every case runs whole, byte by byte, and at every split into two reads (short ones into three).

use super::*;
use Seen::{Comment, Event as Ev, Id, InvalidRetry, Over, Retry, Unknown};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// kind, data, last id, own id
    Event(String, String, String, Option<String>),
    Id(String),
    Retry(u64),
    Comment(String),
    Unknown(String, String, String),
    InvalidRetry(String),
    Over,
}

#[derive(Default)]
struct Recorder(Vec<Seen>);

fn string(bytes: &[u8]) -> String {
    text(bytes).into_owned()
}

impl Sink for Recorder {
    fn event(&mut self, event: Event<'_>) {
        self.0.push(Ev(string(event.kind), string(event.data), string(event.id), event.own_id.map(string)));
    }
    fn id(&mut self, id: &[u8]) {
        self.0.push(Id(string(id)));
    }
    fn retry(&mut self, ms: u64) {
        self.0.push(Retry(ms));
    }
    fn comment(&mut self, text: &[u8]) {
        self.0.push(Comment(string(text)));
    }
    fn unknown_field(&mut self, name: &[u8], value: &[u8], line: &[u8]) {
        self.0.push(Unknown(string(name), string(value), string(line)));
    }
    fn invalid_retry(&mut self, value: &[u8], _line: &[u8]) {
        self.0.push(InvalidRetry(string(value)));
    }
}

fn parse<'a>(limit: usize, reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let mut parser = Parser::new(limit);
    let mut seen = Recorder::default();
    for read in reads {
        if parser.feed(read, &mut seen).is_err() {
            seen.0.push(Over);
            break;
        }
    }
    parser.end();
    seen.0
}

fn check(limit: usize, input: &[u8], expected: &[Seen]) {
    assert_eq!(parse(limit, [input]), expected, "whole");
    assert_eq!(parse(limit, input.chunks(1)), expected, "byte by byte");
    assert_eq!(parse(limit, input.chunks(1).flat_map(|byte| [byte, &[]])), expected, "with empty reads between");
    for (first, rest) in (0..=input.len()).map(|at| input.split_at(at)) {
        assert_eq!(parse(limit, [first, rest]), expected, "cut at {}", first.len());
        for (second, third) in (0..=rest.len()).map(|at| rest.split_at(at)).take_while(|_| input.len() < 64) {
            let at = first.len() + second.len();
            assert_eq!(parse(limit, [first, second, third]), expected, "cut at {} and {at}", first.len());
        }
    }
}

fn data(data: &str) -> Seen {
    Ev(String::new(), data.into(), String::new(), None)
}
fn kind(kind: &str, data: &str) -> Seen {
    Ev(kind.into(), data.into(), String::new(), None)
}
/// Returns an event whose own block has its id.
fn own(id: &str, data: &str) -> Seen {
    Ev(String::new(), data.into(), id.into(), Some(id.into()))
}
/// Returns an event whose id comes from an earlier block.
fn kept(id: &str, data: &str) -> Seen {
    Ev(String::new(), data.into(), id.into(), None)
}
fn id(id: &str) -> Seen {
    Id(id.into())
}
fn comment(text: &str) -> Seen {
    Comment(text.into())
}
fn unknown(name: &str, value: &str, line: &str) -> Seen {
    Unknown(name.into(), value.into(), line.into())
}

macro_rules! cases {
    ($($name:ident: $input:expr => $expected:expr;)*) => {$(
        #[test]
        fn $name() {
            check(DEFAULT_LIMIT, $input.as_ref(), &$expected);
        }
    )*};
}

cases! {
    nothing_gives_nothing: "" => [];
    one_data_line_is_an_event: "data: x\n\n" => [data("x")];
    the_space_after_the_colon_is_optional: "data:x\n\n" => [data("x")];
    only_one_space_is_taken_away: "data:  x \n\n" => [data(" x ")];
    a_tab_is_no_space: "data:\tx\n\n" => [data("\tx")];
    a_value_may_hold_colons: "data: a:b: c\n\n" => [data("a:b: c")];
    data_lines_are_joined_by_lf: "data: a\ndata: b\ndata: c\n\n" => [data("a\nb\nc")];
    empty_data_lines_count: "data\ndata:\ndata: \n\n" => [data("\n\n")];
    a_field_without_a_colon_is_empty: "data\n\n" => [data("")];
    an_empty_data_line_makes_an_event: "data:\n\n" => [data("")];
    a_block_without_data_is_no_event: "event: x\n\n" => [];
    blank_lines_alone_are_nothing: "\n\n\r\n\r\r\n\n" => [];
    events_follow_each_other: "data: a\n\ndata: b\n\ndata: c\n\n" => [data("a"), data("b"), data("c")];
    the_example_of_the_standard_with_two_data_lines: "data: YHOO\ndata: +2\ndata: 10\n\n" => [data("YHOO\n+2\n10")];
    the_example_of_the_standard_with_empty_data: "data\n\ndata\ndata\n\ndata:" => [data(""), data("\n")];
    the_example_of_the_standard_with_a_space: "data:test\n\ndata: test\n\n" => [data("test"), data("test")];
    the_example_of_the_standard_with_ids: ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
        => [comment("test stream"), id("1"), own("1", "first event"), id(""), own("", "second event"), data(" third event")];

    cr_ends_lines: "data: a\r\rdata: b\r\r" => [data("a"), data("b")];
    crlf_ends_lines: "data: a\r\ndata: b\r\n\r\n" => [data("a\nb")];
    line_ends_may_be_mixed: "data: a\rdata: b\ndata: c\r\n\rdata: d\n\r\ndata: e\r\n\n" => [data("a\nb\nc"), data("d"), data("e")];
    crlf_is_one_end_and_not_a_blank_line: "data: a\r\ndata: b\r\n\n" => [data("a\nb")];
    lf_then_cr_are_two_ends: "data: a\n\rdata: b\n\r" => [data("a"), data("b")];
    other_line_separators_are_text: "data: a\u{b}b\u{c}c\u{85}d\u{2028}e\n\n" => [data("a\u{b}b\u{c}c\u{85}d\u{2028}e")];

    one_leading_bom_is_ignored: "\u{feff}data: x\n\n" => [data("x")];
    a_second_bom_is_part_of_the_name: "\u{feff}\u{feff}data: x\n\n" => [unknown("\u{feff}data", "x", "\u{feff}data: x")];
    a_later_bom_is_text: "data: a\n\n\u{feff}data: b\n\n" => [data("a"), unknown("\u{feff}data", "b", "\u{feff}data: b")];
    a_bom_in_a_value_is_text: "data:\u{feff}x\n\n" => [data("\u{feff}x")];
    half_a_bom_is_part_of_the_name: b"\xEF\xBBdata: x\n\ndata: y\n\n" => [unknown("\u{fffd}data", "x", "\u{fffd}data: x"), data("y")];
    a_bom_broken_off_by_its_own_beginning_is_none: b"\xEF\xEF\xBB\xBF\n\n" => [unknown("\u{fffd}\u{feff}", "", "\u{fffd}\u{feff}")];
    a_bom_alone_is_nothing: "\u{feff}" => [];

    an_event_field_names_the_kind: "event: add\ndata: 1\n\n" => [kind("add", "1")];
    the_kind_does_not_outlive_its_block: "event: add\ndata: 1\n\ndata: 2\n\n" => [kind("add", "1"), data("2")];
    the_kind_of_a_block_without_data_is_dropped: "event: add\n\ndata: 2\n\n" => [data("2")];
    the_last_kind_wins: "event: a\nevent: b\ndata: 1\n\n" => [kind("b", "1")];
    an_empty_kind_is_the_default: "event: a\nevent\ndata: 1\n\n" => [data("1")];
    names_are_case_sensitive: "Data: x\nEVENT: y\n\n" => [unknown("Data", "x", "Data: x"), unknown("EVENT", "y", "EVENT: y")];
    names_are_not_trimmed: " data: x\ndata : y\n\n" => [unknown(" data", "x", " data: x"), unknown("data ", "y", "data : y")];

    an_id_is_given_with_its_event: "id: 7\ndata: x\n\n" => [id("7"), own("7", "x")];
    an_id_after_the_data_is_given_too: "data: x\nid: 7\n\n" => [id("7"), own("7", "x")];
    an_id_stays_in_force: "id: 7\ndata: x\n\ndata: y\n\n" => [id("7"), own("7", "x"), kept("7", "y")];
    an_id_without_data_stays_in_force: "id: 7\n\ndata: y\n\n" => [id("7"), kept("7", "y")];
    an_empty_id_resets: "id: 7\ndata: x\n\nid\ndata: y\n\nid:\ndata: z\n\n"
        => [id("7"), own("7", "x"), id(""), own("", "y"), id(""), own("", "z")];
    the_last_id_of_a_block_wins: "id: 7\nid: 8\ndata: x\n\n" => [id("8"), own("8", "x")];
    an_id_with_nul_is_ignored: "id: 7\ndata: x\n\nid: 8\09\ndata: y\n\n" => [id("7"), own("7", "x"), kept("7", "y")];
    an_id_with_nul_takes_nothing_back: "id: 7\nid: \0\ndata: x\n\n" => [id("7"), own("7", "x")];
    an_id_may_be_any_text: "id: ö-1 \ndata: x\n\n" => [id("ö-1 "), own("ö-1 ", "x")];
    an_id_in_a_block_that_is_cut_off_is_not_in_force: "data: x\n\nid: 7\n" => [data("x")];

    retry_is_told_at_once: "retry: 1500\n" => [Retry(1500)];
    retry_takes_digits_only: "retry: 15s\nretry: -1\nretry: +1\nretry: 1.5\nretry:  1\n"
        => ["15s", "-1", "+1", "1.5", " 1"].map(|value| InvalidRetry(value.into()));
    an_empty_retry_is_invalid: "retry\nretry:\n" => [InvalidRetry(String::new()), InvalidRetry(String::new())];
    digits_of_other_scripts_are_none: "retry: \u{0661}\n" => [InvalidRetry("\u{0661}".into())];
    retry_is_clamped_to_what_a_timer_takes: "retry: 2147483647\nretry: 2147483648\nretry: 99999999999999999999999999\n"
        => [Retry(2_147_483_647), Retry(2_147_483_647), Retry(2_147_483_647)];
    leading_zeros_are_digits: "retry: 000000000000000000000000000000000042\n" => [Retry(42)];

    a_comment_loses_one_space: ":a\n: b\n:  c\n:\n" => [comment("a"), comment("b"), comment(" c"), comment("")];
    a_comment_does_not_part_a_block: "data: a\n: x\ndata: b\n\n" => [comment("x"), data("a\nb")];
    a_comment_in_a_line_of_data_is_data: "data: a : b\n\n" => [data("a : b")];
    unknown_fields_do_not_part_a_block: "data: a\nfoo: x\nbar\ndata: b\n\n"
        => [unknown("foo", "x", "foo: x"), unknown("bar", "", "bar"), data("a\nb")];
    a_name_that_only_begins_like_a_known_one_is_unknown: "dat: x\ndatab: y\neventx: z\nid2\n\n"
        => [unknown("dat", "x", "dat: x"), unknown("datab", "y", "datab: y"), unknown("eventx", "z", "eventx: z"), unknown("id2", "", "id2")];

    a_block_without_its_blank_line_is_discarded: "data: a\n\ndata: b\n" => [data("a")];
    a_line_without_its_end_is_discarded: "data: a\n\ndata: b" => [data("a")];

    multi_byte_text_survives_any_cut: "data: häß 漢字 🎉👩‍👩‍👧\n\n" => [data("häß 漢字 🎉👩‍👩‍👧")];
    invalid_utf8_becomes_replacement_characters: b"data: \xFFa\xC3\n\n" => [data("\u{fffd}a\u{fffd}")];
    a_cut_off_sequence_is_one_replacement: b"data: \xF0\x9F\x8E\ndata: \xE6\xBC x\n\n" => [data("\u{fffd}\n\u{fffd} x")];
    surrogates_and_overlong_forms_are_replaced_byte_by_byte: b"data: \xED\xA0\x80 \xC0\xAF\n\n"
        => [data("\u{fffd}\u{fffd}\u{fffd} \u{fffd}\u{fffd}")];
    invalid_utf8_in_a_name_is_an_unknown_field: b"dat\xE1: x\n\n" => [unknown("dat\u{fffd}", "x", "dat\u{fffd}: x")];
    nul_is_text: "data: a\0b\n\n" => [data("a\0b")];
}

macro_rules! limits {
    ($($name:ident: $limit:expr, $input:expr => $expected:expr;)*) => {$(
        #[test]
        fn $name() {
            check($limit, $input.as_ref(), &$expected);
        }
    )*};
}

limits! {
    an_event_of_exactly_the_limit_is_taken: 7, "data: x\n\n" => [data("x")];
    one_byte_more_is_too_large: 6, "data: x\n\n" => [Over];
    what_came_before_is_given: 7, "data: x\n\ndata: xy\n\ndata: z\n\n" => [data("x"), Over];
    all_lines_of_an_event_count: 19, "event: a\nid: 1\ndata:xy\n\n" => [Over];
    the_names_count_and_the_line_ends_do_not: 20, "event:a\r\nid: 1\r\ndata:xyz\r\n\r\n"
        => [id("1"), Ev("a".into(), "xyz".into(), "1".into(), Some("1".into()))];
    empty_data_lines_count_by_their_names: 11, "data\ndata\ndata\n\n" => [Over];
    ignored_ids_and_retries_count: 15, "id:\0\nretry:12\ndata:\n\n" => [Retry(12), Over];
    the_count_starts_over_with_each_block: 8, "data: 1\n\ndata: 2\n\nid: 12\n\ndata: 3\n\n"
        => [data("1"), data("2"), id("12"), kept("12", "3")];
    comments_do_not_count: 7, "data: x\n: a comment that is longer\n\n" => [comment("a comment that is longer"), data("x")];
    unknown_fields_do_not_count: 7, "data: x\nunknown: field\nanother\n\n"
        => [unknown("unknown", "field", "unknown: field"), unknown("another", "", "another"), data("x")];
    an_unfinished_line_counts: 7, "data: xy" => [Over];
    an_unfinished_name_may_still_be_unknown: 2, "data" => [];
    a_line_is_not_counted_before_its_name_is_known: 2, "database: 1\n" => [unknown("database", "1", "database: 1")];
}

#[test]
fn after_an_event_that_is_too_large_nothing_is_taken_until_reset() {
    let mut parser = Parser::new(8);
    let mut seen = Recorder::default();
    assert_eq!(parser.feed(b"id: 1\ndata: too large", &mut seen), Err(TooLarge));
    assert!(parser.is_overflown());
    assert_eq!(parser.feed(b"\n\ndata: x\n\n", &mut seen), Err(TooLarge));
    assert_eq!(seen.0, []);
    parser.reset();
    assert_eq!(parser.feed(b"data: x\n\n", &mut seen), Ok(()));
    assert_eq!(seen.0, [data("x")]);
}

#[test]
fn a_line_that_is_too_large_is_refused_before_it_is_stored() {
    let mut parser = Parser::new(1024);
    let huge = [b"data: ".as_slice(), &vec![b'x'; 1 << 20]].concat();
    assert_eq!(parser.feed(&huge, &mut Recorder::default()), Err(TooLarge));
    assert!(parser.line.capacity() <= 1024);
}

#[test]
fn comments_and_unknown_fields_of_any_length_are_cut_alike_for_any_reads() {
    for opening in [": ", "unknown: ", "unknown"] {
        let line = [opening, &"ü".repeat(IGNORABLE_LIMIT), "\ndata: x\n\n"].concat();
        let whole = parse(16, [line.as_bytes()]);
        assert_eq!(whole.len(), 2);
        for size in [1, 7, 1000, 65_536] {
            assert_eq!(parse(16, line.as_bytes().chunks(size)), whole, "{opening:?} in reads of {size}");
        }
    }
}

#[test]
fn comments_do_not_grow_the_buffer_beyond_its_bound() {
    let mut parser = Parser::default();
    for _ in 0..100 {
        parser.feed(&[b':'; 16 * 1024], &mut Recorder::default()).unwrap();
    }
    assert!(parser.line.capacity() <= 2 * IGNORABLE_LIMIT);
}

#[test]
fn the_buffer_of_a_large_event_is_given_back() {
    let mut parser = Parser::default();
    let event = [b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n\n"].concat();
    for read in event.chunks(4096) {
        parser.feed(read, &mut Recorder::default()).unwrap();
    }
    assert!(parser.line.capacity() <= KEPT_CAPACITY && parser.block.data.capacity() <= KEPT_CAPACITY);
}

#[test]
fn the_data_of_an_event_within_one_read_is_not_copied() {
    struct Within<'a>(&'a [u8]);
    impl Sink for Within<'_> {
        fn event(&mut self, event: Event<'_>) {
            assert!(self.0.as_ptr_range().contains(&event.data.as_ptr()));
        }
    }
    let read = b"id: 1-0\ndata: x\n\ndata: y\n\n";
    Parser::default().feed(read, &mut Within(read)).unwrap();
}

#[test]
fn end_discards_the_unfinished_block() {
    let mut parser = Parser::default();
    let mut seen = Recorder::default();
    parser.feed(b"id: 1\nevent: e\ndata: a\ndata: b", &mut seen).unwrap();
    parser.end();
    parser.feed(b"\n\n", &mut seen).unwrap();
    assert_eq!(seen.0, []);
}

#[test]
fn reset_forgets_the_stream_and_its_last_id() {
    let mut parser = Parser::default();
    let mut seen = Recorder::default();
    parser.feed(b"id: 1\ndata: a\n\nevent: e\ndata: b\r", &mut seen).unwrap();
    parser.reset();
    parser.feed(b"\n\xEF\xBB", &mut seen).unwrap();
    parser.reset();
    parser.feed(b"\xEF\xBB\xBFdata: c\n\n", &mut seen).unwrap();
    assert_eq!(seen.0, [id("1"), own("1", "a"), data("c")]);
}

#[test]
fn reset_consuming_takes_the_unfinished_line_but_makes_no_event() {
    let mut parser = Parser::default();
    let mut seen = Recorder::default();
    parser.feed(b"data: a\nretry: 5", &mut seen).unwrap();
    parser.reset_consuming(&mut seen);
    parser.feed(b"{\"error\": \"not a stream\"}", &mut seen).unwrap();
    parser.reset_consuming(&mut seen);
    parser.feed(b"data: b", &mut seen).unwrap();
    parser.reset_consuming(&mut seen);
    parser.feed(b"data: c\n", &mut seen).unwrap();
    parser.reset_consuming(&mut seen);
    parser.feed(b"\n\n", &mut seen).unwrap();
    assert_eq!(seen.0, [Retry(5), unknown("{\"error\"", "\"not a stream\"}", "{\"error\": \"not a stream\"}")]);
}

#[test]
fn the_parser_reads_what_the_encoder_writes() {
    use crate::stream::{cursor::EventId, sse::encoder};
    let mut stream = Vec::new();
    encoder::comment(&mut stream, "heartbeat 15000");
    encoder::event(&mut stream, Some(EventId { ms: 5, seq: 0 }), " {\"a\": \"ü\"}\n");
    stream.extend_from_slice(encoder::DONE);
    let expected = [comment("heartbeat 15000"), id("5-0"), own("5-0", " {\"a\": \"ü\"}\n"), kept("5-0", "[DONE]")];
    check(DEFAULT_LIMIT, &stream, &expected);
}
