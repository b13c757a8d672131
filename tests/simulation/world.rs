//! One run: carries inputs and effects between the page and the server, on a virtual clock, and checks after every step.

use std::collections::{BTreeMap, BTreeSet};

use crate::codec;
use rejoin::client::io::{
    Attempt, Author, Config, Effect, Head, Input, LockMode, Millis, Network, Outcome, OutcomeKind, Page as PageLife,
    Request, SendRequest, Urgency,
};
use rejoin::client::retry::Jitter;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;

use crate::browser::{Page, Promise, SESSIONS, View, is_silent, name_of};
use crate::plan::{Backend, Deed, Fault, Plan, PlannedDeed};
use crate::rows;
use crate::server::{Answer, Served, Server};

const EPOCH: Millis = 1_700_000_000_000;
/// After this long without deeds and faults every promise must be kept.
const PATIENCE: Millis = 1_500_000;
const MOST_STEPS: u32 = 200_000;
const LEAST_GAP: Millis = 250;
/// What a client may hold on to for each session that it shows, beside what its streams gave, in bytes.
const SPARE: usize = 24 * 1024;

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
    Deed(usize, Deed),
    Locked(usize),
    LockLost(usize),
    Tab(String),
    Storage(String),
    Flush(usize),
    Opened(Attempt, Option<String>),
    Bytes(Attempt, Vec<u8>),
    Ended(Attempt),
    Failed(Attempt),
    Answered(Attempt, u16, Option<u64>, String),
    Pump(Attempt),
}

/// A response under way.
struct Conn {
    session: usize,
    task: usize,
    queue: Vec<(EventId, String)>,
    next: usize,
    sent: usize,
    events: usize,
    limit: Option<(usize, Limit)>,
    done_after: Option<usize>,
    last_sent: Millis,
}

impl Conn {
    fn is_of(&self, session: usize, task: usize) -> bool {
        (self.session, self.task) == (session, task)
    }
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
    away: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TabLife {
    Open,
    Frozen,
    Closed,
}

/// The browser's lock of one session.
#[derive(Default)]
struct Lock {
    holder: Option<usize>,
    waiting: Vec<usize>,
}

/// One session, as the world knows it.
struct Lane {
    server: Server,
    lock: Lock,
    /// Newest event that any page was given, by task.
    delivered: BTreeMap<String, EventId>,
    stopped_tasks: BTreeSet<String>,
}

impl Lane {
    fn new(plan: &Plan, session: usize) -> Self {
        Self {
            server: Server::new(plan, session),
            lock: Lock::default(),
            delivered: BTreeMap::new(),
            stopped_tasks: BTreeSet::new(),
        }
    }
}

pub struct World {
    plan: Plan,
    now: Millis,
    /// Its sessions, and which of them is dealt with.
    lanes: Vec<Lane>,
    session: usize,
    /// The tab that acts, out of its place in `tabs`.
    tab: Tab,
    acting: usize,
    tabs: Vec<Option<Tab>>,
    storage: BTreeMap<String, String>,
    queue: BTreeMap<(Millis, u64), (usize, Event)>,
    order: u64,
    conns: BTreeMap<(usize, Attempt), Conn>,
    requests: usize,
    calls: u32,
    dice: Jitter,
    online: bool,
    posts_arrived: BTreeMap<String, u32>,
    /// The present input is an answer that is no stream.
    is_plain: bool,
    /// Sessions of which the last input told that they look different now.
    changed: [bool; SESSIONS.len()],
    tracing: Tracing,
    pub trace: Vec<String>,
    pub seen: Seen,
}

type Step = Result<(), String>;

impl Tab {
    fn new(plan: &Plan, salt: u64, now: Millis, saved: &BTreeMap<String, EventId>, life: TabLife) -> Self {
        let page = Page::new(config(plan, salt), now, plan.sessions, saved);
        Self { page, life, frozen: Vec::new(), away: false }
    }
}

impl World {
    pub fn new(plan: Plan, tracing: Tracing) -> Self {
        let nothing = BTreeMap::new();
        let closed = |_| Some(Tab::new(&plan, 0, EPOCH, &nothing, TabLife::Closed));
        let mut tabs: Vec<Option<Tab>> = (0..plan.tabs).map(closed).collect();
        tabs[0] = None;
        let mut world = Self {
            tracing,
            now: EPOCH,
            lanes: (0..plan.sessions).map(|session| Lane::new(&plan, session)).collect(),
            session: 0,
            tab: Tab::new(&plan, 0, EPOCH, &nothing, TabLife::Open),
            acting: 0,
            tabs,
            storage: BTreeMap::new(),
            queue: BTreeMap::new(),
            order: 0,
            conns: BTreeMap::new(),
            requests: 0,
            calls: 0,
            dice: Jitter(plan.seed ^ 0xD1CE),
            online: true,
            posts_arrived: BTreeMap::new(),
            is_plain: false,
            changed: [false; SESSIONS.len()],
            trace: Vec::new(),
            seen: Seen::default(),
            plan,
        };
        for PlannedDeed { at, tab, session, deed } in world.plan.deeds.clone() {
            world.schedule_for(tab, EPOCH + at, Event::Deed(session, deed));
        }
        let end = EPOCH + world.plan.deeds.last().map_or(0, |planned| planned.at) + 1_000;
        for tab in 0..world.plan.tabs {
            for deed in [Deed::Thaw, Deed::Online, Deed::Return, Deed::Show] {
                world.schedule_for(tab, end, Event::Deed(0, deed));
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
            (_, Event::Deed(_, Deed::Open | Deed::Thaw)) | (TabLife::Open, _) => self.happen(event),
            (TabLife::Frozen, Event::Deed(_, Deed::Crash | Deed::Close)) => self.happen(event),
            (TabLife::Frozen, Event::Deed(..)) | (TabLife::Closed, _) => Ok(()),
            (TabLife::Frozen, Event::Pump(_)) => self.happen(event),
            (TabLife::Frozen, _) => {
                self.tab.frozen.push(event);
                Ok(())
            }
        }
    }

    fn view(&mut self) -> &mut View {
        &mut self.tab.page.views[self.session]
    }

    fn lane(&mut self) -> &mut Lane {
        &mut self.lanes[self.session]
    }

    fn server(&self) -> &Server {
        &self.lanes[self.session].server
    }

    fn lock(&mut self, mode: LockMode) {
        let acting = self.acting;
        let lock = &mut self.lane().lock;
        lock.waiting.retain(|tab| *tab != acting);
        match (mode, lock.holder) {
            (LockMode::Steal, Some(holder)) if holder != acting => {
                self.schedule_for(holder, self.now, Event::LockLost(self.session));
                self.grant(acting);
            }
            (_, None) | (LockMode::Steal, _) => self.grant(acting),
            (LockMode::Wait, _) => lock.waiting.push(acting),
        }
    }

    fn grant(&mut self, tab: usize) {
        self.lane().lock.holder = Some(tab);
        self.schedule_for(tab, self.now + 1, Event::Locked(self.session));
    }

    fn unlock(&mut self, tab: usize) {
        let session = self.session;
        self.queue.retain(|_, (of, event)| {
            *of != tab || !matches!(event, Event::Locked(at) | Event::LockLost(at) if *at == session)
        });
        let lock = &mut self.lane().lock;
        lock.waiting.retain(|waiting| *waiting != tab);
        if lock.holder != Some(tab) {
            return;
        }
        lock.holder = None;
        if !lock.waiting.is_empty() {
            let next = lock.waiting.remove(0);
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
        self.queue.retain(|_, (tab, event)| *tab != acting || matches!(event, Event::Deed(..)));
        self.conns.retain(|(tab, _), _| *tab != acting);
        for session in 0..self.plan.sessions {
            self.session = session;
            self.unlock(acting);
        }
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
                self.note(|| format!("-> Answered {attempt} {} {:?} {body:?}", head.status, head.retry_after));
            }
            other => self.note(|| format!("-> {other:?}")),
        }
        self.changed = [false; SESSIONS.len()];
        self.is_plain = matches!(input, Input::Answered { .. });
        self.tab.page.client.handle(input, self.now);
        self.drain()?;
        self.check_shown()?;
        self.check_footprint()
    }

    fn drain(&mut self) -> Step {
        while let Some(effect) = self.tab.page.client.poll() {
            self.note(|| format!("<- {effect:?}"));
            let session = self.session;
            self.session = session_of(&effect).unwrap_or(session);
            self.act(effect)?;
            self.session = session;
        }
        for view in &self.tab.page.views {
            let foreground = view.open.difference(&view.orphans).count();
            if foreground > 1 {
                return Err(format!("{foreground} streams are open at once"));
            }
        }
        Ok(())
    }

    /// What an app sees never changes without its being told.
    fn check_shown(&mut self) -> Step {
        let Page { client, views, .. } = &mut self.tab.page;
        for (session, view) in views.iter_mut().enumerate() {
            let now = client.snapshot(SESSIONS[session]);
            if now != view.shown && !self.changed[session] {
                return Err(format!("nobody was told of {now:?}"));
            }
            view.shown = now;
        }
        Ok(())
    }

    /// What a page holds on to goes by what its streams gave, and not by how often they were cut, stopped, begun.
    fn check_footprint(&self) -> Step {
        let held = self.tab.page.client.footprint();
        let waiting: usize = self.tab.page.views.iter().map(|view| view.waiting).sum();
        let largest = self.lanes.iter().map(|lane| lane.server.largest());
        let copies = if self.plan.tabs > 1 { 8 } else { 4 };
        let most = self.plan.sessions * SPARE + 8 * waiting + copies * largest.sum::<usize>();
        if held <= most { Ok(()) } else { Err(format!("{held} bytes are held, {most} are enough")) }
    }

    fn act(&mut self, effect: Effect) -> Step {
        match effect {
            Effect::Open { attempt, request, .. } => self.request(attempt, request),
            Effect::Abort { attempt } => {
                for view in &mut self.tab.page.views {
                    view.open.remove(&attempt);
                }
                self.conns.remove(&(self.acting, attempt));
                Ok(())
            }
            Effect::Deliver { urgency, .. } => {
                self.view().from_history = self.is_plain;
                let at = self.now + if urgency == Urgency::Frame { 16 } else { 0 };
                if self.view().flush_at.is_none_or(|planned| at < planned) {
                    self.view().flush_at = Some(at);
                    self.schedule(at, Event::Flush(self.session));
                }
                Ok(())
            }
            Effect::Save { key, value } => {
                let value = codec::text_of(&value);
                self.check_save(&key, &value)?;
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
                self.post(&codec::text_of(&message));
                Ok(())
            }
            Effect::Resolve { calls, outcome } => self.resolve(&calls, outcome),
            Effect::Ended { .. } => Ok(()),
            Effect::Began { .. } => {
                self.view().last_request = None;
                self.view().silenced = false;
                self.view().listener.begins = true;
                self.view().listener.sent = None;
                Ok(())
            }
            Effect::Changed { .. } => {
                self.changed[self.session] = true;
                Ok(())
            }
        }
    }

    fn resolve(&mut self, calls: &[u32], outcome: Option<Outcome>) -> Step {
        for call in calls {
            let (session, promise) = self.tab.page.pending.remove(call).ok_or("a promise is kept twice")?;
            self.session = session;
            self.check_outcome(&promise, outcome.as_ref())?;
        }
        Ok(())
    }

    fn promise(&mut self, promise: Promise) -> u32 {
        self.calls += 1;
        self.tab.page.pending.insert(self.calls, (self.session, promise));
        self.calls
    }

    fn flush(&mut self) -> Step {
        let name = SESSIONS[self.session];
        self.view().flush_at = None;
        let Some(batch) = self.tab.page.client.take_batch(name) else { return Ok(()) };
        let start = self.tab.page.client.snapshot(name).task;
        let (lane, view) = (&mut self.lanes[self.session], &mut self.tab.page.views[self.session]);
        view.waiting = 0;
        view.listener.is_history = core::mem::take(&mut view.from_history);
        if self.plan.tabs > 1 {
            view.listener.has_neighbours = true;
            view.listener.anywhere.clone_from(&lane.delivered);
        }
        for row in rows::read(&batch) {
            if view.silenced && !matches!(row, rows::Row::Reset) {
                return Err(format!("after the stop {row:?} was delivered"));
            }
            view.listener.take(&row, &lane.server, start.clone())?;
            let told = view.listener.task.as_ref().filter(|_| self.plan.tabs == 1);
            if told.is_some_and(|task| lane.stopped_tasks.contains(task)) && !matches!(row, rows::Row::Reset) {
                return Err(format!("{row:?} of a task that was stopped"));
            }
        }
        if let Some(task) = view.listener.task.clone() {
            let newest = view.listener.newest(&task);
            let delivered = lane.delivered.entry(task).or_default();
            *delivered = newest.max(*delivered);
        }
        self.tab.page.client.recycle(name, batch);
        self.input(Input::Delivered { session: name })
    }

    fn reload(&mut self) -> Step {
        self.seen.reloads += 1;
        self.account_page();
        self.clear_page();
        let saved = self.storage.values().map(|text| saved_cursor(text, self.plan.backend)).collect();
        self.tab = Tab::new(&self.plan, self.order, self.now, &saved, TabLife::Open);
        for (key, value) in self.storage.clone() {
            self.stored(&key, Some(&value))?;
        }
        self.input(Input::Restored)?;
        if !self.online {
            self.input(Input::Network(Network::Offline))?;
        }
        for (number, session) in SESSIONS.iter().enumerate().take(self.plan.sessions) {
            self.session = number;
            let call = self.promise(Promise::Resume);
            self.input(Input::Resume { session, call })?;
        }
        Ok(())
    }

    fn end_tab(&mut self) {
        self.account_page();
        self.clear_page();
        self.tab = Tab::new(&self.plan, 0, self.now, &BTreeMap::new(), TabLife::Closed);
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
            Event::Deed(session, deed) => {
                self.session = session;
                self.deed(deed)
            }
            Event::Flush(session) => {
                self.session = session;
                self.flush()
            }
            Event::Tab(message) => {
                self.tab.page.views.iter_mut().for_each(|view| view.waiting += message.len());
                match codec::envelope(&message) {
                    Some(message) => self.input(Input::Tab { message }),
                    None => Err(format!("a tab posted {message}")),
                }
            }
            Event::LockLost(session) => self.input(Input::LockLost { session: SESSIONS[session] }),
            Event::Locked(session) => {
                self.session = session;
                self.restore()?;
                self.input(Input::Locked { session: SESSIONS[session] })
            }
            Event::Storage(key) => {
                let value = self.storage.get(&key).cloned();
                self.stored(&key, value.as_deref())
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
            Event::Bytes(attempt, bytes) => {
                self.tab.page.views.iter_mut().for_each(|view| view.waiting += bytes.len());
                self.heard(attempt, Input::Bytes { attempt, bytes: &bytes })
            }
            Event::Ended(attempt) => self.over(attempt, Input::Ended { attempt }),
            Event::Failed(attempt) => {
                let failure = rejoin::client::io::Failure::Network("reset".into());
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
                if let Some(view) = self.tab.page.views.iter_mut().find(|view| view.open.contains(&attempt)) {
                    view.waiting += body.len();
                }
                let body = codec::body(&body);
                self.over(attempt, Input::Answered { attempt, head, body: body.as_ref() })
            }
            Event::Pump(attempt) => {
                self.pump(attempt);
                Ok(())
            }
        }
    }

    /// An aborted request is not heard of any more.
    fn heard(&mut self, attempt: Attempt, input: Input<'_>) -> Step {
        let is_open = self.tab.page.views.iter().any(|view| view.open.contains(&attempt));
        if is_open { self.input(input) } else { Ok(()) }
    }

    fn over(&mut self, attempt: Attempt, input: Input<'_>) -> Step {
        let Some(view) = self.tab.page.views.iter_mut().find(|view| view.open.contains(&attempt)) else {
            return Ok(());
        };
        view.open.remove(&attempt);
        view.orphans.remove(&attempt);
        self.input(input)
    }

    fn stored(&mut self, key: &str, text: Option<&str>) -> Step {
        let value = codec::stored(&self.tab.page.client, key, text);
        self.input(Input::Stored { key, value })
    }

    fn restore(&mut self) -> Step {
        let key = self.tab.page.client.record_key(SESSIONS[self.session]);
        let value = self.storage.get(&key).cloned();
        self.stored(&key, value.as_deref())
    }

    fn deed(&mut self, deed: Deed) -> Step {
        let session = SESSIONS[self.session];
        self.note(|| format!("== {deed:?} {session}"));
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
                self.input(Input::Start { session, call, request })
            }
            Deed::Stop => self.stop(),
            Deed::Detach => {
                self.orphan();
                self.input(Input::Detach { session })
            }
            Deed::Resume => {
                self.restore()?;
                let call = self.promise(Promise::Resume);
                self.input(Input::Resume { session, call })
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
                let now = self.now;
                self.lane().server.trim(now);
                Ok(())
            }
            Deed::LoseTask => {
                let now = self.now;
                if let Some(lost) = self.lane().server.lose(now) {
                    self.break_conns_of(lost);
                }
                Ok(())
            }
            Deed::Expire => {
                let now = self.now;
                self.lane().server.expire(now);
                Ok(())
            }
        }
    }

    /// A page in the cache has left the channel.
    fn clear_tab_messages(&mut self) {
        let acting = self.acting;
        self.queue.retain(|_, (tab, event)| *tab != acting || !matches!(event, Event::Tab(_) | Event::Locked(_)));
    }

    /// Messages on their way may stay open behind a stream that is let go.
    fn orphan(&mut self) {
        let view = self.view();
        view.orphans.extend(view.open.iter().copied());
    }

    fn stop(&mut self) -> Step {
        self.restore()?;
        let session = SESSIONS[self.session];
        let live = self.tab.page.client.snapshot(session);
        self.orphan();
        self.view().silenced = true;
        if let Some(task) = live.task.filter(|_| live.status != rejoin::client::io::Status::Completed) {
            self.lane().stopped_tasks.insert(task);
        }
        let call = self.promise(Promise::Stop);
        self.input(Input::Stop { session, call })
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
            self.conns.iter().filter(|(_, conn)| conn.is_of(self.session, task)).map(|(key, _)| *key).collect();
        for (tab, attempt) in broken {
            self.conns.remove(&(tab, attempt));
            self.schedule_for(tab, self.now + 5, Event::Ended(attempt));
        }
    }

    // ---- the network ----

    fn request(&mut self, attempt: Attempt, request: Request) -> Step {
        self.session = session_asked(&request).unwrap_or(self.session);
        if let Request::Send { request, .. } = &request {
            self.view().listener.sent = Some(request.message_id.clone());
        }
        self.view().open.insert(attempt);
        if matches!(request, Request::Cancel { .. } | Request::Session { .. } | Request::Task { .. }) {
            self.view().orphans.insert(attempt);
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
                let before = self.server().tasks.len();
                let now = self.now;
                let served = self.lane().server.post(request, now);
                if self.server().tasks.len() > before {
                    let turns = self.posts_arrived.entry(request.message_id.clone()).or_default();
                    *turns += 1;
                    if *turns > 1 {
                        return Err(format!("message {} ran twice", request.message_id));
                    }
                }
                served
            }
            Request::Join { task, after, replay } => {
                let now = self.now;
                self.lane().server.join(task, *after, *replay, now)
            }
            Request::Session { .. } => Served::Plain(self.server().session(self.now)),
            Request::Task { task } => Served::Plain(self.server().status(task, self.now)),
            Request::Cancel { task } => {
                let now = self.now;
                Served::Plain(self.lane().server.cancel(task, now))
            }
        })
    }

    fn answer(&mut self, attempt: Attempt, served: Served, fault: &Fault, at: Millis) {
        match served {
            Served::Plain(Answer { status, body }) => {
                self.schedule(at, Event::Answered(attempt, status, None, body));
            }
            Served::Stream { task, mut prelude, mut next } => {
                if *fault == Fault::Replays && self.plan.backend == Backend::Ours {
                    let task = &self.server().tasks[task];
                    let produced = task.produced(self.now);
                    let from_the_start = task.frames[..produced].to_vec();
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
                let (session, last_sent) = (self.session, self.now);
                let conn =
                    Conn { session, task, queue: prelude, next, sent: 0, events: 0, limit, done_after, last_sent };
                self.conns.insert((self.acting, attempt), conn);
                let named = self.plan.backend == Backend::Ours;
                let task = named.then(|| self.server().tasks[task].id.clone());
                self.schedule(at, Event::Opened(attempt, task));
                self.schedule(at, Event::Pump(attempt));
            }
        }
    }

    /// Sends what a response has to give by now, and plans when it has more.
    fn pump(&mut self, attempt: Attempt) {
        let Some(mut conn) = self.conns.remove(&(self.acting, attempt)) else { return };
        let ours = self.plan.backend == Backend::Ours;
        self.session = conn.session;
        let task = &self.lanes[conn.session].server.tasks[conn.task];
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
        let now = self.now;
        match self.view().last_request.replace(now) {
            Some(last) if now < last + LEAST_GAP => Err(format!("asked again after {} ms", now - last)),
            _ => Ok(()),
        }
    }

    /// What is saved was delivered.
    fn check_save(&mut self, key: &str, text: &str) -> Step {
        let owner = (0..self.plan.sessions).find(|at| self.tab.page.client.record_key(SESSIONS[*at]) == key);
        self.session = owner.ok_or("a record of no session")?;
        let server = self.server();
        if text.contains("message ") {
            return Err(format!("what was said is saved: {text}"));
        }
        let (task, last) = saved_cursor(text, self.plan.backend);
        let is_named = self.plan.backend == Backend::Ours || (self.plan.tabs == 1 && !self.plan.is_nameless);
        let Some(at) = server.find(&task).filter(|_| is_named) else { return Ok(()) };
        let delivered = self.lanes[self.session].delivered.get(&task).copied().unwrap_or_default();
        let frames = server.tasks[at].frames.iter().enumerate();
        let mut loud = frames.filter(|(_, (_, frame))| !is_silent(frame) && frame != "not json");
        let name = |place, id| if self.plan.backend == Backend::Ours { id } else { name_of(place) };
        let ahead = loud.find(|(place, (id, _))| name(*place, *id) <= last && name(*place, *id) > delivered);
        ahead.map_or(Ok(()), |(_, (id, _))| Err(format!("saved {last}, but {id} was not delivered")))
    }

    fn check_outcome(&mut self, promise: &Promise, outcome: Option<&Outcome>) -> Step {
        let name = match outcome {
            None => "None".to_owned(),
            Some(outcome) if outcome.origin == rejoin::client::io::Origin::Joined => "Joined".to_owned(),
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
        let server = self.server();
        let named = outcome.task.as_deref().and_then(|id| server.find(id));
        let listener = &self.tab.page.views[self.session].listener;
        let told = listener.task.as_deref().and_then(|id| server.find(id));
        let at = named.or(told).ok_or("finished without a task")?;
        let truth = &server.tasks[at];
        if truth.lost || !truth.has_ended(self.now) {
            return Err("finished, but the task did not".into());
        }
        let text = &listener.text;
        if *text != truth.whole_text() && *text != server.answer_for(at) {
            return Err(format!("finished with half an answer: {text:?} of {:?}", truth.whole_text()));
        }
        Ok(())
    }

    fn check_failed(&self, outcome: &Outcome) -> Step {
        let error = outcome.error.as_ref().ok_or("failed without an error")?;
        let server = self.server();
        let known_task = outcome.task.as_deref().and_then(|id| server.find(id));
        let is_known_task_lost = known_task.is_none_or(|at| server.tasks[at].gone);
        match error.code.as_str() {
            "UNAUTHORIZED" | "TASK_RUNNING" => Ok(()),
            _ if is_known_task_lost => Ok(()),
            code => Err(format!("failed with {code} though the task is there")),
        }
    }

    fn check_expired(&self, outcome: &Outcome) -> Step {
        let server = self.server();
        let task = outcome.task.as_deref().and_then(|id| server.find(id)).map(|at| &server.tasks[at]);
        if task.is_some_and(|task| !task.gone) { Err("expired, but it is there".into()) } else { Ok(()) }
    }

    fn check_the_end(&mut self) -> Step {
        for (at, tab) in self.all_tabs().filter(|(_, tab)| tab.life == TabLife::Open) {
            for session in SESSIONS {
                let snapshot = tab.page.client.snapshot(session);
                if let Some((_, promise)) = tab.page.pending.iter().next() {
                    return Err(format!("tab {at}: {promise:?} is never kept; {snapshot:?}"));
                }
                if tab.page.client.is_live(session) {
                    return Err(format!("tab {at} is still live: {snapshot:?}"));
                }
            }
        }
        for Lane { server, stopped_tasks, .. } in &self.lanes {
            let runs_on = |id: &&String| {
                let task = server.find(id).map(|at| &server.tasks[at]);
                task.is_some_and(|task| !task.cancelled && task.runs(self.now))
            };
            let must_cancel = self.can_cancel() && self.plan.tabs == 1;
            if let Some(task) = stopped_tasks.iter().filter(|_| must_cancel).find(runs_on) {
                return Err(format!("{task} was stopped and runs on"));
            }
        }
        // A tab that died over a stop leaves it to the next page that loads. Without a cancel the record is all there is.
        let must_be_gone = self.plan.tabs == 1 && self.can_cancel();
        let leftover = self.storage.values().find(|text| must_be_gone && text.contains("\"stopped\""));
        leftover.map_or(Ok(()), |text| Err(format!("a stop is left: {text}")))
    }

    /// Whether every cancel is carried out in the end. A refused one is not repeated.
    fn can_cancel(&self) -> bool {
        self.plan.backend == Backend::Ours && !self.plan.faults.contains(&Fault::Status(401))
    }

    fn account_page(&mut self) {
        let metrics = self.tab.page.client.metrics(None);
        self.seen.reconnects += metrics.reconnects;
        self.seen.duplicates += metrics.duplicates;
        self.seen.resets += metrics.resets;
        self.seen.unknown += metrics.unknown;
        self.seen.malformed += metrics.malformed;
        let replayed = self.tab.page.views.iter().map(|view| u64::from(view.listener.replayed));
        self.seen.replayed += replayed.sum::<u64>();
    }

    fn account(&mut self) {
        for tab in 0..self.plan.tabs {
            self.turn_to(tab);
            self.account_page();
        }
        let tasks = self.lanes.iter().flat_map(|lane| &lane.server.tasks);
        self.seen.cancelled = tasks.filter(|task| task.cancelled).count() as u64;
    }
}

fn config(plan: &Plan, salt: u64) -> Config {
    let tab = (plan.tabs > 1).then(|| format!("tab{salt}"));
    Config { seed: plan.seed ^ salt, tab, ..Config::default() }
}

/// The session that an effect names.
fn session_of(effect: &Effect) -> Option<usize> {
    let name = match effect {
        Effect::Began { session }
        | Effect::Deliver { session, .. }
        | Effect::Changed { session }
        | Effect::Lock { session, .. }
        | Effect::Unlock { session }
        | Effect::Ended { session, .. } => session,
        _ => return None,
    };
    SESSIONS.iter().position(|session| session == name)
}

/// The session that a request is about: its task's name tells.
fn session_asked(request: &Request) -> Option<usize> {
    match request {
        Request::Send { session, .. } | Request::Session { session } => {
            SESSIONS.iter().position(|name| name == session)
        }
        Request::Join { task, .. } | Request::Task { task } | Request::Cancel { task } => {
            task.split('-').nth(1)?.parse().ok()
        }
    }
}

/// A message goes out as it was given, with its context.
fn check_body(request: &Request) -> Step {
    let (Request::Send { request: given, .. }, Some(body)) = (request, request.body()) else { return Ok(()) };
    let number = given.message_id.trim_start_matches('m');
    let is_whole = body.message == given.message && body.message_id == given.message_id && body.is_user_message;
    let is_even = number.parse().is_ok_and(|number: usize| number.is_multiple_of(2));
    let context = body.json.iter().find(|(name, _)| *name == "context");
    let context = context.and_then(|(_, text)| serde_json::from_str::<serde_json::Value>(text).ok());
    let has_context =
        if is_even { context.is_some_and(|context| context["content"] == number) } else { context.is_none() };
    if is_whole && has_context { Ok(()) } else { Err(format!("sent {body:?}")) }
}

fn saved_cursor(text: &str, backend: Backend) -> (String, EventId) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let last = match backend {
        Backend::Ours => value["last"].as_str().unwrap().parse().unwrap(),
        Backend::Base => EventId { ms: value["unnumbered"].as_u64().unwrap(), seq: 0 },
    };
    (value["task"].as_str().unwrap().to_owned(), last)
}
