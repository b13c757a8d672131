//! Writes one task down while its agent speaks: `start` first, then what the agent says, `finish` last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use super::writer::{Fenced, Writer};
use crate::agent::{Agent, Dialect, Emitter, Ending, Gone, Turn};
use crate::chunk::{self, Chunk};
use crate::store::Status;

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
    mut writer: Writer,
    turn: Turn,
    agent: Arc<dyn Agent>,
    renew: Duration,
    mut orders: watch::Receiver<Orders>,
) {
    if turn.completed.is_none() && open(&mut writer).await.is_err() {
        return;
    }
    let work = begin(&writer, turn, agent);
    let id = writer.task().id.clone();
    match transcribe(&mut writer, work, renew, &mut orders).await {
        Ok(stop) => {
            if close(writer, stop).await.is_err() {
                tracing::info!(task = id, "the task was taken over at its end");
            }
        }
        Err(Fenced) => tracing::info!(task = id, "the task was taken over"),
    }
}

async fn open(writer: &mut Writer) -> Result<(), Fenced> {
    let task = writer.task();
    let start = chunk::json(&Chunk::Start { message_id: &task.writes, task_id: &task.id });
    writer.append(&[start]).await
}

fn begin(writer: &Writer, turn: Turn, agent: Arc<dyn Agent>) -> Work {
    let (sender, chunks) = mpsc::channel(BACKLOG);
    let written = turn.completed.as_ref().map_or(0, |completed| writer.position() - completed.operation.position);
    let out = Emitter::new(sender, written);
    Work { chunks, agent: tokio::spawn(async move { agent.answer(turn, out).await }) }
}

/// Writes down all that waits in one step, so that a slow store gets fewer and larger writes.
async fn transcribe(
    writer: &mut Writer,
    mut work: Work,
    renew: Duration,
    orders: &mut watch::Receiver<Orders>,
) -> Result<Stop, Fenced> {
    let mut renewal = tokio::time::interval_at(tokio::time::Instant::now() + renew, renew);
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            biased;
            ordered = other_orders(orders) => return Ok(Stop::Ordered(ordered)),
            _ = renewal.tick() => writer.renew().await?,
            number = work.chunks.recv_many(&mut waiting, BACKLOG) => {
                if number == 0 {
                    return Ok(Stop::Said((&mut work.agent).await));
                }
                writer.append(&waiting).await?;
                waiting.clear();
            }
        }
    }
}

async fn other_orders(orders: &mut watch::Receiver<Orders>) -> Orders {
    orders.wait_for(|orders| *orders != Orders::Write).await.map_or(Orders::Drop, |orders| *orders)
}

async fn close(writer: Writer, stop: Stop) -> Result<(), Fenced> {
    match stop {
        Stop::Said(Ok(Ok(Ending::Completed))) => writer.finish(Status::Completed, None).await,
        Stop::Said(Ok(Ok(Ending::Failed(error)))) => writer.finish(Status::Failed, Some(error)).await,
        Stop::Said(Ok(Ok(Ending::Waiting(operation, started)))) => writer.suspend(operation, started).await,
        Stop::Said(Ok(Err(Gone)) | Err(_)) => {
            let error = Dialect::AiSdk.error("AGENT_FAILED", "The agent stopped without an answer.");
            writer.finish(Status::Failed, Some(error)).await
        }
        Stop::Ordered(Orders::Interrupt) => writer.finish(Status::Failed, Some(chunk::interrupted())).await,
        Stop::Ordered(Orders::Drop | Orders::Write) => Err(Fenced),
    }
}
