//! One run: carries inputs and effects between the pages and the server on a virtual clock, and checks after every step.
//!
//! `tabs` contains what tabs share (locks, messages, storage), `actions` the actions of people and of the world, `network` the
//! network between pages and server, `effects` the shell of a page, and `checks` the guarantees.

mod actions;
mod checks;
mod effects;
mod network;
mod tabs;

use std::collections::{BTreeMap, BTreeSet};

use rejoin::client::io::{Attempt, Config, Input, Millis};
use rejoin::client::retry::Jitter;

use self::network::Conn;
use self::tabs::{Lock, Tab, TabLife};
use crate::backend::Server;
use crate::coverage::Coverage;
use crate::oracle::Given;
use crate::page::SESSIONS;
use crate::plan::{Action, Plan, PlannedAction};

const EPOCH: Millis = 1_700_000_000_000;
/// The time after the last action and fault by which every promise must be settled, in milliseconds.
const PATIENCE: Millis = 1_500_000;
const MOST_STEPS: u32 = 200_000;

/// Whether a run records a trace, which costs more than the run itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    On,
    Off,
}

pub struct Failure {
    pub reason: String,
    pub trace: Vec<String>,
}

#[derive(Debug)]
enum Event {
    Action(usize, Action),
    Locked(usize),
    LockLost(usize),
    Tab(String),
    Storage(String),
    Flush(usize),
    Opened(Attempt, Option<String>),
    Bytes(Attempt, Vec<u8>),
    Ended(Attempt),
    Failed(Attempt),
    Answered(Attempt, Plain),
    Pump(Attempt),
}

/// A response that is no stream.
#[derive(Debug)]
struct Plain {
    status: u16,
    retry_after: Option<u64>,
    content_type: &'static str,
    body: String,
}

impl Plain {
    fn json(status: u16, body: String) -> Self {
        Self { status, retry_after: None, content_type: "application/json", body }
    }

    /// Returns the HTML page of a proxy that did not reach the backend or refused the request.
    fn html(status: u16) -> Self {
        let body = "<!doctype html><title>Sorry</title>".to_owned();
        Self { status, retry_after: None, content_type: "text/html", body }
    }
}

/// One session of the world.
struct Lane {
    server: Server,
    lock: Lock,
    /// The pieces of its answers that any page has delivered.
    given: Given,
    /// The messages and tasks whose stream was stopped by a person while it was shown.
    stopped_messages: BTreeSet<String>,
    stopped_tasks: BTreeSet<usize>,
    /// Whether a person stopped something here, so that tabs may not join what runs.
    was_stopped: bool,
    /// The number of tasks that each message started.
    posts: BTreeMap<String, u32>,
}

impl Lane {
    fn new(plan: &Plan, session: usize) -> Self {
        Self {
            server: Server::new(plan, session),
            lock: Lock::default(),
            given: Given::new(),
            stopped_messages: BTreeSet::new(),
            stopped_tasks: BTreeSet::new(),
            was_stopped: false,
            posts: BTreeMap::new(),
        }
    }
}

pub struct World {
    plan: Plan,
    /// The simulated time. A page's clock may differ from it.
    now: Millis,
    /// The error of the browser's wall clock, in milliseconds.
    wall: i64,
    /// The sessions, and the index of the current one.
    lanes: Vec<Lane>,
    session: usize,
    /// The tab that acts. It is taken out of `tabs` meanwhile.
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
    /// The sessions whose snapshots the last input reported as changed.
    changed: [bool; SESSIONS.len()],
    tracing: Tracing,
    pub trace: Vec<String>,
    pub coverage: Coverage,
}

type Step = Result<(), String>;

impl World {
    pub fn new(plan: Plan, tracing: Tracing) -> Self {
        let wall = plan.clock.offset;
        let closed = |_| Some(Tab::closed(&plan, EPOCH));
        let mut tabs: Vec<Option<Tab>> = (0..plan.tabs).map(closed).collect();
        tabs[0] = None;
        let nothing_saved = vec![None; plan.sessions];
        let mut world = Self {
            tracing,
            now: EPOCH,
            wall,
            lanes: (0..plan.sessions).map(|session| Lane::new(&plan, session)).collect(),
            session: 0,
            tab: Tab::new(&plan, 0, EPOCH, wall, &nothing_saved, TabLife::Open),
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
            changed: [false; SESSIONS.len()],
            trace: Vec::new(),
            coverage: Coverage::default(),
            plan,
        };
        world.schedule_actions();
        world
    }

    /// Schedules the planned actions. At the end, all tabs and connections work again.
    fn schedule_actions(&mut self) {
        for PlannedAction { at, tab, session, action } in self.plan.actions.clone() {
            self.schedule_for(tab, EPOCH + at, Event::Action(session, action));
        }
        let last = self.plan.actions.iter().map(|planned| match planned.action {
            Action::Sleep(ms) | Action::Restart(ms) => planned.at + ms,
            _ => planned.at,
        });
        let end = EPOCH + last.max().unwrap_or_default() + 1_000;
        for tab in 0..self.plan.tabs {
            for action in [Action::Thaw, Action::Online, Action::Return, Action::Show] {
                self.schedule_for(tab, end, Event::Action(0, action));
            }
        }
    }

    pub fn run(&mut self) -> Result<(), Failure> {
        let result = self.run_steps().and_then(|()| self.check_the_end());
        self.account();
        result.map_err(|reason| Failure { reason, trace: std::mem::take(&mut self.trace) })
    }

    fn run_steps(&mut self) -> Step {
        let last_action = self.queue.keys().next_back().map_or(EPOCH, |(at, _)| *at);
        self.input(Input::Restored)?;
        for _ in 0..MOST_STEPS {
            let next_event = self.queue.keys().next().copied();
            let deadline = self.next_deadline();
            let times = [next_event.map(|(at, _)| at), deadline.map(|(at, _)| at)];
            let Some(next) = times.into_iter().flatten().min() else { return Ok(()) };
            if next > last_action + PATIENCE {
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

    fn lane(&mut self) -> &mut Lane {
        &mut self.lanes[self.session]
    }

    fn server(&self) -> &Server {
        &self.lanes[self.session].server
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

    fn account(&mut self) {
        for tab in 0..self.plan.tabs {
            self.turn_to(tab);
            self.account_page();
        }
        let tasks = || self.lanes.iter().flat_map(|lane| &lane.server.tasks);
        self.coverage.cancelled = tasks().filter(|task| task.cancelled).count() as u64;
        self.coverage.interrupted = tasks().filter(|task| task.failed).count() as u64;
        self.coverage.operations = tasks().filter(|task| task.message().is_none()).count() as u64;
    }
}

fn config(plan: &Plan, salt: u64) -> Config {
    let tab = (plan.tabs > 1).then(|| format!("tab{salt}"));
    Config { seed: plan.seed ^ salt, tab, ..Config::default() }
}
