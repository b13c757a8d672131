//! The completion log: a stream with a consumer group, so that each completion goes to one process, and to another
//! when that one dies.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use redis::streams::{StreamClaimReply, StreamId, StreamReadReply};
use redis::{Value, cmd};
use tokio::time::Instant;

use super::connection::Connection;
use super::{Redis, keys, millis};
use crate::store::{Delivery, Result};

/// How long a wait for new completions takes at most.
const BLOCK: Duration = Duration::from_millis(500);
/// Completions taken at once.
const AT_ONCE: usize = 64;

/// A consumer that has not asked for that many leases, and holds nothing, is forgotten.
const GONE_LEASES: u64 = 10;

/// This process in the consumer group, with the one connection that blocks.
pub struct Consumer {
    connection: Connection,
    name: String,
    /// When what others left is looked for again.
    next_claim: Mutex<Instant>,
}

impl Consumer {
    /// Connects.
    pub async fn open(url: &str) -> Result<Self> {
        let connection = Connection::open(url, BLOCK).await?;
        Ok(Self { connection, name: uuid::Uuid::new_v4().to_string(), next_claim: Mutex::new(Instant::now()) })
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
    /// Makes the consumer group, from the beginning of the log: nothing that came before it is passed over.
    pub(super) async fn make_group(&self) -> Result<()> {
        let mut make = cmd("XGROUP");
        make.arg("CREATE").arg(keys::COMPLETIONS).arg(keys::GROUP).arg("0").arg("MKSTREAM");
        match make.query_async::<()>(&mut self.connection.clone()).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Takes the names of processes that are gone off the group, which would otherwise grow with every restart. One that
    /// was only asleep is put on it again by its next read.
    pub(super) async fn forget_consumers(&self) -> Result<()> {
        let mut script = self.scripts.forget.prepare_invoke();
        self.run(script.key(keys::COMPLETIONS).arg(keys::GROUP).arg(self.lease().saturating_mul(GONE_LEASES))).await
    }

    pub(super) async fn add_completion(&self, data: &str) -> Result<()> {
        self.ask(cmd("XADD").arg(keys::COMPLETIONS).arg("*").arg("data").arg(data)).await
    }

    /// What others left for longer than a lease, from time to time; else what is new.
    pub(super) async fn take_completions(&self) -> Result<Vec<Delivery>> {
        if self.consumer.is_time_to_claim(self.terms.lease / 4) {
            let left = self.left_completions().await?;
            if !left.is_empty() {
                return Ok(left);
            }
        }
        self.new_completions().await
    }

    async fn new_completions(&self) -> Result<Vec<Delivery>> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(keys::GROUP).arg(&self.consumer.name).arg("COUNT").arg(AT_ONCE);
        read.arg("BLOCK").arg(millis(BLOCK)).arg("STREAMS").arg(keys::COMPLETIONS).arg(">");
        match read.query_async::<Option<StreamReadReply>>(&mut self.consumer.connection.clone()).await {
            Ok(reply) => {
                let ids = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
                Ok(ids.map(|entry| delivery(entry, 1)).collect())
            }
            // Redis came back empty.
            Err(error) if error.code() == Some("NOGROUP") => self.make_group().await.map(|()| Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn left_completions(&self) -> Result<Vec<Delivery>> {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(keys::COMPLETIONS).arg(keys::GROUP).arg(&self.consumer.name).arg(self.lease());
        claim.arg("0").arg("COUNT").arg(AT_ONCE);
        let parts = match claim.query_async::<Vec<Value>>(&mut self.connection.clone()).await {
            Ok(parts) => parts,
            Err(error) if error.code() == Some("NOGROUP") => return self.make_group().await.map(|()| Vec::new()),
            Err(error) => return Err(error.into()),
        };
        // A cursor, the entries, and since Redis 7 the ids of entries that were deleted.
        let entries = parts.into_iter().nth(1).unwrap_or(Value::Nil);
        let claimed: StreamClaimReply = redis::from_redis_value(entries).map_err(|_| super::strange("completions"))?;
        if claimed.ids.is_empty() {
            return Ok(Vec::new());
        }
        let attempts = self.attempts().await?;
        let attempt = |entry: &StreamId| attempts.get(&entry.id).copied().unwrap_or(1);
        Ok(claimed.ids.into_iter().map(|entry| (attempt(&entry), entry)).map(|(n, entry)| delivery(entry, n)).collect())
    }

    /// How often each of ours has been delivered.
    async fn attempts(&self) -> Result<HashMap<String, u32>> {
        let mut pending = cmd("XPENDING");
        pending.arg(keys::COMPLETIONS).arg(keys::GROUP).arg("-").arg("+").arg(10_000).arg(&self.consumer.name);
        let rows: Vec<(String, String, u64, u32)> = self.ask(&pending).await?;
        Ok(rows.into_iter().map(|(id, _, _, count)| (id, count)).collect())
    }

    /// Claims it anew, which counts as no delivery.
    pub(super) async fn hold_completion(&self, delivery: &Delivery) -> Result<()> {
        let mut claim = cmd("XCLAIM");
        claim.arg(keys::COMPLETIONS).arg(keys::GROUP).arg(&self.consumer.name).arg(0).arg(&delivery.id).arg("JUSTID");
        self.ask(&claim).await
    }

    pub(super) async fn settle_completion(&self, delivery: &Delivery) -> Result<()> {
        self.ask::<()>(cmd("XACK").arg(keys::COMPLETIONS).arg(keys::GROUP).arg(&delivery.id)).await?;
        self.ask(cmd("XDEL").arg(keys::COMPLETIONS).arg(&delivery.id)).await
    }

    /// First into the dead-letter log: dying in between leaves it in both, and never in neither.
    pub(super) async fn bury_completion(&self, delivery: &Delivery, reason: &str) -> Result<()> {
        let mut add = cmd("XADD");
        add.arg(keys::DEAD).arg("*").arg("data").arg(&delivery.data);
        add.arg("reason").arg(reason).arg("deliveries").arg(delivery.attempt).arg("id").arg(&delivery.id);
        self.ask::<()>(&add).await?;
        self.settle_completion(delivery).await
    }
}

fn delivery(entry: StreamId, attempt: u32) -> Delivery {
    // Without its field it is no JSON either, and dead at once.
    let data = entry.get("data").unwrap_or_default();
    Delivery { id: entry.id, data, attempt }
}
