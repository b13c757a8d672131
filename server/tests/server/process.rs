//! The server as a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, TestServer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rejoin-server");

/// A server process. Killed when dropped.
pub struct Process {
    child: Child,
    pub server: TestServer,
    /// The address for operators, with `--admin-listen`.
    pub admin: Option<String>,
}

impl Process {
    pub fn start(store: &str, flags: &[&str]) -> Self {
        Self::start_with(store, flags, &[])
    }

    /// With an environment beside its flags.
    pub fn start_with(store: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(store, flags, environment, Stdio::null())
    }

    /// With its log in a file.
    pub fn start_logging(store: &str, flags: &[&str], log: File) -> Self {
        Self::spawn(store, flags, &[], log.into())
    }

    fn spawn(store: &str, flags: &[&str], environment: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = Command::new(PROGRAM)
            .envs(environment.iter().copied())
            .args(["--listen", "127.0.0.1:0", "--store", store, "--internal-api-key", "k"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let root = line().strip_prefix("listening on ").unwrap().to_owned();
        let admin =
            flags.contains(&"--admin-listen").then(|| line().strip_prefix("for operators on ").unwrap().to_owned());
        Self { child, server: TestServer::at(root, None), admin }
    }

    /// The output of a process that does not start.
    pub async fn failing(flags: &[&str]) -> String {
        let run = tokio::process::Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
        assert!(!output.status.success());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Sends SIGTERM, and waits until the process drains. Needs `--admin-listen`.
    pub async fn begin_drain(&self) {
        self.signal("TERM");
        let ready = format!("{}/readyz", self.admin.as_ref().unwrap());
        while self.server.http.get(&ready).send().await.unwrap().status() != 503 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still running");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
