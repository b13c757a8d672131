//! Carries out the effects of a client: requests, storage, locks, messages, deliveries.

use rejoin::client::io::{Attempt, Effect, Head, Input, Outcome, RetryAfter, Urgency};

use super::{Event, Plain, Step, World};
use crate::backend::dates::http_date;
use crate::codec;
use crate::page::{Promise, SESSIONS};
use crate::plan::Naming;
use crate::rows::{self, Row};

impl World {
    pub(super) fn input(&mut self, input: Input<'_>) -> Step {
        match &input {
            Input::Bytes { .. } => {}
            Input::Answered { attempt, head, body } => {
                self.note(|| format!("-> Answered {attempt} {} {:?} {body:?}", head.status, head.retry_after));
            }
            other => self.note(|| format!("-> {other:?}")),
        }
        self.changed = [false; SESSIONS.len()];
        let clock = self.clock();
        self.tab.page.client.handle(input, clock);
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

    fn act(&mut self, effect: Effect) -> Step {
        match effect {
            Effect::Open { attempt, request, .. } => return self.request(attempt, request),
            Effect::Abort { attempt } => {
                for view in &mut self.tab.page.views {
                    view.open.remove(&attempt);
                }
                self.conns.remove(&(self.acting, attempt));
            }
            Effect::Deliver { urgency, .. } => self.plan_flush(urgency),
            Effect::Save { key, value } => {
                let value = codec::text_of(&value);
                self.check_save(&key, &value)?;
                self.write(key, value);
            }
            Effect::Remove { key } => self.remove(&key),
            Effect::Lock { mode, .. } => self.lock(mode),
            Effect::Unlock { .. } => self.unlock(self.acting),
            Effect::Post { message } => self.post(&codec::text_of(&message)),
            Effect::Resolve { calls, outcome } => return self.resolve(&calls, outcome),
            Effect::Turn { .. } | Effect::Ended { .. } => {}
            Effect::Began { .. } => {
                let is_named = self.plan.quirks.naming != Naming::Nameless;
                self.coverage.named_streams += u64::from(is_named);
                self.coverage.nameless_streams += u64::from(!is_named);
                let view = self.view();
                view.last_request = None;
                view.silenced = false;
                view.listener.begins = true;
            }
            Effect::Changed { .. } => self.changed[self.session] = true,
        }
        Ok(())
    }

    pub(super) fn promise(&mut self, promise: Promise) -> u32 {
        self.calls += 1;
        self.tab.page.pending.insert(self.calls, (self.session, promise));
        self.calls
    }

    fn resolve(&mut self, calls: &[u32], outcome: Option<Outcome>) -> Step {
        for call in calls {
            let (session, promise) = self.tab.page.pending.remove(call).ok_or("a promise is kept twice")?;
            self.session = session;
            self.check_outcome(&promise, outcome.as_ref())?;
        }
        Ok(())
    }

    fn plan_flush(&mut self, urgency: Urgency) {
        let at = self.now + if urgency == Urgency::Frame { 16 } else { 0 };
        if self.view().flush_at.is_none_or(|planned| at < planned) {
            self.view().flush_at = Some(at);
            self.schedule(at, Event::Flush(self.session));
        }
    }

    pub(super) fn flush(&mut self) -> Step {
        let name = SESSIONS[self.session];
        self.view().flush_at = None;
        let Some(batch) = self.tab.page.client.take_batch(name) else { return Ok(()) };
        self.view().waiting = 0;
        for row in rows::read(&batch) {
            self.note(|| format!("   {row:?}"));
            self.take_row(&row)?;
        }
        self.tab.page.client.recycle(name, batch);
        self.input(Input::Delivered { session: name })
    }

    fn take_row(&mut self, row: &Row) -> Step {
        let (lane, view) = (&mut self.lanes[self.session], &mut self.tab.page.views[self.session]);
        if view.silenced && !matches!(row, Row::Reset) {
            return Err(format!("after the stop {row:?} was delivered"));
        }
        view.listener.take(row, &lane.server, &mut lane.given)?;
        if matches!(row, Row::Text { .. }) { self.check_not_stopped() } else { Ok(()) }
    }

    /// Passes an input about a request to the client, unless the request was aborted.
    fn report(&mut self, attempt: Attempt, input: Input<'_>) -> Step {
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

    pub(super) fn happen(&mut self, event: Event) -> Step {
        match event {
            Event::Action(session, action) => {
                self.session = session;
                self.action(action)
            }
            Event::Flush(session) => {
                self.session = session;
                self.flush()
            }
            Event::Tab(message) => {
                self.tab.page.views.iter_mut().for_each(|view| view.waiting += message.len());
                match codec::message(&message) {
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
            Event::Storage(key) => self.restore_key(&key),
            Event::Opened(attempt, task) => {
                let date = self.shown_date();
                let head = Head {
                    status: 200,
                    content_type: "text/event-stream; charset=utf-8",
                    task: task.as_deref(),
                    date: date.as_deref().and_then(codec::http_date),
                    ..Head::default()
                };
                self.report(attempt, Input::Opened { attempt, head })
            }
            Event::Bytes(attempt, bytes) => {
                self.tab.page.views.iter_mut().for_each(|view| view.waiting += bytes.len());
                self.report(attempt, Input::Bytes { attempt, bytes: &bytes })
            }
            Event::Ended(attempt) => self.over(attempt, Input::Ended { attempt }),
            Event::Failed(attempt) => {
                let failure = rejoin::client::io::Failure::Network("reset".into());
                self.over(attempt, Input::Failed { attempt, failure })
            }
            Event::Answered(attempt, plain) => self.answered(attempt, &plain),
            Event::Pump(attempt) => {
                self.pump(attempt);
                Ok(())
            }
        }
    }

    fn answered(&mut self, attempt: Attempt, plain: &Plain) -> Step {
        let date = self.shown_date();
        let head = Head {
            status: plain.status,
            content_type: plain.content_type,
            retry_after: plain.retry_after.map(|seconds| RetryAfter::Pause(seconds * 1_000)),
            date: date.as_deref().and_then(codec::http_date),
            ..Head::default()
        };
        if let Some(view) = self.tab.page.views.iter_mut().find(|view| view.open.contains(&attempt)) {
            view.waiting += plain.body.len();
            view.has_looked |= plain.status == 200 && view.looks.contains(&attempt);
        }
        let body = codec::body(&plain.body);
        self.over(attempt, Input::Answered { attempt, head, body: body.as_ref() })
    }

    /// Returns the server's date. Its clock is right.
    fn shown_date(&self) -> Option<String> {
        self.plan.shows_date.then(|| http_date(self.now))
    }

    pub(super) fn restore(&mut self) -> Step {
        let key = self.tab.page.client.record_key(SESSIONS[self.session]);
        self.restore_key(&key)
    }

    pub(super) fn restore_key(&mut self, key: &str) -> Step {
        let text = self.read(key);
        self.stored(key, text.as_deref())
    }

    pub(super) fn stored(&mut self, key: &str, text: Option<&str>) -> Step {
        let value = codec::stored(&self.tab.page.client, key, text);
        self.input(Input::Stored { key, value })
    }
}

/// Returns the session that an effect names.
fn session_of(effect: &Effect) -> Option<usize> {
    let name = match effect {
        Effect::Began { session }
        | Effect::Deliver { session, .. }
        | Effect::Changed { session }
        | Effect::Lock { session, .. }
        | Effect::Unlock { session }
        | Effect::Turn { session, .. }
        | Effect::Ended { session, .. } => session,
        _ => return None,
    };
    SESSIONS.iter().position(|session| session == name)
}
