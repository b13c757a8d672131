//! Listens for publications. One connection per process and node serves all logs that are followed here, whatever the
//! number of readers. A publication carries the new entries. Where one is lost because the connection is away, its
//! readers read the log when it is back, and no reader waits for more than a few seconds without reading it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::{mpsc, oneshot, watch};

use super::connection::{Node, Publishing};
use super::keys::Keys;
use super::{cluster_listener, publication};
use crate::store::notifications::{Notifications, Subscription};
use crate::store::{Result, StoreError};

/// How long Redis may take to connect or to confirm a subscription.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// The pause between two tries to connect.
pub const RETRY: Duration = Duration::from_millis(200);
/// How often the connection, and the followers of each channel, are checked.
pub const ROUND: Duration = Duration::from_secs(5);
/// How many channels a command has when all are subscribed anew.
const AT_ONCE: usize = 500;

/// A request to subscribe to a task's channel, and to report when that is done.
pub struct Listen {
    pub task: String,
    pub confirm: oneshot::Sender<()>,
}

/// See the module.
pub struct Listener {
    notifications: Notifications,
    requests: mpsc::UnboundedSender<Listen>,
    listening: tokio::task::AbortHandle,
}

impl Listener {
    /// Listens to a Redis that is no cluster.
    pub fn of_node(node: Arc<Node>, keys: Keys) -> Self {
        Self::start(|notifications, asked| listen_to_node(node, keys, notifications, asked))
    }

    /// Listens to the nodes of a cluster.
    pub fn of_cluster(url: &str, publishing: Publishing, keys: Keys) -> Self {
        let url = url.to_owned();
        Self::start(|notifications, asked| cluster_listener::listen(url, publishing, keys, notifications, asked))
    }

    fn start<F>(listen: impl FnOnce(Notifications, mpsc::UnboundedReceiver<Listen>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let notifications = Notifications::default();
        let (requests, asked) = mpsc::unbounded_channel();
        let listening = tokio::spawn(listen(notifications.clone(), asked)).abort_handle();
        Self { notifications, requests, listening }
    }

    /// Subscribes to a task. The follower gets each publication that is made after this returns.
    pub async fn watch(&self, task: &str) -> Result<Subscription> {
        let subscription = self.notifications.watch(task);
        let (confirm, confirmed) = oneshot::channel();
        let away = || StoreError::Transient("the subscription connection is away".into());
        self.requests.send(Listen { task: task.into(), confirm }).map_err(|_| away())?;
        let confirmed = tokio::time::timeout(PATIENCE, confirmed).await;
        confirmed.ok().and_then(|confirmed| confirmed.ok()).map(|()| subscription).ok_or_else(away)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Connects again and again.
async fn listen_to_node(
    node: Arc<Node>,
    keys: Keys,
    notifications: Notifications,
    mut asked: mpsc::UnboundedReceiver<Listen>,
) {
    loop {
        let given_up = node.given_up();
        if let Ok(Ok(connection)) = tokio::time::timeout(PATIENCE, node.client.get_async_pubsub()).await {
            let (sink, stream) = connection.split();
            let listening =
                Listening { sink, keys: keys.clone(), notifications: notifications.clone(), listened: HashSet::new() };
            if listening.listen(stream, given_up, &mut asked).await.is_none() {
                return;
            }
            tracing::warn!("the subscription connection was lost");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Serves one connection until it is lost.
struct Listening {
    sink: PubSubSink,
    keys: Keys,
    notifications: Notifications,
    listened: HashSet<String>,
}

/// Notifies all followers that the connection is lost.
struct Lost;

impl Listening {
    /// Works until the connection is lost. `None`: nobody can subscribe any more.
    async fn listen(
        mut self,
        mut stream: PubSubStream,
        mut given_up: watch::Receiver<u64>,
        asked: &mut mpsc::UnboundedReceiver<Listen>,
    ) -> Option<Lost> {
        let all = self.notifications.watched();
        if self.subscribe(all.clone()).await.is_err() {
            return Some(Lost);
        }
        self.notifications.notify_each(&all);
        let mut round = tokio::time::interval(ROUND);
        loop {
            let outcome = tokio::select! {
                message = stream.next() => match message {
                    Some(message) => {
                        self.notify(message.get_channel_name(), message.get_payload_bytes());
                        Ok(())
                    }
                    None => Err(Lost),
                },
                request = asked.recv() => self.answer(request?).await,
                _ = round.tick() => self.go_round().await,
                _ = given_up.changed() => Err(Lost),
            };
            if let Err(lost) = outcome {
                return Some(lost);
            }
        }
    }

    fn notify(&self, channel: &str, payload: &[u8]) {
        if let Some(task) = self.keys.task_of_channel(channel) {
            self.notifications.notify(task, &publication::parse(payload));
        }
    }

    async fn answer(&mut self, request: Listen) -> std::result::Result<(), Lost> {
        if !self.listened.contains(&request.task) {
            self.subscribe(vec![request.task]).await?;
        }
        // The follower may have gone.
        let _ = request.confirm.send(());
        Ok(())
    }

    async fn subscribe(&mut self, tasks: Vec<String>) -> std::result::Result<(), Lost> {
        for some in tasks.chunks(AT_ONCE) {
            let channels: Vec<String> = some.iter().map(|task| self.keys.task(task).channel).collect();
            in_time(self.sink.subscribe(channels)).await?;
        }
        self.listened.extend(tasks);
        Ok(())
    }

    /// Unsubscribes from channels that nobody follows any more, and checks the connection.
    async fn go_round(&mut self) -> std::result::Result<(), Lost> {
        let watched: HashSet<String> = self.notifications.watched().into_iter().collect();
        let left: Vec<String> = self.listened.difference(&watched).cloned().collect();
        for some in left.chunks(AT_ONCE) {
            let channels: Vec<String> = some.iter().map(|task| self.keys.task(task).channel).collect();
            in_time(self.sink.unsubscribe(channels)).await?;
        }
        self.listened.retain(|task| watched.contains(task));
        in_time(self.sink.ping::<redis::Value>()).await.map(|_| ())
    }
}

async fn in_time<T>(answer: impl Future<Output = redis::RedisResult<T>>) -> std::result::Result<T, Lost> {
    tokio::time::timeout(PATIENCE, answer).await.map_err(|_| Lost)?.map_err(|_| Lost)
}
