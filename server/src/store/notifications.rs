//! Notifies the followers in this process of the entries that a log has gained.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rejoin::stream::cursor::EventId;
use tokio::sync::Notify;

use super::{Entry, Status};

/// How many bytes of chunks may wait for one follower. Beyond that, the follower reads the log.
const LARGEST_QUEUE: usize = 256 * 1024;

/// A change of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The newest id before the change. A follower that has it needs nothing else.
    pub previous: EventId,
    /// The newest id after it.
    pub last: EventId,
    pub status: Status,
    /// The appended entries. Empty where they were too large to be sent along.
    pub entries: Arc<[Entry]>,
}

/// The notification of a follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    Changed(Publication),
    /// Something may have changed, so the follower has to read the log.
    Unknown,
}

/// One follower of one task.
#[derive(Debug)]
pub struct Subscription(Arc<Mailbox>);

#[derive(Debug, Default)]
struct Mailbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    publications: VecDeque<Publication>,
    bytes: usize,
    /// Whether a change was dropped, or lost on the way.
    has_gap: bool,
}

impl Subscription {
    /// Waits for the next change.
    pub async fn next(&mut self) -> Notification {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(notification) = self.0.queue.lock().take() {
                return notification;
            }
            arrived.await;
        }
    }
}

impl Queue {
    fn take(&mut self) -> Option<Notification> {
        if std::mem::take(&mut self.has_gap) {
            return Some(Notification::Unknown);
        }
        let publication = self.publications.pop_front()?;
        self.bytes -= publication.bytes();
        Some(Notification::Changed(publication))
    }

    fn put(&mut self, notification: Notification) {
        match notification {
            Notification::Changed(publication) if self.bytes + publication.bytes() <= LARGEST_QUEUE => {
                self.bytes += publication.bytes();
                self.publications.push_back(publication);
            }
            // Reading the log gives everything that waits here.
            Notification::Changed(_) | Notification::Unknown => *self = Self { has_gap: true, ..Self::default() },
        }
    }
}

impl Publication {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.data.len()).sum()
    }
}

impl Mailbox {
    fn put(&self, notification: Notification) {
        self.queue.lock().put(notification);
        self.arrived.notify_one();
    }
}

/// All followers in this process.
#[derive(Clone, Debug, Default)]
pub struct Notifications(Arc<Mutex<HashMap<String, Vec<Weak<Mailbox>>>>>);

impl Notifications {
    /// Subscribes to every change from now on.
    pub fn watch(&self, task: &str) -> Subscription {
        let mailbox = Arc::new(Mailbox::default());
        self.0.lock().entry(task.to_owned()).or_default().push(Arc::downgrade(&mailbox));
        Subscription(mailbox)
    }

    /// Notifies all followers of a task.
    pub fn notify(&self, task: &str, notification: &Notification) {
        let followers: Vec<_> = self.0.lock().get(task).into_iter().flatten().filter_map(Weak::upgrade).collect();
        followers.iter().for_each(|mailbox| mailbox.put(notification.clone()));
    }

    /// Notifies the followers of these tasks that they may have missed something.
    pub fn notify_each<'a>(&self, tasks: impl IntoIterator<Item = &'a String>) {
        tasks.into_iter().for_each(|task| self.notify(task, &Notification::Unknown));
    }

    /// The tasks that someone follows.
    pub fn watched(&self) -> Vec<String> {
        self.prune();
        self.0.lock().keys().cloned().collect()
    }

    /// Forgets followers that are gone.
    pub fn prune(&self) {
        self.0.lock().retain(|_, followers| {
            followers.retain(|mailbox| mailbox.strong_count() > 0);
            !followers.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(previous: u64, text: &str) -> Notification {
        let id = |ms| EventId { ms, seq: 0 };
        let entries = [Entry { id: id(previous + 1), data: text.into() }].into();
        Notification::Changed(Publication {
            previous: id(previous),
            last: id(previous + 1),
            status: Status::Running,
            entries,
        })
    }

    #[tokio::test]
    async fn changes_come_in_order_whenever_they_are_waited_for() {
        let notifications = Notifications::default();
        let mut subscription = notifications.watch("t");
        notifications.notify("t", &changed(1, "a"));
        notifications.notify("t", &changed(2, "b"));
        assert_eq!(subscription.next().await, changed(1, "a"));
        assert_eq!(subscription.next().await, changed(2, "b"));
    }

    #[tokio::test]
    async fn a_follower_that_is_too_slow_is_sent_to_the_log() {
        let notifications = Notifications::default();
        let mut subscription = notifications.watch("t");
        notifications.notify("t", &changed(1, "a"));
        notifications.notify("t", &changed(2, &"b".repeat(LARGEST_QUEUE)));
        notifications.notify("t", &changed(3, "c"));
        assert_eq!(subscription.next().await, Notification::Unknown);
        assert_eq!(subscription.next().await, changed(3, "c"));
    }

    #[test]
    fn a_task_that_nobody_follows_is_forgotten() {
        let notifications = Notifications::default();
        drop(notifications.watch("t"));
        assert!(notifications.watched().is_empty());
    }
}
