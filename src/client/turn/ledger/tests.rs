use super::*;
use crate::client::io::SendRequest;
use crate::stream::sse::encoder;

const RESET: Option<&u32> = Some(&3);

/// Reads `frames` without ids as one response of the current turn and delivers them. Returns the result of [`deliver`].
fn give(ledger: &mut Ledger, frames: &[&str]) -> (bool, String) {
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| encoder::event(&mut bytes, None, frame));
    ledger.open(None);
    ledger.give_bytes(&bytes);
    deliver(ledger)
}

/// Delivers the waiting rows. Returns whether they begin with a reset, and their text.
fn deliver(ledger: &mut Ledger) -> (bool, String) {
    let Some(batch) = ledger.take() else { return (false, String::new()) };
    ledger.confirm();
    (batch.descriptors().first() == RESET, batch.text().to_owned())
}

fn answer(text: &str) -> [String; 2] {
    [r#"{"type":"text-start","id":"b"}"#.into(), format!(r#"{{"type":"text-delta","id":"b","delta":"{text}"}}"#)]
}

fn give_answer(ledger: &mut Ledger, text: &str) -> (bool, String) {
    let frames = answer(text);
    give(ledger, &frames.each_ref().map(String::as_str))
}

fn joined(task: &str, ordinal: u64) -> Turn {
    let mut turn = Turn::of_task(task);
    turn.name_ordinal(ordinal);
    turn
}

#[test]
fn the_same_turn_is_reset_and_replayed() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    assert!(!give_answer(&mut ledger, "one").0);
    ledger.begin(joined("t1", 0), Start::Joined, None);
    ledger.open(None);
    assert!(give_answer(&mut ledger, "one").0);
    assert_eq!(ledger.metrics().resets, 1);
}

#[test]
fn another_turn_follows_behind_its_start() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t2", 1), Start::Joined, None);
    let (is_reset, text) = give_answer(&mut ledger, "two");
    assert!(!is_reset && text.contains("\"taskId\":\"t2\"") && !text.contains("replayed"), "{text}");
}

#[test]
fn an_unknown_turn_is_reset_and_not_replayed() {
    let mut ledger = Ledger::default();
    ledger.begin(Turn::default(), Start::Sent, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t2", 1), Start::Joined, None);
    let (is_reset, text) = give_answer(&mut ledger, "one");
    assert!(is_reset && !text.contains("replayed"), "{text}");
}

#[test]
fn a_new_message_is_not_taken_for_an_earlier_turn() {
    let mut ledger = Ledger::default();
    ledger.begin(Turn::default(), Start::Sent, None);
    give_answer(&mut ledger, "one");
    ledger.begin(Turn::default(), Start::Sent, None);
    assert!(!give_answer(&mut ledger, "two").0);
}

#[test]
fn a_reset_that_was_never_delivered_is_owed_to_what_listeners_still_hold() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(Turn::default(), Start::Joined, None);
    ledger.discard();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    assert!(give_answer(&mut ledger, "one").0);
    assert_eq!(ledger.metrics().resets, 1, "it is the same reset");
}

#[test]
fn a_turn_that_learns_who_it_is_before_its_first_row_is_compared_again() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(Turn::default(), Start::Joined, None);
    ledger.learn(&joined("t2", 1), None);
    assert!(!give_answer(&mut ledger, "two").0, "it is another one");
}

#[test]
fn a_broadcast_without_a_task_is_known_by_the_start_among_its_frames() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(Turn::default(), Start::Unsettled, None);
    let start = r#"{"type":"start","messageId":"a","taskId":"t2"}"#;
    ledger.give_broadcast(&[(None, start.into())], None);
    assert!(!deliver(&mut ledger).0);
    assert_eq!(ledger.turn().task(), Some("t2"));
}

#[test]
fn a_turn_that_learns_its_task_before_its_first_row_is_compared_then() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    let mut turn = Turn::default();
    ledger.begin(turn.clone(), Start::Unsettled, None);
    turn.name_task("t1");
    ledger.learn(&turn, None);
    assert!(give_answer(&mut ledger, "one").0);
}

#[test]
fn a_turn_is_compared_at_the_latest_when_its_response_begins() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(Turn::default(), Start::Unsettled, None);
    assert!(give_answer(&mut ledger, "one").0);
}

#[test]
fn a_start_parts_two_answers_only_if_the_first_one_had_its_own() {
    let mut ledger = Ledger::default();
    let mut nameless = Turn::default();
    nameless.name_ordinal(0);
    ledger.begin(nameless, Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t2", 1), Start::Joined, None);
    assert!(give_answer(&mut ledger, "two").0, "it might be the name of the first one, which comes late");
}

#[test]
fn a_turn_that_begins_has_the_names_that_are_known_of_it() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t2", 1), Start::Joined, None);
    ledger.begin(Turn::of_task("t1"), Start::Joined, None);
    assert_eq!(ledger.turn().ordinal(), Some(0));
}

#[test]
fn merged_frames_without_ids_are_as_old_as_their_last_event() {
    let active = crate::persist::ActiveTask { task: "t1".into(), ..Default::default() };
    let record = SavedTask { unnumbered: 3, ..SavedTask::of(active, 0) };
    let [start, delta] = answer("one two three");
    let output = r#"{"type":"tool-output-available","toolCallId":"c","output":1}"#;
    for (events, is_replayed) in [("+2", true), ("+3", false)] {
        let mut ledger = Ledger::default();
        ledger.begin(Turn::of_task("t1"), Start::Joined, Some(&record));
        let frames = [(None, start.clone()), (Some(events.into()), delta.clone())];
        ledger.give_broadcast(&frames, Some(&record));
        assert_eq!(ledger.take().unwrap().descriptors().iter().any(|word| word & (1 << 9) != 0), is_replayed);
        ledger.confirm();
        ledger.give_broadcast(&[(None, output.into())], Some(&record));
        assert!(ledger.take().unwrap().descriptors().iter().all(|word| word & (1 << 9) == 0));
    }
}

#[test]
fn the_memory_of_earlier_turns_is_bounded() {
    let mut ledger = Ledger::default();
    for turn in 0..100 {
        ledger.begin(joined(&format!("t{turn}"), turn), Start::Joined, None);
        give_answer(&mut ledger, "one");
        ledger.note_known(Turn::of_task(&format!("o{turn}")));
    }
    assert_eq!((ledger.delivered.len(), ledger.known.len()), (MOST_DELIVERED, MOST_DELIVERED));
}

#[test]
fn a_turn_that_learns_its_task_behind_events_without_rows_is_flagged_by_it() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    let mut turn = sent("m1");
    ledger.begin(turn.clone(), Start::Unsettled, None);
    let [begin, text] = answer("one");
    ledger.give_broadcast(&[(None, begin)], None);
    turn.name_task("t1");
    ledger.learn(&turn, None);
    ledger.give_broadcast(&[(None, text)], None);
    let (is_reset, text) = deliver(&mut ledger);
    assert!(is_reset && text.contains("\"taskId\":\"t1\"") && text.contains("replayed"), "{text}");
}

// ---- turns before the newest one that listeners hold ----

/// Returns a ledger whose listeners hold the answer of task "t1" and, behind it, all of the answer to a message of the page.
fn two_answers(ids: [&str; 2]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_numbered(&mut ledger, ids, &answer("one"));
    let mut second = sent("m2");
    second.name_task("t2");
    ledger.begin(second, Start::Sent, None);
    let [begin, text] = answer("two");
    give(&mut ledger, &[&begin, &text, r#"{"type":"finish"}"#]);
    ledger
}

fn give_numbered(ledger: &mut Ledger, ids: [&str; 2], frames: &[String]) {
    let mut bytes = Vec::new();
    ids.iter().zip(frames).for_each(|(id, frame)| encoder::event(&mut bytes, id.parse().ok(), frame));
    ledger.open(None);
    ledger.give_bytes(&bytes);
    deliver(ledger);
}

fn sent(message: &str) -> Turn {
    Turn::sent(&SendRequest { message: "hi".into(), message_id: message.into(), ..SendRequest::default() }, None)
}

#[test]
fn a_turn_that_may_be_an_earlier_one_is_reset() {
    let mut ledger = two_answers(["1-0", "2-0"]);
    ledger.begin(sent("m1"), Start::Joined, None);
    let (is_reset, text) = give_answer(&mut ledger, "one");
    assert!(is_reset && !text.contains("replayed"), "{text}");
}

#[test]
fn a_message_that_was_just_made_is_no_earlier_turn() {
    let mut ledger = two_answers(["1-0", "2-0"]);
    ledger.begin(sent("m3"), Start::Sent, None);
    assert!(!give_answer(&mut ledger, "three").0);
}

#[test]
fn an_earlier_turn_follows_behind_its_start_where_its_events_have_ids() {
    let mut ledger = two_answers(["1-0", "2-0"]);
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_numbered(&mut ledger, ["1-0", "2-0"], &answer("one"));
    assert_eq!(ledger.metrics().resets, 0);
}

#[test]
fn an_earlier_turn_is_reset_where_nothing_numbers_its_events() {
    let mut ledger = two_answers(["", ""]);
    ledger.begin(joined("t1", 0), Start::Joined, None);
    // Its log is cut: what is left of it begins in the middle of a part.
    let (is_reset, text) = give(&mut ledger, &[r#"{"type":"text-delta","id":"c","delta":"rest"}"#]);
    assert!(is_reset && text.contains("rest") && !text.contains("replayed"), "{text}");
}

#[test]
fn a_reset_voids_all_that_listeners_hold() {
    let mut ledger = two_answers(["1-0", "2-0"]);
    ledger.begin(sent("m1"), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t1", 0), Start::Joined, None);
    ledger.begin(sent("m2"), Start::Sent, None);
    assert!(!give_answer(&mut ledger, "two").0, "it is not held any more");
}

// ---- what a turn learns, and what is known of others ----

/// Returns the frames of an answer with ids.
fn numbered(ids: [&str; 2], text: &str) -> [Frame; 2] {
    let [begin, text] = answer(text);
    [(Some(ids[0].into()), begin), (Some(ids[1].into()), text)]
}

#[test]
fn a_turn_that_learns_another_name_than_its_task_is_not_compared_yet() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(Turn::default(), Start::Unsettled, None);
    ledger.learn(&sent("m2"), None);
    assert!(ledger.take().is_none(), "its task may show that it is another one");
    let start = r#"{"type":"start","messageId":"a","taskId":"t2"}"#;
    ledger.give_broadcast(&[(None, start.into())], None);
    assert!(!deliver(&mut ledger).0);
    assert_eq!(ledger.metrics().resets, 0);
}

#[test]
fn a_turn_that_learns_nothing_new_loses_no_half_of_an_event() {
    let mut ledger = Ledger::default();
    ledger.begin(Turn::of_task("t1"), Start::Joined, None);
    ledger.open(None);
    let mut bytes = Vec::new();
    encoder::event(&mut bytes, None, r#"{"type":"text-delta","id":"b","delta":"one"}"#);
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    ledger.give_bytes(half);
    ledger.learn(&Turn::of_task("t1"), None);
    ledger.give_bytes(rest);
    let (_, text) = deliver(&mut ledger);
    assert!(text.contains("\"taskId\":\"t1\"") && text.contains("one"), "{text}");
}

#[test]
fn a_turn_that_learns_its_task_behind_rows_that_were_not_flagged_flags_none_that_follow() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    ledger.give_broadcast(&numbered(["1-0", "3-0"], "one two"), None);
    deliver(&mut ledger);
    ledger.begin(sent("m1"), Start::Joined, None);
    ledger.give_broadcast(&numbered(["1-0", "2-0"], "one"), None);
    assert!(deliver(&mut ledger).0);
    ledger.learn(&Turn::of_task("t1"), None);
    let [_, rest] = numbered(["2-0", "3-0"], " two");
    ledger.give_broadcast(&[rest], None);
    assert!(ledger.take().unwrap().descriptors().iter().all(|word| word & (1 << 9) == 0));
}

#[test]
fn a_turn_with_a_task_has_replaced_an_earlier_one_before_its_first_row() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t2", 1), Start::Joined, None);
    assert!(ledger.has_replaced(&Turn::of_task("t1")));
}

#[test]
fn a_turn_that_may_be_an_earlier_one_has_not_replaced_it() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(sent("m1"), Start::Joined, None);
    give_answer(&mut ledger, "one");
    assert!(!ledger.has_replaced(&Turn::of_task("t1")));
}

#[test]
fn a_part_of_an_answer_that_listeners_hold_cannot_belong_to_a_turn_that_is_certainly_another() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(sent("m2"), Start::Sent, None);
    assert!(ledger.may_hold(&sent("m1")));
    assert!(!ledger.may_hold(&Turn::of_task("t2")));
}

#[test]
fn a_turn_that_begins_again_is_no_later_part_of_itself() {
    let mut ledger = Ledger::default();
    ledger.begin(joined("t1", 0), Start::Joined, None);
    give_answer(&mut ledger, "one");
    ledger.begin(joined("t1", 0), Start::Joined, None);
    assert!(!ledger.is_later_part());
    ledger.begin(joined("t2", 0), Start::Joined, None);
    assert!(ledger.is_later_part(), "that is an operation of it");
}

#[test]
fn a_turn_without_rows_learns_the_ordinal_of_its_running_task_from_the_session() {
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"active_stream":{"task_id":"t1"}}"#;
    let view = crate::protocol::answer::read_session(serde_json::from_str(body).ok().as_ref()).unwrap().clone();
    let mut ledger = Ledger::default();
    ledger.begin(Turn::of_task("t1"), Start::Joined, None);
    ledger.look(&view);
    assert_eq!(ledger.turn().ordinal(), Some(0));
}
