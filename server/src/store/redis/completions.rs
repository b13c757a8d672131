//! The completion log: a stream with a consumer group, so that each completion goes to one process, and to another
//! when that one dies.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::streams::{StreamClaimReply, StreamId, StreamReadReply};
use redis::{Cmd, FromRedisValue, Value, cmd};
use tokio::time::Instant;

use super::connection::{Connection, Request};
use super::error::strange;
use super::keys::GROUP;
use super::{Redis, millis};
use crate::store::{Completions, Delivery, Result};

/// How long a wait for new completions takes at most.
pub const BLOCK: Duration = Duration::from_millis(500);
/// Completions taken at once.
const AT_ONCE: usize = 64;
/// A consumer that has not asked for that many leases, and holds nothing, is forgotten.
const GONE_LEASES: u64 = 10;
/// How long it is remembered that a completion is in the dead-letter log, so that it gets there once.
const REMEMBER_MS: u64 = 86_400_000;

/// The consumer of this process in the group, with the one connection that blocks.
pub struct Consumer {
    connection: Connection,
    name: String,
    /// The next time to look for completions that other processes left.
    next_claim: Mutex<Instant>,
}

impl Consumer {
    /// Makes a consumer with a new name.
    pub fn new(connection: Connection) -> Self {
        Self { connection, name: uuid::Uuid::new_v4().to_string(), next_claim: Mutex::new(Instant::now()) }
    }

    fn is_time_to_claim(&self, every: Duration) -> bool {
        let (now, mut next) = (Instant::now(), self.next_claim.lock());
        let is_time = now >= *next;
        if is_time {
            *next = now + every;
        }
        is_time
    }
}

impl Redis {
    /// Makes the consumer group at the beginning of the log, so that no completion is missed.
    pub(super) async fn make_group(&self) -> Result<()> {
        let mut make = cmd("XGROUP");
        make.arg("CREATE").arg(self.keys.completions()).arg(GROUP).arg("0").arg("MKSTREAM");
        match self.writes.send::<()>(Request::Command(&make)).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes the consumers of processes that are gone from the group, which would otherwise grow with every restart.
    /// A process that was only asleep is added again by its next read.
    pub(super) async fn forget_consumers(&self) -> Result<()> {
        let mut script = self.scripts.forget_consumers.prepare_invoke();
        script.key(self.keys.completions()).arg(GROUP).arg(self.lease_ms().saturating_mul(GONE_LEASES));
        self.writes.run(&script).await
    }

    /// Reads from the group. `None`: Redis came back empty, and the group was made anew.
    async fn ask_group<T: FromRedisValue>(&self, connection: &Connection, command: &Cmd) -> Result<Option<T>> {
        match connection.send(Request::Command(command)).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if error.code() == Some("NOGROUP") => self.make_group().await.map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    async fn new_completions(&self) -> Result<Vec<StreamId>> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.consumer.name).arg("COUNT").arg(AT_ONCE);
        read.arg("BLOCK").arg(millis(BLOCK)).arg("STREAMS").arg(self.keys.completions()).arg(">");
        let reply: Option<Option<StreamReadReply>> = self.ask_group(&self.consumer.connection, &read).await?;
        Ok(reply.flatten().into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
    }

    async fn left_completions(&self) -> Result<Vec<StreamId>> {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(self.keys.completions()).arg(GROUP).arg(&self.consumer.name).arg(self.lease_ms());
        claim.arg("0").arg("COUNT").arg(AT_ONCE);
        let Some(parts) = self.ask_group::<Vec<Value>>(&self.writes, &claim).await? else { return Ok(Vec::new()) };
        // A cursor, the entries, and since Redis 7 the ids of entries that were deleted.
        let entries = parts.into_iter().nth(1).unwrap_or(Value::Nil);
        let claimed: StreamClaimReply = redis::from_redis_value(entries).map_err(|_| strange("completions"))?;
        Ok(claimed.ids)
    }

    /// Counts a delivery before it is handled, so that one which takes its process down is counted, too.
    async fn begin_delivery(&self, entry: StreamId) -> Result<Delivery> {
        let attempt = self.writes.ask(cmd("HINCRBY").arg(self.keys.failures()).arg(&entry.id).arg(1)).await?;
        // An entry without the field is not JSON, so it is dead at once.
        Ok(Delivery { data: entry.get("data").unwrap_or_default(), id: entry.id, attempt })
    }
}

#[async_trait]
impl Completions for Redis {
    async fn operation(&self, id: &str) -> Result<Option<String>> {
        self.reads.ask(cmd("GET").arg(self.keys.operation(id))).await
    }

    async fn push_completion(&self, data: &str) -> Result<()> {
        self.writes.ask(cmd("XADD").arg(self.keys.completions()).arg("*").arg("data").arg(data)).await
    }

    /// Claims completions that other processes left for longer than a lease, from time to time, and otherwise reads new
    /// ones.
    async fn completions(&self) -> Result<Vec<Delivery>> {
        let mut entries = Vec::new();
        if self.consumer.is_time_to_claim(self.terms.lease / 4) {
            entries = self.left_completions().await?;
        }
        if entries.is_empty() {
            entries = self.new_completions().await?;
        }
        let mut deliveries = Vec::with_capacity(entries.len());
        for entry in entries {
            // A delivery that cannot be counted now is left, and comes again after a lease.
            if let Ok(delivery) = self.begin_delivery(entry).await {
                deliveries.push(delivery);
            }
        }
        Ok(deliveries)
    }

    /// Claims the delivery anew, which does not count as one.
    async fn hold(&self, delivery: &Delivery) -> Result<()> {
        let mut claim = cmd("XCLAIM");
        claim.arg(self.keys.completions()).arg(GROUP).arg(&self.consumer.name).arg(0).arg(&delivery.id).arg("JUSTID");
        self.writes.ask(&claim).await
    }

    async fn release(&self, delivery: &Delivery) -> Result<()> {
        let mut count = cmd("HINCRBY");
        count.arg(self.keys.failures()).arg(&delivery.id).arg(-1);
        self.writes.ask(&count).await
    }

    async fn settle(&self, delivery: &Delivery) -> Result<()> {
        let mut script = self.scripts.settle.prepare_invoke();
        script.key(self.keys.completions()).key(self.keys.failures()).arg(GROUP).arg(&delivery.id);
        self.writes.run(&script).await
    }

    /// It goes into the dead-letter log first. If the process dies in between it is in both logs, and never in none.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<()> {
        let mut script = self.scripts.bury.prepare_invoke();
        script.key(self.keys.dead()).key(self.keys.buried());
        script.arg(&delivery.id).arg(&delivery.data).arg(reason).arg(delivery.attempt).arg(REMEMBER_MS);
        self.writes.run::<()>(&script).await?;
        self.settle(delivery).await
    }
}
