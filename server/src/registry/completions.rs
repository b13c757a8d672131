//! The consumer of completions: it hands the results of long-running operations to their tasks (PROTOCOL §5).
//!
//! A delivery is settled only when its effect is in the task's log. A process that dies in between leaves it unsettled,
//! and it is delivered again, to any process. A completion that comes before its task waits for it is kept until then.
//! A failure that is not the delivery's own fault, above all an outage of the store, does not count.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Registry, fresh_id};
use crate::agent::Dialect;
use crate::json;
use crate::store::{Delivery, MAX_DELIVERIES, Resume, SharedStore, StoreError};

/// The pause between two tries while the store is away.
const RETRY: Duration = Duration::from_millis(500);
/// The first pause between two looks at a task that is not ready for its completion. It doubles each time.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// The result of an operation, as it is reported.
#[derive(Clone, Debug, Deserialize)]
struct Completion {
    operation_id: String,
    task_id: String,
    success: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Value,
}

/// The address of a completion that does not parse. It is enough to fail the task.
#[derive(Debug, Deserialize)]
struct Addressed {
    operation_id: String,
    #[serde(default)]
    task_id: String,
}

/// Why a completion was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// It never can be: the completion, or the stored task, does not parse.
    Dead(String),
    /// It may be handled at the next delivery.
    Later(String),
    /// It may be handled later, and this delivery does not count: the store is away, or this process is shutting down.
    Uncounted(String),
}

/// Takes deliveries and handles them concurrently, until the process shuts down.
pub async fn consume_for_ever(registry: Arc<Registry>, lease: Duration) {
    while !registry.is_draining() {
        match registry.store().completions().await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    let consumer = Consumer { registry: registry.clone(), lease };
                    tokio::spawn(async move { consumer.take(delivery).await });
                }
            }
            Err(error) => {
                registry.store_failed();
                tracing::warn!(%error, "cannot read completions");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

struct Consumer {
    registry: Arc<Registry>,
    lease: Duration,
}

impl Consumer {
    fn store(&self) -> &SharedStore {
        self.registry.store()
    }

    async fn take(&self, delivery: Delivery) {
        let outcome = self.handle(&delivery).await;
        let settled = match &outcome {
            Ok(()) => self.store().settle(&delivery).await,
            Err(Failure::Dead(why)) => self.bury(&delivery, why).await,
            Err(Failure::Later(why)) if delivery.attempt >= MAX_DELIVERIES => self.bury(&delivery, why).await,
            Err(Failure::Later(why)) => {
                tracing::warn!(why, attempt = delivery.attempt, "a completion waits for its next delivery");
                Ok(())
            }
            Err(Failure::Uncounted(why)) => {
                tracing::info!(why, "a completion is given back");
                self.release(&delivery).await;
                Ok(())
            }
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "a completion could not be settled and will come again");
            self.release(&delivery).await;
        }
    }

    /// Gives the delivery back without counting it. Waits until the store is there.
    async fn release(&self, delivery: &Delivery) {
        while let Err(StoreError::Transient(_)) = self.store().release(delivery).await {
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Moves the delivery to the dead-letter log and fails the task that waits for it, so that nobody waits for ever.
    async fn bury(&self, delivery: &Delivery, why: &str) -> Result<(), StoreError> {
        tracing::error!(why, "a completion is dead");
        if let Ok(addressed) = json::parse::<Addressed>(&delivery.data) {
            match self.lose(&addressed).await {
                Err(error @ StoreError::Transient(_)) => return Err(error),
                Err(error) => tracing::error!(%error, "the task of a dead completion cannot be failed"),
                Ok(()) => (),
            }
        }
        self.store().bury(delivery, why).await
    }

    async fn lose(&self, addressed: &Addressed) -> Result<(), StoreError> {
        let known = self.store().operation(&addressed.operation_id).await?;
        let task = known.unwrap_or_else(|| addressed.task_id.clone());
        if let Resume::Claimed(claim, task) = self.store().resume(&task, &addressed.operation_id, &fresh_id()).await? {
            let error = Dialect::AiSdk.error("OPERATION_LOST", "The result of the operation could not be taken.");
            self.registry.fail(*task, claim, error).await;
        }
        Ok(())
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        let completion: Completion = json::parse(&delivery.data).map_err(|error| Failure::Dead(error.to_string()))?;
        if delivery.attempt > MAX_DELIVERIES {
            return Err(Failure::Later("its handling took processes down".into()));
        }
        self.held(delivery, self.carry_out(&completion)).await
    }

    /// Keeps a delivery from being made to another process while it is handled here.
    async fn held(&self, delivery: &Delivery, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::pin!(work);
        loop {
            match tokio::time::timeout(self.lease / 3, &mut work).await {
                Ok(outcome) => return outcome,
                Err(_) => {
                    if let Err(error) = self.store().hold(delivery).await {
                        tracing::warn!(%error, "cannot hold a completion");
                    }
                }
            }
        }
    }

    /// Hands the completion to its task. Tries until the task no longer waits for the operation, whoever brought that
    /// about.
    async fn carry_out(&self, completion: &Completion) -> Result<(), Failure> {
        let task = self.task_of(completion).await?;
        let (holder, mut look) = (fresh_id(), FIRST_LOOK);
        loop {
            if self.registry.is_draining() {
                return Err(Failure::Uncounted("this process ends".into()));
            }
            match self.store().resume(&task, &completion.operation_id, &holder).await.map_err(failure)? {
                Resume::Settled => return Ok(()),
                Resume::Unknown => return Err(Failure::Later(format!("no task {}", completion.task_id))),
                Resume::Busy | Resume::Early => {
                    tokio::time::sleep(look).await;
                    look = (look * 2).min(self.lease / 4);
                }
                Resume::Claimed(claim, task) if completion.success => {
                    self.registry.go_on(*task, claim, completion.result.clone()).await.map_err(failure)?;
                }
                Resume::Claimed(claim, task) => {
                    let error = Dialect::AiSdk.error("OPERATION_FAILED", &reason(&completion.error));
                    // Someone else may have ended it meanwhile. The next round finds out.
                    self.registry.fail(*task, claim, error).await;
                }
            }
        }
    }

    /// The task of the completion's operation. An operation that is not stored yet is one whose task the completion
    /// names.
    async fn task_of(&self, completion: &Completion) -> Result<String, Failure> {
        let known = self.store().operation(&completion.operation_id).await.map_err(failure)?;
        Ok(known.unwrap_or_else(|| completion.task_id.clone()))
    }
}

fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::Transient(_) => Failure::Uncounted(error.to_string()),
        StoreError::Corrupt(_) => Failure::Dead(error.to_string()),
        StoreError::Fenced | StoreError::Gap { .. } => Failure::Later(error.to_string()),
    }
}

/// The reason of a failure, in words.
fn reason(error: &Value) -> String {
    match error {
        Value::Null => "The operation failed.".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
