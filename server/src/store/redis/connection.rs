//! Connections to one Redis or to a cluster. Opening the store finds out which of the two it is. Connections are
//! restored by themselves; while they are away, a command fails soon.
//!
//! Every command of the store may be repeated, so a command whose connection was dropped is sent once more at once. A
//! node that was demoted keeps its connections and refuses writes. Its connections are given up, so that the address is
//! resolved anew and leads to the new master.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, ScriptInvocation};
use tokio::sync::watch;
use tokio::time::Instant;

use super::error::is_read_only;
use crate::store::{Result, StoreError};

/// How long an answer may take. Requests are refused within 2 s (PROTOCOL §1, `STORE_UNAVAILABLE`).
const PATIENCE: Duration = Duration::from_millis(1300);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_millis(1000);
/// The shortest time between two times that connections are given up, so that a node that stays a replica is not
/// flooded.
const GIVE_UP_EVERY: Duration = Duration::from_millis(250);
/// How many answers in a row have to be missing before a connection counts as dead.
const TIMEOUTS: u32 = 2;

/// One Redis that is no cluster, and how often all connections to it were given up.
pub struct Node {
    pub client: Client,
    given_up: watch::Sender<u64>,
    last: Mutex<Instant>,
}

impl Node {
    pub fn new(client: Client) -> Arc<Self> {
        Arc::new(Self { client, given_up: watch::channel(0).0, last: Mutex::new(Instant::now() - GIVE_UP_EVERY) })
    }

    /// Changes when all connections are given up.
    pub fn given_up(&self) -> watch::Receiver<u64> {
        self.given_up.subscribe()
    }

    fn give_up(&self) {
        let mut last = self.last.lock();
        if last.elapsed() >= GIVE_UP_EVERY {
            *last = Instant::now();
            self.given_up.send_modify(|times| *times += 1);
            tracing::warn!("the store refuses writes: connecting anew");
        }
    }
}

/// A connection for any number of users at once; clones share it.
#[derive(Clone)]
pub enum Connection {
    Single(Arc<Single>),
    Cluster { connection: ClusterConnection, patience: Duration },
}

/// A connection to a [`Node`].
pub struct Single {
    node: Arc<Node>,
    patience: Duration,
    current: Mutex<Current>,
    /// How many answers are missing since the last one that came.
    timeouts: AtomicU32,
}

struct Current {
    manager: ConnectionManager,
    /// The number in [`Node::given_up`] when it was opened.
    generation: u64,
}

impl Single {
    fn open(node: Arc<Node>, patience: Duration) -> RedisResult<Self> {
        let generation = *node.given_up.borrow();
        let manager = manager(&node.client, patience)?;
        let current = Mutex::new(Current { manager, generation });
        Ok(Self { node, patience, current, timeouts: AtomicU32::new(0) })
    }

    fn manager(&self) -> RedisResult<ConnectionManager> {
        let generation = *self.node.given_up.borrow();
        let mut current = self.current.lock();
        if current.generation != generation || self.timeouts.load(Relaxed) >= TIMEOUTS {
            self.timeouts.store(0, Relaxed);
            *current = Current { manager: manager(&self.node.client, self.patience)?, generation };
        }
        Ok(current.manager.clone())
    }

    fn judge<T>(&self, outcome: &RedisResult<T>) {
        match outcome {
            Err(error) if is_read_only(error) => self.node.give_up(),
            Err(error) if error.is_timeout() => {
                self.timeouts.fetch_add(1, Relaxed);
            }
            _ => self.timeouts.store(0, Relaxed),
        }
    }
}

/// Connects when it is first used.
fn manager(client: &Client, patience: Duration) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(patience));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// A command or a script, which can be sent again.
pub enum Request<'a> {
    Command(&'a Cmd),
    Script(&'a ScriptInvocation<'a>),
}

impl Connection {
    /// Opens a connection to a Redis that is no cluster, and waits for each answer that much longer than usual.
    pub fn single(node: &Arc<Node>, longer: Duration) -> RedisResult<Self> {
        Ok(Self::Single(Arc::new(Single::open(node.clone(), PATIENCE + longer)?)))
    }

    /// Connects to a cluster.
    pub async fn cluster(url: &str, longer: Duration) -> RedisResult<Self> {
        let client = ClusterClient::builder([url])
            .connection_timeout(CONNECT)
            .response_timeout(PATIENCE + longer)
            .overall_response_timeout(Some(PATIENCE + longer))
            .retries(2)
            .build()?;
        Ok(Self::Cluster { connection: client.get_async_connection().await?, patience: PATIENCE + longer })
    }

    /// Sends a command.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        Ok(self.send(Request::Command(command)).await?)
    }

    /// Runs a script.
    pub async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T> {
        Ok(self.send(Request::Script(script)).await?)
    }

    /// Sends a request. The error is that of the driver.
    pub async fn send<T: FromRedisValue>(&self, request: Request<'_>) -> RedisResult<T> {
        let tries = async {
            match self.try_once(&request).await {
                Err(error) if error.is_connection_dropped() || is_read_only(&error) => self.try_once(&request).await,
                outcome => outcome,
            }
        };
        // The time limit includes connecting anew and the second try.
        tokio::time::timeout(self.patience(), tries).await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    fn patience(&self) -> Duration {
        match self {
            Self::Single(single) => single.patience,
            Self::Cluster { patience, .. } => *patience,
        }
    }

    fn timed_out(&self) -> RedisError {
        if let Self::Single(single) = self {
            single.timeouts.fetch_add(1, Relaxed);
        }
        std::io::Error::from(std::io::ErrorKind::TimedOut).into()
    }

    async fn try_once<T: FromRedisValue>(&self, request: &Request<'_>) -> RedisResult<T> {
        match self {
            Self::Single(single) => {
                let mut manager = single.manager()?;
                let outcome = match request {
                    Request::Command(command) => command.query_async(&mut manager).await,
                    Request::Script(script) => script.invoke_async(&mut manager).await,
                };
                single.judge(&outcome);
                outcome
            }
            Self::Cluster { connection, .. } => match request {
                Request::Command(command) => command.query_async(&mut connection.clone()).await,
                Request::Script(script) => script.invoke_async(&mut connection.clone()).await,
            },
        }
    }
}

/// The properties of a Redis that decide how it is used.
pub struct Server {
    pub is_cluster: bool,
    pub publishing: Publishing,
}

/// The kind of publish/subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    Plain,
    /// Each channel belongs to the node that has its slot: in a cluster of Redis 7.0 or newer.
    Sharded,
}

impl Publishing {
    /// The command that publishes.
    pub fn command(self) -> &'static str {
        match self {
            Self::Plain => "PUBLISH",
            Self::Sharded => "SPUBLISH",
        }
    }
}

impl Server {
    /// Asks the Redis for its properties.
    pub async fn ask(connection: &Connection) -> Result<Self> {
        let info: String = connection.ask(redis::cmd("INFO").arg("everything")).await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let major: u32 = field("redis_version:")
            .and_then(|version| version.split('.').next()?.parse().ok())
            .ok_or_else(|| StoreError::Transient("it does not say its version".into()))?;
        let is_cluster = field("cluster_enabled:") == Some("1");
        let publishing = if is_cluster && major >= 7 { Publishing::Sharded } else { Publishing::Plain };
        Ok(Self { is_cluster, publishing })
    }
}

/// The error of opening a store, for the operator. It does not name the address, which may hold a password.
pub fn refused(error: &RedisError) -> StoreError {
    StoreError::Transient(format!("cannot connect to Redis: {:?}", error.kind()))
}
