//! The plan of a run, which its seed decides: the backend and its quirks, the browser's clock and storage, the actions of people
//! and their times, and the faults of the network.

use rejoin::client::retry::Jitter;

/// The backend of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Our server: event ids, announced heartbeats, recognition of repeats, cancel.
    Ours,
    /// A backend with only the base part of PROTOCOL.
    Base,
}

/// How a stream names its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Its `start` names the task.
    Named,
    /// Its `start` names the task, and a second `start` without a task follows.
    TwoStarts,
    /// It does not. The client finds the task in the session.
    Nameless,
}

/// What a session shows of an answer that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing until it has ended.
    Hidden,
    /// What was written up to the last full second, unless it is the last message.
    ShownUnlessLast,
    /// What was written up to the last full second.
    Shown,
}

/// How a backend differs from our server (PROTOCOL §7).
#[derive(Clone, Debug, PartialEq)]
pub struct Quirks {
    pub naming: Naming,
    /// Whether it answers 409 while a task runs. Otherwise it runs two tasks at once.
    pub refuses_second_message: bool,
    /// Whether messages have dates.
    pub has_dates: bool,
    /// The number of entries that a log keeps.
    pub log_limit: Option<usize>,
    /// Whether some answers start an operation.
    pub has_operations: bool,
    /// The time from the `finish` until the task counts as completed, in milliseconds.
    pub late_mark: u64,
    pub progress: Progress,
    /// Whether the tokens of all answers are alike, except the last.
    pub is_alike: bool,
}

impl Quirks {
    const TIDY: Self = Self {
        naming: Naming::Named,
        refuses_second_message: true,
        has_dates: true,
        log_limit: None,
        has_operations: false,
        late_mark: 0,
        progress: Progress::Hidden,
        is_alike: false,
    };

    fn draw(backend: Backend, dice: &mut Jitter) -> Self {
        let profile = dice.below(2);
        let mut quirks = Self {
            naming: [Naming::Named, Naming::Nameless, Naming::TwoStarts][profile as usize],
            refuses_second_message: dice.below(1) == 0,
            has_dates: dice.below(1) == 0,
            log_limit: [None, None, Some(40), Some(12)][dice.below(3) as usize],
            has_operations: dice.below(2) == 0,
            late_mark: [0, 50, 2_000][dice.below(2) as usize],
            progress: [Progress::Hidden, Progress::ShownUnlessLast, Progress::Shown][dice.below(2) as usize],
            is_alike: dice.below(3) == 0,
        };
        if backend == Backend::Ours {
            return Self { is_alike: quirks.is_alike, ..Self::TIDY };
        }
        let is_copilot = quirks.naming == Naming::TwoStarts;
        quirks.refuses_second_message &= !is_copilot;
        quirks.log_limit = quirks.log_limit.filter(|_| is_copilot);
        quirks.has_operations &= is_copilot;
        if !is_copilot {
            quirks.late_mark = 0;
            quirks.progress = Progress::Hidden;
        }
        quirks
    }
}

/// The browser's clock, which differs from the simulated time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WallClock {
    /// Its difference at the beginning, in milliseconds.
    pub offset: i64,
    /// The interval at which it ticks, in milliseconds.
    pub grain: u64,
}

/// Something that a person, the browser or the network does to a page or the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Start,
    Stop,
    Detach,
    Resume,
    Reload,
    Hide,
    Show,
    Leave,
    Return,
    Offline,
    Online,
    /// Old entries of the running task's log are removed, with a snapshot of them kept.
    Trim,
    /// The running task and its log are lost.
    LoseTask,
    /// The record and the log of a task that has ended are removed.
    Expire,
    /// Every connection breaks, running tasks are interrupted, and the server is down for so many milliseconds.
    Restart(u64),
    /// The tab is opened, unless it is open, and resumes.
    Open,
    /// The tab is closed by the user.
    Close,
    /// The process of the tab dies.
    Crash,
    /// The tab is frozen: nothing in it runs.
    Freeze,
    /// The tab runs again, beginning with what has waited.
    Thaw,
    /// The browser takes the session's lock from its holder.
    LoseLock,
    /// The computer sleeps for so many milliseconds: nothing runs, and connections die.
    Sleep(u64),
    /// The wall clock is changed by so many milliseconds.
    SetClock(i64),
}

/// An action, and when and where it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedAction {
    /// The time since the start, in milliseconds.
    pub at: u64,
    pub tab: usize,
    pub session: usize,
    pub action: Action,
}

/// What happens to one request. Faults are assigned in the order of the requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// The request never arrives.
    RequestLost,
    /// The request arrives, but its response is lost.
    AnswerLost,
    /// Neither a response nor an error arrives.
    Hangs,
    /// The body ends after so many bytes.
    CutAfter(usize),
    /// The body breaks after so many bytes.
    ResetAfter(usize),
    /// Nothing arrives after so many bytes, and the connection stays open.
    SilentAfter(usize),
    /// A bare `[DONE]` arrives after so many events.
    DoneAfter(usize),
    /// The replay is sent twice, or from the beginning in spite of the cursor.
    Replays,
    /// The server answers with this status.
    Status(u16),
    /// The server answers with this status and with `Retry-After` in seconds.
    Busy(u16, u64),
    /// The request does not arrive, and a proxy answers with an HTML page.
    Proxy(u16),
    /// The request arrives, but a proxy answers with an HTML page.
    ProxyBehind(u16),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub backend: Backend,
    pub quirks: Quirks,
    /// The number of tabs. A single tab does not share.
    pub tabs: usize,
    /// One of so many messages between tabs is lost; 0 for none.
    pub losses: u64,
    /// One of so many operations of the storage fails; 0 for none.
    pub storage_losses: u64,
    pub clock: WallClock,
    /// Whether responses have a `date` header that the page can read.
    pub shows_date: bool,
    /// The number of sessions that the pages show.
    pub sessions: usize,
    pub actions: Vec<PlannedAction>,
    pub faults: Vec<Fault>,
    /// The number of tokens of each answer, and the milliseconds between two.
    pub tokens: usize,
    pub pace: u64,
    pub heartbeat: u64,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut dice = Jitter(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0xABCD);
        let backend = if dice.below(2) == 0 { Backend::Ours } else { Backend::Base };
        let tabs = [1, 1, 2, 3][dice.below(3) as usize];
        let losses = [0, 0, 30][dice.below(2) as usize];
        let sessions = [1, 1, 1, 2][dice.below(3) as usize];
        let quirks = Quirks::draw(backend, &mut dice);
        let storage_losses = [0, 0, 0, 4, 20][dice.below(4) as usize];
        let offset = [0, 0, 0, 70_000, -70_000, 86_400_000][dice.below(5) as usize];
        let grain = [1, 1, 1, 16, 100][dice.below(4) as usize];
        let clock = WallClock { offset, grain };
        let shows_date = dice.below(1) == 0;
        let actions = draw_actions(tabs, sessions, &mut dice);
        let trouble = dice.below(12);
        let faults = (0..trouble).map(|_| fault(&mut dice)).collect();
        Self {
            seed,
            backend,
            quirks,
            tabs,
            losses,
            storage_losses,
            clock,
            shows_date,
            sessions,
            actions,
            faults,
            tokens: 1 + dice.below(60) as usize,
            pace: [0, 1, 20, 300, 2_000][dice.below(4) as usize],
            heartbeat: [1_000, 5_000, 15_000][dice.below(2) as usize],
        }
    }

    /// Returns plans with a little less in them, for shrinking.
    pub fn smaller(&self) -> Vec<Self> {
        let mut plans = Vec::new();
        for at in 1..self.actions.len() {
            let mut plan = self.clone();
            plan.actions.remove(at);
            plans.push(plan);
        }
        for at in 0..self.faults.len() {
            let mut plan = self.clone();
            plan.faults.remove(at);
            plans.push(plan);
            if self.faults[at] != Fault::None {
                let mut plan = self.clone();
                plan.faults[at] = Fault::None;
                plans.push(plan);
            }
        }
        if self.tokens > 1 {
            plans.push(Self { tokens: self.tokens / 2, ..self.clone() });
        }
        plans.extend(self.tidier().into_iter().filter(|plan| !plan.is_as_tidy_as(self)));
        plans
    }

    /// Returns plans in which one property each has its usual value.
    fn tidier(&self) -> Vec<Self> {
        let quirks = &self.quirks;
        let tidy = |quirks| Self { quirks, ..self.clone() };
        vec![
            Self { losses: 0, ..self.clone() },
            Self { storage_losses: 0, ..self.clone() },
            Self { clock: WallClock { offset: 0, grain: 1 }, ..self.clone() },
            Self { shows_date: false, ..self.clone() },
            tidy(Quirks { log_limit: None, ..quirks.clone() }),
            tidy(Quirks { has_operations: false, ..quirks.clone() }),
            tidy(Quirks { late_mark: 0, ..quirks.clone() }),
            tidy(Quirks { progress: Progress::Hidden, ..quirks.clone() }),
            tidy(Quirks { is_alike: false, ..quirks.clone() }),
            tidy(Quirks { has_dates: true, ..quirks.clone() }),
            tidy(Quirks { naming: Naming::Named, ..quirks.clone() }),
        ]
    }

    fn is_as_tidy_as(&self, other: &Self) -> bool {
        self.quirks == other.quirks
            && self.clock == other.clock
            && (self.losses, self.storage_losses, self.shows_date)
                == (other.losses, other.storage_losses, other.shows_date)
    }
}

fn draw_actions(tabs: usize, sessions: usize, dice: &mut Jitter) -> Vec<PlannedAction> {
    let mut actions: Vec<PlannedAction> =
        (0..sessions).map(|session| PlannedAction { at: 0, tab: 0, session, action: Action::Start }).collect();
    for tab in 1..tabs {
        actions.push(PlannedAction { at: dice.below(20_000), tab, session: 0, action: Action::Open });
    }
    let span = [2_000, 20_000, 90_000][dice.below(2) as usize];
    for _ in 0..dice.below(12) {
        let tab = dice.below(tabs as u64 - 1) as usize;
        let session = dice.below(sessions as u64 - 1) as usize;
        let drawn = if tabs > 1 && dice.below(2) == 0 { tab_action(dice) } else { action(dice) };
        let at = dice.below(span);
        actions.push(PlannedAction { at, tab, session, action: drawn });
    }
    actions.sort_by_key(|planned| planned.at);
    actions
}

fn action(dice: &mut Jitter) -> Action {
    match dice.below(27) {
        0..=3 => Action::Start,
        4..=5 => Action::Stop,
        6..=7 => Action::Detach,
        8..=9 => Action::Resume,
        10..=12 => Action::Reload,
        13 => Action::Hide,
        14 => Action::Show,
        15 => Action::Leave,
        16 => Action::Return,
        17 => Action::Offline,
        18 => Action::Online,
        19..=20 => Action::Trim,
        21 => Action::LoseTask,
        22 => Action::Restart([100, 3_000, 20_000][dice.below(2) as usize]),
        23 => Action::LoseLock,
        24 => Action::Sleep([5_000, 60_000, 400_000][dice.below(2) as usize]),
        25 => Action::SetClock([-3_600_000, -5_000, 5_000, 600_000][dice.below(3) as usize]),
        _ => Action::Expire,
    }
}

fn tab_action(dice: &mut Jitter) -> Action {
    match dice.below(8) {
        0..=1 => Action::Open,
        2 => Action::Close,
        3..=4 => Action::Crash,
        5 => Action::Freeze,
        6 => Action::LoseLock,
        _ => Action::Thaw,
    }
}

fn fault(dice: &mut Jitter) -> Fault {
    let bytes = [3, 40, 300, 3_000][dice.below(3) as usize];
    let bytes = dice.below(bytes) as usize;
    match dice.below(24) {
        0..=2 => Fault::None,
        3 => Fault::RequestLost,
        4 => Fault::AnswerLost,
        5 => Fault::Hangs,
        6..=9 => Fault::CutAfter(bytes),
        10..=11 => Fault::ResetAfter(bytes),
        12..=13 => Fault::SilentAfter(bytes),
        14..=15 => Fault::DoneAfter(dice.below(20) as usize),
        16..=17 => Fault::Replays,
        18 => Fault::Status([500, 502, 503, 408, 425][dice.below(4) as usize]),
        19 => Fault::Busy(429, dice.below(8)),
        20 => Fault::Busy(503, dice.below(3)),
        21 => Fault::Proxy(proxy_status(dice)),
        22 => Fault::ProxyBehind(proxy_status(dice)),
        _ => Fault::Status(401),
    }
}

fn proxy_status(dice: &mut Jitter) -> u16 {
    [404, 404, 502, 504][dice.below(3) as usize]
}
