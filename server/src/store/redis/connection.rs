//! Connections: to one Redis or to a cluster, told apart when the store is opened. They come back by themselves; while
//! they are away, a command fails soon.

use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, Pipeline, RedisFuture, RedisResult, Value};

/// A Redis that takes longer does not answer. Requests are refused within 2 s (PROTOCOL §1, `STORE_UNAVAILABLE`).
const PATIENCE: Duration = Duration::from_millis(1300);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_millis(1000);

/// A connection for any number of users at once; clones share it.
#[derive(Clone)]
pub enum Connection {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connects, and waits for each answer that much longer than usual.
    pub async fn open(url: &str, longer: Duration) -> RedisResult<Self> {
        let client = Client::open(url)?;
        let mut single = Self::single(client, PATIENCE + longer).await?;
        if is_cluster(&mut single).await? {
            Self::cluster(url, PATIENCE + longer).await
        } else {
            Ok(Self::Single(single))
        }
    }

    async fn single(client: Client, patience: Duration) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(patience));
        ConnectionManager::new_with_config(client, config).await
    }

    async fn cluster(url: &str, patience: Duration) -> RedisResult<Self> {
        let client = ClusterClient::builder([url])
            .connection_timeout(CONNECT)
            .response_timeout(patience)
            .overall_response_timeout(Some(patience))
            .retries(2)
            .build()?;
        Ok(Self::Cluster(client.get_async_connection().await?))
    }
}

async fn is_cluster(connection: &mut ConnectionManager) -> RedisResult<bool> {
    let info: String = redis::cmd("INFO").arg("cluster").query_async(connection).await?;
    Ok(info.contains("cluster_enabled:1"))
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
