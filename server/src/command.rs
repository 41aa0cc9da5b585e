//! The commands beside serving: they change the files of the gates, also while a server runs.

use std::io::{self, BufRead as _, IsTerminal as _};

use clap::Subcommand;
use cloakroom::{Config, ServerSecret, StateError, StateFolder, files, qr_code};
use wire::PersonName;
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
    /// Add someone: asks for a password (or reads a line), and shows the QR code and the recovery codes
    Add {
        /// The name to sign in with
        name: PersonName,
    },
    /// Give someone a new password, a new QR code and new recovery codes; whoever is signed in by that name is so no more
    Reset {
        /// The name to sign in with
        name: PersonName,
    },
    /// Let someone sign in no more
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
        /// What to know it by
        name: PersonName,
    },
    /// Let a token open nothing any more
    Revoke {
        /// What it is known by
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
    #[error("the two passwords differ")]
    Differ,
    #[error("{0}")]
    Unfit(#[from] stretch::PasswordError),
    #[error("there is one of this name already: {0}")]
    Taken(&'static str),
    #[error("there is none of this name")]
    Missing,
    #[error("the system refused what the command needs: {0}")]
    System(#[from] io::Error),
}

impl Command {
    /// Does it, and says on standard output what came of it.
    pub(crate) fn run(self, config: &Config) -> Result<(), CommandError> {
        let folder = StateFolder::open(config.state.as_ref())?.ok_or(StateError::Needed("a list"))?;
        match self {
            Self::People(PeopleCommand::Add { name }) => {
                put(&folder, config, &name, true)?.ok_or(CommandError::Taken("see cloakroom people reset"))
            }
            Self::People(PeopleCommand::Reset { name }) => {
                put(&folder, config, &name, false)?.ok_or(CommandError::Missing)
            }
            Self::People(PeopleCommand::Remove { name }) => was_there(files::remove_person(&folder, &name)?),
            Self::People(PeopleCommand::List) => list(files::people(&folder)?),
            Self::Token(TokenCommand::Add { name }) => {
                let token = files::add_token(&folder, name)?;
                let token = token.ok_or(CommandError::Taken("revoke it first"))?;
                println!("{}", *token);
                eprintln!("Hand it out now: it is shown nowhere else.");
                Ok(())
            }
            Self::Token(TokenCommand::Revoke { name }) => was_there(files::revoke_token(&folder, &name)?),
            Self::Token(TokenCommand::List) => list(files::tokens(&folder)?),
        }
    }
}

fn was_there(was_there: bool) -> Result<(), CommandError> {
    if was_there { Ok(()) } else { Err(CommandError::Missing) }
}

fn list(names: Vec<String>) -> Result<(), CommandError> {
    for name in names {
        println!("{name}");
    }
    Ok(())
}

fn put(folder: &StateFolder, config: &Config, name: &PersonName, is_new: bool) -> Result<Option<()>, CommandError> {
    // Before anyone types a password in vain.
    if files::people(folder)?.iter().any(|known| known == name.as_str()) == is_new {
        return Ok(None);
    }
    let secret = ServerSecret::with_salt_key(&folder.salt_key()?)?;
    let password = password(name)?;
    let verifier = stretch::person_verifier(&password, name, &files::person_salt(&secret, name))?;
    let Some(factors) = files::put_person(folder, &secret, name, &verifier, &config.site(), is_new)? else {
        return Ok(None);
    };
    println!("Have {} scan this with an authenticator app:\n", name.as_str());
    println!("{}", qr_code(&factors.url).unwrap_or_default());
    println!("Or type it in there: {}\n", *factors.secret);
    println!("Recovery codes, each good once in place of the app. They are shown nowhere else:\n");
    for code in &factors.recovery {
        let (mut groups, mut rest) = (Vec::new(), code.as_str());
        while let Some((group, after)) = rest.split_at_checked(4) {
            groups.push(group);
            rest = after;
        }
        println!("    {}", groups.join(" "));
    }
    Ok(Some(()))
}

/// Typed twice at a terminal, unseen; else the first line of standard input.
fn password(name: &PersonName) -> Result<Zeroizing<String>, CommandError> {
    if !io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        io::stdin().lock().read_line(&mut line).map_err(CommandError::Password)?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(CommandError::Password);
    let first = ask(format!("Password for {}: ", name.as_str()))?;
    let second = ask("The same again: ".to_owned())?;
    if first == second { Ok(first) } else { Err(CommandError::Differ) }
}
