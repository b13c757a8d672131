//! Listening to a cluster: each channel on the node that has its slot, so that the death of one node silences no other's.

use std::collections::HashSet;

use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{ProtocolVersion, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::mpsc;

use super::keys::Keys;
use super::listener::{Listen, PATIENCE, RETRY, ROUND};
use super::publication;
use crate::store::notifications::Notifications;

/// Connects again and again, until nobody will ever ask any more.
pub async fn listen(
    url: String,
    is_sharded: bool,
    keys: Keys,
    notifications: Notifications,
    mut asked: mpsc::UnboundedReceiver<Listen>,
) {
    loop {
        let (sender, pushes) = mpsc::unbounded_channel();
        match tokio::time::timeout(PATIENCE * 3, connect(&url, sender)).await {
            Ok(Ok(connection)) => {
                let (keys, notifications) = (keys.clone(), notifications.clone());
                let mut listening = Listening { connection, is_sharded, keys, notifications, listened: HashSet::new() };
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

/// One connection's life. The driver subscribes anew by itself where a node goes and comes.
struct Listening {
    connection: ClusterConnection,
    is_sharded: bool,
    keys: Keys,
    notifications: Notifications,
    listened: HashSet<String>,
}

/// The connection is of no use any more.
struct Lost;

impl Listening {
    /// Until the connection is lost; `None` when nobody will ever ask again.
    async fn listen(
        &mut self,
        mut pushes: mpsc::UnboundedReceiver<PushInfo>,
        asked: &mut mpsc::UnboundedReceiver<Listen>,
    ) -> Option<Lost> {
        let all = self.notifications.watched();
        for task in &all {
            // One whose node is away is subscribed in a later round.
            let _ = self.subscribe(task).await;
        }
        self.notifications.notify_each(&all);
        let mut round = tokio::time::interval(ROUND);
        loop {
            tokio::select! {
                push = pushes.recv() => match push {
                    Some(push) => self.take(push),
                    None => return Some(Lost),
                },
                request = asked.recv() => self.answer(request?).await,
                _ = round.tick() => self.go_round().await,
            }
        }
    }

    fn take(&self, push: PushInfo) {
        match push.kind {
            PushKind::Message | PushKind::SMessage => self.notify(&push.data),
            // Which channels were on the lost connection is not said.
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

    async fn answer(&mut self, request: Listen) {
        if self.listened.contains(&request.task) || self.subscribe(&request.task).await {
            // Who asked may have gone.
            let _ = request.confirm.send(());
        }
    }

    async fn subscribe(&mut self, task: &str) -> bool {
        let channel = self.keys.task(task).channel;
        let subscribed = async {
            if self.is_sharded {
                self.connection.ssubscribe(channel).await
            } else {
                self.connection.subscribe(channel).await
            }
        };
        let is_done = matches!(tokio::time::timeout(PATIENCE, subscribed).await, Ok(Ok(())));
        if is_done {
            self.listened.insert(task.into());
        }
        is_done
    }

    /// Forgets channels that nobody follows any more, and subscribes those that could not be before.
    async fn go_round(&mut self) {
        let watched: HashSet<String> = self.notifications.watched().into_iter().collect();
        let left: Vec<String> = self.listened.difference(&watched).cloned().collect();
        for task in left {
            let channel = self.keys.task(&task).channel;
            let unsubscribed = async {
                if self.is_sharded {
                    self.connection.sunsubscribe(channel).await
                } else {
                    self.connection.unsubscribe(channel).await
                }
            };
            // What stays subscribed by mistake costs a publication that nobody hears.
            let _ = tokio::time::timeout(PATIENCE, unsubscribed).await;
            self.listened.remove(&task);
        }
        let missing: Vec<String> = watched.difference(&self.listened).cloned().collect();
        for task in missing {
            self.subscribe(&task).await;
        }
    }
}
