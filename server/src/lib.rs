//! Cloakroom's server: serves the pages, keeps the door, and relays what it cannot read.
//!
//! One request's way: `listen` accepts, `connection` serves, `routes` finds the handler behind the checks of `guard`;
//! `tls` comes between the first two, if it is asked for; `pages` answers with what the build embedded; `door` lets people in and out; `socket` carries
//! frames between a browser and its place in a room, which `log` keeps and `room` decides about.

mod address;
mod config;
mod connection;
mod crowd;
mod door;
mod essential;
mod gate;
mod guard;
mod guesses;
mod half;
mod listen;
pub mod log;
mod outbox;
mod pages;
mod qr;
mod rate;
mod refuse;
pub mod room;
mod routes;
mod secret;
mod seldom;
mod socket;
mod state;
mod stderr;
mod throttle;
mod tls;
mod total;
mod watched;
mod wiped;
pub mod ws;

pub use address::Address;
pub use config::Config;
pub use gate::{Factors, GateError, People, SmtpServer, Tokens};
pub use listen::{ServeError, Shutdown, bind, serve};
pub use outbox::{Budget, Outbox};
pub use qr::qr_code;
pub use secret::{SecondHash, ServerSecret, TokenHash};
pub use state::{StateChoice, StateError, StateFolder, StateLock};
pub use stderr::StderrLog;
pub use tls::TlsError;
pub use total::Total;
