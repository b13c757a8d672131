//! One run: carries inputs and effects between the page and the server, on a virtual clock, and checks after every step.

use std::collections::{BTreeMap, BTreeSet};

use rejoin::cursor::EventId;
use rejoin::io::{
    Attempt, Author, Config, Effect, Head, Input, Millis, Network, Outcome, OutcomeKind, Page as PageLife, Request,
    SendRequest, Urgency,
};
use rejoin::retry::Jitter;
use rejoin::sse::encoder;

use crate::browser::{Page, Promise, SESSION};
use crate::plan::{Backend, Deed, Fault, Plan};
use crate::rows;
use crate::server::{Answer, Served, Server};

const EPOCH: Millis = 1_700_000_000_000;
/// After this long without deeds and faults every promise must be kept.
const PATIENCE: Millis = 1_500_000;
const MOST_STEPS: u32 = 200_000;
const LEAST_GAP: Millis = 250;

/// Whether a run writes down what happens; that costs more than the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    On,
    Off,
}

pub struct Failure {
    pub reason: String,
    pub trace: Vec<String>,
}

/// What a set of runs has come across; a simulation that never sees a fault proves nothing about it.
#[derive(Debug, Default)]
pub struct Seen {
    pub outcomes: BTreeMap<String, u32>,
    pub reconnects: u64,
    pub duplicates: u64,
    pub resets: u64,
    pub replayed: u64,
    pub cancelled: u64,
    pub unknown: u64,
    pub malformed: u64,
    pub reloads: u64,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.outcomes {
            *self.outcomes.entry(kind.clone()).or_default() += count;
        }
        self.reconnects += other.reconnects;
        self.duplicates += other.duplicates;
        self.resets += other.resets;
        self.replayed += other.replayed;
        self.cancelled += other.cancelled;
        self.unknown += other.unknown;
        self.malformed += other.malformed;
        self.reloads += other.reloads;
    }

    pub fn assert_that_everything_happened(&self) {
        for kind in ["Finished", "Stopped", "Failed", "Expired", "Superseded", "Joined", "None"] {
            assert!(self.outcomes.contains_key(kind), "no run ended {kind}: {self:?}");
        }
        let counts = [self.reconnects, self.duplicates, self.resets, self.replayed, self.cancelled, self.reloads];
        assert!(counts.iter().all(|count| *count > 0) && self.unknown > 0 && self.malformed > 0, "{self:?}");
    }
}

#[derive(Debug)]
enum Event {
    Deed(Deed),
    Flush,
    Opened(Attempt, Option<String>),
    Bytes(Attempt, Vec<u8>),
    Ended(Attempt),
    Failed(Attempt),
    Answered(Attempt, u16, Option<u64>, String),
    Pump(Attempt),
}

/// A response under way.
struct Conn {
    task: usize,
    queue: Vec<(EventId, String)>,
    next: usize,
    sent: usize,
    events: usize,
    limit: Option<(usize, Limit)>,
    done_after: Option<usize>,
    last_sent: Millis,
}

#[derive(Clone, Copy)]
enum Limit {
    Cut,
    Reset,
    Silence,
}

pub struct World {
    plan: Plan,
    now: Millis,
    server: Server,
    page: Page,
    storage: BTreeMap<String, String>,
    queue: BTreeMap<(Millis, u64), Event>,
    order: u64,
    conns: BTreeMap<Attempt, Conn>,
    /// Streaming requests that the page has open, in its own view.
    open: BTreeSet<Attempt>,
    /// Messages on their way whose stream was stopped or let go.
    orphans: BTreeSet<Attempt>,
    last_request: Option<Millis>,
    requests: usize,
    calls: u32,
    dice: Jitter,
    online: bool,
    away: bool,
    /// Newest event that any page was given, by task.
    delivered: BTreeMap<String, EventId>,
    posts_arrived: BTreeMap<String, u32>,
    stopped_tasks: BTreeSet<String>,
    silenced: bool,
    tracing: Tracing,
    pub trace: Vec<String>,
    pub seen: Seen,
}

type Step = Result<(), String>;

impl World {
    pub fn new(plan: Plan, tracing: Tracing) -> Self {
        let mut world = Self {
            tracing,
            now: EPOCH,
            server: Server::new(&plan),
            page: Page::new(config(&plan, 0), EPOCH, BTreeMap::new()),
            storage: BTreeMap::new(),
            queue: BTreeMap::new(),
            order: 0,
            conns: BTreeMap::new(),
            open: BTreeSet::new(),
            orphans: BTreeSet::new(),
            last_request: None,
            requests: 0,
            calls: 0,
            dice: Jitter(plan.seed ^ 0xD1CE),
            online: true,
            away: false,
            delivered: BTreeMap::new(),
            posts_arrived: BTreeMap::new(),
            stopped_tasks: BTreeSet::new(),
            silenced: false,
            trace: Vec::new(),
            seen: Seen::default(),
            plan,
        };
        for (at, deed) in world.plan.deeds.clone() {
            world.schedule(EPOCH + at, Event::Deed(deed));
        }
        let end = EPOCH + world.plan.deeds.last().map_or(0, |(at, _)| *at) + 1_000;
        for deed in [Deed::Online, Deed::Return, Deed::Show] {
            world.schedule(end, Event::Deed(deed));
        }
        world
    }

    pub fn run(&mut self) -> Result<(), Failure> {
        let result = self.run_steps().and_then(|()| self.check_the_end());
        self.account();
        result.map_err(|reason| Failure { reason, trace: std::mem::take(&mut self.trace) })
    }

    fn run_steps(&mut self) -> Step {
        let last_deed = self.queue.keys().next_back().map_or(EPOCH, |(at, _)| *at);
        self.input(Input::Restored)?;
        for _ in 0..MOST_STEPS {
            let next_event = self.queue.keys().next().copied();
            let deadline = self.page.client.deadline().filter(|_| !self.away);
            let Some(next) = [next_event.map(|(at, _)| at), deadline].into_iter().flatten().min() else {
                return Ok(());
            };
            if next > last_deed + PATIENCE {
                return Ok(());
            }
            self.now = self.now.max(next);
            match next_event.filter(|(at, _)| *at <= next) {
                Some(key) => {
                    let event = self.queue.remove(&key).ok_or("queue")?;
                    self.happen(event)?;
                }
                None => self.input(Input::Timeout)?,
            }
        }
        Err("it never comes to rest".into())
    }

    fn schedule(&mut self, at: Millis, event: Event) {
        self.order += 1;
        self.queue.insert((at, self.order), event);
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.tracing == Tracing::On {
            self.trace.push(format!("{:>8} {}", self.now - EPOCH, text()));
        }
    }

    // ---- the page ----

    fn input(&mut self, input: Input<'_>) -> Step {
        match &input {
            Input::Bytes { .. } => {}
            Input::Answered { attempt, head, body } => {
                let body = String::from_utf8_lossy(body);
                self.note(|| format!("-> Answered {attempt} {} {:?} {body}", head.status, head.retry_after));
            }
            other => self.note(|| format!("-> {other:?}")),
        }
        self.page.client.handle(input, self.now);
        self.drain()
    }

    fn drain(&mut self) -> Step {
        while let Some(effect) = self.page.client.poll() {
            self.note(|| format!("<- {effect:?}"));
            self.act(effect)?;
        }
        let foreground = self.open.difference(&self.orphans).count();
        if foreground > 1 {
            return Err(format!("{foreground} streams are open at once"));
        }
        Ok(())
    }

    fn act(&mut self, effect: Effect) -> Step {
        match effect {
            Effect::Open { attempt, request, .. } => self.request(attempt, request),
            Effect::Abort { attempt } => {
                self.open.remove(&attempt);
                self.conns.remove(&attempt);
                Ok(())
            }
            Effect::Deliver { urgency, .. } => {
                let at = self.now + if urgency == Urgency::Now { 0 } else { 16 };
                if self.page.flush_at.is_none_or(|planned| at < planned) {
                    self.page.flush_at = Some(at);
                    self.schedule(at, Event::Flush);
                }
                Ok(())
            }
            Effect::Save { key, value } => {
                self.check_save(&value)?;
                self.storage.insert(key, value);
                Ok(())
            }
            Effect::Remove { key } => {
                self.storage.remove(&key);
                Ok(())
            }
            Effect::Resolve { calls, outcome } => self.resolve(&calls, outcome),
            Effect::Ended { outcome, .. } => {
                self.page.ended.push(outcome);
                Ok(())
            }
            Effect::Began { .. } => {
                self.last_request = None;
                self.silenced = false;
                self.page.listener.begins = true;
                Ok(())
            }
            Effect::Changed { .. } => Ok(()),
        }
    }

    fn resolve(&mut self, calls: &[u32], outcome: Option<Outcome>) -> Step {
        for call in calls {
            let promise = self.page.pending.remove(call).ok_or("a promise is kept twice")?;
            self.check_outcome(&promise, outcome.as_ref())?;
            self.page.resolved.push((promise, outcome.clone()));
        }
        Ok(())
    }

    fn promise(&mut self, promise: Promise) -> u32 {
        self.calls += 1;
        self.page.pending.insert(self.calls, promise);
        self.calls
    }

    fn flush(&mut self) -> Step {
        self.page.flush_at = None;
        let Some(batch) = self.page.client.take_batch(SESSION) else { return Ok(()) };
        let start = self.page.client.snapshot(SESSION).task;
        for row in rows::read(&batch) {
            if self.silenced && !matches!(row, rows::Row::Reset) {
                return Err(format!("after the stop {row:?} was delivered"));
            }
            self.page.listener.take(&row, &self.server, start.clone())?;
        }
        if let Some(task) = self.page.listener.task.clone() {
            let newest = self.page.listener.newest(&task);
            let delivered = self.delivered.entry(task).or_default();
            *delivered = newest.max(*delivered);
        }
        self.page.client.recycle(SESSION, batch);
        self.input(Input::Delivered { session: SESSION })
    }

    fn reload(&mut self) -> Step {
        self.seen.reloads += 1;
        self.account_page();
        self.queue.retain(|_, event| matches!(event, Event::Deed(_)));
        self.conns.clear();
        self.open.clear();
        self.orphans.clear();
        self.last_request = None;
        self.away = false;
        self.silenced = false;
        let saved = self.storage.values().map(|text| saved_cursor(text)).collect();
        self.page = Page::new(config(&self.plan, self.order), self.now, saved);
        for (key, value) in self.storage.clone() {
            self.input(Input::Stored { key: &key, value: Some(&value) })?;
        }
        self.input(Input::Restored)?;
        if !self.online {
            self.input(Input::Network(Network::Offline))?;
        }
        let call = self.promise(Promise::Resume);
        self.input(Input::Resume { session: SESSION, call })
    }

    // ---- deeds and events ----

    fn happen(&mut self, event: Event) -> Step {
        match event {
            Event::Deed(deed) => self.deed(deed),
            Event::Flush => self.flush(),
            Event::Opened(attempt, task) => {
                let head = Head {
                    status: 200,
                    content_type: "text/event-stream; charset=utf-8",
                    task: task.as_deref(),
                    ..Head::default()
                };
                self.heard(attempt, Input::Opened { attempt, head })
            }
            Event::Bytes(attempt, bytes) => self.heard(attempt, Input::Bytes { attempt, bytes: &bytes }),
            Event::Ended(attempt) => self.over(attempt, Input::Ended { attempt }),
            Event::Failed(attempt) => {
                let failure = rejoin::io::Failure::Network("reset".into());
                self.over(attempt, Input::Failed { attempt, failure })
            }
            Event::Answered(attempt, status, retry_after, body) => {
                let retry_after = retry_after.map(|seconds| seconds.to_string());
                let head = Head {
                    status,
                    content_type: "application/json",
                    retry_after: retry_after.as_deref(),
                    ..Head::default()
                };
                self.over(attempt, Input::Answered { attempt, head, body: body.as_bytes() })
            }
            Event::Pump(attempt) => {
                self.pump(attempt);
                Ok(())
            }
        }
    }

    /// An aborted request is not heard of any more.
    fn heard(&mut self, attempt: Attempt, input: Input<'_>) -> Step {
        if self.open.contains(&attempt) { self.input(input) } else { Ok(()) }
    }

    fn over(&mut self, attempt: Attempt, input: Input<'_>) -> Step {
        if !self.open.remove(&attempt) {
            return Ok(());
        }
        self.orphans.remove(&attempt);
        self.input(input)
    }

    fn deed(&mut self, deed: Deed) -> Step {
        self.note(|| format!("== {deed:?}"));
        match deed {
            Deed::Start => {
                let number = self.calls as usize + 1;
                let call = self.promise(Promise::Start(number));
                let message = if number.is_multiple_of(3) { "yes".to_owned() } else { format!("message {number}") };
                let message_id = format!("m{number}");
                let request = SendRequest { message, author: Author::User, context: None, message_id };
                self.input(Input::Start { session: SESSION, call, request })
            }
            Deed::Stop => self.stop(),
            Deed::Detach => {
                self.orphans.extend(self.open.iter().copied());
                self.input(Input::Detach { session: SESSION })
            }
            Deed::Resume => {
                let call = self.promise(Promise::Resume);
                self.input(Input::Resume { session: SESSION, call })
            }
            Deed::Reload => self.reload(),
            Deed::Hide => self.input(Input::Page(PageLife::Hidden)),
            Deed::Show => self.input(Input::Page(PageLife::Shown)),
            Deed::Leave => {
                self.input(Input::Page(PageLife::Left))?;
                self.away = true;
                Ok(())
            }
            Deed::Return => {
                self.away = false;
                self.input(Input::Page(PageLife::Returned))
            }
            Deed::Offline => self.offline(),
            Deed::Online => {
                self.online = true;
                self.input(Input::Network(Network::Online))
            }
            Deed::Trim => {
                self.server.trim(self.now);
                Ok(())
            }
            Deed::LoseTask => {
                if let Some(lost) = self.server.lose(self.now) {
                    self.break_conns_of(lost);
                }
                Ok(())
            }
            Deed::Expire => {
                self.server.expire(self.now);
                Ok(())
            }
        }
    }

    fn stop(&mut self) -> Step {
        let live = self.page.client.snapshot(SESSION);
        self.orphans.extend(self.open.iter().copied());
        self.silenced = true;
        if let Some(task) = live.task.filter(|_| live.status != rejoin::io::Status::Completed) {
            self.stopped_tasks.insert(task);
        }
        let call = self.promise(Promise::Stop);
        self.input(Input::Stop { session: SESSION, call })
    }

    fn offline(&mut self) -> Step {
        self.online = false;
        for attempt in self.conns.keys().copied().collect::<Vec<_>>() {
            self.conns.remove(&attempt);
            if self.dice.below(1) == 0 {
                self.schedule(self.now + 5, Event::Failed(attempt));
            }
        }
        self.input(Input::Network(Network::Offline))
    }

    fn break_conns_of(&mut self, task: usize) {
        let broken: Vec<Attempt> =
            self.conns.iter().filter(|(_, conn)| conn.task == task).map(|(attempt, _)| *attempt).collect();
        for attempt in broken {
            self.conns.remove(&attempt);
            self.schedule(self.now + 5, Event::Ended(attempt));
        }
    }

    // ---- the network ----

    fn request(&mut self, attempt: Attempt, request: Request) -> Step {
        self.open.insert(attempt);
        if matches!(request, Request::Cancel { .. } | Request::Session { .. } | Request::Task { .. }) {
            self.orphans.insert(attempt);
        } else {
            self.check_gap()?;
        }
        let fault = self.plan.faults.get(self.requests).cloned().unwrap_or(Fault::None);
        self.requests += 1;
        let delay = 1 + self.dice.below(60);
        let at = self.now + delay;
        if !self.online {
            self.schedule(at, Event::Failed(attempt));
            return Ok(());
        }
        self.note(|| format!("   fault {fault:?}"));
        match fault {
            Fault::RequestLost => self.schedule(at, Event::Failed(attempt)),
            Fault::AnswerLost => {
                self.serve(&request)?;
                self.schedule(at, Event::Failed(attempt));
            }
            Fault::Hangs => {}
            Fault::Status(status) => self.schedule(at, Event::Answered(attempt, status, None, String::new())),
            Fault::Busy(status, seconds) => {
                self.schedule(at, Event::Answered(attempt, status, Some(seconds), String::new()));
            }
            other => {
                let served = self.serve(&request)?;
                self.answer(attempt, served, &other, at);
            }
        }
        Ok(())
    }

    fn serve(&mut self, request: &Request) -> Result<Served, String> {
        Ok(match request {
            Request::Send { request, .. } => {
                let before = self.server.tasks.len();
                let served = self.server.post(request, self.now);
                if self.server.tasks.len() > before {
                    let turns = self.posts_arrived.entry(request.message_id.clone()).or_default();
                    *turns += 1;
                    if *turns > 1 {
                        return Err(format!("message {} ran twice", request.message_id));
                    }
                }
                served
            }
            Request::Join { task, after, replay } => self.server.join(task, *after, *replay, self.now),
            Request::Session { .. } => Served::Plain(self.server.session(self.now)),
            Request::Task { task } => Served::Plain(self.server.status(task, self.now)),
            Request::Cancel { task } => Served::Plain(self.server.cancel(task, self.now)),
        })
    }

    fn answer(&mut self, attempt: Attempt, served: Served, fault: &Fault, at: Millis) {
        match served {
            Served::Plain(Answer { status, body }) => {
                self.schedule(at, Event::Answered(attempt, status, None, body));
            }
            Served::Stream { task, mut prelude, mut next } => {
                if *fault == Fault::Replays && self.plan.backend == Backend::Ours {
                    let produced = self.server.tasks[task].produced(self.now);
                    let from_the_start = self.server.tasks[task].frames[..produced].to_vec();
                    prelude = [from_the_start.clone(), from_the_start].concat();
                    next = produced;
                }
                let limit = match fault {
                    Fault::CutAfter(bytes) => Some((*bytes, Limit::Cut)),
                    Fault::ResetAfter(bytes) => Some((*bytes, Limit::Reset)),
                    Fault::SilentAfter(bytes) => Some((*bytes, Limit::Silence)),
                    _ => None,
                };
                let done_after = if let Fault::DoneAfter(events) = fault { Some(*events) } else { None };
                let conn =
                    Conn { task, queue: prelude, next, sent: 0, events: 0, limit, done_after, last_sent: self.now };
                self.conns.insert(attempt, conn);
                let named = self.plan.backend == Backend::Ours;
                let task = named.then(|| self.server.tasks[task].id.clone());
                self.schedule(at, Event::Opened(attempt, task));
                self.schedule(at, Event::Pump(attempt));
            }
        }
    }

    /// Sends what a response has to give by now, and plans when it has more.
    fn pump(&mut self, attempt: Attempt) {
        let Some(mut conn) = self.conns.remove(&attempt) else { return };
        let ours = self.plan.backend == Backend::Ours;
        let task = &self.server.tasks[conn.task];
        let produced = task.produced(self.now);
        if task.gone {
            conn.next = conn.next.max(produced);
        } else if conn.next < produced {
            conn.queue.extend_from_slice(&task.frames[conn.next..produced]);
            conn.next = produced;
        }
        let mut bytes = Vec::new();
        if ours && conn.sent == 0 {
            encoder::comment(&mut bytes, &format!("heartbeat {}", self.plan.heartbeat));
        }
        let mut is_done = false;
        for (id, frame) in std::mem::take(&mut conn.queue) {
            if conn.done_after.is_some_and(|events| conn.events >= events) {
                is_done = true;
                break;
            }
            encoder::event(&mut bytes, ours.then_some(id), &frame);
            conn.events += 1;
        }
        let has_ended = task.has_ended(self.now) && conn.next >= task.frames.len();
        if is_done || has_ended || task.gone {
            bytes.extend_from_slice(encoder::DONE);
            is_done = true;
        } else if bytes.is_empty() && self.now >= conn.last_sent + self.plan.heartbeat {
            encoder::comment(&mut bytes, "heartbeat");
        }
        let next_frame = task.times.get(conn.next).copied();
        self.send(attempt, conn, bytes, is_done, next_frame);
    }

    fn send(&mut self, attempt: Attempt, mut conn: Conn, bytes: Vec<u8>, is_done: bool, next_frame: Option<Millis>) {
        let room = conn.limit.map_or(usize::MAX, |(limit, _)| limit.saturating_sub(conn.sent));
        let sent = &bytes[..bytes.len().min(room)];
        conn.sent += sent.len();
        if !sent.is_empty() {
            conn.last_sent = self.now;
        }
        let mut rest = sent;
        while !rest.is_empty() {
            let most = [1, 7, 64, 4_096][self.dice.below(3) as usize];
            let (read, more) = rest.split_at(rest.len().min(1 + self.dice.below(most) as usize));
            self.schedule(self.now, Event::Bytes(attempt, read.to_vec()));
            rest = more;
        }
        match conn.limit {
            Some((_, limit)) if bytes.len() >= room => match limit {
                Limit::Cut => self.schedule(self.now, Event::Ended(attempt)),
                Limit::Reset => self.schedule(self.now, Event::Failed(attempt)),
                Limit::Silence => {}
            },
            _ if is_done => self.schedule(self.now, Event::Ended(attempt)),
            _ => {
                let heartbeat = conn.last_sent + self.plan.heartbeat;
                let at = next_frame.map_or(heartbeat, |frame| frame.min(heartbeat));
                self.conns.insert(attempt, conn);
                self.schedule(at.max(self.now + 1), Event::Pump(attempt));
            }
        }
    }

    // ---- what must hold ----

    fn check_gap(&mut self) -> Step {
        let last = self.last_request.replace(self.now);
        match last {
            Some(last) if self.now < last + LEAST_GAP => Err(format!("asked again after {} ms", self.now - last)),
            _ => Ok(()),
        }
    }

    /// What is saved was delivered.
    fn check_save(&self, text: &str) -> Step {
        let (task, last) = saved_cursor(text);
        let Some(at) = self.server.find(&task).filter(|_| self.plan.backend == Backend::Ours) else { return Ok(()) };
        let delivered = self.delivered.get(&task).copied().unwrap_or_default();
        let silent = |frame: &str| frame.contains("\"text-start\"") || frame == "not json";
        let ahead =
            self.server.tasks[at].frames.iter().find(|(id, frame)| *id <= last && *id > delivered && !silent(frame));
        ahead.map_or(Ok(()), |(id, _)| Err(format!("saved {last}, but {id} was not delivered")))
    }

    fn check_outcome(&mut self, promise: &Promise, outcome: Option<&Outcome>) -> Step {
        let name = match outcome {
            None => "None".to_owned(),
            Some(outcome) if outcome.origin == rejoin::io::Origin::Joined => "Joined".to_owned(),
            Some(outcome) => format!("{:?}", outcome.kind),
        };
        *self.seen.outcomes.entry(name).or_default() += 1;
        match (promise, outcome) {
            (Promise::Start(_), None) => Err("a start came to nothing".into()),
            (Promise::Stop, Some(_)) => Err("a stop has an outcome".into()),
            (_, Some(outcome)) if outcome.kind == OutcomeKind::Finished => self.check_finished(outcome),
            (_, Some(outcome)) if outcome.kind == OutcomeKind::Failed => self.check_failed(outcome),
            (_, Some(outcome)) if outcome.kind == OutcomeKind::Expired => self.check_expired(outcome),
            _ => Ok(()),
        }
    }

    fn check_finished(&self, outcome: &Outcome) -> Step {
        let truth = match outcome.task.as_deref().and_then(|id| self.server.find(id)) {
            Some(at) => &self.server.tasks[at],
            None => self.server.tasks.last().ok_or("finished without a task")?,
        };
        if truth.lost || !truth.has_ended(self.now) {
            return Err("finished, but the task did not".into());
        }
        if self.page.listener.text != truth.whole_text() {
            return Err(format!(
                "finished with half an answer: {:?} of {:?}",
                self.page.listener.text,
                truth.whole_text()
            ));
        }
        Ok(())
    }

    fn check_failed(&self, outcome: &Outcome) -> Step {
        let error = outcome.error.as_ref().ok_or("failed without an error")?;
        let known_task = outcome.task.as_deref().and_then(|id| self.server.find(id));
        let is_known_task_lost = known_task.is_none_or(|at| self.server.tasks[at].gone);
        match error.code.as_str() {
            "UNAUTHORIZED" | "TASK_RUNNING" => Ok(()),
            _ if is_known_task_lost => Ok(()),
            code => Err(format!("failed with {code} though the task is there")),
        }
    }

    fn check_expired(&self, outcome: &Outcome) -> Step {
        let task = outcome.task.as_deref().and_then(|id| self.server.find(id)).map(|at| &self.server.tasks[at]);
        if task.is_some_and(|task| !task.gone) { Err("expired, but it is there".into()) } else { Ok(()) }
    }

    fn check_the_end(&mut self) -> Step {
        if let Some((_, promise)) = self.page.pending.iter().next() {
            return Err(format!("{promise:?} is never kept; {:?}", self.page.client.snapshot(SESSION)));
        }
        if self.plan.backend == Backend::Ours {
            let unstopped = self.stopped_tasks.iter().find(|id| {
                self.server.find(id).is_some_and(|at| {
                    let task = &self.server.tasks[at];
                    !task.gone && !task.cancelled && !task.has_ended(self.now)
                })
            });
            if let Some(task) = unstopped {
                return Err(format!("{task} was stopped and runs on"));
            }
        }
        let leftover = self.storage.values().find(|text| text.contains("\"stopped\""));
        leftover.map_or(Ok(()), |text| Err(format!("a stop is left: {text}")))
    }

    fn account_page(&mut self) {
        let metrics = self.page.client.metrics(None);
        self.seen.reconnects += metrics.reconnects;
        self.seen.duplicates += metrics.duplicates;
        self.seen.resets += metrics.resets;
        self.seen.unknown += metrics.unknown;
        self.seen.malformed += metrics.malformed;
        self.seen.replayed += u64::from(self.page.listener.replayed);
    }

    fn account(&mut self) {
        self.account_page();
        self.seen.cancelled = self.server.tasks.iter().filter(|task| task.cancelled).count() as u64;
    }
}

fn config(plan: &Plan, salt: u64) -> Config {
    Config { seed: plan.seed ^ salt, ..Config::default() }
}

fn saved_cursor(text: &str) -> (String, EventId) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    (value["task"].as_str().unwrap().to_owned(), value["last"].as_str().unwrap().parse().unwrap())
}
