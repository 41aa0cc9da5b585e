//! The server's program: reads the configuration, starts the log, binds the sockets and serves; or runs a command.

mod command;

use std::{
    io::Write as _,
    num::NonZero,
    panic,
    process::ExitCode,
    thread::{self, available_parallelism},
};

use clap::Parser;
use cloakroom::{Config, ServeError, Shutdown, StderrLog, bind, serve};
use command::Command;
use tokio::runtime::Builder;
use tracing_subscriber::{fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _};

/// Readiness events that the runtime handles at a time. With few, frames are passed on while they are still in cache.
const EVENTS_PER_TICK: usize = 64;

/// A web chat whose server cannot read what is said.
///
/// Every flag can also be set by the environment variable shown beside it.
#[derive(Parser)]
#[command(name = "cloakroom", version)]
struct Program {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    let Program { config, command } = Program::parse();
    if let Some(command) = command {
        return match command.run(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The `eprintln!` macro panics when standard error is closed.
                let _ = writeln!(std::io::stderr(), "error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let log = StderrLog::start();
    let lines = fmt::layer()
        .with_writer(log.clone())
        // tracing would report these with `eprintln!`, which panics when standard error is closed.
        .log_internal_errors(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    registry().with(lines).with(config.log.clone()).init();
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        tracing::error!(thread = thread.name().unwrap_or_default(), "{panic}");
    }));
    let ended = panic::catch_unwind(|| run(config));
    if let Ok(Err(error)) = &ended {
        tracing::error!("{error}");
    }
    log.flush();
    if matches!(ended, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(config: Config) -> Result<(), ServeError> {
    // On a single core, a second thread gains nothing.
    let mut runtime = match available_parallelism() {
        Ok(NonZero::<usize>::MIN) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().max_io_events_per_tick(EVENTS_PER_TICK).build()?;
    runtime.block_on(async {
        let listeners = bind(&config).await?;
        serve(config, listeners, Shutdown::on_signal()?).await
    })
}
