//! The chunks that wait for the log, bounded in number and in bytes. An agent that is faster than the store waits, and
//! so does the server that it reads from.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Gone;

/// How many chunks may wait.
pub const MOST_CHUNKS: usize = 256;
/// How many bytes may wait. One chunk that is larger than that waits alone.
const MOST_BYTES: u32 = 256 * 1024;

/// A chunk that waits. It takes up its bytes until it is dropped.
#[derive(Debug)]
pub struct Queued {
    /// JSON text.
    pub chunk: Arc<str>,
    _room: OwnedSemaphorePermit,
}

#[cfg(test)]
impl Queued {
    /// A chunk of so many bytes, in a room of its own.
    pub fn of_bytes(bytes: usize) -> Self {
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Self { chunk: "x".repeat(bytes).into(), _room: room }
    }
}

/// The agent's end.
#[derive(Debug)]
pub struct Emitter {
    chunks: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// The log's end. After it is dropped, the agent's next chunk fails with [`Gone`].
#[derive(Debug)]
pub struct Backlog(mpsc::Receiver<Queued>);

/// Both ends.
pub fn queue() -> (Emitter, Backlog) {
    let (sender, receiver) = mpsc::channel(MOST_CHUNKS);
    (Emitter { chunks: sender, room: Arc::new(Semaphore::new(MOST_BYTES as usize)) }, Backlog(receiver))
}

impl Emitter {
    /// Emits a chunk; waits while the log is slower than the agent.
    ///
    /// # Errors
    /// [`Gone`] when nobody writes the task any more.
    pub async fn emit(&mut self, chunk: Arc<str>) -> Result<(), Gone> {
        let bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX).min(MOST_BYTES);
        let room = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| Gone)?;
        self.chunks.send(Queued { chunk, _room: room }).await.map_err(|_| Gone)
    }
}

impl Backlog {
    /// Waits for chunks, takes all that are there, and returns how many. 0: the agent has stopped, and no more will
    /// come.
    pub async fn take_all(&mut self, into: &mut Vec<Queued>) -> usize {
        self.0.recv_many(into, MOST_CHUNKS).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bytes: usize) -> Arc<str> {
        "x".repeat(bytes).into()
    }

    #[tokio::test]
    async fn an_agent_waits_while_bytes_wait_however_few_chunks_they_are() {
        let (mut emitter, mut backlog) = queue();
        emitter.emit(chunk(MOST_BYTES as usize)).await.unwrap();
        let mut next = std::pin::pin!(emitter.emit(chunk(1)));
        assert!(futures_util::poll!(next.as_mut()).is_pending());
        backlog.take_all(&mut Vec::new()).await;
        assert!(futures_util::poll!(next.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn a_chunk_larger_than_the_room_passes_alone() {
        let (mut emitter, mut backlog) = queue();
        emitter.emit(chunk(3 * MOST_BYTES as usize)).await.unwrap();
        assert_eq!(backlog.take_all(&mut Vec::new()).await, 1);
    }

    #[tokio::test]
    async fn an_agent_whose_log_is_gone_hears_of_it() {
        let (mut emitter, backlog) = queue();
        drop(backlog);
        assert_eq!(emitter.emit(chunk(1)).await, Err(Gone));
    }
}
