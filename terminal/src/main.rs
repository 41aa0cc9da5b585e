//! The program `cloak`: reads its arguments, runs the command, and exits with its code.

use std::process::ExitCode;

use clap::Parser;
use terminal::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
