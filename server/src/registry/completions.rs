//! The completion consumer: results of long-running operations on their way to their tasks (PROTOCOL §5).
//!
//! A delivery is settled only when its effect is in the task's log. A process that dies in between leaves it unsettled,
//! and it is delivered again, to any process; what the dead one wrote is then not written twice.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Registry;
use crate::agent::Dialect;
use crate::error::ApiError;
use crate::store::{Delivery, MAX_DELIVERIES, Resume, SharedStore, StoreError};

/// Between tries while the store is away.
const RETRY: Duration = Duration::from_millis(500);

/// What an operation reports.
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

/// Why a completion was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// It never will be.
    Malformed(String),
    /// It may be, at the next delivery.
    Later(String),
}

/// Takes deliveries and handles them, each beside the others, for ever.
pub async fn consume_for_ever(registry: Arc<Registry>, lease: Duration) {
    loop {
        match registry.store().completions().await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    let consumer = Consumer { registry: registry.clone(), lease };
                    tokio::spawn(async move { consumer.take(delivery).await });
                }
            }
            Err(error) => {
                tracing::warn!(?error, "cannot read completions");
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
            Err(Failure::Malformed(why)) => self.bury(&delivery, why).await,
            Err(Failure::Later(why)) if delivery.attempt >= MAX_DELIVERIES => self.bury(&delivery, why).await,
            Err(Failure::Later(why)) => {
                tracing::warn!(why, attempt = delivery.attempt, "a completion waits for its next delivery");
                Ok(())
            }
        };
        if let Err(error) = settled {
            tracing::warn!(?error, "a completion could not be settled and will come again");
        }
    }

    async fn bury(&self, delivery: &Delivery, why: &str) -> Result<(), StoreError> {
        tracing::error!(why, "a completion is dead");
        self.store().bury(delivery, why).await
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        let completion: Completion =
            serde_json::from_str(&delivery.data).map_err(|error| Failure::Malformed(error.to_string()))?;
        if delivery.attempt > MAX_DELIVERIES {
            return Err(Failure::Later("its handling took processes down".into()));
        }
        self.held(delivery, self.carry_out(&completion)).await
    }

    /// Keeps a delivery from going to another process while it is handled here.
    async fn held(&self, delivery: &Delivery, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::pin!(work);
        loop {
            match tokio::time::timeout(self.lease / 3, &mut work).await {
                Ok(outcome) => return outcome,
                Err(_) => {
                    if let Err(error) = self.store().hold(delivery).await {
                        tracing::warn!(?error, "cannot hold a completion");
                    }
                }
            }
        }
    }

    /// Again until the task does not wait for the operation any more: whoever brought that about.
    async fn carry_out(&self, completion: &Completion) -> Result<(), Failure> {
        let task = self.task_of(completion).await?;
        loop {
            match self.store().resume(&task, &completion.operation_id).await.map_err(later)? {
                Resume::Settled => return Ok(()),
                Resume::Busy => tokio::time::sleep(self.lease / 4).await,
                Resume::Claimed(claim, task) if completion.success => {
                    self.registry.go_on(task, claim, completion.result.clone()).await.map_err(refused)?;
                }
                Resume::Claimed(claim, task) => {
                    let error = Dialect::AiSdk.error("OPERATION_FAILED", &reason(&completion.error));
                    // Someone else may have ended it meanwhile, which the next round sees.
                    let _ = self.registry.fail(task, claim, error).await;
                }
            }
        }
    }

    /// An operation that nobody knows may still be on its way into the store, so this is worth another try.
    async fn task_of(&self, completion: &Completion) -> Result<String, Failure> {
        let task = self.store().operation(&completion.operation_id).await.map_err(later)?;
        let unknown = || format!("no operation {} of task {}", completion.operation_id, completion.task_id);
        task.ok_or_else(|| Failure::Later(unknown()))
    }
}

fn later(error: StoreError) -> Failure {
    Failure::Later(format!("{error:?}"))
}

fn refused(error: ApiError) -> Failure {
    Failure::Later(format!("{error:?}"))
}

/// What went wrong, in words.
fn reason(error: &Value) -> String {
    match error {
        Value::Null => "The operation failed.".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
