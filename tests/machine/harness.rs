//! Drives one client by hand: passes inputs, collects effects, and moves the clock.

use crate::codec;
use rejoin::client::io::{
    Attempt, Config, Effect, Failure, Head, Input, Millis, Network, Outcome, OutcomeKind, Page, Request, SendRequest,
    Sender, Status, Trigger, Urgency, Why,
};
use rejoin::client::{ActiveTask, Client};
use rejoin::stream::batch::Batch;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;

/// The session of all tests.
pub const S: &str = "s";

/// Returns a session in which this task runs.
pub fn running(task: &str) -> String {
    format!(r#"{{"messages":[],"active_stream":{{"task_id":"{task}"}}}}"#)
}

/// Returns a session with these messages, given as JSON, in which no task runs.
pub fn session(messages: &str) -> String {
    format!(r#"{{"messages":[{messages}],"active_stream":null}}"#)
}

/// A request that the client has sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub attempt: Attempt,
    pub request: Request,
    pub why: Why,
    pub at: Millis,
}

pub struct Harness {
    pub client: Client,
    pub now: Millis,
    pub asked: Vec<Asked>,
    pub aborted: Vec<Attempt>,
    /// The calls that were resolved, and their outcomes, in order.
    pub resolved: Vec<(u32, Option<Outcome>)>,
    pub ended: Vec<Outcome>,
    /// The messages that a backend accepted.
    pub turns: Vec<(String, Sender)>,
    pub saved: Vec<String>,
    pub removed: Vec<String>,
    pub text: String,
    /// The number of notifications that the snapshot has changed.
    pub changes: u32,
    /// The urgencies with which waiting rows were announced.
    pub announced: Vec<Urgency>,
    /// The number of streams that began.
    pub began: u32,
    /// The messages that were posted to other tabs.
    pub posted: Vec<String>,
    /// The locks that were requested and released, in order.
    pub locks: Vec<Effect>,
    /// The number of calls of the app so far. The id of a message contains the number of its call.
    pub calls: u32,
    shares: bool,
}

impl Default for Harness {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Harness {
    pub fn new(config: Config) -> Self {
        let now = 1_000_000;
        let shares = config.tab.is_some();
        let client = Client::new(config, now);
        Self {
            client,
            now,
            asked: Vec::new(),
            aborted: Vec::new(),
            resolved: Vec::new(),
            ended: Vec::new(),
            turns: Vec::new(),
            saved: Vec::new(),
            removed: Vec::new(),
            text: String::new(),
            changes: 0,
            announced: Vec::new(),
            began: 0,
            posted: Vec::new(),
            locks: Vec::new(),
            calls: 0,
            shares,
        }
    }

    pub fn start(&mut self, message: &str) -> u32 {
        self.calls += 1;
        let call = self.calls;
        let message_id = format!("m{call}");
        let request = SendRequest { message: message.into(), message_id, ..SendRequest::default() };
        self.input(Input::Start { session: S, call, request });
        call
    }

    /// Sends a message without a text that changes the session in this way.
    pub fn send(&mut self, trigger: Trigger) -> u32 {
        self.calls += 1;
        let call = self.calls;
        let message_id = format!("m{call}");
        let turn = Some(format!(r#"{{"messageId":"{message_id}"}}"#));
        let request = SendRequest { message_id, trigger, turn, ..SendRequest::default() };
        self.input(Input::Start { session: S, call, request });
        call
    }

    pub fn resume(&mut self) -> u32 {
        self.calls += 1;
        self.input(Input::Resume { session: S, call: self.calls });
        self.calls
    }

    pub fn rejoin(&mut self, task: &str, after: Option<EventId>) -> u32 {
        self.calls += 1;
        self.input(Input::Rejoin { session: S, call: self.calls, task, after });
        self.calls
    }

    pub fn stop(&mut self) -> u32 {
        self.calls += 1;
        self.input(Input::Stop { session: S, call: self.calls });
        self.calls
    }

    /// Stops on a backend that cannot withdraw a message (PROTOCOL §7). The last request is then the one before the stop.
    pub fn stop_on_base(&mut self) -> u32 {
        let call = self.stop();
        assert!(matches!(self.last().request, Request::Withdraw { .. }));
        let withdrawal = self.asked.pop().expect("it was asked");
        let head = Head { status: 404, content_type: "application/json", ..Head::default() };
        let body = codec::body(r#"{"detail":"Not Found"}"#);
        self.input(Input::Answered { attempt: withdrawal.attempt, head, body: body.as_ref() });
        call
    }

    pub fn detach(&mut self) {
        self.input(Input::Detach { session: S });
    }

    /// Opens the stream of the last request, as our server does.
    pub fn open(&mut self, task: Option<&str>) {
        let attempt = self.last().attempt;
        let head = Head { status: 200, content_type: "text/event-stream", task, ..Head::default() };
        self.input(Input::Opened { attempt, head });
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        let attempt = self.last().attempt;
        self.input(Input::Bytes { attempt, bytes });
    }

    /// Sends one event, with an id unless `id` is empty.
    pub fn event(&mut self, id: &str, data: &str) {
        let mut bytes = Vec::new();
        encoder::event(&mut bytes, id.parse().ok(), data);
        self.bytes(&bytes);
    }

    pub fn delta(&mut self, id: &str, text: &str) {
        self.event(id, &format!(r#"{{"type":"text-delta","id":"b","delta":"{text}"}}"#));
    }

    /// Sends `start` and `text-start` of a task, with these ids or without.
    pub fn preamble(&mut self, task: &str, ids: [&str; 2]) {
        self.event(ids[0], &format!(r#"{{"type":"start","messageId":"a1","taskId":"{task}"}}"#));
        self.event(ids[1], r#"{"type":"text-start","id":"b"}"#);
    }

    pub fn end_of_file(&mut self) {
        let attempt = self.last().attempt;
        self.input(Input::Ended { attempt });
    }

    pub fn fail(&mut self) {
        let attempt = self.last().attempt;
        self.input(Input::Failed { attempt, failure: Failure::Network("reset".into()) });
    }

    pub fn answer(&mut self, status: u16, body: &str) {
        self.answer_with(Head { status, content_type: "application/json", ..Head::default() }, body);
    }

    /// Answers the request for the status of a task whose answer the session has. `None` answers 404.
    pub fn answer_status(&mut self, status: Option<&str>) {
        while !matches!(self.last().request, Request::Task { .. }) {
            self.pass_until_asked();
        }
        match status {
            Some(status) => self.answer(200, &format!(r#"{{"status":"{status}"}}"#)),
            None => self.answer(404, r#"{"detail":"Not Found"}"#),
        }
    }

    pub fn answer_with(&mut self, head: Head<'_>, body: &str) {
        let attempt = self.last().attempt;
        let body = codec::body(body);
        self.input(Input::Answered { attempt, head, body: body.as_ref() });
    }

    pub fn network(&mut self, network: Network) {
        self.input(Input::Network(network));
    }

    pub fn page(&mut self, page: Page) {
        self.input(Input::Page(page));
    }

    /// Breaks the stream of the last request and waits for the next request.
    pub fn cut(&mut self) {
        self.end_of_file();
        self.pass_until_asked();
    }

    /// Ends the task and delivers the end.
    pub fn finish(&mut self, id: &str) {
        self.event(id, r#"{"type":"finish"}"#);
        self.deliver();
    }

    /// Refuses a message because this task runs.
    pub fn busy_with(&mut self, task: &str) {
        self.answer(409, &format!(r#"{{"detail":{{"code":"TASK_RUNNING","task_id":"{task}"}}}}"#));
    }

    /// Reports a change of the session's record in the storage.
    pub fn stored(&mut self, record: Option<&str>) {
        let key = self.client.record_key(S);
        self.stored_at(&key, record);
    }

    /// Reports a change of a key in the storage.
    pub fn stored_at(&mut self, key: &str, text: Option<&str>) {
        let value = codec::stored(&self.client, key, text);
        self.input(Input::Stored { key, value });
    }

    /// Reads the saved task under a key as a getter does.
    pub fn stored_task(&self, key: &str, text: Option<&str>, now: Millis) -> Option<ActiveTask> {
        self.client.stored_task(key, codec::stored(&self.client, key, text), now)
    }

    /// Passes a message of another tab.
    pub fn receive(&mut self, message: &str) {
        let message = codec::message(message).expect("a message has the shape of one");
        self.input(Input::Tab { message });
    }

    pub fn pass(&mut self, ms: Millis) {
        let until = self.now + ms;
        while let Some(deadline) = self.client.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    /// Lets time pass until another request is sent.
    pub fn pass_until_asked(&mut self) -> &Asked {
        let before = self.asked.len();
        while self.asked.len() == before {
            let deadline = self.client.deadline().expect("nothing is planned");
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
        self.last()
    }

    /// Delivers the waiting rows and collects their text.
    pub fn deliver(&mut self) -> Option<Batch> {
        let batch = self.client.take_batch(S)?;
        self.text.push_str(batch.text());
        self.input(Input::Delivered { session: S });
        Some(batch)
    }

    /// Passes an input and drains the effects. Checks that the snapshot never changes without a notification.
    pub fn input(&mut self, input: Input<'_>) {
        let (shown, changes) = (self.client.snapshot(S), self.changes);
        self.client.handle(input, self.now);
        self.drain();
        let is_notified = self.changes > changes;
        assert!(is_notified || self.client.snapshot(S) == shown, "no notification of {:?}", self.client.snapshot(S));
    }

    pub fn drain(&mut self) {
        while let Some(effect) = self.client.poll() {
            self.note(effect);
        }
    }

    fn note(&mut self, effect: Effect) {
        match effect {
            Effect::Open { attempt, request, why } => {
                self.asked.push(Asked { attempt, request, why, at: self.now });
            }
            Effect::Abort { attempt } => self.aborted.push(attempt),
            Effect::Resolve { calls, outcome } => {
                self.resolved.extend(calls.into_iter().map(|call| (call, outcome.clone())));
            }
            Effect::Turn { turn, from, .. } => self.turns.push((turn, from)),
            Effect::Ended { outcome, .. } => self.ended.push(outcome),
            Effect::Save { value, .. } => self.saved.push(codec::text_of(&value)),
            Effect::Remove { key } => self.removed.push(key),
            Effect::Changed { .. } => self.changes += 1,
            Effect::Deliver { urgency, .. } => self.announced.push(urgency),
            Effect::Began { .. } => self.began += 1,
            Effect::Lock { .. } | Effect::Unlock { .. } | Effect::Post { .. } if !self.shares => {
                panic!("a single tab posts nothing")
            }
            Effect::Post { message } => self.posted.push(codec::text_of(&message)),
            lock => self.locks.push(lock),
        }
    }

    pub fn last(&self) -> &Asked {
        self.asked.last().expect("nothing was asked")
    }

    pub fn status(&self) -> Status {
        self.client.snapshot(S).status
    }

    /// Returns the outcome of a call, which may have been resolved without one.
    pub fn outcome(&self, call: u32) -> Option<&Outcome> {
        let (_, outcome) = self.resolved.iter().find(|(resolved, _)| *resolved == call).expect("still pending");
        outcome.as_ref()
    }

    pub fn is_pending(&self, call: u32) -> bool {
        self.resolved.iter().all(|(resolved, _)| *resolved != call)
    }

    pub fn kind(&self, call: u32) -> OutcomeKind {
        self.outcome(call).expect("no outcome").kind
    }

    pub fn code(&self, call: u32) -> String {
        self.outcome(call).and_then(|outcome| outcome.error.clone()).expect("no error").code
    }

    /// Returns how often the client requested a cancel.
    pub fn cancels(&self) -> usize {
        self.asked.iter().filter(|asked| matches!(asked.request, Request::Cancel { .. })).count()
    }

    pub fn is_send(&self) -> bool {
        matches!(self.last().request, Request::Send { .. })
    }

    pub fn is_look(&self) -> bool {
        matches!(self.last().request, Request::Session { .. })
    }

    /// Returns the task and the cursor if the last request joins a stream.
    pub fn joined(&self) -> Option<(String, String)> {
        match &self.last().request {
            Request::Join { task, after, .. } => Some((task.clone(), after.to_string())),
            _ => None,
        }
    }

    /// Returns a client whose message has an open stream.
    pub fn started(task: Option<&str>) -> (Self, u32) {
        let mut harness = Self::default();
        let call = harness.start("hi");
        harness.open(task);
        (harness, call)
    }

    /// Sends the next message of the session and opens its stream.
    pub fn next(&mut self, task: Option<&str>) -> u32 {
        let call = self.start("next");
        self.pass(1_000);
        self.open(task);
        call
    }

    /// Returns a client that has received `start` and one delta from our server.
    pub fn streaming() -> (Self, u32) {
        let (mut harness, call) = Self::started(Some("t1"));
        harness.preamble("t1", ["1-0", "1-1"]);
        harness.delta("2-0", "one ");
        harness.deliver();
        (harness, call)
    }
}
