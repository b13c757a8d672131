//! Answers a send: finds the task that answers it already, or begins one.

use std::sync::Arc;

use axum::http::HeaderMap;
use rejoin::stream::cursor::EventId;
use serde_json::{Map, Value};

use super::turn::plan::{Action, Plan, Planner};
use super::turn::settling::check_settled;
use super::writer::{self, Stopped, Writer};
use super::{RETRY, Registry};
use crate::agent::{Trigger, Turn};
use crate::error::ApiError;
use crate::limits::Slot;
use crate::store::{self, Begin, Begun, Claim, Known, Lookup, Message, Role, Session, StoreError, Task};

/// How often a plan is made anew when the session changes meanwhile.
const TRIES: usize = 5;

/// A message, regeneration, edit or continuation that a client sends to a session.
#[derive(Clone, Debug)]
pub struct Sent {
    pub action: Action,
    pub context: Option<Value>,
    pub message_id: Option<String>,
    /// The app's own values for the agent.
    pub body: Map<String, Value>,
    /// Headers of the request that the agent may see.
    pub headers: HeaderMap,
}

impl Sent {
    /// Whether it stores a message of the role assistant, which no user wrote.
    pub fn is_note(&self) -> bool {
        matches!(&self.action, Action::Submit(said) if said.role == Role::Assistant)
    }

    fn trigger(&self) -> Trigger {
        match &self.action {
            Action::Submit(_) => Trigger::Submit,
            Action::Regenerate { replaces } => Trigger::Regenerate { replaces: replaces.clone() },
            Action::Edit { .. } => Trigger::Edit,
            Action::Continue(_) => Trigger::Continue,
        }
    }
}

impl Registry {
    /// Begins the task that a send asks for, and returns its id. A repeat returns the id of the task that answers it
    /// already. Only where a task begins is `admit` asked for a slot, which is held while the task is written.
    pub async fn send(
        self: &Arc<Self>,
        session: &Session,
        sent: Sent,
        admit: impl FnOnce() -> Result<Slot, ApiError>,
    ) -> Result<String, ApiError> {
        if self.is_draining() {
            return Err(ApiError::Draining);
        }
        if let Some(task) = self.repeated(&session.id, &sent).await? {
            return Ok(task);
        }
        let mut plan = self.plan(session, &sent).await?;
        if let Prepared::Running(task) = plan {
            return Ok(task);
        }
        let slot = match self.admitted(admit) {
            Ok(slot) => slot,
            // A repeat that came at the same time may have begun the task meanwhile.
            Err(refusal) => return self.repeated(&session.id, &sent).await?.ok_or(refusal),
        };
        for _ in 0..TRIES {
            let begin = match plan {
                Prepared::Begin(begin) => *begin,
                Prepared::Running(task) => return Ok(task),
            };
            let begun = self.store().begin(&begin).await;
            if !matches!(begun, Ok(Begun::Changed)) {
                return self.begun(begun, begin, sent, slot).await;
            }
            plan = self.plan(session, &sent).await?;
        }
        Err(ApiError::StoreUnavailable)
    }

    /// Takes a slot for one more task, within the limits of this server and of the caller.
    fn admitted(&self, admit: impl FnOnce() -> Result<Slot, ApiError>) -> Result<Slot, ApiError> {
        if self.running.lock().writers.len() >= self.terms.max_tasks {
            return Err(ApiError::RateLimited("This server runs as many tasks as it may."));
        }
        admit()
    }

    /// The task that answers this send already.
    async fn repeated(&self, session: &str, sent: &Sent) -> Result<Option<String>, ApiError> {
        let Some(id) = sent.message_id.as_deref() else { return Ok(None) };
        match self.store().known(session, id).await? {
            None => Ok(None),
            Some(Known::Replaced) => Err(ApiError::MessageReplaced),
            Some(Known::Answered(task)) => self.repeat(sent, task).await.map(Some),
        }
    }

    /// The task that the session knows by a name of this send, if it answers this send.
    async fn repeat(&self, sent: &Sent, task: String) -> Result<String, ApiError> {
        match self.store().task(&task).await? {
            Lookup::Found(found) => self.check_is_repeat(sent, &found).await.map(|()| task),
            Lookup::Expired | Lookup::Missing => Err(ApiError::TaskExpired),
        }
    }

    /// Refuses a send that has the name of another one and is not its repeat.
    async fn check_is_repeat(&self, sent: &Sent, task: &Task) -> Result<(), ApiError> {
        match &sent.action {
            Action::Submit(_) | Action::Regenerate { .. } => Ok(()),
            // After an edit, the message that it replaces is gone.
            Action::Edit { replaces, .. } => match self.store().message(&task.session_id, replaces).await? {
                Some(_) => Err(ApiError::of_another_message()),
                None => Ok(()),
            },
            Action::Continue(settlements) => {
                let continued = self.store().message(&task.session_id, &task.writes).await?;
                check_settled(&continued.map_or_else(Vec::new, |message| message.parts), settlements)
            }
        }
    }

    async fn plan(&self, session: &Session, sent: &Sent) -> Result<Prepared, ApiError> {
        if matches!(sent.action, Action::Submit(_)) {
            if let Some(running) = self.store().active(&session.id).await? {
                return self.join_or_refuse(&session.id, &running.id, sent).await.map(Prepared::Running);
            }
            return self.prepared(&session.id, sent, Planner::new(session, &[], sent).plan()?).await;
        }
        // The order matters: where no task runs after `last_task` was read, the messages are those that this task left.
        let session = self.store().session(&session.id).await?.ok_or(ApiError::SessionNotFound)?;
        let running = self.store().active(&session.id).await?;
        let messages = self.store().messages(&session.id).await?;
        let plan = Planner::new(&session, &messages, sent).plan();
        match (plan, running) {
            (Ok(plan @ Plan::Repeat(_)), _) => self.prepared(&session.id, sent, plan).await,
            (Err(ApiError::ToolCallSettled), _) => Err(ApiError::ToolCallSettled),
            (_, Some(task)) => self.join_or_refuse(&session.id, &task.id, sent).await.map(Prepared::Running),
            (plan, None) => self.prepared(&session.id, sent, plan?).await,
        }
    }

    async fn prepared(&self, session: &str, sent: &Sent, plan: Plan) -> Result<Prepared, ApiError> {
        match plan {
            Plan::Begin(begin) => Ok(Prepared::Begin(begin)),
            Plan::Repeat(name) => match self.store().known(session, &name).await? {
                Some(Known::Answered(task)) => self.repeat(sent, task).await.map(Prepared::Running),
                Some(Known::Replaced) | None => Err(ApiError::ToolCallSettled),
            },
        }
    }

    /// Joins the running task of a session if this send started it, and refuses the send otherwise.
    async fn join_or_refuse(&self, session: &str, running: &str, sent: &Sent) -> Result<String, ApiError> {
        let known = match &sent.message_id {
            Some(id) => self.store().known(session, id).await?,
            None => None,
        };
        if known == Some(Known::Answered(running.into())) {
            self.repeat(sent, running.into()).await
        } else {
            Err(ApiError::TaskRunning(running.into()))
        }
    }

    async fn begun(
        self: &Arc<Self>,
        begun: store::Result<Begun>,
        begin: Begin,
        sent: Sent,
        slot: Slot,
    ) -> Result<String, ApiError> {
        match begun {
            Ok(Begun::Claimed(claim, ids)) => Ok(self.start(begin, claim, ids, sent, slot)),
            Ok(Begun::Repeated(task)) => self.repeat(&sent, task).await,
            Ok(Begun::Cancelled) => Err(ApiError::MessageCancelled),
            Ok(Begun::Replaced) => Err(ApiError::MessageReplaced),
            Ok(Begun::Busy(running)) => self.join_or_refuse(&begin.task.session_id, &running, &sent).await,
            Ok(Begun::NoSession) => Err(ApiError::SessionNotFound),
            Ok(Begun::Changed | Begun::Withdrawn) => Err(ApiError::StoreUnavailable),
            Err(error) => {
                if matches!(error, StoreError::Transient(_)) {
                    self.settle(begin, sent, slot);
                }
                Err(error.into())
            }
        }
    }

    /// Finds out whether a task has begun where the store did not answer. Either it has and gets its writer, or it
    /// never will, and a repeat of the send begins another.
    fn settle(self: &Arc<Self>, begin: Begin, sent: Sent, slot: Slot) {
        let registry = self.clone();
        tokio::spawn(async move {
            loop {
                match registry.store().withdraw(&begin).await {
                    Ok(Begun::Claimed(claim, ids)) => {
                        registry.start(begin, claim, ids, sent, slot);
                        return;
                    }
                    Err(StoreError::Transient(_)) => tokio::time::sleep(RETRY.mul_f64(writer::jitter())).await,
                    Ok(_) | Err(_) => return,
                }
            }
        });
    }

    fn start(self: &Arc<Self>, begin: Begin, claim: Claim, ids: Vec<EventId>, sent: Sent, slot: Slot) -> String {
        let (task, user_id, stored) = (begin.task.clone(), begin.owner.clone(), begin.messages.first().cloned());
        tracing::info!(task = task.log_id(), "a task begins");
        let mut writer = Writer::fresh(self.terms.writer.clone(), begin, claim, ids);
        let (id, registry) = (task.id.clone(), self.clone());
        self.run(id.clone(), async move |orders| {
            let _slot = slot;
            let (history, asked) = split(writer.history().await?, &task.answers);
            let turn = Turn {
                user_id,
                trigger: sent.trigger(),
                asked: asked.or(stored).ok_or(Stopped::Corrupt)?,
                context: sent.context,
                headers: sent.headers,
                history,
                answered: if writer.goes_on() { writer.messages() } else { Vec::new() },
                logged_bytes: 0,
                task,
            };
            registry.write(writer, turn, orders).await
        });
        id
    }
}

/// The outcome of a plan.
enum Prepared {
    Begin(Box<Begin>),
    /// This task answers the send already.
    Running(String),
}

/// Splits a session's messages into those before the message that is answered, and that message.
pub(super) fn split(mut messages: Vec<Message>, answers: &str) -> (Vec<Message>, Option<Message>) {
    match messages.iter().position(|message| message.id == answers) {
        Some(at) => {
            messages.truncate(at + 1);
            let asked = messages.pop();
            (messages, asked)
        }
        None => (messages, None),
    }
}
