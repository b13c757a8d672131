//! Doorbells: how a reader that waits in this process learns that a log has grown.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// One reader's listening for one task.
#[derive(Debug)]
pub struct Subscription(watch::Receiver<()>);

impl Subscription {
    /// Waits until it has notified since the last wait. Many rings in between count as one.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            // The ringer is gone with its store: nothing will ever notify again.
            std::future::pending::<()>().await;
        }
    }
}

/// All notifications of a store in this process.
#[derive(Clone, Debug, Default)]
pub struct Notifications(Arc<Mutex<HashMap<String, watch::Sender<()>>>>);

impl Notifications {
    /// Hears every notify from now on.
    pub fn watch(&self, task: &str) -> Subscription {
        let mut notifications = self.0.lock();
        Subscription(notifications.entry(task.to_owned()).or_insert_with(|| watch::channel(()).0).subscribe())
    }

    /// Wakes all who watch a task, and forgets it when nobody does.
    pub fn notify(&self, task: &str) {
        let mut notifications = self.0.lock();
        if notifications.get(task).is_some_and(|subscription| subscription.send(()).is_err()) {
            notifications.remove(task);
        }
    }

    /// Wakes everyone.
    pub fn notify_all(&self) {
        for subscription in self.0.lock().values() {
            subscription.send_replace(());
        }
    }

    /// The tasks that someone watches, and perhaps some that nobody watches any more.
    pub fn watched(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    /// Forgets what nobody watches any more.
    pub fn prune(&self) {
        self.0.lock().retain(|_, subscription| subscription.receiver_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_between_two_waits_is_heard() {
        let notifications = Notifications::default();
        let mut subscription = notifications.watch("t");
        notifications.notify("t");
        notifications.notify("t");
        subscription.notified().await;
    }

    #[test]
    fn a_bell_that_nobody_watches_is_forgotten() {
        let notifications = Notifications::default();
        drop(notifications.watch("t"));
        notifications.notify("t");
        assert!(notifications.0.lock().is_empty());
        drop(notifications.watch("t"));
        notifications.prune();
        assert!(notifications.watched().is_empty());
    }
}
