use super::*;
use std::collections::HashMap;

/// Texts as they are, with lengths in bytes.
#[derive(Default)]
struct Table {
    texts: Vec<String>,
    keys: HashMap<String, Key>,
}

impl Texts for Table {
    fn length(&self, text: Text) -> usize {
        self.texts[text as usize].len()
    }

    fn holds_at(&self, text: Text, at: usize, part: Text) -> bool {
        let (rest, part) = (&self.texts[text as usize].as_bytes()[at..], self.texts[part as usize].as_bytes());
        rest.starts_with(part) || part.starts_with(rest)
    }
}

impl Table {
    fn text(&mut self, text: &str) -> Text {
        let known = self.texts.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        }) as Text
    }

    fn key(&mut self, key: &str) -> Key {
        let next = self.keys.len() as Key;
        *self.keys.entry(key.to_owned()).or_insert(next)
    }

    /// Makes a message of one line: `u` user, `a` assistant, `t` tool, `s` system; `?` if it has a pending tool response, `!` if
    /// it has a final one; then `#key`s; then the text after a colon, or its files after `+`.
    fn message(&mut self, line: &str) -> Message {
        let (head, text) = line.split_once(':').map_or((line, None), |(head, text)| (head, Some(text)));
        let (text, files) = match text.and_then(|text| text.strip_prefix('+')) {
            Some(files) => (Some(""), Some(files)),
            None => (text, None),
        };
        let mut parts = head.split('#');
        let head = parts.next().unwrap();
        let role = match head.trim_end_matches(['?', '!']) {
            "u" => Role::User,
            "a" => Role::Assistant,
            "t" => Role::Tool,
            _ => Role::Other,
        };
        let form = if role == Role::Tool { Form::Message } else { Form::Part };
        let response = match head.chars().last() {
            Some('?') => Some(Response { stage: Stage::Pending, form }),
            Some('!') => Some(Response { stage: Stage::Final, form }),
            _ => None,
        };
        let [text, files] = [text, files].map(|text| text.map(|text| self.text(text)));
        Message { role, text, files, keys: parts.map(|key| self.key(key)).collect(), response }
    }
}

fn run(server: &[&str], local: &[&str], activity: Activity<'_>) -> Vec<String> {
    let mut table = Table::default();
    let ours: Vec<Message> = local.iter().map(|line| table.message(line)).collect();
    let theirs: Vec<Message> = server.iter().map(|line| table.message(line)).collect();
    let merged = merge(&theirs, &ours, activity, &table).into_iter().map(|source| match source {
        Source::Server(place) => server[place],
        Source::Local(place) => local[place],
    });
    merged.map(str::to_owned).collect()
}

/// A task writes an answer and continues no message.
const ANSWERING: Activity<'_> = Activity::Answering { continued: &[] };

fn merged(server: &[&str], local: &[&str]) -> Vec<String> {
    run(server, local, Activity::Idle)
}

#[test]
fn a_list_merged_with_itself_is_itself() {
    let list = ["s:be kind", "u:hi", "a:Hello", "u:again", "a:Hello"];
    assert_eq!(merged(&list, &list), list);
}

#[test]
fn a_message_that_the_server_lacks_comes_after_all_of_the_servers() {
    assert_eq!(merged(&["u:a", "a:b"], &["u:a", "a:b", "u:c", "a:d"]), ["u:a", "a:b", "u:c", "a:d"]);
    assert_eq!(merged(&["u:a", "a:b"], &["u:c"]), ["u:a", "a:b", "u:c"]);
    assert_eq!(merged(&[], &["u:c"]), ["u:c"]);
    assert_eq!(merged(&["u:c"], &[]), ["u:c"]);
}

#[test]
fn equal_ids_match_whatever_the_texts_say() {
    assert_eq!(merged(&["u#1:hi", "a#2:Hello"], &["u#1:hi!", "a#2:other"]), ["u#1:hi", "a#2:Hello"]);
}

#[test]
fn equal_keys_match_anywhere() {
    let server = ["u:go", "a#call1", "t#result1#op1", "u:next"];
    assert_eq!(merged(&server, &["t#result1", "a#call1", "t#op1"]), server);
}

#[test]
fn a_final_response_takes_the_place_of_the_pending_one_of_its_call() {
    let server = ["u:go", "a#call1", "t?#result1#op1", "u:next"];
    let settled = |with| vec!["u:go", "a#call1", with, "u:next"];
    assert_eq!(merged(&server, &["t!#result1"]), settled("t!#result1"));
    assert_eq!(merged(&server, &["t!#op1"]), settled("t!#op1"));
    assert_eq!(merged(&server, &["t?#result1", "t!#op1#result1", "t!#result1"]), settled("t!#op1#result1"));
    assert_eq!(merged(&server, &["t?#result1"]), server);
    let server = ["u:go", "a#call1", "t!#result1"];
    assert_eq!(merged(&server, &["t?#result1"]), server);
    assert_eq!(merged(&server, &["t!#result1#own"]), server);
}

#[test]
fn a_response_in_an_answer_takes_the_place_of_one_in_an_answer_alone() {
    let server = ["u:go", "a?#result1"];
    assert_eq!(merged(&server, &["a!#result1:and more"]), ["u:go", "a!#result1:and more"]);
    assert_eq!(merged(&server, &["t!#result1"]), server);
    assert_eq!(merged(&["u:go", "t?#result1"], &["a!#result1:and more"]), ["u:go", "t?#result1"]);
}

#[test]
fn a_call_is_not_its_result() {
    assert_eq!(merged(&["u:go", "a#call1"], &["u:go", "a#call1", "t#result1"]), ["u:go", "a#call1", "t#result1"]);
}

#[test]
fn yes_sent_twice_stays_twice() {
    let twice = ["u:yes", "a:ok", "u:yes"];
    assert_eq!(merged(&["u:yes", "a:ok"], &twice), twice);
    assert_eq!(merged(&twice, &twice), twice);
    assert_eq!(merged(&["u:yes"], &["u:yes", "u:yes"]), ["u:yes", "u:yes"]);
    assert_eq!(merged(&["u:yes", "u:yes"], &["u:yes"]), ["u:yes", "u:yes"]);
    assert_eq!(merged(&["u:yes", "u:yes"], &["u:yes", "u:yes"]), ["u:yes", "u:yes"]);
}

#[test]
fn yes_with_another_answer_is_another_yes() {
    let server = ["u:yes", "a:A", "u:yes", "a:B"];
    assert_eq!(merged(&server, &["u:yes", "a:B", "u:yes"]), ["u:yes", "a:A", "u:yes", "a:B", "u:yes"]);
}

#[test]
fn a_question_without_text_is_the_one_without_text_at_its_place_unless_the_files_differ() {
    let server = ["u:hi", "a:Hello", "u:"];
    assert_eq!(merged(&server, &["u:hi", "a:Hello", "u:+cat"]), server);
    let server = ["u:+cat", "a:A cat.", "u:+dog"];
    assert_eq!(merged(&server, &["u:+cat", "a:A cat.", "u:+dog", "u:+owl"]), [server.as_slice(), &["u:+owl"]].concat());
    assert_eq!(merged(&server, &["u:"]), server);
}

#[test]
fn a_window_of_the_newest_turns_matches_the_newest() {
    let server = ["u:yes", "a:A", "u:yes", "a:B"];
    assert_eq!(merged(&server, &["u:yes", "a:B"]), server);
    assert_eq!(merged(&server, &["u:yes"]), server);
}

#[test]
fn a_window_may_begin_inside_a_turn() {
    assert_eq!(merged(&["u:hi", "a:Hello there"], &["a:Hello"]), ["u:hi", "a:Hello there"]);
    let server = ["u:hi", "a:Let me see.", "t#call", "a:Found it.", "a:Bye"];
    assert_eq!(merged(&server, &["a:Found it.", "a:By", "u:next"]), [server.as_slice(), &["u:next"]].concat());
}

#[test]
fn a_local_turn_that_never_reached_the_server_does_not_disturb_the_others() {
    let server = ["u:one", "a:1", "u:three", "a:3"];
    let local = ["u:one", "a:1", "u:two", "u:three", "a:3"];
    assert_eq!(merged(&server, &local), ["u:one", "a:1", "u:three", "a:3", "u:two"]);
}

#[test]
fn turns_of_another_device_do_not_disturb_the_others() {
    let server = ["u:one", "a:1", "u:two", "a:2", "u:three", "a:3"];
    assert_eq!(merged(&server, &["u:one", "a:1", "u:three", "a:3"]), server);
}

#[test]
fn an_answer_matches_when_one_is_the_beginning_of_the_other() {
    assert_eq!(merged(&["u:hi", "a:Hello there"], &["u:hi", "a:Hel"]), ["u:hi", "a:Hello there"]);
    assert_eq!(merged(&["u:hi", "a:Hel"], &["u:hi", "a:Hello there"]), ["u:hi", "a:Hel"]);
    assert_eq!(merged(&["u:hi", "a:Hello"], &["u:hi", "a:Goodbye"]), ["u:hi", "a:Hello", "a:Goodbye"]);
}

#[test]
fn the_turn_with_the_longer_matching_answer_corresponds() {
    let server = ["u:hi", "a:Hello there"];
    assert_eq!(
        merged(&server, &["u:hi", "a:Hello there", "u:hi", "a:Hel"]),
        [server.as_slice(), &["u:hi", "a:Hel"]].concat()
    );
    assert_eq!(merged(&server, &["u:hi", "a:Hel", "u:hi", "a:"]), [server.as_slice(), &["u:hi", "a:"]].concat());
    assert_eq!(merged(&server, &["u:hi", "a:", "u:hi"]), [server.as_slice(), &["u:hi"]].concat());
}

#[test]
fn an_answer_at_another_place_is_another_answer() {
    let server = ["u:hi", "a:one", "a:two"];
    assert_eq!(merged(&server, &["u:hi", "a:two"]), ["u:hi", "a:one", "a:two", "a:two"]);
    assert_eq!(merged(&["u:hi", "a:ok", "u:bye"], &["u:hi", "u:bye", "a:ok"]), ["u:hi", "a:ok", "u:bye", "a:ok"]);
}

#[test]
fn an_answer_that_lacks_its_beginning_is_compared_from_the_last_message_that_both_have() {
    let server = ["u:hi", "a:Let me see.", "a#call1", "t#result1", "a:Found it."];
    assert_eq!(merged(&server, &["u:hi", "t#result1", "a:Found"]), server);
    assert_eq!(merged(&server, &["u:hi", "a#call1", "t#result1", "a:Found it. And more"]), server);
    assert_eq!(merged(&server, &["u:hi", "t#result1", "a:Other"]), [server.as_slice(), &["a:Other"]].concat());
    let twice = [server.as_slice(), &["a#call2", "t#result2", "a:Bye"]].concat();
    assert_eq!(merged(&twice, &["u:hi", "t#result2", "a:By"]), twice);
    assert_eq!(merged(&twice, &["u:hi", "t#result1", "a:Found it.", "t#result2", "a:By"]), twice);
}

#[test]
fn messages_that_both_have_in_another_order_do_not_disturb_the_texts_between_them() {
    let server = ["u:hi", "a:Hm.", "t#result1", "t#result2", "a:Found."];
    assert_eq!(merged(&server, &["u:hi", "t#result2", "t#result1", "a:Fo"]), server);
}

#[test]
fn an_answer_that_the_server_keeps_in_one_piece_matches_its_pieces() {
    let server = ["u:hi", "a:one two three"];
    assert_eq!(merged(&server, &["u:hi", "a:one ", "t#call", "a:two th"]), ["u:hi", "a:one two three", "t#call"]);
    assert_eq!(merged(&["u:hi", "a:one ", "a:two three"], &["u:hi", "a:one two"]), ["u:hi", "a:one ", "a:two three"]);
}

#[test]
fn the_text_after_a_piece_that_covers_several_is_compared_with_the_text_after_those() {
    let server = ["u:hi", "a:one ", "a:two"];
    assert_eq!(merged(&server, &["u:hi", "a:one two", "a:two!"]), [server.as_slice(), &["a:two!"]].concat());
}

#[test]
fn an_equal_answer_to_another_question_is_another_answer() {
    assert_eq!(merged(&["u:one", "a:ok"], &["u:two", "a:ok"]), ["u:one", "a:ok", "u:two", "a:ok"]);
    let server = ["u:one", "a:1", "u:two", "a:ok"];
    assert_eq!(
        merged(&server, &["u:one", "a:1", "u:three", "a:ok"]),
        [server.as_slice(), &["u:three", "a:ok"]].concat()
    );
}

#[test]
fn a_long_list_of_which_the_local_one_holds_a_part_here_and_there_is_merged() {
    let line = |at: usize| [format!("u:question {at}"), format!("a:answer {at}")];
    let server: Vec<String> = (0..1_000).flat_map(line).collect();
    let local: Vec<String> = (0..1_000).step_by(7).flat_map(line).collect();
    let server: Vec<&str> = server.iter().map(String::as_str).collect();
    let local: Vec<&str> = local.iter().map(String::as_str).collect();
    assert!(merged(&server, &local) == server);
    assert_eq!(merged(&local, &server).len(), server.len());
}

#[test]
fn a_piece_that_begins_after_the_servers_answer_ends_is_new() {
    let local = ["u:hi", "a:one ", "a:two"];
    assert_eq!(merged(&["u:hi", "a:one "], &local), local);
}

#[test]
fn an_answer_that_only_calls_tools_takes_no_place() {
    let server = ["u:hi", "a#call1", "t#result1", "a:done"];
    assert_eq!(merged(&server, &["u:hi", "a:do"]), server);
}

#[test]
fn while_a_task_runs_its_answer_is_not_taken_from_the_server() {
    let server = ["u:one", "a:1", "u:two", "a:par", "t#result1", "s:note"];
    let local = ["u:two", "a:partial", "t#result1"];
    let expected = ["u:one", "a:1", "u:two", "s:note", "a:partial", "t#result1"];
    assert_eq!(run(&server, &local, ANSWERING), expected);
}

#[test]
fn while_a_task_runs_what_it_continues_is_taken_from_the_server() {
    let server = ["u:one", "a#call1:Let me see.", "t#result1", "a:par"];
    let shown = ["u:one", "a#call1:Let me see.", "t#result1"];
    assert_eq!(run(&server, &["t#result1"], Activity::Answering { continued: &[1, 2] }), shown);
}

#[test]
fn while_a_task_runs_in_a_session_without_user_message_no_answer_is_taken() {
    assert_eq!(run(&["a:one", "t#r"], &[], ANSWERING), [""; 0]);
}

#[test]
fn messages_without_anything_to_compare_are_all_kept() {
    assert_eq!(merged(&["u", "a", "t", "x"], &["u", "a", "t", "x"]), ["u", "a", "t", "x", "u", "a", "t", "x"]);
}

#[test]
fn long_lists_are_merged_in_linear_work() {
    let line = |at: usize| [format!("u:{}", at % 7), format!("a:answer {at}")];
    let server: Vec<String> = (0..2_000).flat_map(line).collect();
    let local: Vec<String> = (500..2_100).flat_map(line).collect();
    let server: Vec<&str> = server.iter().map(String::as_str).collect();
    let local: Vec<&str> = local.iter().map(String::as_str).collect();
    assert_eq!(merged(&server, &local).len(), 2 * 2_100);
}

/// A seeded generator (xorshift): equal seeds give equal sequences.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}

/// Makes a turn with one of a few questions and an answer that no other turn has. Either may have ids or not.
fn turn(random: &mut Random, number: usize, ids: bool) -> Vec<String> {
    let id = |role: &str| if ids { format!("#{role}{number}") } else { String::new() };
    let mut turn = vec![format!("u{}:{}", id("u"), ["yes", "no"][random.below(2)])];
    if random.below(3) == 0 {
        turn.push(format!("a#call{number}"));
        turn.push(format!("t#result{number}"));
    }
    turn.push(format!("a{}:answer <{number}> and so on", id("a")));
    turn
}

fn without_ids(line: &str) -> String {
    line.split_once(':').map_or_else(|| line.to_owned(), |(head, text)| format!("{}:{text}", &head[..1]))
}

#[test]
fn whatever_window_the_local_list_is_only_its_new_messages_follow_the_servers() {
    for seed in 1..3_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let ids = random.below(2) == 0;
        let old = 1 + random.below(8);
        let turns: Vec<Vec<String>> = (0..old).map(|number| turn(&mut random, number, ids)).collect();
        let new: Vec<String> = (old..old + random.below(4))
            .flat_map(|number| {
                let turn = turn(&mut random, number, ids);
                let length = if random.below(2) == 0 { 1 } else { turn.len() };
                turn.into_iter().take(length)
            })
            .collect();
        let server: Vec<String> = turns.concat();
        let shared = turns[random.below(old)..].concat();
        let strip = random.below(2) == 0;
        let local: Vec<String> =
            shared.iter().chain(&new).map(|line| if strip { without_ids(line) } else { line.clone() }).collect();
        let lines = |list: &[String]| list.to_vec();
        let (theirs, ours) = (lines(&server), lines(&local));
        let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
        let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        let expected: Vec<&str> = theirs.iter().chain(&ours[shared.len()..]).copied().collect();
        assert_eq!(merged(&theirs, &ours), expected, "seed {seed}: {theirs:?} with {ours:?}");
        let again: Vec<String> = merged(&theirs, &ours);
        let again: Vec<&str> = again.iter().map(String::as_str).collect();
        assert_eq!(merged(&theirs, &again), again, "seed {seed}: merging again changes nothing");
    }
}

#[test]
fn no_message_of_the_server_is_ever_lost_and_none_is_invented() {
    let words = ["u:yes", "u:no", "a:a", "a:ab", "a:", "a#1", "t#2", "u#3:yes", "a#4:ab", "s:s", "x", "a#1#4:b"];
    for seed in 1..5_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut list = || -> Vec<&str> { (0..random.below(9)).map(|_| words[random.below(words.len())]).collect() };
        let (server, local) = (list(), list());
        let result = merged(&server, &local);
        assert_eq!(&result[..server.len()], server, "seed {seed}");
        let mut rest = local.iter();
        assert!(result[server.len()..].iter().all(|line| rest.any(|ours| ours == line)), "seed {seed}: in order");
        let comparable: Vec<&str> = server.into_iter().filter(|line| *line != "x" && !line.contains('#')).collect();
        assert_eq!(merged(&comparable, &comparable), comparable, "seed {seed}");
    }
}
