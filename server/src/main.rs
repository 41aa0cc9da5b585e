//! The server's program: configuration, log, store, sockets, and then it serves.

use std::process::ExitCode;

use clap::Parser;
use cloakroom::{Config, Shutdown, bind, serve};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new(&config.log))
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), cloakroom::StartError> {
    let listeners = bind(&config).await?;
    serve(config, listeners, Shutdown::on_signal()?).await
}
