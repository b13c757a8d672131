//! Carries out the actions of people, the browser and the network.

use rejoin::client::io::{Attempt, Input, Millis, Network, Page as PageLife, SendRequest};

use super::tabs::{Tab, TabLife};
use super::{Event, Step, World};
use crate::page::{Promise, SESSIONS};
use crate::plan::Action;

impl World {
    pub(super) fn action(&mut self, action: Action) -> Step {
        let session = SESSIONS[self.session];
        self.note(|| format!("== {action:?} {session}"));
        match action {
            Action::Open | Action::Close | Action::Crash | Action::Freeze | Action::Thaw | Action::Reload => {
                self.change_life(&action)
            }
            Action::Start | Action::Stop | Action::Detach | Action::Resume => self.call(&action),
            Action::Hide => self.input(Input::Page(PageLife::Hidden)),
            Action::Show => self.input(Input::Page(PageLife::Shown)),
            Action::Leave => {
                self.input(Input::Page(PageLife::Left))?;
                self.clear_tab_messages();
                self.tab.away = true;
                Ok(())
            }
            Action::Return => {
                self.tab.away = false;
                self.input(Input::Page(PageLife::Returned))
            }
            Action::Offline => self.offline(),
            Action::Online => {
                self.online = true;
                self.report_network(Network::Online)
            }
            other => {
                self.befall(&other);
                Ok(())
            }
        }
    }

    /// Carries out an action that no page is notified of.
    fn befall(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::Trim => self.lane().server.trim(now),
            Action::LoseTask => {
                if let Some(lost) = self.lane().server.lose(now) {
                    self.break_conns_of(lost);
                }
            }
            Action::Expire => self.lane().server.expire(now),
            Action::Restart(downtime) => self.restart(*downtime),
            Action::LoseLock => self.lose_lock(),
            Action::Sleep(ms) => self.sleep(*ms),
            Action::SetClock(by) => self.set_clock(*by),
            _ => {}
        }
    }

    fn change_life(&mut self, action: &Action) -> Step {
        match action {
            Action::Open if self.tab.life == TabLife::Closed => self.reload(),
            Action::Reload => self.reload(),
            Action::Close if self.tab.life == TabLife::Open => {
                self.input(Input::Page(PageLife::Left))?;
                self.end_tab();
                Ok(())
            }
            Action::Close | Action::Crash => {
                self.end_tab();
                Ok(())
            }
            Action::Freeze => {
                self.tab.life = TabLife::Frozen;
                Ok(())
            }
            Action::Thaw => self.thaw(),
            _ => Ok(()),
        }
    }

    fn reload(&mut self) -> Step {
        self.coverage.reloads += 1;
        self.account_page();
        self.clear_page();
        let nothing_saved = vec![None; self.plan.sessions];
        self.tab = Tab::new(&self.plan, self.order, self.now, self.wall, &nothing_saved, TabLife::Open);
        for key in self.storage.keys().cloned().collect::<Vec<_>>() {
            let found = self.read(&key);
            if let Some(session) = self.session_of_key(&key) {
                let saved = found.as_deref().and_then(|text| self.saved_in(session, text));
                self.tab.page.views[session].listener.saved = saved;
            }
            self.stored(&key, found.as_deref())?;
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
        self.tab = Tab::closed(&self.plan, self.now);
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

    fn call(&mut self, action: &Action) -> Step {
        let session = SESSIONS[self.session];
        match action {
            Action::Start => self.start(),
            Action::Stop => self.stop(),
            Action::Detach => {
                self.orphan();
                self.input(Input::Detach { session })
            }
            _ => {
                self.restore()?;
                let call = self.promise(Promise::Resume);
                self.input(Input::Resume { session, call })
            }
        }
    }

    fn start(&mut self) -> Step {
        let session = SESSIONS[self.session];
        let number = self.calls + 1;
        let message_id = format!("m{number}");
        let call = self.promise(Promise::Start(message_id.clone()));
        let is_equal = number.is_multiple_of(3);
        let message = if is_equal { "yes".to_owned() } else { format!("message {number}") };
        let context = number.is_multiple_of(2).then(|| format!(r#"{{"url":"u","content":"{number}"}}"#));
        if !self.view().has_looked {
            self.view().unlooked.insert(message_id.clone(), message.clone());
        }
        let request = SendRequest { message, context, message_id, ..SendRequest::default() };
        self.input(Input::Start { session, call, request })
    }

    /// Stops the message that waits for its answer, or the answer that is shown.
    fn stop(&mut self) -> Step {
        self.restore()?;
        let session = self.session;
        let waits = |(of, _): &&(usize, Promise)| *of == session;
        let pending: Vec<Promise> =
            self.tab.page.pending.values().filter(waits).map(|(_, promise)| promise.clone()).collect();
        let listener = &self.tab.page.views[session].listener;
        let shown = listener
            .last()
            .filter(|last| !last.has_ended && !listener.begins)
            .and_then(|last| last.tokens.last().copied());
        let is_live = pending.iter().any(|promise| *promise != Promise::Stop);
        let (now, lane) = (self.now, self.lane());
        lane.was_stopped = true;
        let runs = |at: &usize| !lane.server.tasks[*at].has_ended(now);
        lane.stopped_tasks.extend(shown.filter(|_| is_live).map(|token| token.task).filter(runs));
        for promise in pending {
            if let Promise::Start(message_id) = promise
                && lane.server.task_of(&message_id).is_none_or(|at| runs(&at))
            {
                lane.stopped_messages.insert(message_id);
            }
        }
        self.orphan();
        self.view().silenced = true;
        let call = self.promise(Promise::Stop);
        self.input(Input::Stop { session: SESSIONS[session], call })
    }

    /// The request of a message may stay open after its stream is detached.
    fn orphan(&mut self) {
        let view = self.view();
        view.orphans.extend(view.open.iter().copied());
    }

    /// Drops the messages to a page in the back-forward cache, which has left the channel.
    fn clear_tab_messages(&mut self) {
        let acting = self.acting;
        self.queue.retain(|_, (tab, event)| *tab != acting || !matches!(event, Event::Tab(_) | Event::Locked(_)));
    }

    fn offline(&mut self) -> Step {
        self.online = false;
        for (tab, attempt) in self.conns.keys().copied().collect::<Vec<_>>() {
            self.conns.remove(&(tab, attempt));
            if self.dice.below(1) == 0 {
                self.schedule_for(tab, self.now + 5, Event::Failed(attempt));
            }
        }
        self.report_network(Network::Offline)
    }

    fn report_network(&mut self, network: Network) -> Step {
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

    fn restart(&mut self, downtime: Millis) {
        let now = self.now;
        self.lanes.iter_mut().for_each(|lane| lane.server.restart(now, downtime));
        for (tab, attempt) in std::mem::take(&mut self.conns).into_keys() {
            self.schedule_for(tab, now + 5, Event::Failed(attempt));
        }
    }

    /// Nothing runs in any tab, and connections die. Pages find that out when the computer wakes up, or never.
    fn sleep(&mut self, ms: Millis) {
        let wakes = self.now + ms;
        for (tab, attempt) in std::mem::take(&mut self.conns).into_keys() {
            if self.dice.below(1) == 0 {
                self.schedule_for(tab, wakes, Event::Failed(attempt));
            }
        }
        let mut sleepers: Vec<usize> = Vec::new();
        let others = self.tabs.iter_mut().enumerate().filter_map(|(at, tab)| Some((at, tab.as_mut()?)));
        for (at, tab) in others.chain([(self.acting, &mut self.tab)]) {
            if tab.life == TabLife::Open {
                tab.life = TabLife::Frozen;
                sleepers.push(at);
            }
        }
        sleepers.sort_unstable();
        sleepers.into_iter().for_each(|tab| self.schedule_for(tab, wakes, Event::Action(0, Action::Thaw)));
    }
}
