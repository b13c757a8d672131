//! An address that leads to one Redis and, after a failover, to another: what a name service or a proxy in front of a
//! master and its replica gives to those who connect. It can also make the Redis behind it a slow one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// See the module. Stops when dropped.
pub struct Switch {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    target: Mutex<u16>,
    delay: Mutex<Duration>,
}

impl Switch {
    pub async fn to(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { target: Mutex::new(redis), delay: Mutex::new(Duration::ZERO) });
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Self { address, shared, accepting }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Who connects from now on gets there. Connections that are open stay.
    pub fn turn(&self, redis: u16) {
        *self.shared.target.lock() = redis;
    }

    /// From now on every answer comes that much later, on connections that are open too. One answer does not wait for
    /// another.
    pub fn delay_answers(&self, delay: Duration) {
        *self.shared.delay.lock() = delay;
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        tokio::spawn(connect(client, shared.clone()));
    }
}

async fn connect(client: TcpStream, shared: Arc<Shared>) {
    let port = *shared.target.lock();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((mut from_client, to_client), (from_server, mut to_server)) = (client.into_split(), server.into_split());
    let (answers, due) = mpsc::unbounded_channel();
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        to_server.shutdown().await
    };
    // Either side may go at any time.
    let _ = tokio::join!(up, read_answers(from_server, answers, &shared), write_answers(to_client, due));
}

/// Bytes, and when they are to arrive.
type Answer = (Instant, Vec<u8>);

async fn read_answers(mut from: OwnedReadHalf, answers: mpsc::UnboundedSender<Answer>, shared: &Shared) {
    let mut bytes = Vec::with_capacity(65_536);
    while from.read_buf(&mut bytes).await.is_ok_and(|number| number > 0) {
        let due = Instant::now() + *shared.delay.lock();
        if answers.send((due, std::mem::take(&mut bytes))).is_err() {
            return;
        }
    }
}

async fn write_answers(mut to: OwnedWriteHalf, mut answers: mpsc::UnboundedReceiver<Answer>) -> std::io::Result<()> {
    while let Some((due, bytes)) = answers.recv().await {
        tokio::time::sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}
