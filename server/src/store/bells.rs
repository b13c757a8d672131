//! Doorbells: how a reader that waits in this process learns that a log has grown.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// One reader's ear for one task.
#[derive(Debug)]
pub struct Bell(watch::Receiver<()>);

impl Bell {
    /// Waits until it has rung since the last wait. Many rings in between count as one.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            // The ringer is gone with its store: nothing will ever ring again.
            std::future::pending::<()>().await;
        }
    }
}

/// All bells of a store in this process.
#[derive(Clone, Debug, Default)]
pub struct Bells(Arc<Mutex<HashMap<String, watch::Sender<()>>>>);

impl Bells {
    /// Hears every ring from now on.
    pub fn watch(&self, task: &str) -> Bell {
        let mut bells = self.0.lock();
        Bell(bells.entry(task.to_owned()).or_insert_with(|| watch::channel(()).0).subscribe())
    }

    /// Wakes all who watch a task, and forgets it when nobody does.
    pub fn ring(&self, task: &str) {
        let mut bells = self.0.lock();
        if bells.get(task).is_some_and(|bell| bell.send(()).is_err()) {
            bells.remove(task);
        }
    }

    /// Wakes everyone.
    pub fn ring_all(&self) {
        for bell in self.0.lock().values() {
            bell.send_replace(());
        }
    }

    /// The tasks that someone watches, and perhaps some that nobody watches any more.
    pub fn watched(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    /// Forgets what nobody watches any more.
    pub fn prune(&self) {
        self.0.lock().retain(|_, bell| bell.receiver_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_between_two_waits_is_heard() {
        let bells = Bells::default();
        let mut bell = bells.watch("t");
        bells.ring("t");
        bells.ring("t");
        bell.rung().await;
    }

    #[test]
    fn a_bell_that_nobody_watches_is_forgotten() {
        let bells = Bells::default();
        drop(bells.watch("t"));
        bells.ring("t");
        assert!(bells.0.lock().is_empty());
        drop(bells.watch("t"));
        bells.prune();
        assert!(bells.watched().is_empty());
    }
}
