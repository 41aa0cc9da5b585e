//! `cloak`, Cloakroom's program for the command line.

mod cli;
pub mod integrity;
mod say;

pub use cli::Cli;
