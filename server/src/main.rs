//! The binary: reads the configuration, listens, and runs until a signal comes.

use clap::Parser;
use rejoin_server::{Config, Server, ServerError, init_logging};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    init_logging(&config);
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rejoin-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    open_as_many_files_as_allowed();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let server = Server::bind(config).await?;
    tracing::info!("{}", server.summary());
    say_addresses(&server)?;
    let (signalled, drains) = tokio::sync::oneshot::channel();
    let serving = server.run(async {
        // A sender that is gone means the same.
        let _ = drains.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        () = either(&mut terminate, &mut interrupt) => drop(signalled.send(())),
    }
    tokio::select! {
        ended = serving => Ok(ended?),
        // A second signal ends the process at once. Another process, or the next one, ends the tasks that still run.
        () = either(&mut terminate, &mut interrupt) => std::process::exit(0),
    }
}

fn say_addresses(server: &Server) -> Result<(), ServerError> {
    println!("listening on http://{}", server.address()?);
    if let Some(admin) = server.admin_address()? {
        println!("for operators on http://{admin}");
    }
    Ok(())
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}

/// Raises the limit of open files. Each stream takes one, and the operating system allows few by default.
fn open_as_many_files_as_allowed() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
