//! Flags and `CLOAKROOM_*` variables.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use axum::http::uri::Authority;
use clap::{Parser, builder::FalseyValueParser};
use ipnet::IpNet;
use lettre::message::Mailbox;
use tracing_subscriber::filter::Targets;
use wire::{door::Gate, limits};

use crate::{SmtpServer, StateChoice};

/// A web chat whose server cannot read what is said.
///
/// Every flag can also be given as the variable named beside it.
#[derive(Clone, Debug, Parser)]
#[command(name = "cloakroom", version)]
pub struct Config {
    /// Address and port to serve on; may be repeated (in the variable: separated by commas) [default: `127.0.0.1:8080` and `[::1]:8080`; with --tls-self-signed, port 8443 of every address]
    #[arg(long, env = "CLOAKROOM_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',')]
    pub listen: Vec<SocketAddr>,

    /// The one origin people open, such as `https://chat.example.org`; without it, only localhost and IP addresses are served
    #[arg(long, env = "CLOAKROOM_PUBLIC_ORIGIN", value_name = "ORIGIN")]
    pub public_origin: Option<PublicOrigin>,

    /// Speak TLS with a certificate of the server's own, for this machine's names and addresses in its network; it is kept in the state folder
    #[arg(long, env = "CLOAKROOM_TLS_SELF_SIGNED", value_parser = FalseyValueParser::new(), conflicts_with_all = ["tls_cert", "tls_key"])]
    pub tls_self_signed: bool,

    /// PEM file with a certificate for the public origin, and those that lead to its authority: the server then speaks TLS, and reads the file again when it changes
    #[arg(long, env = "CLOAKROOM_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the key of that certificate
    #[arg(long, env = "CLOAKROOM_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Address or network of a proxy whose X-Forwarded-For is believed, such as 127.0.0.1 or 10.0.0.0/8; may be repeated
    #[arg(long, env = "CLOAKROOM_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,

    /// Folder for the little that outlives a restart, or `none` [default: `$STATE_DIRECTORY`, or cloakroom in `$XDG_STATE_HOME` or `~/.local/state`]
    #[arg(long, env = "CLOAKROOM_STATE", value_name = "FOLDER|none", global = true)]
    pub state: Option<StateChoice>,

    /// Who may make rooms: open (everyone), token, people (name, password and one-time code), or email
    #[arg(long, env = "CLOAKROOM_GATE_CREATE", value_name = "GATE", default_value = "open", value_parser = gate)]
    pub gate_create: Gate,

    /// Who may come into rooms: open (everyone with the room's password), token, people, or email
    #[arg(long, env = "CLOAKROOM_GATE_JOIN", value_name = "GATE", default_value = "open", value_parser = gate)]
    pub gate_join: Gate,

    /// Mail server that sends one-time codes: `smtps://HOST[:PORT]`, `smtp://HOST[:PORT]` with STARTTLS, or `smtp+plain://localhost[:PORT]`
    #[arg(long, env = "CLOAKROOM_SMTP", value_name = "URL")]
    pub smtp: Option<SmtpServer>,

    /// Name to sign in with at the mail server
    #[arg(long, env = "CLOAKROOM_SMTP_USER", value_name = "NAME")]
    pub smtp_user: Option<String>,

    /// File with the password for the mail server; without it, the variable CLOAKROOM_SMTP_PASSWORD holds the password
    #[arg(long, env = "CLOAKROOM_SMTP_PASSWORD_FILE", value_name = "PATH")]
    pub smtp_password_file: Option<PathBuf>,

    /// Address that codes come from, such as `Chat <chat@example.org>`
    #[arg(long, env = "CLOAKROOM_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<Mailbox>,

    /// Seconds that an address is locked out after five wrong passwords for a room or an account, or five wrong tokens
    #[arg(long, env = "CLOAKROOM_LOCKOUT", value_name = "SECONDS", default_value = "660", value_parser = seconds)]
    pub lockout: Duration,

    /// Members in one room, at most (256 at the most: a commit for more would not fit a frame)
    #[arg(long, env = "CLOAKROOM_MAX_MEMBERS", value_name = "MEMBERS", default_value_t = limits::MEMBERS, value_parser = between(1, limits::MEMBERS))]
    pub max_members: usize,

    /// Rooms at one time, at most
    #[arg(long, env = "CLOAKROOM_MAX_ROOMS", value_name = "ROOMS", default_value_t = limits::ROOMS, value_parser = at_least(1))]
    pub max_rooms: usize,

    /// Connections at one time, at most
    #[arg(long, env = "CLOAKROOM_MAX_CONNECTIONS", value_name = "CONNECTIONS", default_value_t = limits::CONNECTIONS, value_parser = at_least(1))]
    pub max_connections: usize,

    /// Connections at one time from one address, at most; behind a trusted proxy, sockets only
    #[arg(long, env = "CLOAKROOM_MAX_CONNECTIONS_PER_ADDRESS", value_name = "CONNECTIONS", default_value_t = limits::CONNECTIONS_PER_ADDRESS, value_parser = at_least(1))]
    pub max_connections_per_address: usize,

    /// Bytes in one frame from a client, at most (1048576 or more, so that every commit fits)
    #[arg(long, env = "CLOAKROOM_MAX_FRAME_BYTES", value_name = "BYTES", default_value_t = limits::FRAME_BYTES, value_parser = at_least(limits::FRAME_BYTES))]
    pub max_frame_bytes: usize,

    /// Bytes of messages that may wait for a member who reads too slowly (65536 or more)
    #[arg(long, env = "CLOAKROOM_MAX_QUEUE_BYTES", value_name = "BYTES", default_value_t = limits::QUEUE_BYTES, value_parser = at_least(65_536))]
    pub max_queue_bytes: usize,

    /// Bytes that may wait for all members together (1048576 or more): past half of it, those are cut off for whom most waits
    #[arg(long, env = "CLOAKROOM_MAX_TOTAL_QUEUE_BYTES", value_name = "BYTES", default_value_t = limits::TOTAL_QUEUE_BYTES, value_parser = at_least(1_048_576))]
    pub max_total_queue_bytes: usize,

    /// Frames that one member may send per second; after a pause, two seconds' worth at once
    #[arg(long, env = "CLOAKROOM_MAX_FRAMES_PER_SECOND", value_name = "FRAMES", default_value_t = rate(limits::FRAMES_PER_SECOND))]
    pub max_frames_per_second: NonZeroU32,

    /// Bytes that one member may send per second; after a pause, two seconds' worth at once
    #[arg(long, env = "CLOAKROOM_MAX_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = rate(limits::BYTES_PER_SECOND))]
    pub max_bytes_per_second: NonZeroU32,

    /// Bytes of what was last said in a room, sealed, that are kept for those whose connection was lost (0: nothing)
    #[arg(long, env = "CLOAKROOM_MAX_REPLAY_BYTES", value_name = "BYTES", default_value_t = limits::REPLAY_BYTES)]
    pub max_replay_bytes: usize,

    /// The same for all rooms together (1048576 or more): past it, each forgets what goes beyond an even part of half of it
    #[arg(long, env = "CLOAKROOM_MAX_TOTAL_REPLAY_BYTES", value_name = "BYTES", default_value_t = limits::TOTAL_REPLAY_BYTES, value_parser = at_least(1_048_576))]
    pub max_total_replay_bytes: usize,

    /// Bytes in one request to the door, at most (4096 or more, so that every honest one fits)
    #[arg(long, env = "CLOAKROOM_MAX_DOOR_BYTES", value_name = "BYTES", default_value_t = limits::DOOR_BYTES, value_parser = at_least(4096))]
    pub max_door_bytes: usize,

    /// Rooms made per minute from one address, at most
    #[arg(long, env = "CLOAKROOM_CREATES_PER_MINUTE", value_name = "ROOMS", default_value_t = rate(limits::CREATES_PER_MINUTE))]
    pub creates_per_minute: NonZeroU32,

    /// Attempts to join per minute from one address, at most
    #[arg(long, env = "CLOAKROOM_JOINS_PER_MINUTE", value_name = "ATTEMPTS", default_value_t = rate(limits::JOINS_PER_MINUTE))]
    pub joins_per_minute: NonZeroU32,

    /// Seconds that a member keeps its place after its connection was lost
    #[arg(long, env = "CLOAKROOM_GRACE", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub grace: Duration,

    /// What to log: error, warn, info, debug, trace, or a filter such as cloakroom=debug
    #[arg(long, env = "CLOAKROOM_LOG", value_name = "LEVEL", default_value = "info", value_parser = filter)]
    pub log: Targets,
}

impl Config {
    /// What the server is called where a person meets it outside of a browser: its host.
    #[must_use]
    pub fn site(&self) -> String {
        let host = self.public_origin.as_ref().and_then(|origin| origin.as_str().split_once("://"));
        host.map_or_else(|| "Cloakroom".to_owned(), |(_, host)| host.to_owned())
    }

    /// Whether browsers are told to come in TLS only, from now on. Not where the certificate is the server's own: people
    /// could not go past the warning of a new one.
    #[must_use]
    pub fn promises_https(&self) -> bool {
        let is_https = self.public_origin.as_ref().is_some_and(PublicOrigin::is_https);
        !self.tls_self_signed && (self.tls_cert.is_some() || is_https)
    }
}

fn gate(text: &str) -> Result<Gate, String> {
    match text {
        "open" => Ok(Gate::Open),
        "token" => Ok(Gate::Token),
        "people" => Ok(Gate::People),
        "email" => Ok(Gate::Email),
        _ => Err("wants open, token, people or email".to_owned()),
    }
}

fn rate(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
}

fn at_least(least: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<usize>() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("wants a whole number of at least {least}")),
    }
}

fn between(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<usize>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("wants a whole number from {least} to {most}")),
    }
}

fn filter(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|error| format!("wants error, warn, info, debug, trace, or a filter: {error}"))
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "wants an address such as 127.0.0.1, or a network such as 10.0.0.0/8".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("wants a whole number of seconds, at least 1".to_owned()),
    }
}

/// An origin as browsers send it: scheme and host in lower case, the port only if it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin(String);

impl PublicOrigin {
    /// The origin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers hand out cryptography on its pages: over TLS, or on the machine itself.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        let host = self.0.strip_prefix("http://").unwrap_or_default();
        self.is_https()
            || ["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .any(|local| host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
    }

    /// Whether people reach the server over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for PublicOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wants = || format!("wants an origin such as https://chat.example.org, without a path; got {text:?}");
        let lower = text.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or_else(wants)?;
        let own_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(wants()),
        };
        let host = host.strip_suffix(own_port).unwrap_or(host);
        let authority = host.parse::<Authority>().map_err(|_| wants())?;
        if authority.host().is_empty() || host.contains('@') || host.ends_with(':') {
            return Err(wants());
        }
        Ok(Self(format!("{scheme}://{host}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_flag_has_its_variable_and_its_words() {
        let command = Config::command();
        command.clone().debug_assert();
        for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let long = arg.get_long().unwrap();
            let variable = format!("CLOAKROOM_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(variable.as_str()), "--{long}");
            assert!(arg.get_help().is_some(), "--{long} says what it is");
        }
    }

    #[test]
    fn defaults_are_those_of_the_protocol() {
        let config = Config::parse_from(["cloakroom"]);
        assert_eq!(config.grace, limits::GRACE);
        assert_eq!(config.lockout, limits::LOCKED_OUT);
        assert_eq!(config.max_replay_bytes, limits::REPLAY_BYTES);
        assert_eq!(config.creates_per_minute.get(), limits::CREATES_PER_MINUTE);
    }

    #[test]
    fn networks() {
        assert_eq!(network("127.0.0.1"), network("127.0.0.1/32"));
        assert_eq!(network("2001:db8::/32").unwrap().prefix_len(), 32);
        assert!(network("localhost").unwrap_err().starts_with("wants an address"));
    }

    #[test]
    fn secure_origins() {
        let is_secure = |text: &str| text.parse::<PublicOrigin>().unwrap().is_secure();
        assert!(
            is_secure("https://chat.example.org") && is_secure("http://localhost:8080") && is_secure("http://[::1]")
        );
        assert!(!is_secure("http://chat.example.org") && !is_secure("http://localhost.example.org"));
    }

    #[test]
    fn origins() {
        for (text, origin) in [
            ("https://Chat.Example.org", "https://chat.example.org"),
            ("https://chat.example.org:443/", "https://chat.example.org"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<PublicOrigin>().as_ref().map(PublicOrigin::as_str), Ok(origin));
        }
        for text in [
            "chat.example.org",
            "ftp://x",
            "https://",
            "https://x/chat",
            "https://a b",
            "https://u@x",
            "https://a:b:c",
            "https://[[",
            "https://x:",
        ] {
            assert!(text.parse::<PublicOrigin>().is_err(), "{text}");
        }
    }
}
