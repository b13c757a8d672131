//! One run: carries inputs and effects between the page and the server, on a virtual clock, and checks after every step.

use std::collections::{BTreeMap, BTreeSet};

use rejoin::cursor::EventId;
use rejoin::io::{
    Attempt, Author, Config, Effect, Head, Input, LockMode, Millis, Network, Outcome, OutcomeKind, Page as PageLife,
    Request, SendRequest, Urgency,
};
use rejoin::retry::Jitter;
use rejoin::sse::encoder;

use crate::browser::{Page, Promise, SESSION, is_silent, name_of};
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
    Locked,
    LockLost,
    Tab(String),
    Storage(String),
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

/// One tab of the browser.
struct Tab {
    page: Page,
    life: TabLife,
    /// What waits while nothing runs.
    frozen: Vec<Event>,
    /// Streaming requests that the page has open, in its own view.
    open: BTreeSet<Attempt>,
    /// Messages on their way whose stream was stopped or let go.
    orphans: BTreeSet<Attempt>,
    last_request: Option<Millis>,
    away: bool,
    silenced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TabLife {
    Open,
    Frozen,
    Closed,
}

/// The browser's lock of the one session.
#[derive(Default)]
struct Locks {
    holder: Option<usize>,
    waiting: Vec<usize>,
}

pub struct World {
    plan: Plan,
    now: Millis,
    server: Server,
    /// The tab that acts, out of its place in `tabs`.
    tab: Tab,
    acting: usize,
    tabs: Vec<Option<Tab>>,
    locks: Locks,
    storage: BTreeMap<String, String>,
    queue: BTreeMap<(Millis, u64), (usize, Event)>,
    order: u64,
    conns: BTreeMap<(usize, Attempt), Conn>,
    requests: usize,
    calls: u32,
    dice: Jitter,
    online: bool,
    /// Newest event that any page was given, by task.
    delivered: BTreeMap<String, EventId>,
    posts_arrived: BTreeMap<String, u32>,
    stopped_tasks: BTreeSet<String>,
    /// The last input told that the session looks different now.
    changed: bool,
    tracing: Tracing,
    pub trace: Vec<String>,
    pub seen: Seen,
}

type Step = Result<(), String>;

impl Tab {
    fn new(plan: &Plan, salt: u64, now: Millis, saved: BTreeMap<String, EventId>, life: TabLife) -> Self {
        Self {
            page: Page::new(config(plan, salt), now, saved),
            life,
            frozen: Vec::new(),
            open: BTreeSet::new(),
            orphans: BTreeSet::new(),
            last_request: None,
            away: false,
            silenced: false,
        }
    }
}

impl World {
    pub fn new(plan: Plan, tracing: Tracing) -> Self {
        let closed = |_| Some(Tab::new(&plan, 0, EPOCH, BTreeMap::new(), TabLife::Closed));
        let mut tabs: Vec<Option<Tab>> = (0..plan.tabs).map(closed).collect();
        tabs[0] = None;
        let mut world = Self {
            tracing,
            now: EPOCH,
            server: Server::new(&plan),
            tab: Tab::new(&plan, 0, EPOCH, BTreeMap::new(), TabLife::Open),
            acting: 0,
            tabs,
            locks: Locks::default(),
            storage: BTreeMap::new(),
            queue: BTreeMap::new(),
            order: 0,
            conns: BTreeMap::new(),
            requests: 0,
            calls: 0,
            dice: Jitter(plan.seed ^ 0xD1CE),
            online: true,
            delivered: BTreeMap::new(),
            posts_arrived: BTreeMap::new(),
            stopped_tasks: BTreeSet::new(),
            changed: false,
            trace: Vec::new(),
            seen: Seen::default(),
            plan,
        };
        for (at, tab, deed) in world.plan.deeds.clone() {
            world.schedule_for(tab, EPOCH + at, Event::Deed(deed));
        }
        let end = EPOCH + world.plan.deeds.last().map_or(0, |(at, ..)| *at) + 1_000;
        for tab in 0..world.plan.tabs {
            for deed in [Deed::Thaw, Deed::Online, Deed::Return, Deed::Show] {
                world.schedule_for(tab, end, Event::Deed(deed));
            }
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
            let deadline = self.next_deadline();
            let times = [next_event.map(|(at, _)| at), deadline.map(|(at, _)| at)];
            let Some(next) = times.into_iter().flatten().min() else { return Ok(()) };
            if next > last_deed + PATIENCE {
                return Ok(());
            }
            self.now = self.now.max(next);
            match next_event.filter(|(at, _)| *at <= next) {
                Some(key) => {
                    let (tab, event) = self.queue.remove(&key).ok_or("queue")?;
                    self.turn_to(tab);
                    self.happen_here(event)?;
                }
                None => {
                    self.turn_to(deadline.map_or(0, |(_, tab)| tab));
                    self.input(Input::Timeout)?;
                }
            }
        }
        Err("it never comes to rest".into())
    }

    // ---- tabs ----

    fn turn_to(&mut self, tab: usize) {
        if tab == self.acting {
            return;
        }
        if let Some(mut next) = self.tabs[tab].take() {
            std::mem::swap(&mut self.tab, &mut next);
            self.tabs[self.acting] = Some(next);
            self.acting = tab;
        }
    }

    fn all_tabs(&self) -> impl Iterator<Item = (usize, &Tab)> {
        let others = self.tabs.iter().enumerate().filter_map(|(at, tab)| Some((at, tab.as_ref()?)));
        others.chain([(self.acting, &self.tab)])
    }

    fn next_deadline(&self) -> Option<(Millis, usize)> {
        let awake = self.all_tabs().filter(|(_, tab)| tab.life == TabLife::Open && !tab.away);
        awake.filter_map(|(at, tab)| Some((tab.page.client.deadline()?, at))).min()
    }

    fn happen_here(&mut self, event: Event) -> Step {
        match (self.tab.life, &event) {
            (_, Event::Deed(Deed::Open | Deed::Thaw)) | (TabLife::Open, _) => self.happen(event),
            (TabLife::Frozen, Event::Deed(Deed::Crash | Deed::Close)) => self.happen(event),
            (TabLife::Frozen, Event::Deed(_)) | (TabLife::Closed, _) => Ok(()),
            (TabLife::Frozen, Event::Pump(_)) => self.happen(event),
            (TabLife::Frozen, _) => {
                self.tab.frozen.push(event);
                Ok(())
            }
        }
    }

    fn lock(&mut self, mode: LockMode) {
        self.locks.waiting.retain(|tab| *tab != self.acting);
        match (mode, self.locks.holder) {
            (LockMode::Steal, Some(holder)) if holder != self.acting => {
                self.schedule_for(holder, self.now, Event::LockLost);
                self.grant(self.acting);
            }
            (_, None) | (LockMode::Steal, _) => self.grant(self.acting),
            (LockMode::Wait, _) => self.locks.waiting.push(self.acting),
        }
    }

    fn grant(&mut self, tab: usize) {
        self.locks.holder = Some(tab);
        self.schedule_for(tab, self.now + 1, Event::Locked);
    }

    fn unlock(&mut self, tab: usize) {
        self.locks.waiting.retain(|waiting| *waiting != tab);
        self.queue.retain(|_, (of, event)| !(*of == tab && matches!(event, Event::Locked | Event::LockLost)));
        if self.locks.holder != Some(tab) {
            return;
        }
        self.locks.holder = None;
        if !self.locks.waiting.is_empty() {
            let next = self.locks.waiting.remove(0);
            self.grant(next);
        }
    }

    fn other_tabs(&self) -> impl Iterator<Item = usize> + use<> {
        let acting = self.acting;
        (0..self.plan.tabs).filter(move |tab| *tab != acting)
    }

    fn post(&mut self, message: &str) {
        for tab in self.other_tabs() {
            let is_lost = self.plan.losses > 0 && self.dice.below(self.plan.losses) == 0;
            if !is_lost {
                self.schedule_for(tab, self.now + 2, Event::Tab(message.to_owned()));
            }
        }
    }

    fn tell_storage(&mut self, key: &str) {
        for tab in self.other_tabs() {
            self.schedule_for(tab, self.now + 1, Event::Storage(key.to_owned()));
        }
    }

    /// Everything of a tab's page goes; what it had asked for stays asked.
    fn clear_page(&mut self) {
        let acting = self.acting;
        self.queue.retain(|_, (tab, event)| *tab != acting || matches!(event, Event::Deed(_)));
        self.conns.retain(|(tab, _), _| *tab != acting);
        self.unlock(acting);
    }

    fn schedule(&mut self, at: Millis, event: Event) {
        self.schedule_for(self.acting, at, event);
    }

    fn schedule_for(&mut self, tab: usize, at: Millis, event: Event) {
        self.order += 1;
        self.queue.insert((at, self.order), (tab, event));
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.tracing == Tracing::On {
            self.trace.push(format!("{:>8} [{}] {}", self.now - EPOCH, self.acting, text()));
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
        let shown = self.tab.page.client.snapshot(SESSION);
        self.changed = false;
        self.tab.page.client.handle(input, self.now);
        self.drain()?;
        let now = self.tab.page.client.snapshot(SESSION);
        if self.changed || now == shown { Ok(()) } else { Err(format!("nobody was told of {now:?}")) }
    }

    fn drain(&mut self) -> Step {
        while let Some(effect) = self.tab.page.client.poll() {
            self.note(|| format!("<- {effect:?}"));
            self.act(effect)?;
        }
        let foreground = self.tab.open.difference(&self.tab.orphans).count();
        if foreground > 1 {
            return Err(format!("{foreground} streams are open at once"));
        }
        Ok(())
    }

    fn act(&mut self, effect: Effect) -> Step {
        match effect {
            Effect::Open { attempt, request, .. } => self.request(attempt, request),
            Effect::Abort { attempt } => {
                self.tab.open.remove(&attempt);
                self.conns.remove(&(self.acting, attempt));
                Ok(())
            }
            Effect::Deliver { urgency, .. } => {
                let at = self.now + if urgency == Urgency::Now { 0 } else { 16 };
                if self.tab.page.flush_at.is_none_or(|planned| at < planned) {
                    self.tab.page.flush_at = Some(at);
                    self.schedule(at, Event::Flush);
                }
                Ok(())
            }
            Effect::Save { key, value } => {
                self.check_save(&value)?;
                self.tell_storage(&key);
                self.storage.insert(key, value);
                Ok(())
            }
            Effect::Remove { key } => {
                self.tell_storage(&key);
                self.storage.remove(&key);
                Ok(())
            }
            Effect::Lock { mode, .. } => {
                self.lock(mode);
                Ok(())
            }
            Effect::Unlock { .. } => {
                self.unlock(self.acting);
                Ok(())
            }
            Effect::Post { message } => {
                self.post(&message);
                Ok(())
            }
            Effect::Resolve { calls, outcome } => self.resolve(&calls, outcome),
            Effect::Ended { outcome, .. } => {
                self.tab.page.ended.push(outcome);
                Ok(())
            }
            Effect::Began { .. } => {
                self.tab.last_request = None;
                self.tab.silenced = false;
                self.tab.page.listener.begins = true;
                Ok(())
            }
            Effect::Changed { .. } => {
                self.changed = true;
                Ok(())
            }
        }
    }

    fn resolve(&mut self, calls: &[u32], outcome: Option<Outcome>) -> Step {
        for call in calls {
            let promise = self.tab.page.pending.remove(call).ok_or("a promise is kept twice")?;
            self.check_outcome(&promise, outcome.as_ref())?;
            self.tab.page.resolved.push((promise, outcome.clone()));
        }
        Ok(())
    }

    fn promise(&mut self, promise: Promise) -> u32 {
        self.calls += 1;
        self.tab.page.pending.insert(self.calls, promise);
        self.calls
    }

    fn flush(&mut self) -> Step {
        self.tab.page.flush_at = None;
        let Some(batch) = self.tab.page.client.take_batch(SESSION) else { return Ok(()) };
        let start = self.tab.page.client.snapshot(SESSION).task;
        if self.plan.tabs > 1 {
            self.tab.page.listener.has_neighbours = true;
            self.tab.page.listener.anywhere.clone_from(&self.delivered);
        }
        for row in rows::read(&batch) {
            if self.tab.silenced && !matches!(row, rows::Row::Reset) {
                return Err(format!("after the stop {row:?} was delivered"));
            }
            self.tab.page.listener.take(&row, &self.server, start.clone())?;
        }
        if let Some(task) = self.tab.page.listener.task.clone() {
            let newest = self.tab.page.listener.newest(&task);
            let delivered = self.delivered.entry(task).or_default();
            *delivered = newest.max(*delivered);
        }
        self.tab.page.client.recycle(SESSION, batch);
        self.input(Input::Delivered { session: SESSION })
    }

    fn reload(&mut self) -> Step {
        self.seen.reloads += 1;
        self.account_page();
        self.clear_page();
        let saved = self.storage.values().map(|text| saved_cursor(text, self.plan.backend)).collect();
        self.tab = Tab::new(&self.plan, self.order, self.now, saved, TabLife::Open);
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

    fn end_tab(&mut self) {
        self.account_page();
        self.clear_page();
        self.tab = Tab::new(&self.plan, 0, self.now, BTreeMap::new(), TabLife::Closed);
    }

    fn thaw(&mut self) -> Step {
        if self.tab.life != TabLife::Frozen {
            return Ok(());
        }
        self.tab.life = TabLife::Open;
        for event in std::mem::take(&mut self.tab.frozen) {
            self.happen(event)?;
        }
        Ok(())
    }

    // ---- deeds and events ----

    fn happen(&mut self, event: Event) -> Step {
        match event {
            Event::Deed(deed) => self.deed(deed),
            Event::Flush => self.flush(),
            Event::Tab(message) => self.input(Input::Tab { message: &message }),
            Event::LockLost => self.input(Input::LockLost { session: SESSION }),
            Event::Locked => {
                self.restore()?;
                self.input(Input::Locked { session: SESSION })
            }
            Event::Storage(key) => {
                let value = self.storage.get(&key).cloned();
                self.input(Input::Stored { key: &key, value: value.as_deref() })
            }
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
        if self.tab.open.contains(&attempt) { self.input(input) } else { Ok(()) }
    }

    fn over(&mut self, attempt: Attempt, input: Input<'_>) -> Step {
        if !self.tab.open.remove(&attempt) {
            return Ok(());
        }
        self.tab.orphans.remove(&attempt);
        self.input(input)
    }

    fn restore(&mut self) -> Step {
        let key = self.tab.page.client.record_key(SESSION);
        let value = self.storage.get(&key).cloned();
        self.input(Input::Stored { key: &key, value: value.as_deref() })
    }

    fn deed(&mut self, deed: Deed) -> Step {
        self.note(|| format!("== {deed:?}"));
        match deed {
            Deed::Open if self.tab.life == TabLife::Closed => self.reload(),
            Deed::Open => Ok(()),
            Deed::Close if self.tab.life == TabLife::Open => {
                self.input(Input::Page(PageLife::Left))?;
                self.end_tab();
                Ok(())
            }
            Deed::Close | Deed::Crash => {
                self.end_tab();
                Ok(())
            }
            Deed::Freeze => {
                self.tab.life = TabLife::Frozen;
                Ok(())
            }
            Deed::Thaw => self.thaw(),
            Deed::Start => {
                let number = self.calls as usize + 1;
                let call = self.promise(Promise::Start(number));
                let message = if number.is_multiple_of(3) { "yes".to_owned() } else { format!("message {number}") };
                let message_id = format!("m{number}");
                let context = number.is_multiple_of(2).then(|| format!(r#"{{"url":"u","content":"{number}"}}"#));
                let request = SendRequest { message, author: Author::User, context, message_id };
                self.input(Input::Start { session: SESSION, call, request })
            }
            Deed::Stop => self.stop(),
            Deed::Detach => {
                self.tab.orphans.extend(self.tab.open.iter().copied());
                self.input(Input::Detach { session: SESSION })
            }
            Deed::Resume => {
                self.restore()?;
                let call = self.promise(Promise::Resume);
                self.input(Input::Resume { session: SESSION, call })
            }
            Deed::Reload => self.reload(),
            Deed::Hide => self.input(Input::Page(PageLife::Hidden)),
            Deed::Show => self.input(Input::Page(PageLife::Shown)),
            Deed::Leave => {
                self.input(Input::Page(PageLife::Left))?;
                self.clear_tab_messages();
                self.tab.away = true;
                Ok(())
            }
            Deed::Return => {
                self.tab.away = false;
                self.input(Input::Page(PageLife::Returned))
            }
            Deed::Offline => self.offline(),
            Deed::Online => {
                self.online = true;
                self.tell_network(Network::Online)
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

    /// A page in the cache has left the channel.
    fn clear_tab_messages(&mut self) {
        let acting = self.acting;
        self.queue.retain(|_, (tab, event)| *tab != acting || !matches!(event, Event::Tab(_) | Event::Locked));
    }

    fn stop(&mut self) -> Step {
        self.restore()?;
        let live = self.tab.page.client.snapshot(SESSION);
        self.tab.orphans.extend(self.tab.open.iter().copied());
        self.tab.silenced = true;
        if let Some(task) = live.task.filter(|_| live.status != rejoin::io::Status::Completed) {
            self.stopped_tasks.insert(task);
        }
        let call = self.promise(Promise::Stop);
        self.input(Input::Stop { session: SESSION, call })
    }

    fn offline(&mut self) -> Step {
        self.online = false;
        for (tab, attempt) in self.conns.keys().copied().collect::<Vec<_>>() {
            self.conns.remove(&(tab, attempt));
            if self.dice.below(1) == 0 {
                self.schedule_for(tab, self.now + 5, Event::Failed(attempt));
            }
        }
        self.tell_network(Network::Offline)
    }

    fn tell_network(&mut self, network: Network) -> Step {
        let acting = self.acting;
        for tab in 0..self.plan.tabs {
            self.turn_to(tab);
            if self.tab.life == TabLife::Open {
                self.input(Input::Network(network))?;
            }
        }
        self.turn_to(acting);
        Ok(())
    }

    fn break_conns_of(&mut self, task: usize) {
        let broken: Vec<(usize, Attempt)> =
            self.conns.iter().filter(|(_, conn)| conn.task == task).map(|(key, _)| *key).collect();
        for (tab, attempt) in broken {
            self.conns.remove(&(tab, attempt));
            self.schedule_for(tab, self.now + 5, Event::Ended(attempt));
        }
    }

    // ---- the network ----

    fn request(&mut self, attempt: Attempt, request: Request) -> Step {
        self.tab.open.insert(attempt);
        if matches!(request, Request::Cancel { .. } | Request::Session { .. } | Request::Task { .. }) {
            self.tab.orphans.insert(attempt);
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
        check_body(request)?;
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
                self.conns.insert((self.acting, attempt), conn);
                let named = self.plan.backend == Backend::Ours;
                let task = named.then(|| self.server.tasks[task].id.clone());
                self.schedule(at, Event::Opened(attempt, task));
                self.schedule(at, Event::Pump(attempt));
            }
        }
    }

    /// Sends what a response has to give by now, and plans when it has more.
    fn pump(&mut self, attempt: Attempt) {
        let Some(mut conn) = self.conns.remove(&(self.acting, attempt)) else { return };
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
                self.conns.insert((self.acting, attempt), conn);
                self.schedule(at.max(self.now + 1), Event::Pump(attempt));
            }
        }
    }

    // ---- what must hold ----

    fn check_gap(&mut self) -> Step {
        let last = self.tab.last_request.replace(self.now);
        match last {
            Some(last) if self.now < last + LEAST_GAP => Err(format!("asked again after {} ms", self.now - last)),
            _ => Ok(()),
        }
    }

    /// What is saved was delivered.
    fn check_save(&self, text: &str) -> Step {
        if text.contains("message ") {
            return Err(format!("what was said is saved: {text}"));
        }
        let (task, last) = saved_cursor(text, self.plan.backend);
        let is_named = self.plan.backend == Backend::Ours || self.plan.tabs == 1;
        let Some(at) = self.server.find(&task).filter(|_| is_named) else { return Ok(()) };
        let delivered = self.delivered.get(&task).copied().unwrap_or_default();
        let frames = self.server.tasks[at].frames.iter().enumerate();
        let mut loud = frames.filter(|(_, (_, frame))| !is_silent(frame) && frame != "not json");
        let name = |place, id| if self.plan.backend == Backend::Ours { id } else { name_of(place) };
        let ahead = loud.find(|(place, (id, _))| name(*place, *id) <= last && name(*place, *id) > delivered);
        ahead.map_or(Ok(()), |(_, (id, _))| Err(format!("saved {last}, but {id} was not delivered")))
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
        let named = outcome.task.as_deref().and_then(|id| self.server.find(id));
        let at = named.or(self.server.tasks.len().checked_sub(1)).ok_or("finished without a task")?;
        let truth = &self.server.tasks[at];
        if truth.lost || !truth.has_ended(self.now) {
            return Err("finished, but the task did not".into());
        }
        let text = &self.tab.page.listener.text;
        if *text != truth.whole_text() && *text != self.server.answer_for(at) {
            return Err(format!("finished with half an answer: {text:?} of {:?}", truth.whole_text()));
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
        for (at, tab) in self.all_tabs().filter(|(_, tab)| tab.life == TabLife::Open) {
            let snapshot = tab.page.client.snapshot(SESSION);
            if let Some((_, promise)) = tab.page.pending.iter().next() {
                return Err(format!("tab {at}: {promise:?} is never kept; {snapshot:?}"));
            }
            if tab.page.client.is_live(SESSION) {
                return Err(format!("tab {at} is still live: {snapshot:?}"));
            }
        }
        if self.plan.backend == Backend::Ours && self.plan.tabs == 1 {
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
        // A tab that died over a stop leaves it to the next page that loads. Without a cancel the record is all there is.
        let must_be_gone = self.plan.tabs == 1 && self.plan.backend == Backend::Ours;
        let leftover = self.storage.values().find(|text| must_be_gone && text.contains("\"stopped\""));
        leftover.map_or(Ok(()), |text| Err(format!("a stop is left: {text}")))
    }

    fn account_page(&mut self) {
        let metrics = self.tab.page.client.metrics(None);
        self.seen.reconnects += metrics.reconnects;
        self.seen.duplicates += metrics.duplicates;
        self.seen.resets += metrics.resets;
        self.seen.unknown += metrics.unknown;
        self.seen.malformed += metrics.malformed;
        self.seen.replayed += u64::from(self.tab.page.listener.replayed);
    }

    fn account(&mut self) {
        for tab in 0..self.plan.tabs {
            self.turn_to(tab);
            self.account_page();
        }
        self.seen.cancelled = self.server.tasks.iter().filter(|task| task.cancelled).count() as u64;
    }
}

fn config(plan: &Plan, salt: u64) -> Config {
    let tab = (plan.tabs > 1).then(|| format!("tab{salt}"));
    Config { seed: plan.seed ^ salt, tab, ..Config::default() }
}

/// A message goes out as it was given, with its context.
fn check_body(request: &Request) -> Step {
    let (Request::Send { request: given, .. }, Some(body)) = (request, request.body()) else { return Ok(()) };
    let body: serde_json::Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    let number = given.message_id.trim_start_matches('m');
    let is_whole = body["message"] == given.message && body["message_id"] == given.message_id;
    let is_even = number.parse().is_ok_and(|number: usize| number.is_multiple_of(2));
    let has_context = if is_even { body["context"]["content"] == number } else { body.get("context").is_none() };
    if is_whole && has_context { Ok(()) } else { Err(format!("sent {body}")) }
}

fn saved_cursor(text: &str, backend: Backend) -> (String, EventId) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let last = match backend {
        Backend::Ours => value["last"].as_str().unwrap().parse().unwrap(),
        Backend::Base => EventId { ms: value["unnumbered"].as_u64().unwrap(), seq: 0 },
    };
    (value["task"].as_str().unwrap().to_owned(), last)
}
