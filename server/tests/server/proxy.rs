//! A proxy between a server and its Redis that lets one command fail: the k-th of those that contain a name.
//!
//! It takes commands one by one and reads the answer to each, so that its own answers come in order. A connection that
//! subscribes is passed through from then on, with or without its publications.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Longer than a server waits for an answer.
const LATE: Duration = Duration::from_millis(1600);

/// How the command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches Redis, and the connection is closed.
    NotExecuted,
    /// It is executed, and the connection is closed instead of its answer.
    AnswerLost,
    /// It is executed, and its answer comes when nobody waits for it any more.
    Late,
    /// Redis refuses it.
    Refused(&'static str),
}

impl Fault {
    pub const LOADING: Self = Self::Refused("-LOADING Redis is loading the dataset in memory\r\n");
    pub const READONLY: Self = Self::Refused("-READONLY You can't write against a read only replica.\r\n");
    pub const OUT_OF_MEMORY: Self = Self::Refused("-OOM command not allowed when used memory > 'maxmemory'.\r\n");
}

#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    /// The names of which a command has to contain one to be counted.
    names: Vec<String>,
    /// Commands that are still passed before the one that fails.
    left: usize,
    /// Whether it has failed.
    has_failed: bool,
    /// Whether publications are swallowed.
    swallows: bool,
}

impl Plan {
    /// The fault that this command meets.
    fn fault_of(&mut self, command: &[u8]) -> Option<Fault> {
        let fault = self.fault.filter(|_| !self.has_failed)?;
        let is_counted = self.names.iter().any(|name| contains(command, name.as_bytes()));
        if !is_counted {
            return None;
        }
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        self.has_failed = true;
        Some(fault)
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// See the module. Stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    accepting: tokio::task::AbortHandle,
}

impl Proxy {
    pub async fn start(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = plan.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let plan = shared.clone();
                tokio::spawn(async move {
                    // The tests are about connections that end.
                    let _ = serve(client, redis, plan).await;
                });
            }
        });
        Self { address, plan, accepting: accepting.abort_handle() }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on the k-th command (from 1) that names one of these fails.
    pub fn fail(&self, k: usize, fault: Fault, names: &[&str]) {
        let names = names.iter().map(ToString::to_string).collect();
        *self.plan.lock() = Plan { fault: Some(fault), names, left: k - 1, ..Plan::default() };
    }

    /// From now on publications do not arrive, although their connections stay open.
    pub fn swallow_publications(&self) {
        self.plan.lock().swallows = true;
    }

    /// Whether the k-th command has come, and failed.
    pub fn has_failed(&self) -> bool {
        self.plan.lock().has_failed
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(client: TcpStream, redis: u16, plan: Arc<Mutex<Plan>>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let server = TcpStream::connect(("127.0.0.1", redis)).await?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (mut from_client, mut from_server) = (BufReader::new(from_client), BufReader::new(from_server));
    loop {
        let command = frame(&mut from_client).await?;
        let fault = plan.lock().fault_of(&command);
        match fault {
            Some(Fault::NotExecuted) => return Ok(()),
            Some(Fault::Refused(answer)) => {
                to_client.write_all(answer.as_bytes()).await?;
                continue;
            }
            _ => to_server.write_all(&command).await?,
        }
        if contains(&command, b"SUBSCRIBE") {
            let up = tokio::io::copy_buf(&mut from_client, &mut to_server);
            let down = pass_pushes(&mut from_server, &mut to_client, &plan);
            tokio::select! { ended = up => ended.map(|_| ())?, ended = down => ended? };
            return Ok(());
        }
        let answer = frame(&mut from_server).await?;
        match fault {
            Some(Fault::AnswerLost) => return Ok(()),
            Some(Fault::Late) => tokio::time::sleep(LATE).await,
            _ => (),
        }
        to_client.write_all(&answer).await?;
    }
}

async fn pass_pushes(
    from: &mut BufReader<impl AsyncRead + Unpin + Send>,
    to: &mut (impl AsyncWriteExt + Unpin),
    plan: &Mutex<Plan>,
) -> std::io::Result<()> {
    loop {
        let push = frame(from).await?;
        if !(plan.lock().swallows && contains(&push, b"\r\nmessage\r\n")) {
            to.write_all(&push).await?;
        }
    }
}

/// One value of the protocol of Redis, as its bytes.
async fn frame(from: &mut BufReader<impl AsyncRead + Unpin + Send>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut values = 1_usize;
    while values > 0 {
        let start = bytes.len();
        if from.read_until(b'\n', &mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = std::str::from_utf8(&bytes[start..]).unwrap().trim_end();
        let (kind, number) = (line.as_bytes()[0], line[1..].parse::<usize>().unwrap_or(0));
        let is_null = line[1..].starts_with('-');
        values -= 1;
        match kind {
            b'*' | b'~' | b'>' if !is_null => values += number,
            b'%' => values += 2 * number,
            b'$' | b'=' | b'!' if !is_null => {
                let body = bytes.len();
                bytes.resize(body + number + 2, 0);
                from.read_exact(&mut bytes[body..]).await?;
            }
            _ => (),
        }
    }
    Ok(bytes)
}
