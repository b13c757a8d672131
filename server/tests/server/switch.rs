//! An address that leads to one Redis and, after a failover, to another: what a name service or a proxy in front of a
//! master and its replica gives to those who connect.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// See the module. Stops when dropped.
pub struct Switch {
    address: SocketAddr,
    target: Arc<Mutex<u16>>,
    accepting: AbortHandle,
}

impl Switch {
    pub async fn to(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(redis));
        let shared = target.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                client.set_nodelay(true).unwrap();
                let port = *shared.lock();
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                        // Either side may go at any time.
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, target, accepting: accepting.abort_handle() }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Who connects from now on gets there. Connections that are open stay.
    pub fn turn(&self, redis: u16) {
        *self.target.lock() = redis;
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
