//! `cloak integrity serve`: signs the messages of several clients at a time.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    FileError, Keys,
    server::{Error, Input, Output, Server, Tally},
};
use crate::{cli::seconds, say};

/// How long to wait before accepting again, after it has failed: the next try would fail at once.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Sign messages with the keys of a file
///
/// Each client gets the keys from the first one on, and each message takes the next key. When no key is left, that
/// client's session ends with an error. SIGTERM ends the server.
#[derive(Debug, Args)]
pub struct Serve {
    /// The port to serve on; with 0, the system chooses one
    port: u16,

    /// The file with the keys, one a line
    #[arg(value_name = "KEYS_FILE")]
    keys: PathBuf,

    /// The address to serve on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,

    /// Clients at one time, at most; others wait
    #[arg(long, value_name = "CLIENTS", default_value = "64")]
    clients: NonZeroUsize,

    #[command(flatten)]
    times: Times,
}

/// How long to wait for a client.
#[derive(Clone, Copy, Debug, Args)]
struct Times {
    /// Seconds that a client may take for a command or a message
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,

    /// Milliseconds to wait for more after a dot at a line's beginning; if nothing comes, the message is over
    #[arg(long, value_name = "MILLISECONDS", default_value = "200", value_parser = milliseconds)]
    quiet: Duration,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds.into())),
        _ => Err("wants a whole number of milliseconds, at least 1".to_owned()),
    }
}

/// Why the server does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] FileError),
    /// The address cannot be used.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Signals cannot be received.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

/// Why a session ended before the client had quit.
#[derive(Debug, Error)]
enum SessionError {
    #[error(transparent)]
    Protocol(#[from] Error),
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    #[error("the client took longer than {} s; expected {expected}", within.as_secs())]
    TimedOut { within: Duration, expected: String },
}

impl Serve {
    /// Serves until a signal comes.
    ///
    /// # Errors
    /// When it cannot start.
    pub async fn run(self) -> Result<(), ServeError> {
        let keys = Arc::new(Keys::read(&self.keys)?);
        let address = SocketAddr::new(self.listen, self.port);
        let listen_error = |error| ServeError::Listen { address, error };
        let stopped = stopped().map_err(ServeError::Signals)?;
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        say::note(format_args!("listening on {}", listener.local_addr().map_err(listen_error)?));
        select! {
            () = accept(&listener, &keys, self.clients.get(), self.times) => {}
            () = stopped => {}
        }
        Ok(())
    }
}

/// Sessions end when this future is dropped.
async fn accept(listener: &TcpListener, keys: &Arc<Keys>, clients: usize, times: Times) {
    let mut sessions = JoinSet::new();
    loop {
        if sessions.len() >= clients {
            sessions.join_next().await;
        }
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    sessions.spawn(serve(stream, peer, Arc::clone(keys), times));
                }
                Err(error) => {
                    say::error(format_args!("cannot accept connections: {error}"));
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, keys: Arc<Keys>, times: Times) {
    let mut server = Server::new(keys);
    // Old clients read packets: what is written on its own leaves on its own.
    let served = match stream.set_nodelay(true) {
        Ok(()) => drive(&mut server, stream, times).await,
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(()) => say::note(format_args!("{peer}: {}", server.tally())),
        Err(error) => say::error(format_args!("{peer}: {error} ({})", server.tally())),
    }
}

async fn drive(
    server: &mut Server,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    times: Times,
) -> Result<(), SessionError> {
    let mut buffer = [0; 16 * 1024];
    let mut deadline = Instant::now() + times.timeout;
    let timed_out = |server: &Server| SessionError::TimedOut { within: times.timeout, expected: server.expected() };
    loop {
        let read = timeout_at(deadline, stream.read(&mut buffer));
        let read = if server.may_be_over() { timeout(times.quiet, read).await } else { Ok(read.await) };
        let handled = match read {
            Err(_) => server.handle(Input::Quiet),
            Ok(read) => {
                let read = read.map_err(|_| timed_out(server))??;
                server.handle(match buffer.get(..read) {
                    Some(bytes) if !bytes.is_empty() => Input::Bytes(bytes),
                    _ => Input::End,
                })
            }
        };
        while let Some(output) = server.poll() {
            match output {
                Output::Send(bytes) => {
                    deadline = Instant::now() + times.timeout;
                    timeout_at(deadline, stream.write_all(&bytes)).await.map_err(|_| timed_out(server))??;
                }
                Output::Close => return Ok(()),
            }
        }
        handled?;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Ends with the first signal that asks for an end. Signals count from now on, not only once this is awaited.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends when the person at the keyboard asks for it.
#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const TIMES: Times = Times { timeout: Duration::from_secs(30), quiet: Duration::from_millis(200) };
    // The clock is paused: it jumps to the next timer when nothing else is left to do.
    const SHORTER: Duration = Duration::from_millis(199);
    const LONGER: Duration = Duration::from_millis(201);

    /// A client that sends these parts, with a pause before each. Returns what it got, and how the session ended.
    async fn session(parts: &[(Duration, &str)]) -> (String, Result<Tally, SessionError>) {
        let (mut client, stream) = duplex(1024);
        let mut server = Server::new(Arc::new(Keys::parse(b"key").unwrap()));
        let served = async { drive(&mut server, stream, TIMES).await.map(|()| server.tally()) };
        let talk = async {
            for (pause, part) in parts {
                sleep(*pause).await;
                client.write_all(part.as_bytes()).await.unwrap();
            }
            let mut got = String::new();
            client.read_to_string(&mut got).await.unwrap();
            got
        };
        let (ended, got) = tokio::join!(served, talk);
        (got, ended)
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_cut_between_its_dots_goes_on_within_the_quiet_time() {
        let parts = [
            (Duration::ZERO, "HELLODATA."),
            (SHORTER, ".x\n."),
            (SHORTER, "."),
            (SHORTER, "y\n."),
            (LONGER, "PASSQUIT"),
        ];
        let (got, ended) = session(&parts).await;
        // SHA-256(".x.ykey")
        let signature = "bb566e22c1d36657043c03e02514f1a9e63afcb479257af7a74c5af5514616be";
        assert_eq!(got, format!("260 OK270 SIG{signature}260 OK"));
        assert_eq!(ended.unwrap(), Tally { passed: 1, failed: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_dot_ends_the_message_after_the_quiet_time() {
        let (got, ended) = session(&[(Duration::ZERO, "HELLODATA."), (LONGER, ".x\n.")]).await;
        // SHA-256("key")
        let signature = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";
        assert_eq!(got, format!("260 OK270 SIG{signature}"));
        assert_eq!(ended.unwrap_err().to_string(), "expected PASS or FAIL, got \".\"");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_drip_do_not_put_the_end_off() {
        let drip = [(Duration::from_secs(9), "x"); 3];
        let began = Instant::now();
        let (got, ended) = session(&[&[(Duration::ZERO, "HELLODATA")], drip.as_slice()].concat()).await;
        assert_eq!(began.elapsed().as_secs(), TIMES.timeout.as_secs());
        assert_eq!(got, "260 OK");
        assert!(matches!(ended, Err(SessionError::TimedOut { .. })));
    }
}
