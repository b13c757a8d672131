//! The network between pages and server.

use rejoin::client::io::{Attempt, Millis, Request};
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;

use super::{Event, Plain, Step, World};
use crate::backend::{Answer, Served};
use crate::page::SESSIONS;
use crate::plan::{Backend, Fault};

/// A response that is under way.
pub struct Conn {
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
    pub fn is_of(&self, session: usize, task: usize) -> bool {
        (self.session, self.task) == (session, task)
    }
}

#[derive(Clone, Copy)]
enum Limit {
    Cut,
    Reset,
    Silence,
}

impl World {
    pub(super) fn request(&mut self, attempt: Attempt, request: Request) -> Step {
        self.session = session_asked(&request).unwrap_or(self.session);
        self.view().open.insert(attempt);
        if matches!(request, Request::Session { .. }) {
            self.view().looks.insert(attempt);
        }
        if !request.expects_stream() {
            self.view().orphans.insert(attempt);
        } else {
            self.check_gap()?;
        }
        let fault = self.plan.faults.get(self.requests).cloned().unwrap_or(Fault::None);
        self.requests += 1;
        let at = self.now + 1 + self.dice.below(60);
        if !self.online || self.now < self.server().down_until {
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
            Fault::Status(status) => self.schedule(at, Event::Answered(attempt, Plain::json(status, String::new()))),
            Fault::Busy(status, seconds) => {
                let plain = Plain { retry_after: Some(seconds), ..Plain::json(status, String::new()) };
                self.schedule(at, Event::Answered(attempt, plain));
            }
            Fault::Proxy(status) => self.schedule(at, Event::Answered(attempt, Plain::html(status))),
            Fault::ProxyBehind(status) => {
                self.serve(&request)?;
                self.schedule(at, Event::Answered(attempt, Plain::html(status)));
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
        let now = self.now;
        let server = &mut self.lane().server;
        Ok(match request {
            Request::Send { request, .. } => {
                let before = server.tasks.len();
                let served = server.post(request, now);
                if server.tasks.len() > before {
                    self.check_posts(&request.message_id)?;
                }
                served
            }
            Request::Join { task, after, replay } => server.join(task, *after, *replay, now),
            Request::Session { .. } => Served::Plain(server.session(now)),
            Request::Task { task } => Served::Plain(server.status(task, now)),
            Request::Cancel { task } => Served::Plain(server.cancel(task, now)),
            Request::Withdraw { message, .. } => Served::Plain(server.withdraw(message, now)),
        })
    }

    fn answer(&mut self, attempt: Attempt, served: Served, fault: &Fault, at: Millis) {
        match served {
            Served::Plain(Answer { status, body }) => {
                self.schedule(at, Event::Answered(attempt, Plain::json(status, body)));
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

    /// Sends what a response contains by now, and schedules the rest.
    pub(super) fn pump(&mut self, attempt: Attempt) {
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
}

/// Returns the session of a request, which the name of its task contains.
fn session_asked(request: &Request) -> Option<usize> {
    match request {
        Request::Send { session, .. } | Request::Session { session } | Request::Withdraw { session, .. } => {
            SESSIONS.iter().position(|name| name == session)
        }
        Request::Join { task, .. } | Request::Task { task } | Request::Cancel { task } => {
            task.split('-').nth(1)?.parse().ok()
        }
    }
}

/// Checks that a message is sent as the app passed it, with its context.
fn check_body(request: &Request) -> Step {
    let (Request::Send { request: given, .. }, Some(body)) = (request, request.body()) else { return Ok(()) };
    let number = given.message_id.trim_start_matches('m');
    let sent: serde_json::Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    let ids = (sent["message"] == given.message, sent["message_id"] == given.message_id);
    let is_whole = ids == (true, true) && sent["is_user_message"] == true;
    let is_even = number.parse().is_ok_and(|number: usize| number.is_multiple_of(2));
    let context = sent.get("context");
    let has_context =
        if is_even { context.is_some_and(|context| context["content"] == number) } else { context.is_none() };
    if is_whole && has_context { Ok(()) } else { Err(format!("sent {body:?}")) }
}
