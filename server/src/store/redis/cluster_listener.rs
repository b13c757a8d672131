//! Subscribes to the nodes of a cluster, each channel at the node that has its slot, so that the death of one node does
//! not affect the channels of others.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{ProtocolVersion, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::mpsc;

use super::connection::Publishing;
use super::keys::Keys;
use super::listener::{Listen, PATIENCE, RETRY, ROUND};
use super::publication;
use crate::store::notifications::{Notification, Notifications};

/// Connects again and again, until nobody can subscribe any more.
pub async fn listen(
    url: String,
    publishing: Publishing,
    keys: Keys,
    notifications: Notifications,
    mut asked: mpsc::UnboundedReceiver<Listen>,
) {
    loop {
        let (sender, pushes) = mpsc::unbounded_channel();
        match tokio::time::timeout(PATIENCE * 3, connect(&url, sender)).await {
            Ok(Ok(connection)) => {
                let channels = Channels { connection, publishing, listened: Arc::default() };
                let listening = Listening { channels, keys: keys.clone(), notifications: notifications.clone() };
                if listening.listen(pushes, &mut asked).await.is_none() {
                    return;
                }
            }
            Ok(Err(error)) => tracing::warn!(kind = ?error.kind(), "cannot subscribe to the cluster"),
            Err(_) => tracing::warn!("cannot subscribe to the cluster in time"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn connect(url: &str, sender: mpsc::UnboundedSender<PushInfo>) -> RedisResult<ClusterConnection> {
    let client = ClusterClient::builder([url])
        .use_protocol(ProtocolVersion::RESP3)
        .push_sender(sender)
        .connection_timeout(PATIENCE)
        .response_timeout(PATIENCE)
        .build()?;
    client.get_async_connection().await
}

/// Serves one connection until it is lost. The driver subscribes anew by itself where a node goes and comes back.
struct Listening {
    channels: Channels,
    keys: Keys,
    notifications: Notifications,
}

/// The connection can no longer be used.
struct Lost;

impl Listening {
    /// Works until the connection is lost. `None`: nobody can subscribe any more. Nothing here waits for one node,
    /// because a node that is away would hold up the others.
    async fn listen(
        &self,
        mut pushes: mpsc::UnboundedReceiver<PushInfo>,
        asked: &mut mpsc::UnboundedReceiver<Listen>,
    ) -> Option<Lost> {
        let mut round = tokio::time::interval(ROUND);
        loop {
            tokio::select! {
                push = pushes.recv() => match push {
                    Some(push) => self.take(push),
                    None => return Some(Lost),
                },
                request = asked.recv() => self.answer(request?),
                _ = round.tick() => self.go_round(),
            }
        }
    }

    fn take(&self, push: PushInfo) {
        match push.kind {
            PushKind::Message | PushKind::SMessage => self.notify(&push.data),
            // The driver does not say which channels were on the lost connection.
            PushKind::Disconnection => self.notifications.notify_each(&self.notifications.watched()),
            _ => (),
        }
    }

    fn notify(&self, data: &[Value]) {
        let [Value::BulkString(channel), Value::BulkString(payload)] = data else { return };
        let channel = String::from_utf8_lossy(channel);
        if let Some(task) = self.keys.task_of_channel(&channel) {
            self.notifications.notify(task, &publication::parse(payload));
        }
    }

    fn answer(&self, request: Listen) {
        let (channels, channel) = (self.channels.clone(), self.keys.task(&request.task).channel);
        tokio::spawn(async move {
            if channels.has(&request.task) || channels.subscribe(&request.task, channel).await {
                // The follower may have gone.
                let _ = request.confirm.send(());
            }
        });
    }

    /// Forgets channels that nobody follows any more, and subscribes those that could not be before.
    fn go_round(&self) {
        let watched: HashSet<String> = self.notifications.watched().into_iter().collect();
        let listened = self.channels.listened.lock().clone();
        for task in listened.difference(&watched) {
            let (task, channels, channel) = (task.clone(), self.channels.clone(), self.keys.task(task).channel);
            tokio::spawn(async move { channels.unsubscribe(&task, channel).await });
        }
        for task in watched.difference(&listened) {
            let (task, channel) = (task.clone(), self.keys.task(task).channel);
            let (channels, notifications) = (self.channels.clone(), self.notifications.clone());
            tokio::spawn(async move {
                if channels.subscribe(&task, channel).await {
                    notifications.notify(&task, &Notification::Unknown);
                }
            });
        }
    }
}

/// The subscribed channels.
#[derive(Clone)]
struct Channels {
    connection: ClusterConnection,
    publishing: Publishing,
    /// Tasks, by their channels.
    listened: Arc<Mutex<HashSet<String>>>,
}

impl Channels {
    fn has(&self, task: &str) -> bool {
        self.listened.lock().contains(task)
    }

    async fn subscribe(&self, task: &str, channel: String) -> bool {
        let mut connection = self.connection.clone();
        let subscribed = async {
            match self.publishing {
                Publishing::Plain => connection.subscribe(channel).await,
                Publishing::Sharded => connection.ssubscribe(channel).await,
            }
        };
        let is_done = matches!(tokio::time::timeout(PATIENCE, subscribed).await, Ok(Ok(())));
        if is_done {
            self.listened.lock().insert(task.into());
        }
        is_done
    }

    async fn unsubscribe(&self, task: &str, channel: String) {
        let mut connection = self.connection.clone();
        self.listened.lock().remove(task);
        let unsubscribed = async {
            match self.publishing {
                Publishing::Plain => connection.unsubscribe(channel).await,
                Publishing::Sharded => connection.sunsubscribe(channel).await,
            }
        };
        // A channel that stays subscribed by mistake only costs publications that nobody follows.
        let _ = tokio::time::timeout(PATIENCE, unsubscribed).await;
    }
}
