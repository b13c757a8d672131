//! The store for several processes: Redis or Valkey, 6.2 or newer, alone or as a cluster (SERVER.md, "Redis").
//!
//! Every step on a session or a task is one script on the keys of that session (`lua/`), and may be repeated. What lies
//! in other slots of a cluster (lists of sessions, of leases, operations) is a hint and is written before the step; the
//! task's own record is believed.

mod cluster_listener;
mod completions;
mod connection;
mod error;
mod keys;
mod listener;
mod log;
mod publication;
mod removal;
mod reply;
mod scripts;
mod sessions;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Client, RedisError, cmd};
use async_trait::async_trait;

use super::notifications::Notification;
use super::{Result, SharedStore, Store, StoreError, Terms};
use completions::{BLOCK, Consumer};
use connection::{Connection, Node, Server};
use keys::{Keys, SCHEMA};
use listener::Listener;
use scripts::Scripts;

/// Connects.
pub async fn open(url: &str, terms: Terms) -> Result<SharedStore> {
    let refused = |error: RedisError| connection::refused(&error);
    let node = Node::new(Client::open(url).map_err(refused)?);
    let single = Connection::single(&node, Duration::ZERO).map_err(refused)?;
    let server = Server::ask(&single).await?;
    let connections = Connections { url, node: &node, is_cluster: server.is_cluster };
    let keys = Keys::new(&terms.prefix);
    let store = Redis {
        consumer: Consumer::new(connections.open(BLOCK).await.map_err(refused)?),
        listener: if server.is_cluster {
            Listener::of_cluster(url, server.publishing, keys.clone())
        } else {
            Listener::of_node(node.clone(), keys.clone())
        },
        writes: connections.open(Duration::ZERO).await.map_err(refused)?,
        leases: connections.open(Duration::ZERO).await.map_err(refused)?,
        reads: connections.open(Duration::ZERO).await.map_err(refused)?,
        publish: server.publishing.command(),
        scripts: Scripts::new(),
        probe: format!("{}.probe", uuid::Uuid::new_v4()),
        keys,
        terms,
    };
    store.check_schema().await?;
    store.make_group().await?;
    store.forget_consumers().await?;
    Ok(Arc::new(store))
}

/// How connections are opened.
struct Connections<'a> {
    url: &'a str,
    node: &'a Arc<Node>,
    is_cluster: bool,
}

impl Connections<'_> {
    async fn open(&self, longer: Duration) -> ::redis::RedisResult<Connection> {
        if self.is_cluster {
            Connection::cluster(self.url, longer).await
        } else {
            Connection::single(self.node, longer)
        }
    }
}

/// See the module.
pub struct Redis {
    keys: Keys,
    scripts: Scripts,
    terms: Terms,
    consumer: Consumer,
    listener: Listener,
    /// The command that scripts publish with.
    publish: &'static str,
    /// The id of no task. This process publishes on its channel to find out whether publications arrive.
    probe: String,
    /// Steps of tasks.
    writes: Connection,
    /// The leases, which do not wait for what is sent on the other connections.
    leases: Connection,
    /// Replays and lists, which may be large.
    reads: Connection,
}

impl Redis {
    fn lease_ms(&self) -> u64 {
        millis(self.terms.lease)
    }

    fn ttl(&self) -> u64 {
        millis(self.terms.ttl)
    }

    /// Refuses data of a layout that this version does not know.
    async fn check_schema(&self) -> Result<()> {
        let key = self.keys.schema();
        self.writes.ask::<()>(cmd("SET").arg(&key).arg(SCHEMA).arg("NX")).await?;
        let found: String = self.writes.ask(cmd("GET").arg(&key)).await?;
        if found == SCHEMA {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!(
            "the layout `{found}` under `{key}` is not the one this version knows, {SCHEMA}"
        )))
    }
}

impl Redis {
    /// Publishes a message and waits until it arrives. A subscription may be lost while its connection is open.
    async fn hears_itself(&self) -> Result<()> {
        let mut subscription = self.listener.watch(&self.probe).await?;
        let mut publish = cmd(self.publish);
        publish.arg(self.keys.task(&self.probe).channel).arg(publication::NOTHING_NEW);
        self.writes.ask::<()>(&publish).await?;
        let arrival = async { while subscription.next().await == Notification::Unknown {} };
        let arrived = tokio::time::timeout(listener::PATIENCE, arrival).await;
        arrived.map_err(|_| StoreError::Transient("publications do not arrive".into()))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 4)
}

#[async_trait]
impl Store for Redis {
    fn kind(&self) -> &'static str {
        "redis"
    }

    /// The check writes, because a node that was demoted still answers a PING.
    async fn ping(&self) -> Result<()> {
        self.writes.ask(cmd("SET").arg(self.keys.probe()).arg(crate::clock::now()).arg("PX").arg(60_000)).await
    }

    async fn ready(&self) -> Result<()> {
        tokio::try_join!(self.ping(), self.hears_itself()).map(|_| ())
    }

    fn is_shared(&self) -> bool {
        true
    }
}
