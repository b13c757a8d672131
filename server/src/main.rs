//! The binary: reads the configuration, listens, and runs until a signal comes.

use clap::Parser;
use rejoin_server::{Config, Server, init_logging};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::parse();
    init_logging(&config);
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
