//! Writes one task down while its agent speaks: `start` first, then what the agent says, `finish` last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use crate::agent::{Agent, Dialect, Emitter, Ending, Gone, Turn};
use crate::pen::{Lost, Pen};
use crate::store::Status;
use crate::stream::chunk::{self, Chunk};

/// Chunks that may wait for the log before the agent has to.
const BACKLOG: usize = 256;

/// What a writer is told from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orders {
    #[default]
    Write,
    /// Someone else has taken the task: stop without a word.
    Drop,
    /// The process ends: fail the task.
    Interrupt,
}

/// The agent at work. Dropped, it stops.
struct Work {
    chunks: mpsc::Receiver<Arc<str>>,
    agent: JoinHandle<Result<Ending, Gone>>,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.agent.abort();
    }
}

/// Why the writing stopped.
enum Stop {
    Said(Result<Result<Ending, Gone>, JoinError>),
    Ordered(Orders),
}

/// Writes until the turn is over, the claim is lost, or other orders come.
pub async fn write(
    mut pen: Pen,
    turn: Turn,
    agent: Arc<dyn Agent>,
    renew: Duration,
    mut orders: watch::Receiver<Orders>,
) {
    if turn.completed.is_none() && open(&mut pen).await.is_err() {
        return;
    }
    let work = begin(&pen, turn, agent);
    let id = pen.task().id.clone();
    match transcribe(&mut pen, work, renew, &mut orders).await {
        Ok(stop) => {
            if close(pen, stop).await.is_err() {
                tracing::info!(task = id, "the task was taken over at its end");
            }
        }
        Err(Lost) => tracing::info!(task = id, "the task was taken over"),
    }
}

async fn open(pen: &mut Pen) -> Result<(), Lost> {
    let task = pen.task();
    let start = chunk::json(&Chunk::Start { message_id: &task.writes, task_id: &task.id });
    pen.append(&[start]).await
}

fn begin(pen: &Pen, turn: Turn, agent: Arc<dyn Agent>) -> Work {
    let (sender, chunks) = mpsc::channel(BACKLOG);
    let written = turn.completed.as_ref().map_or(0, |completed| pen.position() - completed.operation.position);
    let out = Emitter::new(sender, written);
    Work { chunks, agent: tokio::spawn(async move { agent.answer(turn, out).await }) }
}

/// Writes down all that waits in one step, so that a slow store gets fewer and larger writes.
async fn transcribe(
    pen: &mut Pen,
    mut work: Work,
    renew: Duration,
    orders: &mut watch::Receiver<Orders>,
) -> Result<Stop, Lost> {
    let mut renewal = tokio::time::interval_at(tokio::time::Instant::now() + renew, renew);
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            biased;
            ordered = other_orders(orders) => return Ok(Stop::Ordered(ordered)),
            _ = renewal.tick() => pen.renew().await?,
            number = work.chunks.recv_many(&mut waiting, BACKLOG) => {
                if number == 0 {
                    return Ok(Stop::Said((&mut work.agent).await));
                }
                pen.append(&waiting).await?;
                waiting.clear();
            }
        }
    }
}

async fn other_orders(orders: &mut watch::Receiver<Orders>) -> Orders {
    orders.wait_for(|orders| *orders != Orders::Write).await.map_or(Orders::Drop, |orders| *orders)
}

async fn close(pen: Pen, stop: Stop) -> Result<(), Lost> {
    match stop {
        Stop::Said(Ok(Ok(Ending::Completed))) => pen.finish(Status::Completed, None).await,
        Stop::Said(Ok(Ok(Ending::Failed(error)))) => pen.finish(Status::Failed, Some(error)).await,
        Stop::Said(Ok(Ok(Ending::Waiting(operation, started)))) => pen.suspend(operation, started).await,
        Stop::Said(Ok(Err(Gone)) | Err(_)) => {
            let error = Dialect::AiSdk.error("AGENT_FAILED", "The agent stopped without an answer.");
            pen.finish(Status::Failed, Some(error)).await
        }
        Stop::Ordered(Orders::Interrupt) => pen.finish(Status::Failed, Some(chunk::interrupted())).await,
        Stop::Ordered(Orders::Drop | Orders::Write) => Err(Lost),
    }
}
