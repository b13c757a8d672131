//! One turn of a task: appends the agent's chunks to the log. `start` is written when the task begins, `finish` comes
//! last.

pub mod plan;
pub mod settling;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::writer::{Stopped, Writer};
use crate::agent::queue::{self, Backlog, MOST_CHUNKS, Queued};
use crate::agent::{Agent, Dialect, Ending, Gone, Turn};
use crate::chunk::{finish, interrupted};
use crate::store::Status;

/// Chunks that come within this time of one another are appended together. The first after a pause is appended at once.
const TOGETHER: Duration = Duration::from_millis(30);
/// How many bytes of chunks are appended without waiting for more.
const LARGEST: usize = 64 * 1024;

/// How often a writer that has nothing to write checks that the task is still its own. A cancel through another
/// process, or a lost lease, so stops the agent within a second.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// What the registry tells a running writer to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orders {
    #[default]
    Write,
    /// Stop and write nothing: someone else has taken the task.
    Drop,
    /// Give the task back, or fail it: the process is shutting down.
    Interrupt,
}

/// A running agent and its chunks. Dropping this stops the agent.
struct Work {
    chunks: Backlog,
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

/// Chunks that wait to be appended.
#[derive(Default)]
struct Waiting {
    chunks: Vec<Queued>,
    bytes: usize,
    /// When they are to be appended.
    due: Option<Instant>,
    /// When the last append before these began.
    appended: Option<Instant>,
}

impl Waiting {
    /// Counts the newest of the chunks. The first after a pause is not held back.
    fn took(&mut self, number: usize, now: Instant) {
        self.bytes += self.chunks.iter().rev().take(number).map(|queued| queued.chunk.len()).sum::<usize>();
        let is_first = self.appended.is_none_or(|appended| now - appended >= TOGETHER);
        self.due.get_or_insert(if is_first { now } else { now + TOGETHER });
        if self.bytes >= LARGEST || self.chunks.len() >= MOST_CHUNKS {
            self.due = Some(now);
        }
    }

    async fn append(&mut self, writer: &mut Writer) -> Result<(), Stopped> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let chunks: Vec<Arc<str>> = self.chunks.iter().map(|queued| queued.chunk.clone()).collect();
        writer.append(&chunks).await?;
        *self = Self { appended: Some(begun), ..Self::default() };
        Ok(())
    }
}

/// Sleeps until a time, or for ever where there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Writes until the turn is over, the claim is lost, or the registry gives other orders.
pub async fn write(
    mut writer: Writer,
    turn: Turn,
    agent: Arc<dyn Agent>,
    renew: Duration,
    mut orders: watch::Receiver<Orders>,
) -> Result<(), Stopped> {
    let is_resumed = turn.completed().is_some();
    let begun_at = writer.position();
    let stop = transcribe(&mut writer, begin(turn, agent), renew, &mut orders).await?;
    if is_resumed && matches!(stop, Stop::Ordered(Orders::Interrupt)) && writer.position() == begun_at {
        // No reader has anything of this turn yet, so another process may begin it anew.
        if writer.wait_again().await? {
            return Ok(());
        }
    }
    close(writer, stop).await
}

fn begin(turn: Turn, agent: Arc<dyn Agent>) -> Work {
    let (out, chunks) = queue::queue();
    Work { chunks, agent: tokio::spawn(async move { agent.answer(turn, out).await }) }
}

/// Appends the agent's chunks until it stops. A slow store gets fewer and larger writes, because chunks that come
/// during one wait for the next.
async fn transcribe(
    writer: &mut Writer,
    mut work: Work,
    renew: Duration,
    orders: &mut watch::Receiver<Orders>,
) -> Result<Stop, Stopped> {
    let renew = renew.min(LOOK_EVERY);
    let mut waiting = Waiting::default();
    loop {
        tokio::select! {
            biased;
            ordered = other_orders(orders) => {
                if ordered == Orders::Interrupt {
                    waiting.append(writer).await?;
                }
                return Ok(Stop::Ordered(ordered));
            }
            () = tokio::time::sleep_until(writer.written() + renew) => writer.renew().await?,
            () = until(waiting.due) => waiting.append(writer).await?,
            number = work.chunks.take_all(&mut waiting.chunks), if waiting.chunks.len() < MOST_CHUNKS => {
                if number == 0 {
                    waiting.append(writer).await?;
                    return Ok(Stop::Said((&mut work.agent).await));
                }
                waiting.took(number, Instant::now());
            }
        }
    }
}

async fn other_orders(orders: &mut watch::Receiver<Orders>) -> Orders {
    orders.wait_for(|orders| *orders != Orders::Write).await.map_or(Orders::Drop, |orders| *orders)
}

async fn close(writer: Writer, stop: Stop) -> Result<(), Stopped> {
    match stop {
        Stop::Said(Ok(Ok(Ending::Completed(finish)))) => writer.finish(Status::Completed, vec![finish]).await,
        Stop::Said(Ok(Ok(Ending::Failed(error)))) => writer.finish(Status::Failed, vec![error, finish()]).await,
        Stop::Said(Ok(Ok(Ending::Aborted(abort)))) => writer.finish(Status::Cancelled, vec![abort, finish()]).await,
        Stop::Said(Ok(Ok(Ending::Waiting(operation, started)))) => writer.suspend(operation, started).await,
        Stop::Said(Ok(Err(Gone)) | Err(_)) => {
            let error = Dialect::AiSdk.error("AGENT_FAILED", "The agent stopped without an answer.");
            writer.finish(Status::Failed, vec![error, finish()]).await
        }
        Stop::Ordered(Orders::Interrupt) => writer.finish(Status::Failed, vec![interrupted(), finish()]).await,
        Stop::Ordered(Orders::Drop | Orders::Write) => Err(Stopped::Fenced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(waiting: &mut Waiting, bytes: usize, now: Instant) -> Duration {
        waiting.chunks.push(Queued::of_bytes(bytes));
        waiting.took(1, now);
        waiting.due.unwrap() - now
    }

    #[test]
    fn the_first_chunk_is_appended_at_once_and_those_after_it_together() {
        let start = Instant::now();
        assert_eq!(took(&mut Waiting::default(), 1, start), Duration::ZERO);
        let mut waiting = Waiting { appended: Some(start), ..Waiting::default() };
        let next = start + Duration::from_millis(20);
        assert_eq!(took(&mut waiting, 1, next), TOGETHER);
        assert_eq!(took(&mut waiting, 1, next + Duration::from_millis(20)), Duration::from_millis(10));
        let mut waiting = Waiting { appended: Some(start), ..Waiting::default() };
        assert_eq!(took(&mut waiting, 1, start + TOGETHER), Duration::ZERO, "after a pause");
    }

    #[test]
    fn many_bytes_wait_for_no_more() {
        let start = Instant::now();
        let mut waiting = Waiting { appended: Some(start), ..Waiting::default() };
        assert_eq!(took(&mut waiting, LARGEST - 1, start), TOGETHER);
        assert_eq!(took(&mut waiting, 1, start), Duration::ZERO);
    }
}
