//! Cloakroom's server: serves the pages, admits people to rooms, and relays messages that it cannot read.
//!
//! One request's way: `listen` accepts a connection, through `tls` if that is on; `connection` serves it; `routes`
//! finds the handler, behind the checks of `guard`. `pages` answers with what the build embedded, and `door` admits
//! people to rooms. `socket` carries frames between a browser and its [`Seat`](store::Seat) in a room: `store` keeps
//! the rooms, and the crate `room` is the logic of one.

mod app;
mod background_tasks;
mod client_address;
mod config;
mod connection;
mod connection_limit;
mod door;
mod gate;
mod guard;
mod guesses;
mod input_limits;
mod json_body;
mod listen;
mod log_limit;
mod memory_budget;
mod outbox;
mod pages;
mod plain_http;
mod qr;
mod rate;
mod refuse;
mod routes;
mod secret;
mod sign_in;
mod smtp_server;
mod socket;
mod state;
mod stderr;
pub mod store;
mod stream;
mod tls;
mod wipe;
pub mod ws;

pub use client_address::client_address;
pub use config::Config;
pub use gate::{Factors, GateError, People, Tokens};
pub use listen::{ServeError, Shutdown, bind, serve};
pub use memory_budget::MemoryBudget;
pub use outbox::Outbox;
pub use qr::qr_code;
pub use secret::ServerSecret;
pub use smtp_server::SmtpServer;
pub use state::{StateChoice, StateError, StateFolder, StateLock};
pub use stderr::StderrLog;
pub use tls::TlsError;
