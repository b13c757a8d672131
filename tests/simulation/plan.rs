//! What a seed decides: the backend, what people do and when, what the network and the server do to each request.

use rejoin::client::retry::Jitter;

/// The backend of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Ours: ids, heartbeats announced, repeats recognised, cancel.
    Ours,
    /// The base part of PROTOCOL only.
    Base,
}

/// Something that a person or the world does to the page or the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
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
    /// Old entries of the running task's log go, snapshot kept.
    Trim,
    /// The running task and its log vanish.
    LoseTask,
    /// The record and the log of a task that has ended vanish.
    Expire,
    /// The tab opens, if it is not open, and resumes.
    Open,
    /// The tab closes as tabs do.
    Close,
    /// The tab's process dies.
    Crash,
    /// Nothing in the tab runs.
    Freeze,
    /// All that waited runs.
    Thaw,
}

/// When and where something is done.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedDeed {
    /// In ms since the start.
    pub at: u64,
    pub tab: usize,
    pub session: usize,
    pub deed: Deed,
}

/// What happens to one request, drawn in the order in which requests are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// It never arrives.
    RequestLost,
    /// It arrives, its answer does not.
    AnswerLost,
    /// Neither an answer nor an error ever comes.
    Hangs,
    /// The body ends after so many bytes.
    CutAfter(usize),
    /// The body breaks after so many bytes.
    ResetAfter(usize),
    /// Nothing more comes after so many bytes, and nobody says so.
    SilentAfter(usize),
    /// A bare `[DONE]` after so many events.
    DoneAfter(usize),
    /// The replay is told twice, or from the start in spite of the cursor.
    Replays,
    /// A status instead.
    Status(u16),
    /// A status with `Retry-After`, in seconds.
    Busy(u16, u64),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub backend: Backend,
    /// Tabs of the browser; one alone takes no part in sharing.
    pub tabs: usize,
    /// Of every so many messages between tabs one is lost; 0 for none.
    pub losses: u64,
    /// Sessions that its pages show.
    pub sessions: usize,
    /// A base backend that answers 409 while a task runs; the other kind lets two run.
    pub refuses_second_message: bool,
    /// A base backend whose streams do not say which task they tell: it is found through the session.
    pub is_nameless: bool,
    pub deeds: Vec<PlannedDeed>,
    pub faults: Vec<Fault>,
    /// Tokens of each answer, and the ms between two.
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
        let is_nameless = backend == Backend::Base && tabs == 1 && dice.below(2) == 0;
        let refuses_second_message = is_nameless || dice.below(1) == 0;
        let mut deeds: Vec<PlannedDeed> =
            (0..sessions).map(|session| PlannedDeed { at: 0, tab: 0, session, deed: Deed::Start }).collect();
        for tab in 1..tabs {
            deeds.push(PlannedDeed { at: dice.below(20_000), tab, session: 0, deed: Deed::Open });
        }
        let span = [2_000, 20_000, 90_000][dice.below(2) as usize];
        for _ in 0..dice.below(12) {
            let tab = dice.below(tabs as u64 - 1) as usize;
            let session = dice.below(sessions as u64 - 1) as usize;
            let deed = if tabs > 1 && dice.below(2) == 0 { tab_deed(&mut dice) } else { deed(&mut dice) };
            deeds.push(PlannedDeed { at: dice.below(span), tab, session, deed });
        }
        deeds.sort_by_key(|planned| planned.at);
        let trouble = dice.below(12);
        let faults = (0..trouble).map(|_| fault(&mut dice)).collect();
        let tokens = 1 + dice.below(60) as usize;
        let pace = [0, 1, 20, 300, 2_000][dice.below(4) as usize];
        let heartbeat = [1_000, 5_000, 15_000][dice.below(2) as usize];
        Self {
            seed,
            backend,
            tabs,
            losses,
            sessions,
            refuses_second_message,
            is_nameless,
            deeds,
            faults,
            tokens,
            pace,
            heartbeat,
        }
    }

    /// Plans with a little less trouble in them.
    pub fn smaller(&self) -> Vec<Self> {
        let mut plans = Vec::new();
        for at in 1..self.deeds.len() {
            let mut plan = self.clone();
            plan.deeds.remove(at);
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
        plans
    }
}

fn deed(dice: &mut Jitter) -> Deed {
    match dice.below(23) {
        0..=3 => Deed::Start,
        4..=5 => Deed::Stop,
        6..=7 => Deed::Detach,
        8..=9 => Deed::Resume,
        10..=12 => Deed::Reload,
        13 => Deed::Hide,
        14 => Deed::Show,
        15 => Deed::Leave,
        16 => Deed::Return,
        17 => Deed::Offline,
        18 => Deed::Online,
        19..=20 => Deed::Trim,
        21 => Deed::LoseTask,
        _ => Deed::Expire,
    }
}

fn tab_deed(dice: &mut Jitter) -> Deed {
    match dice.below(7) {
        0..=1 => Deed::Open,
        2 => Deed::Close,
        3..=4 => Deed::Crash,
        5 => Deed::Freeze,
        _ => Deed::Thaw,
    }
}

fn fault(dice: &mut Jitter) -> Fault {
    let bytes = [3, 40, 300, 3_000][dice.below(3) as usize];
    let bytes = dice.below(bytes) as usize;
    match dice.below(22) {
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
        _ => Fault::Status(401),
    }
}
