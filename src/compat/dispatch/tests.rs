use super::*;

const A: Name = 1;
const B: Name = 2;
const C: Name = 3;

fn item(kind: Kind, name: Name) -> Item {
    Item { kind, name, weight: Weight::Final }
}

fn interim(name: Name) -> Item {
    Item { kind: Kind::ToolResponse, name, weight: Weight::Interim }
}

fn run(items: &[Item]) -> Vec<Action> {
    feed(&mut Dispatcher::default(), items)
}

fn feed(dispatcher: &mut Dispatcher, items: &[Item]) -> Vec<Action> {
    let mut actions = Vec::new();
    items.iter().for_each(|item| dispatcher.take(*item, &mut actions));
    actions
}

fn hand(handler: Handler) -> Action {
    Action::Hand(handler)
}

#[test]
fn a_start_is_dispatched_once_per_task() {
    let start = item(Kind::Start, A);
    assert_eq!(run(&[start, start]), [hand(Handler::StreamStart)]);
}

#[test]
fn a_start_of_another_task_starts_over() {
    let items = [
        item(Kind::Start, A),
        item(Kind::Login, UNNAMED),
        item(Kind::End, UNNAMED),
        item(Kind::Start, B),
        item(Kind::Login, UNNAMED),
        item(Kind::End, UNNAMED),
    ];
    let once = [hand(Handler::StreamStart), hand(Handler::LoginNeeded), hand(Handler::StreamEnd)];
    assert_eq!(run(&items), [once, once].concat());
}

#[test]
fn a_start_of_another_task_closes_the_blocks_of_the_one_before() {
    let items = [item(Kind::Start, A), item(Kind::Text, A), item(Kind::Start, B)];
    let expected =
        [hand(Handler::StreamStart), hand(Handler::TextChunk), Action::CloseBlock(A), hand(Handler::StreamStart)];
    assert_eq!(run(&items), expected);
}

#[test]
fn a_start_after_the_end_of_a_stream_without_one_starts_over() {
    let items = [item(Kind::End, UNNAMED), item(Kind::Start, A), item(Kind::End, UNNAMED)];
    assert_eq!(run(&items), [Handler::StreamEnd, Handler::StreamStart, Handler::StreamEnd].map(hand));
}

#[test]
fn a_start_that_comes_late_names_the_stream_and_does_not_start_it_over() {
    let items = [item(Kind::Text, A), item(Kind::Start, B), item(Kind::TextEnded, A)];
    assert_eq!(run(&items), [hand(Handler::TextChunk), hand(Handler::StreamStart), hand(Handler::TextEnded)]);
}

#[test]
fn a_block_ends_once() {
    let items = [item(Kind::Text, A), item(Kind::TextEnded, A), item(Kind::TextEnded, A)];
    assert_eq!(run(&items), [hand(Handler::TextChunk), hand(Handler::TextEnded)]);
}

#[test]
fn blocks_that_are_open_at_the_end_are_closed_before_it_in_the_order_they_opened() {
    for (last, expected) in [
        (Kind::End, vec![hand(Handler::StreamEnd)]),
        (Kind::Error, vec![hand(Handler::Error)]),
        (Kind::Abort, vec![hand(Handler::Other), Action::EndStream]),
    ] {
        let actions = run(&[item(Kind::Text, B), item(Kind::Text, A), item(last, UNNAMED)]);
        let closed = [Action::CloseBlock(B), Action::CloseBlock(A)];
        assert_eq!(actions.get(2..), Some([closed.as_slice(), &expected].concat().as_slice()), "{last:?}");
    }
}

#[test]
fn a_named_block_without_text_ends_too() {
    assert_eq!(run(&[item(Kind::TextEnded, A), item(Kind::TextEnded, A)]), [hand(Handler::TextEnded)]);
}

#[test]
fn an_unnamed_end_where_no_block_is_open_is_a_repeat() {
    assert_eq!(run(&[item(Kind::TextEnded, UNNAMED)]), []);
}

#[test]
fn text_after_its_block_ended_opens_a_new_one() {
    for block in [UNNAMED, A] {
        let items = [item(Kind::Text, block), item(Kind::TextEnded, block)].repeat(2);
        let expected = [hand(Handler::TextChunk), hand(Handler::TextEnded)].repeat(2);
        assert_eq!(run(&items), expected);
    }
}

#[test]
fn more_open_blocks_than_anyone_needs_close_the_oldest() {
    let names: Vec<Item> = (1..=OPEN_BLOCKS as u32 + 1).map(|name| item(Kind::Text, name)).collect();
    let actions = run(&names);
    assert_eq!(actions.iter().filter(|action| matches!(action, Action::CloseBlock(_))).count(), 1);
    assert!(actions.contains(&Action::CloseBlock(1)));
    let mut dispatcher = Dispatcher::default();
    feed(&mut dispatcher, &names);
    assert_eq!(feed(&mut dispatcher, &[item(Kind::TextEnded, 1)]), [], "it has ended");
}

#[test]
fn a_tool_starts_once_and_is_updated_by_each_later_start() {
    let start = item(Kind::ToolStart, A);
    let expected = [hand(Handler::ToolCallStart), hand(Handler::ToolCallUpdate), hand(Handler::ToolCallUpdate)];
    assert_eq!(run(&[start, start, start]), expected);
}

#[test]
fn interim_responses_come_through_until_the_final_one_and_nothing_does_after_it() {
    let response = item(Kind::ToolResponse, A);
    let expected = run(&[interim(A), interim(A), response, response, interim(A)]);
    assert_eq!(expected, [hand(Handler::ToolResponse); 3]);
}

#[test]
fn tools_without_an_id_are_never_taken_for_each_other() {
    let items = [item(Kind::ToolStart, UNNAMED), item(Kind::ToolResponse, UNNAMED)].repeat(2);
    let expected = [hand(Handler::ToolCallStart), hand(Handler::ToolResponse)].repeat(2);
    assert_eq!(run(&items), expected);
}

#[test]
fn a_tool_id_that_is_also_a_block_id_is_another_thing() {
    let items = [item(Kind::Text, A), item(Kind::ToolStart, A), item(Kind::TextEnded, A), item(Kind::ToolResponse, A)];
    let expected = [Handler::TextChunk, Handler::ToolCallStart, Handler::TextEnded, Handler::ToolResponse].map(hand);
    assert_eq!(run(&items), expected);
}

#[test]
fn a_login_is_asked_for_once() {
    assert_eq!(run(&[item(Kind::Login, UNNAMED); 3]), [hand(Handler::LoginNeeded)]);
}

#[test]
fn an_abort_is_dispatched_and_then_ends_the_stream() {
    let items = [item(Kind::Abort, UNNAMED), item(Kind::End, UNNAMED)];
    assert_eq!(run(&items), [hand(Handler::Other), Action::EndStream]);
}

#[test]
fn nothing_is_dispatched_after_the_end() {
    for last in [Kind::End, Kind::Error, Kind::Abort] {
        let mut dispatcher = Dispatcher::default();
        feed(&mut dispatcher, &[item(Kind::Start, A), item(last, UNNAMED)]);
        let rest: Vec<Item> =
            Kind::ALL.into_iter().filter(|kind| *kind != Kind::Reset).map(|kind| item(kind, A)).collect();
        assert_eq!(feed(&mut dispatcher, &rest), [], "{last:?}");
    }
}

fn operation(tool: Name, task: Name) -> Item {
    Item { weight: Weight::Operation(task), ..interim(tool) }
}

#[test]
fn an_operation_that_answers_after_the_end_begins_its_own_stream() {
    let items = [item(Kind::Start, A), operation(C, B), item(Kind::End, UNNAMED)];
    let mut dispatcher = Dispatcher::default();
    assert_eq!(
        feed(&mut dispatcher, &items),
        [Handler::StreamStart, Handler::ToolResponse, Handler::StreamEnd].map(hand)
    );
    assert_eq!(feed(&mut dispatcher, &[item(Kind::Text, A), interim(C), item(Kind::ToolResponse, A)]), []);
    let response = item(Kind::ToolResponse, C);
    let items = [response, item(Kind::Start, B), response, item(Kind::Text, A), item(Kind::End, UNNAMED), response];
    let expected = [
        Action::StartStream(B),
        hand(Handler::ToolResponse),
        hand(Handler::TextChunk),
        Action::CloseBlock(A),
        hand(Handler::StreamEnd),
    ];
    assert_eq!(feed(&mut dispatcher, &items), expected);
}

#[test]
fn an_operation_with_a_start_of_its_own_begins_with_that() {
    let items = [operation(C, B), item(Kind::End, UNNAMED), item(Kind::Start, B), item(Kind::ToolResponse, C)];
    let expected = [Handler::ToolResponse, Handler::StreamEnd, Handler::StreamStart, Handler::ToolResponse];
    assert_eq!(run(&items), expected.map(hand));
}

#[test]
fn an_operation_of_the_task_itself_is_dropped_after_its_end() {
    let items = [item(Kind::Start, A), operation(C, A), item(Kind::End, UNNAMED), item(Kind::ToolResponse, C)];
    assert_eq!(run(&items), [Handler::StreamStart, Handler::ToolResponse, Handler::StreamEnd].map(hand));
}

#[test]
fn a_reset_is_dispatched_and_the_same_task_starts_again() {
    let items = [item(Kind::Start, A), item(Kind::Text, B), item(Kind::Reset, UNNAMED), item(Kind::Start, A)];
    let expected = [
        hand(Handler::StreamStart),
        hand(Handler::TextChunk),
        Action::CloseBlock(B),
        hand(Handler::Other),
        hand(Handler::StreamStart),
    ];
    assert_eq!(run(&items), expected);
}

#[test]
fn everything_else_goes_to_other() {
    assert_eq!(run(&[item(Kind::of("reasoning-delta"), UNNAMED)]), [hand(Handler::Other)]);
    assert_eq!(run(&[item(Kind::of("tool_call"), UNNAMED)]), [hand(Handler::Other)]);
}

#[test]
fn both_spellings_of_login_are_one_kind() {
    assert_eq!(Kind::of("login_needed"), Kind::of("need_login"));
}

#[test]
fn a_kind_keeps_its_number() {
    for (code, kind) in (0..).zip(Kind::ALL) {
        assert_eq!(kind as u8, code);
        assert_eq!(Kind::from_code(code), kind);
    }
    assert_eq!(Kind::from_code(200), Kind::Other);
}

/// A seeded generator (xorshift): equal seeds give equal sequences.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % bound
    }

    fn item(&mut self) -> Item {
        let kind = Kind::from_code(self.below(13) as u8);
        let named = matches!(kind, Kind::Start | Kind::Text | Kind::TextEnded | Kind::ToolStart | Kind::ToolResponse);
        let weight = match self.below(6) {
            0 => Weight::Interim,
            1 => Weight::Operation(1 + self.below(3)),
            _ => Weight::Final,
        };
        Item { kind, name: if named { self.below(4) } else { UNNAMED }, weight }
    }
}

/// Records what a stream dispatches between one start and the next, and checks the guarantees while it does.
#[derive(Default)]
struct Witness {
    starts: u32,
    open: Vec<Name>,
    started: Vec<Name>,
    settled: Vec<Name>,
    logins: u32,
    ended: bool,
}

impl Witness {
    fn see(&mut self, item: Item, action: Action) {
        assert!(!self.ended, "nothing after the end: {item:?} {action:?}");
        match action {
            Action::Hand(Handler::StreamStart) | Action::StartStream(_) => self.starts += 1,
            Action::Hand(Handler::TextChunk) if !self.open.contains(&item.name) => self.open.push(item.name),
            Action::Hand(Handler::TextEnded) => self.open.retain(|open| *open != item.name),
            Action::CloseBlock(block) => {
                assert!(self.open.contains(&block), "only an open block is closed");
                self.open.retain(|open| *open != block);
            }
            Action::Hand(Handler::ToolCallStart) if item.name != UNNAMED => {
                assert!(!self.started.contains(&item.name), "one start per tool");
                self.started.push(item.name);
            }
            Action::Hand(Handler::ToolCallUpdate) => {
                assert!(self.started.contains(&item.name), "an update after the start")
            }
            Action::Hand(Handler::ToolResponse) if item.name != UNNAMED => {
                assert!(!self.settled.contains(&item.name), "no response after the final one");
                if item.weight == Weight::Final {
                    self.settled.push(item.name);
                }
            }
            Action::Hand(Handler::LoginNeeded) => self.logins += 1,
            Action::Hand(Handler::StreamEnd | Handler::Error) | Action::EndStream => {
                assert!(self.open.is_empty(), "blocks end before the stream");
                self.ended = true;
            }
            Action::Hand(_) => {}
        }
        assert!(self.starts <= 1 && self.logins <= 1);
    }
}

fn starts_over(item: Item, actions: &[Action], task: &mut Option<Name>, ended: bool) -> bool {
    match item.kind {
        Kind::Reset => {
            *task = None;
            true
        }
        Kind::Start if actions.contains(&hand(Handler::StreamStart)) => {
            let another = task.is_some() || ended;
            assert_ne!(*task, Some(item.name), "a start is dispatched once per task");
            *task = Some(item.name);
            another
        }
        Kind::ToolResponse if ended && !actions.is_empty() => {
            assert!(
                matches!(actions[0], Action::StartStream(begun) if *task != Some(begun)),
                "an operation's own task"
            );
            *task = actions
                .iter()
                .find_map(|action| if let Action::StartStream(begun) = action { Some(*begun) } else { None });
            true
        }
        _ => false,
    }
}

#[test]
fn whatever_the_chunks_do_the_guarantees_hold() {
    for seed in 1..4_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut dispatcher = Dispatcher::default();
        let mut witness = Witness::default();
        let mut task = None;
        for _ in 0..80 {
            let item = random.item();
            let mut actions = Vec::new();
            dispatcher.take(item, &mut actions);
            let (closing, rest): (Vec<Action>, Vec<Action>) = if starts_over(item, &actions, &mut task, witness.ended) {
                actions.into_iter().partition(|action| matches!(action, Action::CloseBlock(_)))
            } else {
                (actions, Vec::new())
            };
            closing.into_iter().for_each(|action| witness.see(item, action));
            if !rest.is_empty() {
                assert!(witness.open.is_empty(), "a block ends before its stream starts over");
                witness = Witness::default();
                rest.into_iter().for_each(|action| witness.see(item, action));
            }
        }
    }
}

#[test]
fn compacting_changes_nothing_but_the_numbers() {
    for seed in 1..2_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut plain, mut compacted) = (Dispatcher::default(), Dispatcher::default());
        let mut names: Vec<Name> = Vec::new();
        for round in 0..60 {
            let item = random.item();
            let weight = match item.weight {
                Weight::Operation(task) => Weight::Operation(renamed(&mut names, task)),
                weight => weight,
            };
            let renamed = Item { name: renamed(&mut names, item.name), weight, ..item };
            let (mut expected, mut actual) = (Vec::new(), Vec::new());
            plain.take(item, &mut expected);
            compacted.take(renamed, &mut actual);
            let original = |name: Name| names.get((name as usize).wrapping_sub(1)).copied().unwrap_or(UNNAMED);
            let actual: Vec<Action> = actual
                .into_iter()
                .map(|action| match action {
                    Action::CloseBlock(name) => Action::CloseBlock(original(name)),
                    Action::StartStream(name) => Action::StartStream(original(name)),
                    action => action,
                })
                .collect();
            assert_eq!(actual, expected, "seed {seed}, round {round}");
            if random.below(4) == 0 {
                names = compacted.compact().into_iter().map(original).collect();
            }
        }
    }
}

/// Returns the number of a name, renumbered after each compaction as the shell does it.
fn renamed(names: &mut Vec<Name>, name: Name) -> Name {
    if name == UNNAMED {
        return UNNAMED;
    }
    let place = names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    });
    place as Name + 1
}

#[test]
fn memory_is_bounded_however_many_tools_a_task_calls() {
    let mut dispatcher = Dispatcher::default();
    let many: Vec<Item> = (1..=3 * MEMORY as u32).map(|name| item(Kind::ToolStart, name)).collect();
    feed(&mut dispatcher, &[item(Kind::Start, 1), item(Kind::Text, 2)]);
    feed(&mut dispatcher, &many);
    let kept = dispatcher.compact();
    assert_eq!(kept.len(), MEMORY + 2, "the newest, the task, and the open block");
    assert_eq!(feed(&mut dispatcher, &[item(Kind::Start, 1)]), []);
    assert_eq!(feed(&mut dispatcher, &[item(Kind::End, UNNAMED)]), [Action::CloseBlock(2), hand(Handler::StreamEnd)]);
}
