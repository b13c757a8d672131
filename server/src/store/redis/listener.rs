//! The listener: one subscription connection per process hears for all logs that are followed here, whatever the number
//! of readers. A notify only says that a log has grown; what is new is read with a cursor, so a notify that is lost while
//! the connection is away costs nothing: when it is back, everyone looks.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use redis::Client;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::{mpsc, oneshot};

use super::keys;
use crate::store::notifications::{Notifications, Subscription};
use crate::store::{Result, StoreError};

/// How long Redis may take to connect or to confirm.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between tries to connect.
const RETRY: Duration = Duration::from_millis(200);
/// How often it is checked that the connection lives, and who still listens.
const ROUND: Duration = Duration::from_secs(5);
/// Channels per command when all are subscribed anew.
const AT_ONCE: usize = 500;

/// Asks the listening task to listen for a task's channel, and to say when it does.
struct Listen {
    task: String,
    confirm: oneshot::Sender<()>,
}

/// See the module.
pub struct Listener {
    notifications: Notifications,
    requests: mpsc::UnboundedSender<Listen>,
    listening: tokio::task::AbortHandle,
}

impl Listener {
    /// Starts listening.
    pub fn start(client: Client) -> Self {
        let notifications = Notifications::default();
        let (requests, asked) = mpsc::unbounded_channel();
        let listening = tokio::spawn(listen(client, notifications.clone(), asked)).abort_handle();
        Self { notifications, requests, listening }
    }

    /// Hears every notify from when this returns.
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
async fn listen(client: Client, notifications: Notifications, mut asked: mpsc::UnboundedReceiver<Listen>) {
    loop {
        if let Ok(Ok(connection)) = tokio::time::timeout(PATIENCE, client.get_async_pubsub()).await {
            let (sink, stream) = connection.split();
            let listening = Listening { sink, notifications: notifications.clone(), listened: HashSet::new() };
            if listening.listen(stream, &mut asked).await.is_none() {
                return;
            }
            tracing::warn!("the subscription connection was lost");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// One connection's life.
struct Listening {
    sink: PubSubSink,
    notifications: Notifications,
    listened: HashSet<String>,
}

/// The connection is lost.
struct Lost;

impl Listening {
    /// Until the connection is lost; `None` when nobody will ever ask again.
    async fn listen(mut self, mut stream: PubSubStream, asked: &mut mpsc::UnboundedReceiver<Listen>) -> Option<Lost> {
        let all = self.notifications.watched();
        if self.subscribe(all).await.is_err() {
            return Some(Lost);
        }
        self.notifications.notify_all();
        let mut round = tokio::time::interval(ROUND);
        loop {
            let outcome = tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.notify(message.get_channel_name()),
                    None => Err(Lost),
                },
                request = asked.recv() => self.answer(request?).await,
                _ = round.tick() => self.go_round().await,
            };
            if let Err(lost) = outcome {
                return Some(lost);
            }
        }
    }

    fn notify(&self, channel: &str) -> std::result::Result<(), Lost> {
        if let Some(task) = keys::task_of_channel(channel) {
            self.notifications.notify(task);
        }
        Ok(())
    }

    async fn answer(&mut self, request: Listen) -> std::result::Result<(), Lost> {
        if !self.listened.contains(&request.task) {
            self.subscribe(vec![request.task]).await?;
        }
        // Who asked may have gone.
        let _ = request.confirm.send(());
        Ok(())
    }

    async fn subscribe(&mut self, tasks: Vec<String>) -> std::result::Result<(), Lost> {
        for some in tasks.chunks(AT_ONCE) {
            let channels: Vec<String> = some.iter().map(|task| keys::channel(task)).collect();
            in_time(self.sink.subscribe(channels)).await?;
        }
        self.listened.extend(tasks);
        Ok(())
    }

    /// Forgets channels that nobody follows any more, and checks that the connection lives.
    async fn go_round(&mut self) -> std::result::Result<(), Lost> {
        self.notifications.prune();
        let watched: HashSet<String> = self.notifications.watched().into_iter().collect();
        let left: Vec<String> = self.listened.difference(&watched).cloned().collect();
        for some in left.chunks(AT_ONCE) {
            let channels: Vec<String> = some.iter().map(|task| keys::channel(task)).collect();
            in_time(self.sink.unsubscribe(channels)).await?;
        }
        self.listened.retain(|task| watched.contains(task));
        in_time(self.sink.ping::<redis::Value>()).await.map(|_| ())
    }
}

async fn in_time<T>(answer: impl Future<Output = redis::RedisResult<T>>) -> std::result::Result<T, Lost> {
    tokio::time::timeout(PATIENCE, answer).await.map_err(|_| Lost)?.map_err(|_| Lost)
}
