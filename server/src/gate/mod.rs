//! The gates: the operator's say over making rooms and coming in. They have nothing to do with a room's password.
//!
//! Files in the state folder list who may pass. They are read for each request, so that a change holds at once.

pub(crate) mod doors;
mod mail;
mod pass;
mod people;
mod tokens;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

pub use mail::SmtpServer;
use mail::{Allowed, Codes, Mailer};
use pass::{Bearer, fingerprint};
pub use people::{Factors, People};
pub use tokens::Tokens;
use tokio::sync::Mutex;
use wire::{Pass, Refusal, door::Gate};
use zeroize::Zeroizing;

use crate::{Config, ServerSecret, StateError, StateFolder, guesses::Guesses, state::is_world_readable};

/// Codes by mail that a network may ask for in an hour, in multiples of the wrong ones that it may show: 100 for an address.
const ASKS: u32 = 10;

/// What the gates work with.
pub(crate) struct Gates {
    pub(crate) create: Gate,
    pub(crate) join: Gate,
    folder: Option<StateFolder>,
    /// One guess is compared and counted before the next: at the same moment as many would be tried as come.
    turn: Arc<Mutex<()>>,
    /// Wrong one-time codes of people. Who adds to it knows a password, so strangers cannot make it forget.
    code_guesses: Guesses,
    /// Requests for codes by mail, counted like wrong guesses.
    asks: Guesses,
    codes: Codes,
    mailer: Option<Arc<Mailer>>,
}

/// Why the gates cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The files cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A gate by e-mail has no mail server.
    #[error("a gate by e-mail needs --smtp and --mail-from")]
    NoMailServer,
    /// The mail server needs a password that is not there.
    #[error("--smtp-user needs a password: set CLOAKROOM_SMTP_PASSWORD, or name a file with --smtp-password-file")]
    NoMailPassword,
    /// Or that cannot be read.
    #[error("--smtp-password-file: {0}")]
    MailPassword(std::io::Error),
    /// A mail server that cannot be used.
    #[error("--smtp: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

impl Gates {
    /// As the configuration says. Files that cannot be read are found now, rather than when someone comes.
    pub(crate) fn new(config: &Config, folder: Option<StateFolder>) -> Result<Self, GateError> {
        let (create, join) = (config.gate_create, config.gate_join);
        let uses = |gate| create == gate || join == gate;
        if folder.is_none() && (create, join) != (Gate::Open, Gate::Open) {
            return Err(StateError::Needed("a gate").into());
        }
        let mailer = if uses(Gate::Email) { Some(Arc::new(mailer(config)?)) } else { None };
        let gates = Self {
            create,
            join,
            folder,
            turn: Arc::default(),
            code_guesses: Guesses::new(config.lockout, 1),
            asks: Guesses::new(mail::HOUR, ASKS),
            codes: Codes::default(),
            mailer,
        };
        gates.look()?;
        Ok(gates)
    }

    /// Forgets guesses that are over.
    pub(crate) fn forget(&self, now: Instant) {
        self.code_guesses.forget(now);
        self.asks.forget(now);
    }

    /// Reads the files, and says how much is in them.
    pub(crate) fn look(&self) -> Result<(), StateError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let uses = |gate| self.create == gate || self.join == gate;
        if uses(Gate::Token) {
            match Tokens::read(folder)?.names().len() {
                0 => tracing::warn!("there is no access token yet: see cloakroom token add --help"),
                tokens => tracing::info!(tokens, "gate by access token"),
            }
        }
        if uses(Gate::People) {
            match People::read(folder)?.names().len() {
                0 => tracing::warn!("nobody may sign in yet: see cloakroom people add --help"),
                people => tracing::info!(people, "gate by people"),
            }
        }
        if uses(Gate::Email) {
            match Allowed::read(folder)?.len() {
                0 => tracing::warn!(
                    "no address may have a code yet: write some into {}",
                    folder.path(mail::FILE).display()
                ),
                entries => tracing::info!(entries, "gate by e-mail"),
            }
        }
        Ok(())
    }

    fn folder(&self) -> Result<&StateFolder, Refusal> {
        self.folder.as_ref().ok_or(Refusal::Internal)
    }

    /// Whether a pass opens this gate now.
    fn opens(&self, gate: Gate, pass: Option<&Pass>, secret: &ServerSecret) -> Result<(), Refusal> {
        if gate == Gate::Open {
            return Ok(());
        }
        let bearer = pass.and_then(|pass| pass::read(pass, secret, SystemTime::now())).ok_or(Refusal::PassWanted)?;
        let folder = self.folder()?;
        let holds = bearer.gate == gate
            && match gate {
                Gate::Open => true,
                Gate::Token => Tokens::read(folder)
                    .map_err(unreadable)?
                    .named(&bearer.subject)
                    .is_some_and(|token| fingerprint(&token.hash) == bearer.fingerprint),
                Gate::People => {
                    People::read(folder).map_err(unreadable)?.fingerprint(&bearer.subject) == Some(bearer.fingerprint)
                }
                Gate::Email => {
                    let mailbox = bearer.subject.parse();
                    let allowed = Allowed::read(folder).map_err(unreadable)?;
                    mailbox.is_ok_and(|mailbox| allowed.has(&mailbox))
                }
            };
        if holds { Ok(()) } else { Err(Refusal::PassWanted) }
    }

    fn pass(bearer: &Bearer, secret: &ServerSecret) -> Result<Pass, Refusal> {
        pass::make(bearer, secret, SystemTime::now()).ok_or(Refusal::Internal)
    }
}

/// A file of the gate cannot be read: nobody passes, and the operator finds out why.
fn unreadable(error: StateError) -> Refusal {
    tracing::error!("{error}");
    Refusal::Internal
}

fn mailer(config: &Config) -> Result<Mailer, GateError> {
    let (Some(server), Some(from)) = (&config.smtp, &config.mail_from) else { return Err(GateError::NoMailServer) };
    let credentials = match &config.smtp_user {
        None => None,
        Some(user) => {
            let given = std::env::var("CLOAKROOM_SMTP_PASSWORD").ok().map(Zeroizing::new);
            let password = match (&config.smtp_password_file, given) {
                (Some(path), _) => {
                    if is_world_readable(path) {
                        tracing::warn!("{} can be read by every user of this machine", path.display());
                    }
                    std::fs::read_to_string(path).map(Zeroizing::new).map_err(GateError::MailPassword)?
                }
                (None, Some(given)) => given,
                (None, None) => return Err(GateError::NoMailPassword),
            };
            Some((user.clone(), Zeroizing::new(password.trim_end_matches(['\r', '\n']).to_owned())))
        }
    };
    Ok(Mailer::new(server, credentials, from.clone(), config.site())?)
}
