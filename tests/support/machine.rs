//! Any operations on a client, in any order: apps that call anything, networks that answer anything, storages that hold
//! anything, other tabs that post anything, clocks that run back. The bytes of one input decide everything. [`check`] panics
//! if a guarantee is broken.
//!
//! After every operation: draining the effects ends soon, a session has at most one stream, a call is resolved at most once,
//! an input for a request that has ended does nothing, what waits is bounded, and no position is saved before its rows were
//! delivered. At the end, `Close` resolves every call, or the client comes to rest by itself.

#[path = "machine/draw.rs"]
mod draw;
#[path = "machine/shell.rs"]
mod shell;

use std::collections::{BTreeMap, BTreeSet};

use self::draw::{Answer, Bytes, TASKS, body, frames, largest_id, legacy, nth, parsed};
use self::shell::{Exchange, Listener, Stage};

use super::codec;
use rejoin::client::Client;
use rejoin::client::io::{
    Attempt, Author, Config, Effect, Failure, Head, Input, Millis, Network, Page, Repost, Request, SendRequest, Status,
    Trigger,
};
use rejoin::client::{ActiveTask, SavedTask, Stop};
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::parser::Parser;

const SESSIONS: &[&str] = &["s", "t", "/ü"];
/// The name of this tab, and the names of broadcasts.
const TAB: &str = "me";
const STREAMS: &[&str] = &["a-1", "a-2", "b-1", "me-1"];
/// The number of effects of one input above which the client would flood its shell.
const MOST_EFFECTS: usize = 64;
const MOST_TIMEOUTS: u32 = 10_000;
/// The number of timeouts at one time above which the client is in a busy loop.
const MOST_AT_ONCE: u32 = 16;

/// Runs one program. Its bytes are the operations.
pub fn check(program: &[u8]) {
    let mut bytes = Bytes(program);
    let mut world = World::new(&mut bytes);
    while !bytes.0.is_empty() && !world.is_closed {
        world.step(&mut bytes);
    }
    if world.is_closed {
        return;
    }
    if world.seed.is_multiple_of(2) { world.come_to_rest() } else { world.close() }
}

struct World {
    client: Client,
    seed: u64,
    now: Millis,
    exchanges: BTreeMap<Attempt, Exchange>,
    over: Vec<Attempt>,
    pending: BTreeSet<u32>,
    calls: u32,
    storage: BTreeMap<String, String>,
    listeners: BTreeMap<&'static str, Listener>,
    /// The sessions whose snapshots the last input reported as changed.
    changed: BTreeSet<String>,
    /// The sessions whose lock is requested or held.
    locks: BTreeSet<String>,
    /// The broadcast that the client announced last, which other tabs refer to.
    broadcast: String,
    is_closed: bool,
    /// `TRACE=1` prints what happens.
    tracing: bool,
}

impl World {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let seed = u64::from(bytes.byte());
        let config = Config {
            initial_delay: bytes.pick(&[1_000, 100, 5_000]),
            max_delay: bytes.pick(&[30_000, 1_000]),
            max_retries: bytes.pick(&[None, Some(0), Some(2)]),
            window: bytes.pick(&[60_000, 10_000, 0]),
            repost: bytes.pick(&[Repost::SameId, Repost::Never]),
            stall_timeout: bytes.pick(&[None, Some(1_000), Some(100)]),
            task_ttl: bytes.pick(&[3_600_000, 1_000]),
            tab: (seed & 4 == 0).then(|| TAB.to_owned()),
            seed,
            ..Config::default()
        };
        let now = 1_700_000_000_000;
        Self {
            client: Client::new(config, now),
            seed,
            now,
            exchanges: BTreeMap::new(),
            over: Vec::new(),
            pending: BTreeSet::new(),
            calls: 0,
            storage: BTreeMap::new(),
            listeners: SESSIONS.iter().map(|session| (*session, Listener::default())).collect(),
            changed: BTreeSet::new(),
            locks: BTreeSet::new(),
            broadcast: String::new(),
            is_closed: false,
            tracing: std::env::var_os("TRACE").is_some(),
        }
    }

    /// Half of the programs use one session only, so that the origin of every event is clear.
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let sessions = if self.seed & 2 == 0 { 1 } else { SESSIONS.len() };
        let session = SESSIONS[bytes.below(sessions)];
        match bytes.below(32) {
            0 => self.start(session, bytes),
            1 => self.rejoin(session, bytes),
            2 => self.call(|call| Input::Resume { session, call }),
            3 => self.let_go(session, |call| Some(Input::Stop { session, call })),
            4 => self.let_go(session, |_| None),
            5..=13 => self.answer(bytes),
            14..=16 => self.deliver(session),
            17 => self.time_out(bytes),
            18 => self.take_only(session),
            19 => self.input(Input::Network(bytes.pick(&[Network::Online, Network::Offline]))),
            20 => self.input(Input::Page(bytes.pick(&[Page::Shown, Page::Hidden, Page::Left, Page::Returned]))),
            21 => self.store(session, bytes),
            22 => self.edit(session, bytes),
            23..=24 => self.grant(session, bytes),
            25..=29 => self.tab(session, bytes),
            30 => self.close_early(bytes),
            _ => self.stale(bytes),
        }
        if self.is_closed {
            return;
        }
        self.check_sessions();
    }

    fn grant(&mut self, session: &'static str, bytes: &mut Bytes<'_>) {
        if bytes.byte() & 7 == 0 {
            self.input(Input::Watch { session });
        }
        if !self.locks.contains(session) {
            return;
        }
        if bytes.byte() & 3 == 0 {
            self.locks.remove(session);
            return self.input(Input::LockLost { session });
        }
        let key = self.client.record_key(session);
        let value = self.storage.get(&key).cloned();
        self.stored(&key, value.as_deref());
        self.input(Input::Locked { session });
    }

    fn stored(&mut self, key: &str, text: Option<&str>) {
        let value = codec::stored(&self.client, key, text);
        self.input(Input::Stored { key, value });
    }

    fn tab(&mut self, session: &'static str, bytes: &mut Bytes<'_>) {
        let message = self.message(session, bytes);
        self.expect_rows(message.len());
        // The shell drops what has another shape.
        if let Some(message) = codec::message(&message) {
            self.input(Input::Tab { message });
        }
    }

    fn message(&mut self, session: &str, bytes: &mut Bytes<'_>) -> String {
        let stream = if bytes.byte() & 3 == 0 { self.broadcast.clone() } else { bytes.pick(STREAMS).to_owned() };
        let (task, number) = (bytes.pick(TASKS), bytes.below(4));
        let place =
            format!(r#"{{"last":"{}","unnumbered":{},"hash":"{}"}}"#, self.broadcast_id(bytes), number, bytes.byte());
        let shown = format!(r#"{{"status":"streaming","patience":{}}}"#, u32::from(bytes.byte()) * 100);
        let content = match bytes.below(10) {
            0 => format!(r#""kind":"ask","stream":"{stream}","number":{number}"#),
            1 => format!(r#""kind":"owner","stream":"{stream}","task":"{task}","place":{place}"#),
            2..=3 => format!(
                r#""kind":"state","to":"{TAB}","asked":{},"stream":"{stream}","number":{number},"task":"{task}","frames":{},"place":{place},"shown":{shown}"#,
                self.now.saturating_sub(bytes.pick(&[0, 0, 0, 5_000])),
                self.broadcast_frames(bytes)
            ),
            4..=5 => {
                format!(
                    r#""kind":"frames","stream":"{stream}","number":{number},"frames":{}"#,
                    self.broadcast_frames(bytes)
                )
            }
            6 => format!(r#""kind":"alive","stream":"{stream}""#),
            7 => {
                let kind = bytes.pick(&["stopped", "failed", "expired", "odd"]);
                format!(r#""kind":"end","stream":"{stream}","end":{{"kind":"{kind}","code":"X"}}"#)
            }
            8 => format!(r#""kind":"stop","task":"{task}""#),
            _ => return bytes.text(),
        };
        let epoch = bytes.pick(&[self.now, self.now + 1, self.now.saturating_sub(5_000), 0]);
        let aliases =
            bytes.pick(&["", r#","message":"m1""#, r#","message":"m2","ordinal":1"#, r#","ordinal":0,"text":"yes""#]);
        format!(r#"{{"v":2,"from":"a","session":"{session}","epoch":{epoch},{content}{aliases}}}"#)
    }

    fn broadcast_frames(&mut self, bytes: &mut Bytes<'_>) -> String {
        let (mut text, mut ends, mut ids) = (String::new(), Vec::new(), String::new());
        for _ in 0..bytes.below(3) {
            if bytes.byte() & 1 != 0 {
                ids.push_str(&self.broadcast_id(bytes).to_string());
            }
            ids.push('\n');
            text.push_str(&match bytes.below(5) {
                0 => format!(r#"{{"type":"start","messageId":"a","taskId":"{}"}}"#, bytes.pick(TASKS)),
                1 => r#"{"type":"finish"}"#.to_owned(),
                2 => "[DONE]".to_owned(),
                _ => r#"{"type":"text-delta","id":"b","delta":"ha"}"#.to_owned(),
            });
            ends.push(text.len());
        }
        serde_json::json!({ "text": text, "ends": ends, "ids": ids }).to_string()
    }

    /// Returns an id for a message of another tab, which this tab may then deliver.
    fn broadcast_id(&mut self, bytes: &mut Bytes<'_>) -> EventId {
        let id = bytes.id();
        self.listeners.values_mut().for_each(|listener| listener.largest = listener.largest.max(id));
        id
    }

    fn call(&mut self, input: impl FnOnce(u32) -> Input<'static>) {
        self.calls += 1;
        self.pending.insert(self.calls);
        let input = input(self.calls);
        self.input(input);
    }

    fn start(&mut self, session: &'static str, bytes: &mut Bytes<'_>) {
        let author = bytes.pick(&[Author::User, Author::Assistant]);
        let context = bytes.pick(&[None, Some("{\"url\":\"u\"}"), Some("{broken")]).map(str::to_owned);
        let message_id = format!("m{}", self.calls);
        let trigger = bytes.pick(&[Trigger::Submit, Trigger::Regenerate, Trigger::Edit, Trigger::Continue]);
        let message = "yes".to_owned();
        let request = SendRequest { message, author, context, message_id, trigger, ..SendRequest::default() };
        self.call(|call| Input::Start { session, call, request });
    }

    fn rejoin(&mut self, session: &'static str, bytes: &mut Bytes<'_>) {
        let task = bytes.pick(TASKS);
        let after = (bytes.byte() & 1 == 1).then(|| bytes.id());
        self.allow(session, after.unwrap_or_default());
        if self.client.snapshot(session).task.as_deref() != Some(task) {
            self.orphan(session);
        }
        self.call(|call| Input::Rejoin { session, call, task, after });
    }

    fn let_go(&mut self, session: &'static str, stop: impl FnOnce(u32) -> Option<Input<'static>>) {
        self.orphan(session);
        self.calls += 1;
        match stop(self.calls) {
            Some(stop) => {
                self.pending.insert(self.calls);
                self.input(stop);
            }
            None => self.input(Input::Detach { session }),
        }
        assert!(self.client.take_batch(session).is_none(), "rows of a stream that was let go");
    }

    /// The request of a message may stay open after its stream was detached.
    fn orphan(&mut self, session: &str) {
        for exchange in self.exchanges.values_mut() {
            exchange.is_orphan |= matches!(&exchange.request, Request::Send { session: of, .. } if of == session);
        }
    }

    fn edit(&mut self, session: &'static str, bytes: &mut Bytes<'_>) {
        let now = self.time(bytes);
        match bytes.below(3) {
            0 => {
                let task = bytes.pick(TASKS).to_owned();
                let active =
                    ActiveTask { task, session: session.to_owned(), last: bytes.id(), ..ActiveTask::default() };
                self.allow(session, active.last);
                self.client.set_active_task(active, now);
            }
            1 => self.client.clear_active_task(session),
            _ => {
                let last = bytes.id();
                self.allow(session, last);
                self.client.update_cursor(session, last, now);
            }
        }
        self.drain();
    }

    /// Records that the app or another page has reported this event as delivered.
    fn allow(&mut self, session: &str, id: EventId) {
        if let Some(listener) = self.listeners.get_mut(session) {
            listener.largest = listener.largest.max(id);
            listener.delivered = listener.delivered.max(id);
        }
    }

    fn take_only(&mut self, session: &'static str) {
        let Some(batch) = self.client.take_batch(session) else { return };
        assert!(!batch.is_empty());
        let Some(listener) = self.listeners.get_mut(session) else { return };
        assert!(batch.bytes() <= 4_096 + 64 * listener.waiting, "{} of {}", batch.bytes(), listener.waiting);
        listener.waiting = 0;
        listener.taken = Some(listener.largest);
        listener.spare.push(batch);
    }

    fn deliver(&mut self, session: &'static str) {
        self.take_only(session);
        let Some(listener) = self.listeners.get_mut(session) else { return };
        if let Some(taken) = listener.taken.take() {
            listener.delivered = listener.delivered.max(taken);
        }
        for batch in std::mem::take(&mut listener.spare) {
            self.client.recycle(session, batch);
        }
        self.input(Input::Delivered { session });
    }

    fn answer(&mut self, bytes: &mut Bytes<'_>) {
        let Some(attempt) = nth(&self.exchanges.keys().copied().collect::<Vec<_>>(), bytes.byte()) else { return };
        let Some(exchange) = self.exchanges.get(&attempt) else { return };
        match (exchange.stage, exchange.request.expects_stream(), bytes.below(8)) {
            (Stage::Open, _, 0) => self.finish(attempt, Input::Ended { attempt }),
            (_, _, 1) => self.break_off(attempt, bytes),
            (Stage::Open, ..) => self.read(attempt, bytes),
            (Stage::Asked, true, 2..) => self.open(attempt, bytes),
            (Stage::Asked, ..) => {
                let (head, body) = (Answer::new(bytes), body(bytes));
                self.expect_rows(body.len());
                self.finish(attempt, Input::Answered { attempt, head: head.head(), body: parsed(&body).as_ref() });
            }
        }
    }

    fn break_off(&mut self, attempt: Attempt, bytes: &mut Bytes<'_>) {
        let failure = match bytes.below(4) {
            0 => Failure::Headers(bytes.text()),
            1 => Failure::InvalidUrl(bytes.text()),
            _ => Failure::Network(bytes.text()),
        };
        self.finish(attempt, Input::Failed { attempt, failure });
    }

    fn open(&mut self, attempt: Attempt, bytes: &mut Bytes<'_>) {
        let answer = Answer::new(bytes);
        if let Some(exchange) = self.exchanges.get_mut(&attempt) {
            exchange.stage = Stage::Open;
        }
        let head = Head { status: 200, content_type: "text/event-stream", ..answer.head() };
        self.input(Input::Opened { attempt, head });
    }

    fn read(&mut self, attempt: Attempt, bytes: &mut Bytes<'_>) {
        let read = frames(bytes);
        self.expect_rows(read.len());
        let largest = self.exchanges.get_mut(&attempt).map(|exchange| largest_id(&mut exchange.parser, &read));
        for listener in self.listeners.values_mut() {
            listener.largest = listener.largest.max(largest.unwrap_or_default());
        }
        self.input(Input::Bytes { attempt, bytes: &read });
    }

    /// The rows may belong to any session.
    fn expect_rows(&mut self, bytes: usize) {
        self.listeners.values_mut().for_each(|listener| listener.waiting += bytes);
    }

    fn finish(&mut self, attempt: Attempt, input: Input<'_>) {
        self.exchanges.remove(&attempt);
        self.over.push(attempt);
        self.input(input);
    }

    /// Passes an input for a request that has ended or never existed.
    fn stale(&mut self, bytes: &mut Bytes<'_>) {
        let attempt = nth(&self.over, bytes.byte()).unwrap_or(u32::MAX - 1);
        let (answer, body) = (Answer::new(bytes), body(bytes));
        let parsed = parsed(&body);
        let input = match bytes.below(5) {
            0 => Input::Opened { attempt, head: answer.head() },
            1 => Input::Bytes { attempt, bytes: &body },
            2 => Input::Ended { attempt },
            3 => Input::Answered { attempt, head: answer.head(), body: parsed.as_ref() },
            _ => Input::Failed { attempt, failure: Failure::Network(String::new()) },
        };
        self.client.handle(input, self.now);
        assert_eq!(self.client.poll(), None, "a request that is over still counts");
    }

    fn store(&mut self, session: &'static str, bytes: &mut Bytes<'_>) {
        let value = match bytes.below(5) {
            0 => None,
            1 => Some(bytes.text()),
            2 => Some(legacy(session, bytes)),
            _ => Some(self.record(session, bytes)),
        };
        let key = match bytes.below(6) {
            0 => self.client.legacy_key().to_owned(),
            1 => bytes.text(),
            2 => return self.input(Input::Restored),
            _ => self.client.record_key(session),
        };
        value.iter().for_each(|value| self.allow_saved(value));
        self.stored(&key, value.as_deref());
    }

    fn allow_saved(&mut self, value: &str) {
        let records = codec::record(value).filter(|record| SESSIONS.contains(&record.session.as_str())).into_iter();
        let now = self.now;
        let legacy = codec::legacy(value).into_iter().flatten();
        for saved in records.chain(legacy.filter_map(|entry| entry.into_record(now))) {
            saved.active.iter().for_each(|active| self.allow(&saved.session, active.last));
        }
    }

    fn record(&self, session: &str, bytes: &mut Bytes<'_>) -> String {
        let known = |task: &str| Some(task.to_owned()).filter(|task| !task.is_empty());
        let active = known(bytes.pick(TASKS)).map(|task| ActiveTask {
            task,
            session: session.to_owned(),
            last: bytes.id(),
            ..ActiveTask::default()
        });
        let unnumbered = bytes.pick(&[0, 1, 5, u64::MAX]);
        let saved = bytes.pick(&[self.now, 0, u64::MAX]);
        let stopped = bytes.pick(&[None, Some(self.now), Some(u64::MAX)]);
        let stops = bytes.pick(&[0, 0, 1, 20]);
        let stops = (0..stops).map(|at| Stop { task: known(bytes.pick(TASKS)), at }).collect();
        let session = session.to_owned();
        codec::text_of(&SavedTask { session, active, unnumbered, saved, stopped, stops, ..SavedTask::default() })
    }

    /// Moves the clock, usually forward and sometimes back.
    fn time(&mut self, bytes: &mut Bytes<'_>) -> Millis {
        let step = bytes.pick(&[0, 1, 16, 250, 1_000, 10_000, 46_000, 700_000]);
        if bytes.byte() == 0 {
            return self.now.saturating_sub(step);
        }
        self.now += step;
        self.now
    }

    fn time_out(&mut self, bytes: &mut Bytes<'_>) {
        let now = match self.client.deadline() {
            Some(deadline) if bytes.byte() & 1 == 0 => {
                self.now = self.now.max(deadline.min(self.now + 10_000_000));
                self.now
            }
            _ => self.time(bytes),
        };
        self.client.handle(Input::Timeout, now);
        self.drain();
    }

    fn input(&mut self, input: Input<'_>) {
        self.note(&input);
        let shown = SESSIONS.iter().map(|session| self.client.snapshot(session)).collect::<Vec<_>>();
        self.client.handle(input, self.now);
        self.changed.clear();
        self.drain();
        for (session, shown) in SESSIONS.iter().zip(shown) {
            let now = self.client.snapshot(session);
            assert!(now == shown || self.changed.contains(*session), "no notification that {session} is {now:?}");
        }
    }

    fn note(&self, what: &impl std::fmt::Debug) {
        if self.tracing {
            eprintln!("{:>9} {what:?}", self.now - 1_700_000_000_000);
        }
    }

    fn drain(&mut self) {
        let mut effects = 0;
        while let Some(effect) = self.client.poll() {
            effects += 1;
            self.note(&effect);
            assert!(effects <= MOST_EFFECTS, "a flood: {effect:?}");
            self.act(effect);
        }
        for session in SESSIONS {
            let foreground = self.exchanges.values().filter(|exchange| exchange.is_foreground(session)).count();
            assert!(foreground <= 1, "{foreground} messages of {session} are on their way");
        }
        let joins = self.exchanges.values().filter(|exchange| matches!(exchange.request, Request::Join { .. })).count();
        assert!(joins <= SESSIONS.len(), "{joins} streams are joined");
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Open { attempt, request, .. } => {
                assert!(request.path().starts_with('/'));
                let exchange = Exchange { request, stage: Stage::Asked, parser: Parser::default(), is_orphan: false };
                assert!(self.exchanges.insert(attempt, exchange).is_none(), "an attempt's name is used twice");
            }
            Effect::Abort { attempt } => {
                assert!(self.exchanges.remove(&attempt).is_some(), "gives up a request that is over");
                self.over.push(attempt);
            }
            Effect::Resolve { calls, .. } => {
                assert!(!calls.is_empty());
                calls.iter().for_each(|call| assert!(self.pending.remove(call), "call {call} is resolved twice"));
            }
            Effect::Save { key, value } => self.save(key, codec::text_of(&value)),
            Effect::Remove { key } => drop(self.storage.remove(&key)),
            Effect::Lock { .. } | Effect::Unlock { .. } | Effect::Post { .. } if !self.client.shares_tabs() => {
                panic!("a single tab posts nothing")
            }
            Effect::Lock { session, .. } => drop(self.locks.insert(session)),
            Effect::Unlock { session } => {
                assert!(self.locks.remove(&session), "a lock of {session} is given back twice")
            }
            Effect::Post { message } => self.note_broadcast(&codec::text_of(&message)),
            Effect::Changed { session } => self.changed.extend([session]),
            Effect::Began { .. } | Effect::Deliver { .. } | Effect::Turn { .. } | Effect::Ended { .. } => {}
        }
    }

    fn note_broadcast(&mut self, message: &str) {
        let stream = message.split("\"stream\":\"").nth(1).and_then(|rest| rest.split('"').next());
        self.broadcast = stream.unwrap_or_default().to_owned();
    }

    fn save(&mut self, key: String, value: String) {
        let owner = SESSIONS.iter().find(|session| self.client.record_key(session) == key);
        if let Some(listener) = owner.and_then(|session| self.listeners.get(session)) {
            let text = value.split("\"last\":\"").nth(1).and_then(|rest| rest.split('"').next());
            let last: EventId = text.and_then(|text| text.parse().ok()).expect("a cursor is saved");
            assert!(last <= listener.delivered, "saved {last}, delivered {}", listener.delivered);
        }
        self.storage.insert(key, value);
    }

    fn check_sessions(&self) {
        for session in SESSIONS {
            let shown = self.client.snapshot(session);
            let failed = shown.status == Status::Error;
            assert_eq!(failed, shown.error.is_some(), "{shown:?}");
            assert!(!(failed && shown.retry_at.is_some()), "{shown:?}");
        }
    }

    /// Closes the client in the middle of its work.
    fn close_early(&mut self, bytes: &mut Bytes<'_>) {
        if bytes.byte() & 3 == 0 {
            self.rejoin(SESSIONS[0], bytes);
            self.close();
            self.is_closed = true;
        }
    }

    fn close(&mut self) {
        self.input(Input::Close);
        assert!(self.locks.is_empty(), "locks outlive their client: {:?}", self.locks);
        assert!(self.pending.is_empty(), "never resolved: {:?}", self.pending);
        assert_eq!(self.client.deadline(), None);
        self.input(Input::Timeout);
        self.call(|call| Input::Resume { session: "s", call });
        assert!(self.exchanges.values().all(|exchange| exchange.stage == Stage::Asked), "a stream outlives its client");
    }

    /// No request is answered any more, so the client has to give up everything in the end.
    fn come_to_rest(&mut self) {
        self.input(Input::Network(Network::Online));
        self.input(Input::Page(Page::Returned));
        let mut at_once = 0;
        for _ in 0..MOST_TIMEOUTS {
            SESSIONS.iter().for_each(|session| self.deliver(session));
            let Some(deadline) = self.client.deadline() else {
                assert!(self.pending.is_empty(), "never resolved: {:?}", self.pending);
                return;
            };
            at_once = if deadline > self.now { 0 } else { at_once + 1 };
            assert!(at_once <= MOST_AT_ONCE, "the deadline does not move on");
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
        panic!("it never comes to rest");
    }
}
