//! Several server processes on one Redis, and its failures (SERVER.md, "Redis").

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::AsyncCommands;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::process::Process;
use crate::support::{PATIENCE, TestServer, error_of, json_of, kinds, stored_text, text};
use crate::switch::Switch;

/// A Redis on a port of its own that keeps what it has when it is stopped. Killed when dropped.
pub struct Redis {
    port: u16,
    folder: tempfile::TempDir,
    flags: Vec<String>,
    child: Child,
}

impl Redis {
    pub async fn start() -> Self {
        Self::start_with(Vec::new()).await
    }

    pub async fn start_with(flags: Vec<String>) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let child = Self::spawn(port, &folder, &flags);
        let redis = Self { port, folder, flags, child };
        redis.answers().await;
        redis
    }

    fn spawn(port: u16, folder: &tempfile::TempDir, flags: &[String]) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir"])
            .arg(folder.path())
            .args(flags)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed")
    }

    async fn answers(&self) {
        while self.connection().await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Waits until a replica has all data of its master. A master has it already.
    pub async fn has_synced(&self) {
        let mut connection = self.connection().await.unwrap();
        let syncing = async {
            loop {
                let info: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await.unwrap();
                if !info.contains("master_link_status:down") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, syncing).await.unwrap();
    }

    pub async fn connection(&self) -> Option<redis::aio::MultiplexedConnection> {
        // On a busy machine an answer may take longer than the driver waits by default.
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.ok()?;
        redis::cmd("PING").query_async::<()>(&mut connection).await.ok()?;
        Some(connection)
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.child = Self::spawn(self.port, &self.folder, &self.flags);
        self.answers().await;
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub async fn server(&self, flags: &[&str]) -> TestServer {
        TestServer::over(&self.url(), flags).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port of a cluster's bus is 10 000 above this one, so it has to be low enough.
fn free_port() -> u16 {
    let ports = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    ports.take(1000).find(|port| *port < 55_000).unwrap()
}

#[tokio::test]
async fn a_task_started_on_one_process_is_rejoined_on_another_at_any_cursor() {
    let redis = Redis::start().await;
    let (a, b) = (redis.server(&[]).await, redis.server(&[]).await);
    let session = a.session().await;
    let mut stream = a.send(&session, "/tokens 60 /rate 100 /tool weather").await;
    let task = stream.task();
    let mut all = stream.take(10).await;
    let early: Vec<_> = all.iter().map(|chunk| chunk.id.clone()).collect();
    let mut joined = Vec::new();
    for id in &early {
        joined.push(tokio::spawn(b.join(&task, id).await.whole()));
    }
    all.extend(stream.rest().await);
    for (at, reader) in joined.into_iter().enumerate() {
        assert_eq!(reader.await.unwrap(), all[at + 1..]);
    }
    let shown = b.show(&format!("/sessions/{session}")).await;
    assert_eq!(stored_text(&shown), text(&all));
    assert_eq!(b.join(&task, "0").await.whole().await, all);
}

#[tokio::test]
async fn what_one_process_runs_another_refuses_repeats_and_cancels() {
    let redis = Redis::start().await;
    let (a, b) = (redis.server(&[]).await, redis.server(&[]).await);
    let session = a.session().await;
    let body = json!({"message": "/tokens 4 /silence 60000", "message_id": "m"});
    let mut stream = a.send_with(&session, body.clone()).await;
    stream.until("text-delta").await;
    let second = b.post(&format!("/sessions/{session}/stream")).json(&json!({"message": "x"}));
    assert_eq!(error_of(second, 409, "TASK_RUNNING").await["task_id"], stream.task());
    assert_eq!(b.send_with(&session, body).await.task(), stream.task());
    json_of(b.post(&format!("/tasks/{}/cancel", stream.task())), StatusCode::OK).await;
    let rest = stream.rest().await;
    assert_eq!(kinds(&rest)[rest.len() - 2..], ["abort", "finish"]);
    a.send(&session, "/tokens 1 /rate 0").await.whole().await;
}

#[tokio::test]
async fn when_a_process_is_killed_the_readers_of_another_get_an_end_within_the_lease() {
    let redis = Redis::start().await;
    let a = Process::start(&redis.url(), &["--lease-ms", "1000"]);
    let b = redis.server(&["--lease-ms", "1000"]).await;
    let session = a.server.session().await;
    let mut stream = a.server.send(&session, "/tokens 5000 /rate 200").await;
    let task = stream.task();
    let seen = stream.take(50).await;
    let mut reader = b.join(&task, "0").await;
    reader.take(50).await;
    drop(a);
    let killed = Instant::now();
    let rest = reader.rest().await;
    assert!(killed.elapsed() < Duration::from_millis(3000), "{:?}", killed.elapsed());
    assert_eq!(rest[rest.len() - 2].value["code"], "INTERRUPTED");
    let all = b.join(&task, "0").await.whole().await;
    assert_eq!(all[..50], seen);
    assert_eq!(stored_text(&b.show(&format!("/sessions/{session}")).await), text(&all));
}

#[tokio::test]
async fn a_process_that_was_frozen_beyond_its_lease_writes_nothing_more() {
    let redis = Redis::start().await;
    let a = Process::start(&redis.url(), &["--lease-ms", "500"]);
    let b = redis.server(&["--lease-ms", "500"]).await;
    let session = a.server.session().await;
    let mut stream = a.server.send(&session, "/tokens 5000 /rate 200").await;
    let task = stream.task();
    stream.take(10).await;
    let mut reader = b.join(&task, "0").await;
    a.signal("STOP");
    reader.rest().await;
    let ended = b.join(&task, "0").await.whole().await;
    a.signal("CONT");
    stream.rest().await;
    assert!(stream.is_done());
    assert_eq!(b.join(&task, "0").await.whole().await, ended);
    assert_eq!(stored_text(&b.show(&format!("/sessions/{session}")).await), text(&ended));
}

#[tokio::test]
async fn streams_stay_open_while_redis_is_away_and_go_on_when_it_is_back() {
    let mut redis = Redis::start().await;
    let server = redis.server(&["--lease-ms", "1000", "--heartbeat-ms", "100"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 300 /rate 100").await;
    let mut all = stream.take(30).await;
    redis.stop();
    let begun = Instant::now();
    let refused = server.get(&format!("/sessions/{session}")).send().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    error_of(server.get("/sessions"), 503, "STORE_UNAVAILABLE").await;
    let health = json_of(server.get("/health"), StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(health["detail"]["code"], "STORE_UNAVAILABLE");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    redis.start_again().await;
    all.extend(stream.rest().await);
    assert!(stream.is_done());
    assert_eq!(kinds(&all).iter().filter(|kind| **kind == "text-delta").count(), 300, "{:?}", all.last());
    assert_eq!(stored_text(&server.show(&format!("/sessions/{session}")).await), text(&all));
}

#[tokio::test]
async fn a_redis_that_hangs_is_refused_within_two_seconds() {
    let redis = Redis::start().await;
    let server = redis.server(&[]).await;
    let session = server.session().await;
    redis.signal("STOP");
    for path in [format!("/sessions/{session}"), "/sessions".into(), "/health".into()] {
        let begun = Instant::now();
        assert_eq!(server.get(&path).send().await.unwrap().status(), 503);
        assert!(begun.elapsed() < Duration::from_secs(2), "{path}: {:?}", begun.elapsed());
    }
    redis.signal("CONT");
    server.when("/health", |health| health["status"] == "healthy").await;
}

/// A server that is slow to accept a connection and then answers no command.
async fn slow_and_silent() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                // The driver introduces itself with two commands.
                while bytes.windows(7).filter(|part| *part == b"SETINFO").count() < 2 {
                    connection.read_buf(&mut bytes).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(900)).await;
                connection.write_all(b"+OK\r\n+OK\r\n").await.unwrap();
                while connection.read_buf(&mut bytes).await.is_ok_and(|number| number > 0) {}
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_long_to_connect_to_and_then_hangs_is_refused_within_two_seconds() {
    let mut redis = Redis::start().await;
    let switch = Switch::to(redis.port()).await;
    let server = TestServer::over(&switch.url(), &[]).await;
    let path = format!("/sessions/{}", server.session().await);
    switch.turn(slow_and_silent().await);
    redis.stop();
    let asked = (0..30).map(|number| {
        let (server, path) = (&server, &path);
        async move {
            tokio::time::sleep(Duration::from_millis(number * 100)).await;
            let begun = Instant::now();
            let status = server.get(path).send().await.unwrap().status();
            (number, status, begun.elapsed())
        }
    });
    for (number, status, took) in futures_util::future::join_all(asked).await {
        assert_eq!(status, 503);
        assert!(took < Duration::from_secs(2), "request {number} took {took:?}");
    }
}

#[tokio::test]
async fn a_record_that_is_gone_before_its_log_is_expired_and_both_gone_are_not_found() {
    let redis = Redis::start().await;
    let server = redis.server(&[]).await;
    let session = server.session().await;
    let body = json!({"message": "/tokens 1 /rate 0", "message_id": "m"});
    let stream = server.send_with(&session, body.clone()).await;
    let task = stream.task();
    stream.whole().await;
    let mut connection = redis.connection().await.unwrap();
    connection.del::<_, ()>(format!("rejoin:{{{session}}}:task:{task}:meta")).await.unwrap();
    error_of(server.get(&format!("/tasks/{task}/stream")), 410, "TASK_EXPIRED").await;
    error_of(server.get(&format!("/tasks/{task}")), 410, "TASK_EXPIRED").await;
    connection.del::<_, ()>(format!("rejoin:{{{session}}}:task:{task}:log")).await.unwrap();
    error_of(server.get(&format!("/tasks/{task}/stream")), 404, "TASK_NOT_FOUND").await;
    error_of(server.post(&format!("/sessions/{session}/stream")).json(&body), 410, "TASK_EXPIRED").await;
}

#[tokio::test]
async fn keys_of_an_ended_task_expire_and_those_of_a_running_one_do_not() {
    let redis = Redis::start().await;
    let server = redis.server(&["--stream-ttl", "100"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 4 /silence 60000").await;
    stream.take(3).await;
    let mut connection = redis.connection().await.unwrap();
    let keys = ["meta", "log"].map(|name| format!("rejoin:{{{session}}}:task:{}:{name}", stream.task()));
    let active: Option<String> = connection.get(format!("rejoin:{{{session}}}:active")).await.unwrap();
    assert_eq!(active, Some(stream.task()));
    for key in &keys {
        assert_eq!(connection.ttl::<_, i64>(key).await.unwrap(), -1);
    }
    json_of(server.post(&format!("/tasks/{}/cancel", stream.task())), StatusCode::OK).await;
    stream.rest().await;
    for key in &keys {
        assert!((1..=100).contains(&connection.ttl::<_, i64>(key).await.unwrap()));
    }
}

#[tokio::test]
async fn a_completion_in_the_log_reaches_its_task_from_any_process() {
    let redis = Redis::start().await;
    let flags = ["--lease-ms", "500"];
    let a = Process::start(&redis.url(), &flags);
    let session = a.server.session().await;
    let mut stream = a.server.send(&session, "/operation deploy /tokens 2 /rate 0").await;
    let task = stream.task();
    let chunks = stream.until("tool-output-available").await;
    let operation = chunks.last().unwrap().value["output"]["operation_id"].clone();
    drop(a);
    let b = redis.server(&flags).await;
    let mut joined = b.join(&task, &chunks.last().unwrap().id).await;
    let completion = json!({"operation_id": operation, "task_id": task, "success": true, "result": {"ok": 1}});
    let mut connection = redis.connection().await.unwrap();
    for _ in 0..2 {
        connection
            .xadd::<_, _, _, _, ()>("rejoin:completions", "*", &[("data", completion.to_string())])
            .await
            .unwrap();
    }
    let rest = joined.rest().await;
    assert_eq!(kinds(&rest), ["tool-output-available", "text-start", "text-delta", "text-delta", "text-end", "finish"]);
    assert_eq!(b.show(&format!("/tasks/{task}")).await["status"], "completed");
}

#[tokio::test]
async fn a_task_that_had_a_chunk_of_the_turn_after_its_operation_is_interrupted_when_its_process_is_killed() {
    let redis = Redis::start().await;
    let flags = ["--lease-ms", "600"];
    let a = Process::start(&redis.url(), &flags);
    let session = a.server.session().await;
    let mut stream = a.server.send(&session, "/operation deploy /tokens 200 /rate 50").await;
    let task = stream.task();
    let mut seen = stream.until("tool-output-available").await;
    let operation = seen.last().unwrap().value["output"]["operation_id"].as_str().unwrap().to_owned();
    let complete = a.server.post(&format!("/operations/{operation}/complete")).header("x-api-key", "k");
    json_of(complete.json(&json!({"success": true, "result": "done"})), StatusCode::OK).await;
    seen.extend(stream.take(20).await);
    drop(a);
    let b = redis.server(&flags).await;
    let rest = b.join(&task, &seen.last().unwrap().id).await.whole().await;
    assert_eq!(kinds(&rest)[rest.len() - 2..], ["error", "finish"]);
    assert_eq!(rest[rest.len() - 2].value["code"], "INTERRUPTED");
    seen.extend(rest);
    assert_eq!(b.join(&task, "0").await.whole().await, seen);
    assert_eq!(kinds(&seen).iter().filter(|kind| **kind == "tool-output-available").count(), 2);
    assert_eq!(seen[seen.len() - 2].value["code"], "INTERRUPTED");
    let words: Vec<String> = text(&seen).split_whitespace().map(String::from).collect();
    assert!(words.iter().enumerate().all(|(number, word)| word.ends_with(&format!("-{number}"))));
    assert_eq!(b.show(&format!("/tasks/{task}")).await["status"], "failed");
    assert_eq!(stored_text(&b.show(&format!("/sessions/{session}")).await), text(&seen));
}

#[tokio::test]
async fn completions_that_nobody_can_handle_end_in_the_dead_letter_log() {
    let redis = Redis::start().await;
    let _server = redis.server(&["--lease-ms", "200"]).await;
    let mut connection = redis.connection().await.unwrap();
    let unknown = json!({"operation_id": "none", "task_id": "none", "success": true}).to_string();
    for data in ["no JSON", &unknown] {
        connection.xadd::<_, _, _, _, ()>("rejoin:completions", "*", &[("data", data)]).await.unwrap();
    }
    let begun = Instant::now();
    loop {
        let dead: redis::streams::StreamRangeReply = connection.xrange_all("rejoin:completions:dead").await.unwrap();
        if dead.ids.len() == 2 {
            assert_eq!(dead.ids[0].get::<String>("data").unwrap(), "no JSON");
            assert_eq!(dead.ids[1].get::<String>("data").unwrap(), unknown);
            assert_eq!(dead.ids[1].get::<u32>("deliveries").unwrap(), 5);
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_consumer_of_a_process_that_is_gone_is_forgotten_when_another_starts() {
    let redis = Redis::start().await;
    let flags = ["--lease-ms", "50"];
    let process = Process::start(&redis.url(), &flags);
    let mut connection = redis.connection().await.unwrap();
    // Redis puts a consumer on the list when it first gets something.
    connection.xadd::<_, _, _, _, ()>("rejoin:completions", "*", &[("data", "no JSON")]).await.unwrap();
    let mut consumers = async || {
        let info: redis::streams::StreamInfoConsumersReply =
            connection.xinfo_consumers("rejoin:completions", "rejoin").await.unwrap();
        info.consumers
    };
    let gone = loop {
        if let [consumer] = consumers().await.as_slice()
            && consumer.pending == 0
        {
            break consumer.name.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    drop(process);
    while consumers().await[0].idle <= 500 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _server = redis.server(&flags).await;
    assert!(consumers().await.iter().all(|consumer| consumer.name != gone));
}

/// Writes a certificate for 127.0.0.1 by an authority that nobody trusts, as files: authority, certificate, key.
fn certified(folder: &std::path::Path) -> [String; 3] {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".into()]).unwrap().signed_by(&key, &authority).unwrap();
    let files = [("ca.pem", authority.pem()), ("redis.pem", certificate.pem()), ("redis.key", key.serialize_pem())];
    files.map(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[tokio::test]
async fn a_redis_behind_tls_is_trusted_by_its_certificate_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let [authority, certificate, key] = certified(folder.path());
    let port = free_port().to_string();
    let tls =
        ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let _redis = Redis::start_with(tls.map(String::from).to_vec()).await;
    let process = Process::start_with(&format!("rediss://127.0.0.1:{port}"), &[], &[("SSL_CERT_FILE", &authority)]);
    let server = &process.server;
    let session = server.session().await;
    let all = server.send(&session, "/tokens 40 /rate 400").await.rest().await;
    assert_eq!(stored_text(&server.show(&format!("/sessions/{session}")).await), text(&all));
    assert_eq!(kinds(&all).last(), Some(&"finish"));
}

#[tokio::test]
async fn a_long_log_is_trimmed_and_replays_whole() {
    let redis = Redis::start().await;
    let server = redis.server(&["--max-log-chunks", "100"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 800 /rate 1000").await;
    let task = stream.task();
    let all = stream.rest().await;
    let replayed = server.join(&task, "0-0").await.whole().await;
    assert!(replayed.len() < 250, "{}", replayed.len());
    assert_eq!(text(&replayed), text(&all));
    let early = server.get(&format!("/tasks/{task}/stream?last_message_id={}", all[3].id));
    assert_eq!(error_of(early, 410, "CURSOR_TRIMMED").await["task_id"], task);
    assert_eq!(server.join(&task, &all[790].id).await.whole().await, all[791..]);
}

/// A cluster of three masters with so many replicas each.
pub struct Cluster(pub Vec<Redis>);

impl Cluster {
    pub async fn start(replicas: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 * (1 + replicas) {
            let flags = "--cluster-enabled yes --cluster-node-timeout 1000 --cluster-replica-validity-factor 0 \
                         --repl-diskless-sync-delay 0";
            nodes.push(Redis::start_with(flags.split_whitespace().map(String::from).collect()).await);
        }
        let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(addresses).args(["--cluster-replicas", &replicas.to_string()]);
        assert!(create.arg("--cluster-yes").stdout(Stdio::null()).status().unwrap().success());
        for node in &nodes {
            node.has_synced().await;
        }
        Self(nodes)
    }

    /// A server that knows the first node and learns of the others from it.
    pub async fn server(&self) -> TestServer {
        loop {
            let mut connection = self.0[0].connection().await.unwrap();
            let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap();
            if info.contains("cluster_state:ok") {
                return self.0[0].server(&["--internal-api-key", "k", "--lease-ms", "1000"]).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_cluster_serves_as_one_redis_does() {
    let cluster = Cluster::start(0).await;
    let (a, b) = (cluster.server().await, cluster.server().await);
    for _ in 0..5 {
        let session = a.session().await;
        let mut stream = a.send(&session, "/tokens 20 /rate 100 /operation deploy").await;
        let task = stream.task();
        let started = stream.until("tool-output-available").await;
        let operation = started.last().unwrap().value["output"]["operation_id"].as_str().unwrap().to_owned();
        let reader = tokio::spawn(b.join(&task, "0").await.whole());
        let complete = b.post(&format!("/operations/{operation}/complete")).header("x-api-key", "k");
        json_of(complete.json(&json!({"success": true, "result": "done"})), StatusCode::OK).await;
        let all: Vec<_> = started.into_iter().chain(stream.rest().await).collect();
        assert_eq!(reader.await.unwrap(), all);
        assert_eq!(stored_text(&b.show(&format!("/sessions/{session}")).await), text(&all));
    }
    assert_eq!(a.show("/sessions").await["total"], 5);
}
