//! The server as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, TestServer};

/// A server process. Killed when dropped.
pub struct Process {
    child: Child,
    pub server: TestServer,
}

impl Process {
    pub fn start(store: &str, flags: &[&str]) -> Self {
        Self::start_with(store, flags, &[])
    }

    /// With an environment beside its flags.
    pub fn start_with(store: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rejoin-server"))
            .envs(environment.iter().copied())
            .args(["--listen", "127.0.0.1:0", "--store", store, "--internal-api-key", "k"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let root = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, server: TestServer::at(root, None) }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
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
