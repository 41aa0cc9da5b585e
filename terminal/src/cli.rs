//! The command line: what each command takes, and the exit codes.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use crate::{
    integrity::{Check, Serve},
    say,
};

/// The same code that clap ends with when the arguments are wrong.
const TROUBLE: u8 = 2;

/// Cloakroom on the command line.
#[derive(Debug, Parser)]
#[command(name = "cloak", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check messages against signatures, with the protocol of old programs
    #[command(subcommand)]
    Integrity(Integrity),
}

#[derive(Debug, Subcommand)]
enum Integrity {
    Serve(Serve),
    Check(Check),
}

impl Cli {
    /// Runs the command. An error goes to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                say::error(error);
                return TROUBLE.into();
            }
        };
        match self.command {
            Command::Integrity(Integrity::Serve(serve)) => match runtime.block_on(serve.run()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    say::error(error);
                    TROUBLE.into()
                }
            },
            Command::Integrity(Integrity::Check(check)) => match runtime.block_on(check.run()) {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(error) => {
                    say::error(error);
                    TROUBLE.into()
                }
            },
        }
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("expected a whole number of seconds, at least 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_fit_together() {
        Cli::command().debug_assert();
    }
}
