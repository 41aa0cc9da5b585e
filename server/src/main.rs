//! The server's program: configuration, log, store, sockets, and then it serves; or one of the commands beside that.

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

/// Sockets that are heard at one time: few enough that what they bring is passed on while it is in the processor's cache.
const HEARD_AT_A_TIME: usize = 64;

/// A web chat whose server cannot read what is said.
///
/// Every flag can also be given as the variable named beside it.
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
                // Not the macro, which panics where nobody reads.
                let _ = writeln!(std::io::stderr(), "error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let log = StderrLog::start();
    let lines = fmt::layer()
        .with_writer(log.clone())
        // It would say so by a macro that panics where standard error is closed.
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
    // Where there is one core only, a second thread has nothing to add.
    let mut runtime = match available_parallelism() {
        Ok(NonZero::<usize>::MIN) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().max_io_events_per_tick(HEARD_AT_A_TIME).build()?;
    runtime.block_on(async {
        let listeners = bind(&config).await?;
        serve(config, listeners, Shutdown::on_signal()?).await
    })
}
