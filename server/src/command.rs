//! The commands that edit the gates' files. They also work while a server runs.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write};

use clap::Subcommand;
use cloakroom::{Config, Factors, People, ServerSecret, StateError, StateFolder, Tokens, qr_code};
use wire::{PersonName, limits};
use zeroize::Zeroizing;

/// A command that runs instead of the server.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Manage accounts that may sign in at a gate: passwords, one-time codes and recovery codes
    #[command(subcommand)]
    People(PeopleCommand),
    /// Manage access tokens for a gate
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Subcommand)]
pub(crate) enum PeopleCommand {
    /// Add an account: ask for a password (or read it from standard input), and print the QR code and recovery codes
    Add {
        /// Account name
        name: PersonName,
    },
    /// Set a new password, QR code and recovery codes; the old ones, and sign-ins made with them, stop working
    Reset {
        /// Account name
        name: PersonName,
    },
    /// Remove an account, and every sign-in made with it
    Remove {
        /// Account name
        name: PersonName,
    },
    /// List the account names
    List,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token and print it once
    Add {
        /// Name of the token in the list
        name: PersonName,
    },
    /// Revoke a token, and every sign-in made with it
    Revoke {
        /// Name of the token
        name: PersonName,
    },
    /// List the token names
    List,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot read the password: {0}")]
    Prompt(io::Error),
    #[error("the change was made, but its result cannot be written: {0}")]
    Output(io::Error),
    #[error("the two passwords differ")]
    PasswordsDiffer,
    #[error("{0}")]
    Password(#[from] stretch::PasswordError),
    #[error("this name is taken: {0}")]
    NameTaken(&'static str),
    #[error("there is no such name in the list")]
    NotListed,
    #[error("the operating system reported an error: {0}")]
    System(#[from] io::Error),
}

impl Command {
    /// Runs the command and writes its result to standard output.
    pub(crate) fn run(self, config: &Config) -> Result<(), CommandError> {
        let folder = StateFolder::open(config.state.as_ref())?.ok_or(StateError::Needed("this command"))?;
        match self {
            Self::People(PeopleCommand::Add { name }) => {
                put(&folder, config, &name, true)?.ok_or(CommandError::NameTaken("see cloakroom people reset"))
            }
            Self::People(PeopleCommand::Reset { name }) => {
                put(&folder, config, &name, false)?.ok_or(CommandError::NotListed)
            }
            Self::People(PeopleCommand::Remove { name }) => confirm_removal(People::remove(&folder, &name)?),
            Self::People(PeopleCommand::List) => list(People::read(&folder)?.names()),
            Self::Token(TokenCommand::Add { name }) => {
                let token = Tokens::add(&folder, name)?.ok_or(CommandError::NameTaken("revoke it first"))?;
                print(|out| writeln!(out, "{}", *token))?;
                // On standard error, so that a script reads only the token.
                let _ = writeln!(io::stderr(), "Hand it out now: it is shown nowhere else.");
                Ok(())
            }
            Self::Token(TokenCommand::Revoke { name }) => confirm_removal(Tokens::revoke(&folder, &name)?),
            Self::Token(TokenCommand::List) => list(Tokens::read(&folder)?.names()),
        }
    }
}

/// Writes to standard output, and returns an error where `println!` would panic.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    write(&mut out).and_then(|()| out.flush()).map_err(CommandError::Output)
}

fn confirm_removal(was_listed: bool) -> Result<(), CommandError> {
    if !was_listed {
        return Err(CommandError::NotListed);
    }
    let _ = writeln!(io::stderr(), "Removed. A running server applies this at once.");
    Ok(())
}

fn list<'n>(mut names: impl Iterator<Item = &'n str>) -> Result<(), CommandError> {
    print(|out| names.try_for_each(|name| writeln!(out, "{name}")))
}

fn put(folder: &StateFolder, config: &Config, name: &PersonName, is_new: bool) -> Result<Option<()>, CommandError> {
    // Checked first, so that nobody types a password in vain.
    if People::read(folder)?.names().any(|known| known == name.as_str()) == is_new {
        return Ok(None);
    }
    let secret = ServerSecret::with_salt_key(&folder.salt_key()?)?;
    let password = password(name)?;
    let verifier = stretch::person_verifier(&password, name, &People::salt(&secret, name))?;
    let Some(factors) = People::put(folder, &secret, name, &verifier, &config.site(), is_new)? else {
        return Ok(None);
    };
    print(|out| print_factors(&factors, name, out)).map(Some)
}

fn print_factors(factors: &Factors, name: &PersonName, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Scan this with {}'s authenticator app:\n", name.as_str())?;
    writeln!(out, "{}", qr_code(&factors.url).unwrap_or_default())?;
    writeln!(out, "Or type this secret into the app: {}\n", *factors.secret)?;
    writeln!(out, "Recovery codes replace the app's code, each once. They are not shown again:\n")?;
    for code in &factors.recovery {
        let (mut groups, mut rest) = (Vec::new(), code.as_str());
        while let Some((group, after)) = rest.split_at_checked(4) {
            groups.push(group);
            rest = after;
        }
        writeln!(out, "    {}", groups.join(" "))?;
    }
    Ok(())
}

/// Asks twice at a terminal, without echo; otherwise reads the first line of standard input.
fn password(name: &PersonName) -> Result<Zeroizing<String>, CommandError> {
    if !io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        // Slightly above the limit, so that a longer password is refused rather than cut.
        let most = u64::try_from(limits::PASSWORD_BYTES_TYPED).unwrap_or(u64::MAX).saturating_add(2);
        io::stdin().lock().take(most).read_line(&mut line).map_err(CommandError::Prompt)?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(CommandError::Prompt);
    let first = ask(format!("Password for {}: ", name.as_str()))?;
    let second = ask("Repeat the password: ".to_owned())?;
    if first == second { Ok(first) } else { Err(CommandError::PasswordsDiffer) }
}
