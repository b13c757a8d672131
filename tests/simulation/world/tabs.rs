//! The tabs of the browser, and what they share: locks, messages, the storage.

use rejoin::client::io::{LockMode, Millis};

use super::{Event, Step, World, config};
use crate::oracle::Saved;
use crate::page::{Page, SESSIONS, View};
use crate::plan::{Action, Backend, Plan};

/// One tab of the browser.
pub struct Tab {
    pub page: Page,
    pub life: TabLife,
    /// The events that wait while the tab is frozen.
    pub frozen: Vec<Event>,
    pub away: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TabLife {
    Open,
    Frozen,
    Closed,
}

/// The browser's lock of one session.
#[derive(Default)]
pub struct Lock {
    holder: Option<usize>,
    waiting: Vec<usize>,
}

impl Tab {
    pub fn new(plan: &Plan, salt: u64, now: Millis, wall: i64, saved: &[Option<Saved>], life: TabLife) -> Self {
        let clock = clock(now, wall, plan.clock.grain);
        let page = Page::new(config(plan, salt), clock, wall, saved);
        Self { page, life, frozen: Vec::new(), away: false }
    }

    pub fn closed(plan: &Plan, now: Millis) -> Self {
        Self::new(plan, 0, now, 0, &vec![None; plan.sessions], TabLife::Closed)
    }
}

/// Returns the time by a page's clock.
fn clock(now: Millis, offset: i64, grain: u64) -> Millis {
    now.saturating_add_signed(offset) / grain * grain
}

impl World {
    pub(super) fn turn_to(&mut self, tab: usize) {
        if tab == self.acting {
            return;
        }
        if let Some(mut next) = self.tabs[tab].take() {
            std::mem::swap(&mut self.tab, &mut next);
            self.tabs[self.acting] = Some(next);
            self.acting = tab;
        }
    }

    pub(super) fn all_tabs(&self) -> impl Iterator<Item = (usize, &Tab)> {
        let others = self.tabs.iter().enumerate().filter_map(|(at, tab)| Some((at, tab.as_ref()?)));
        others.chain([(self.acting, &self.tab)])
    }

    pub(super) fn other_tabs(&self) -> impl Iterator<Item = usize> + use<> {
        let acting = self.acting;
        (0..self.plan.tabs).filter(move |tab| *tab != acting)
    }

    /// Returns the time by the acting page's clock.
    pub(super) fn clock(&self) -> Millis {
        clock(self.now, self.tab.page.offset, self.plan.clock.grain)
    }

    /// Returns the first time at which a page's clock reaches its deadline.
    pub(super) fn next_deadline(&self) -> Option<(Millis, usize)> {
        let grain = self.plan.clock.grain;
        let awake = self.all_tabs().filter(|(_, tab)| tab.life == TabLife::Open && !tab.away);
        let at = |tab: &Tab| {
            let deadline = tab.page.client.deadline()?;
            Some((deadline.div_ceil(grain) * grain).saturating_add_signed(-tab.page.offset))
        };
        awake.filter_map(|(number, tab)| Some((at(tab)?, number))).min()
    }

    pub(super) fn happen_here(&mut self, event: Event) -> Step {
        match (self.tab.life, &event) {
            (_, Event::Action(_, Action::Open | Action::Thaw | Action::SetClock(_) | Action::Restart(_)))
            | (TabLife::Open, _)
            | (TabLife::Frozen, Event::Action(_, Action::Crash | Action::Close) | Event::Pump(_)) => self.happen(event),
            (TabLife::Frozen, Event::Action(..)) | (TabLife::Closed, _) => Ok(()),
            (TabLife::Frozen, _) => {
                self.tab.frozen.push(event);
                Ok(())
            }
        }
    }

    pub(super) fn view(&mut self) -> &mut View {
        &mut self.tab.page.views[self.session]
    }

    /// Changes the wall clock. The time of a page follows it forward, never back.
    pub(super) fn set_clock(&mut self, by: i64) {
        self.wall += by;
        let wall = self.wall;
        let others = self.tabs.iter_mut().flatten();
        others.chain([&mut self.tab]).for_each(|tab| tab.page.offset = tab.page.offset.max(wall));
    }

    pub(super) fn lock(&mut self, mode: LockMode) {
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

    pub(super) fn unlock(&mut self, tab: usize) {
        let session = self.session;
        self.queue.retain(|_, (of, event)| {
            *of != tab || !matches!(event, Event::Locked(at) | Event::LockLost(at) if *at == session)
        });
        let lock = &mut self.lane().lock;
        lock.waiting.retain(|waiting| *waiting != tab);
        if lock.holder == Some(tab) {
            self.pass_lock_on();
        }
    }

    /// The browser takes the lock from its holder.
    pub(super) fn lose_lock(&mut self) {
        if let Some(holder) = self.lane().lock.holder {
            let session = self.session;
            self.queue.retain(|_, (of, event)| *of != holder || !matches!(event, Event::Locked(at) if *at == session));
            self.schedule_for(holder, self.now, Event::LockLost(session));
            self.pass_lock_on();
        }
    }

    fn pass_lock_on(&mut self) {
        let lock = &mut self.lane().lock;
        lock.holder = None;
        if !lock.waiting.is_empty() {
            let next = lock.waiting.remove(0);
            self.grant(next);
        }
    }

    pub(super) fn post(&mut self, message: &str) {
        for tab in self.other_tabs() {
            let is_lost = self.plan.losses > 0 && self.dice.below(self.plan.losses) == 0;
            if !is_lost {
                self.schedule_for(tab, self.now + 2, Event::Tab(message.to_owned()));
            }
        }
    }

    fn storage_fails(&mut self) -> bool {
        let fails = self.plan.storage_losses > 0 && self.dice.below(self.plan.storage_losses) == 0;
        self.coverage.refused_storage += u64::from(fails);
        fails
    }

    /// Reads the storage. What it refused to store is in the page's memory and takes precedence.
    pub(super) fn read(&mut self, key: &str) -> Option<String> {
        if let Some(text) = self.tab.page.memory.get(key) {
            return Some(text.clone());
        }
        let is_there = self.storage.contains_key(key);
        if is_there && self.storage_fails() {
            let session = self.session_of_key(key);
            session.into_iter().for_each(|session| self.tab.page.views[session].listener.saved = None);
            self.note(|| format!("   {key} cannot be read"));
            return None;
        }
        self.storage.get(key).cloned()
    }

    pub(super) fn write(&mut self, key: String, value: String) {
        self.doubt_saved(&key, Some(&value));
        if self.storage_fails() {
            self.note(|| format!("   {key} cannot be written"));
            self.tab.page.memory.insert(key, value);
            return;
        }
        self.tab.page.memory.remove(&key);
        self.notify_storage(&key);
        self.storage.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.doubt_saved(key, None);
        self.tab.page.memory.remove(key);
        if self.storage_fails() {
            return self.note(|| format!("   {key} cannot be removed"));
        }
        self.notify_storage(key);
        self.storage.remove(key);
    }

    fn notify_storage(&mut self, key: &str) {
        for tab in self.other_tabs() {
            self.schedule_for(tab, self.now + 1, Event::Storage(key.to_owned()));
        }
    }

    pub(super) fn session_of_key(&self, key: &str) -> Option<usize> {
        (0..self.plan.sessions).find(|at| self.tab.page.client.record_key(SESSIONS[*at]) == key)
    }

    /// Forgets the position that a page found if the record of another task replaces it.
    fn doubt_saved(&mut self, key: &str, value: Option<&str>) {
        let Some(session) = self.session_of_key(key) else { return };
        let now_saved = value.and_then(|value| self.saved_in(session, value)).map(|saved| saved.task);
        let others = self.tabs.iter_mut().flatten();
        for tab in others.chain([&mut self.tab]) {
            let saved = &mut tab.page.views[session].listener.saved;
            if saved.map(|saved| saved.task) != now_saved {
                *saved = None;
            }
        }
    }

    /// Returns the position in a record.
    pub(super) fn saved_in(&self, session: usize, text: &str) -> Option<Saved> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let server = &self.lanes[session].server;
        let task = server.find(value["task"].as_str()?)?;
        let frames = match self.plan.backend {
            Backend::Ours => {
                let last = value["last"].as_str()?.parse().ok()?;
                server.tasks[task].frames.partition_point(|(id, _)| *id <= last)
            }
            Backend::Base => usize::try_from(value["unnumbered"].as_u64()?).ok()?,
        };
        Some(Saved { task, frames })
    }

    /// Removes everything of a tab's page, except the requests that have reached the server.
    pub(super) fn clear_page(&mut self) {
        let acting = self.acting;
        self.queue.retain(|_, (tab, event)| *tab != acting || matches!(event, Event::Action(..)));
        self.conns.retain(|(tab, _), _| *tab != acting);
        for session in 0..self.plan.sessions {
            self.session = session;
            self.unlock(acting);
        }
    }
}
