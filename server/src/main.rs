//! The binary: reads the configuration, listens, and runs until a signal comes.

use clap::Parser;
use rejoin_server::{Config, Server, init_logging};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::parse();
    init_logging(&config);
    open_as_many_files_as_allowed();
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::bind(config).await?;
    println!("listening on http://{}", server.address()?);
    let signalled = async {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = tokio::signal::ctrl_c() => (),
        }
    };
    Ok(server.run(signalled).await?)
}

/// Each stream is a file to the operating system, which allows few of them by default and more to those who ask.
fn open_as_many_files_as_allowed() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
