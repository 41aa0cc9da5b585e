//! `cloak integrity check`: has a server sign messages, and compares.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Args,
    builder::styling::{AnsiColor, Style},
};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    FileError, Messages, Signature, Signatures,
    client::{Case, Client, Error, Input, Judgement, Output},
};
use crate::{cli::seconds, say};

const HEAD: Style = Style::new().bold();
const PASSED: Style = AnsiColor::Green.on_default();
const FAILED: Style = AnsiColor::Red.on_default().bold();

/// Have a server sign messages, and compare with the signatures of a file
///
/// Prints a table with a row for each message. Exits with 0 if all messages pass, with 1 if any fails, and with 2 if
/// they could not be checked.
#[derive(Debug, Args)]
pub struct Check {
    /// The server's name or address
    server: String,

    /// The server's port
    port: u16,

    /// The file with the messages: a line with the length, then a line with the message, in turn
    #[arg(value_name = "MESSAGES_FILE")]
    messages: PathBuf,

    /// The file with the signature of each message, one a line
    #[arg(value_name = "SIGNATURES_FILE")]
    signatures: PathBuf,

    /// Seconds that the server may take for a reply
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
}

/// Why messages could not be checked.
#[derive(Debug, Error)]
pub enum CheckError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Messages and signatures are not as many.
    #[error("{} has {}, but {} has {}", messages.0.display(), count(messages.1, "message"), signatures.0.display(), count(signatures.1, "signature"))]
    Counts {
        /// The file with the messages, and how many there are.
        messages: (PathBuf, usize),
        /// The file with the signatures, and how many there are.
        signatures: (PathBuf, usize),
    },
    /// There is no connection.
    #[error("cannot connect to {server}: {error}")]
    Connect {
        /// The server.
        server: String,
        /// What the system says.
        error: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    /// The server does not keep to the protocol.
    #[error("{0}{hint}", hint = if matches!(.0, Error::Closed { .. }) { " (it may have run out of keys)" } else { "" })]
    Protocol(#[from] Error),
    /// The server does not answer.
    #[error("the server took longer than {} s; expected {expected}", within.as_secs())]
    TimedOut {
        /// The time that it had.
        within: Duration,
        /// What it should have sent.
        expected: String,
    },
    /// The table cannot be written.
    #[error("cannot write the table: {0}")]
    Table(io::Error),
}

fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

impl Check {
    /// Checks all messages. Returns whether all pass.
    ///
    /// # Errors
    /// When they cannot be checked.
    pub async fn run(self) -> Result<bool, CheckError> {
        let cases = cases(&self.messages, &self.signatures)?;
        let stream = self.connect().await?;
        let mut table = Table::new(anstream::stdout());
        table.head().map_err(CheckError::Table)?;
        drive(&mut Client::new(&cases), stream, self.timeout, &mut table).await?;
        let total = cases.len();
        say::note(format_args!("{} of {} passed", table.passed, count(total, "message")));
        Ok(table.passed == total)
    }

    async fn connect(&self) -> Result<TcpStream, CheckError> {
        let connect = TcpStream::connect((self.server.as_str(), self.port));
        let connected = timeout(self.timeout, connect).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|error| CheckError::Connect { server: format!("{} port {}", self.server, self.port), error })
    }
}

fn cases(messages_file: &Path, signatures_file: &Path) -> Result<Vec<Case>, CheckError> {
    let Messages { messages, warnings } = Messages::read(messages_file)?;
    let Signatures(signatures) = Signatures::read(signatures_file)?;
    if messages.len() != signatures.len() {
        return Err(CheckError::Counts {
            messages: (messages_file.to_owned(), messages.len()),
            signatures: (signatures_file.to_owned(), signatures.len()),
        });
    }
    for warning in warnings {
        say::warning(format_args!("{}:{warning}", messages_file.display()));
    }
    Ok(messages.into_iter().zip(signatures).map(|(message, expected)| Case { message, expected }).collect())
}

async fn drive(
    client: &mut Client<'_>,
    mut stream: TcpStream,
    within: Duration,
    table: &mut Table<impl Write>,
) -> Result<(), CheckError> {
    // Old servers read packets: what is written on its own leaves on its own.
    stream.set_nodelay(true)?;
    let mut buffer = [0; 1024];
    let mut deadline = Instant::now() + within;
    let mut handled = Ok(());
    loop {
        let timed_out = |client: &Client<'_>| CheckError::TimedOut { within, expected: client.expected() };
        while let Some(output) = client.poll() {
            match output {
                Output::Send(bytes) => {
                    deadline = Instant::now() + within;
                    timeout_at(deadline, stream.write_all(&bytes)).await.map_err(|_| timed_out(client))??;
                }
                Output::Judge(judgement) => table.row(&judgement).map_err(CheckError::Table)?,
                Output::Close => return Ok(()),
            }
        }
        handled?;
        let read = timeout_at(deadline, stream.read(&mut buffer)).await.map_err(|_| timed_out(client))??;
        handled = client.handle(match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => Input::Bytes(bytes),
            _ => Input::End,
        });
    }
}

/// Rows are written as they come.
struct Table<W> {
    out: W,
    rows: usize,
    passed: usize,
}

const COLUMN: usize = Signature::DIGITS;

impl<W: Write> Table<W> {
    fn new(out: W) -> Self {
        Self { out, rows: 0, passed: 0 }
    }

    fn head(&mut self) -> io::Result<()> {
        let line = format!("message  {:COLUMN$}  {:COLUMN$}  result", "expected", "received");
        writeln!(self.out, "{HEAD}{line}{HEAD:#}")
    }

    fn row(&mut self, judgement: &Judgement) -> io::Result<()> {
        self.rows += 1;
        self.passed += usize::from(judgement.passes());
        let Judgement { expected, received } = judgement;
        let style = if judgement.passes() { PASSED } else { FAILED };
        writeln!(self.out, "{:7}  {expected}  {received}  {style}{}{style:#}", self.rows, judgement.word())
    }
}
