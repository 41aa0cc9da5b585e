//! The gates: the operator's control over creating and joining rooms, independent of a room's password.
//!
//! Files in the state folder list the people and tokens that may pass. The server reads them for every request, so that
//! a change takes effect at once.

mod mail;
mod pass;
mod people;
mod tokens;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use mail::{Codes, Mailer};
pub(crate) use mail::{MailboxList, MailboxName};
pub(crate) use pass::{Bearer, Fingerprint, fingerprint, unix_seconds};
pub(crate) use people::{CodeKind, Credentials};
pub use people::{Factors, People};
pub use tokens::Tokens;
use tokio::sync::Mutex;
use wire::{Pass, Refusal, door::Gate};
use zeroize::Zeroizing;

use crate::{Config, ServerSecret, StateError, StateFolder, guesses::Guesses, state::is_world_readable};

/// Mailed codes that a network may request per hour, as a multiple of its allowed wrong codes: 100 per address.
const CODE_REQUESTS: u32 = 10;

/// The state of both gates.
pub(crate) struct Gates {
    pub(crate) create: Gate,
    pub(crate) join: Gate,
    folder: Option<StateFolder>,
    /// Serializes guesses: each is checked and counted before the next. Otherwise concurrent guesses would all be
    /// checked before any is counted.
    pub(crate) turn: Arc<Mutex<()>>,
    /// Wrong one-time codes of accounts. Only people with the account password add entries, so strangers cannot push
    /// entries out.
    pub(crate) code_guesses: Guesses,
    /// Requests for mailed codes, counted like wrong guesses.
    pub(crate) code_requests: Guesses,
    pub(crate) codes: Codes,
    pub(crate) mailer: Option<Arc<Mailer>>,
}

/// Why the gates cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The gates' files cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The e-mail gate has no mail server.
    #[error("the e-mail gate needs --smtp and --mail-from")]
    NoMailServer,
    /// The mail server's password is missing.
    #[error("--smtp-user needs a password: set CLOAKROOM_SMTP_PASSWORD, or name a file with --smtp-password-file")]
    NoMailPassword,
    /// The file with the mail server's password cannot be read.
    #[error("--smtp-password-file: {0}")]
    MailPassword(std::io::Error),
    /// The connection to the mail server cannot be configured.
    #[error("--smtp: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

impl Gates {
    /// Sets up the gates of the configuration. Reads their files now, so that a mistake in them stops the start.
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
            code_requests: Guesses::new(mail::HOUR, CODE_REQUESTS),
            codes: Codes::default(),
            mailer,
        };
        gates.check_files()?;
        Ok(gates)
    }

    /// Forgets expired guesses.
    pub(crate) fn forget(&self, now: Instant) {
        self.code_guesses.forget(now);
        self.code_requests.forget(now);
    }

    /// Reads the files and logs how many entries they have.
    pub(crate) fn check_files(&self) -> Result<(), StateError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let uses = |gate| self.create == gate || self.join == gate;
        if uses(Gate::Token) {
            match Tokens::read(folder)?.names().len() {
                0 => tracing::warn!("token gate has no tokens: see cloakroom token add --help"),
                tokens => tracing::info!(tokens, "token gate ready"),
            }
        }
        if uses(Gate::People) {
            match People::read(folder)?.names().len() {
                0 => tracing::warn!("people gate has no accounts: see cloakroom people add --help"),
                people => tracing::info!(people, "people gate ready"),
            }
        }
        if uses(Gate::Email) {
            match MailboxList::read(folder)?.len() {
                0 => tracing::warn!(
                    "e-mail gate has no addresses: write some into {}",
                    folder.path(mail::FILE).display()
                ),
                entries => tracing::info!(entries, "e-mail gate ready"),
            }
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> Result<&StateFolder, Refusal> {
        self.folder.as_ref().ok_or(Refusal::Internal)
    }

    /// Checks that a pass opens this gate now.
    pub(crate) fn opens(&self, gate: Gate, pass: Option<&Pass>, secret: &ServerSecret) -> Result<(), Refusal> {
        if gate == Gate::Open {
            return Ok(());
        }
        let bearer = pass.and_then(|pass| pass::read(pass, secret, SystemTime::now())).ok_or(Refusal::PassWanted)?;
        let folder = self.folder()?;
        let is_valid = bearer.gate == gate
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
                    let allowed = MailboxList::read(folder).map_err(unreadable)?;
                    mailbox.is_ok_and(|mailbox| allowed.has(&mailbox))
                }
            };
        if is_valid { Ok(()) } else { Err(Refusal::PassWanted) }
    }

    pub(crate) fn pass(bearer: &Bearer, secret: &ServerSecret) -> Result<Pass, Refusal> {
        pass::make(bearer, secret, SystemTime::now()).ok_or(Refusal::Internal)
    }
}

/// Called when a gate's file cannot be read. Nobody passes, and the log tells the operator why.
pub(crate) fn unreadable(error: StateError) -> Refusal {
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
                        tracing::warn!("{} is readable by every user of this machine", path.display());
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
