//! The commands that change the gates' files, also while a server runs.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write};

use clap::Subcommand;
use cloakroom::{Config, Factors, People, ServerSecret, StateError, StateFolder, Tokens, qr_code};
use wire::{PersonName, limits};
use zeroize::Zeroizing;

/// What to do instead of serving.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// People who may sign in at a gate: their passwords, one-time codes and recovery codes
    #[command(subcommand)]
    People(PeopleCommand),
    /// Access tokens that open a gate
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Subcommand)]
pub(crate) enum PeopleCommand {
    /// Add a person: asks for a password (or reads a line), and shows the QR code and the recovery codes
    Add {
        /// The name to sign in with
        name: PersonName,
    },
    /// Give a person a new password, QR code and recovery codes; the old ones, and sign-ins made with them, stop working
    Reset {
        /// The name to sign in with
        name: PersonName,
    },
    /// Remove a person, who can then no longer sign in
    Remove {
        /// The name to sign in with
        name: PersonName,
    },
    /// List their names
    List,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and show it once
    Add {
        /// A name for the list
        name: PersonName,
    },
    /// Revoke a token, and every sign-in made with it
    Revoke {
        /// The token's name
        name: PersonName,
    },
    /// List their names
    List,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the password cannot be read: {0}")]
    Password(io::Error),
    #[error("the change was made, but its result cannot be written: {0}")]
    Unsaid(io::Error),
    #[error("the two passwords differ")]
    Differ,
    #[error("{0}")]
    Unfit(#[from] stretch::PasswordError),
    #[error("this name is taken: {0}")]
    Taken(&'static str),
    #[error("there is no such name in the list")]
    Missing,
    #[error("the system refused what the command needs: {0}")]
    System(#[from] io::Error),
}

impl Command {
    /// Does it, and writes its result to standard output.
    pub(crate) fn run(self, config: &Config) -> Result<(), CommandError> {
        let folder = StateFolder::open(config.state.as_ref())?.ok_or(StateError::Needed("a list"))?;
        match self {
            Self::People(PeopleCommand::Add { name }) => {
                put(&folder, config, &name, true)?.ok_or(CommandError::Taken("see cloakroom people reset"))
            }
            Self::People(PeopleCommand::Reset { name }) => {
                put(&folder, config, &name, false)?.ok_or(CommandError::Missing)
            }
            Self::People(PeopleCommand::Remove { name }) => was_there(People::remove(&folder, &name)?),
            Self::People(PeopleCommand::List) => list(People::read(&folder)?.names()),
            Self::Token(TokenCommand::Add { name }) => {
                let token = Tokens::add(&folder, name)?.ok_or(CommandError::Taken("revoke it first"))?;
                say(|out| writeln!(out, "{}", *token))?;
                // The hint is for people; a script reads the token alone.
                let _ = writeln!(io::stderr(), "Hand it out now: it is shown nowhere else.");
                Ok(())
            }
            Self::Token(TokenCommand::Revoke { name }) => was_there(Tokens::revoke(&folder, &name)?),
            Self::Token(TokenCommand::List) => list(Tokens::read(&folder)?.names()),
        }
    }
}

/// Writes to standard output. What cannot be written is an error, not a panic.
fn say(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    write(&mut out).and_then(|()| out.flush()).map_err(CommandError::Unsaid)
}

fn was_there(was_there: bool) -> Result<(), CommandError> {
    if !was_there {
        return Err(CommandError::Missing);
    }
    let _ = writeln!(io::stderr(), "Removed. A server that runs follows at once.");
    Ok(())
}

fn list<'n>(mut names: impl Iterator<Item = &'n str>) -> Result<(), CommandError> {
    say(|out| names.try_for_each(|name| writeln!(out, "{name}")))
}

fn put(folder: &StateFolder, config: &Config, name: &PersonName, is_new: bool) -> Result<Option<()>, CommandError> {
    // Before anyone types a password in vain.
    if People::read(folder)?.names().any(|known| known == name.as_str()) == is_new {
        return Ok(None);
    }
    let secret = ServerSecret::with_salt_key(&folder.salt_key()?)?;
    let password = password(name)?;
    let verifier = stretch::person_verifier(&password, name, &People::salt(&secret, name))?;
    let Some(factors) = People::put(folder, &secret, name, &verifier, &config.site(), is_new)? else {
        return Ok(None);
    };
    say(|out| show(&factors, name, out)).map(Some)
}

fn show(factors: &Factors, name: &PersonName, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Have {} scan this with an authenticator app:\n", name.as_str())?;
    writeln!(out, "{}", qr_code(&factors.url).unwrap_or_default())?;
    writeln!(out, "Or type it in there: {}\n", *factors.secret)?;
    writeln!(out, "Recovery codes, each good once in place of the app. They are shown nowhere else:\n")?;
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

/// Typed twice at a terminal, unseen; else the first line of standard input.
fn password(name: &PersonName) -> Result<Zeroizing<String>, CommandError> {
    if !io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        // A little more than may be: what is longer is told so.
        let most = u64::try_from(limits::PASSWORD_BYTES_TYPED).unwrap_or(u64::MAX).saturating_add(2);
        io::stdin().lock().take(most).read_line(&mut line).map_err(CommandError::Password)?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(CommandError::Password);
    let first = ask(format!("Password for {}: ", name.as_str()))?;
    let second = ask("The same again: ".to_owned())?;
    if first == second { Ok(first) } else { Err(CommandError::Differ) }
}
