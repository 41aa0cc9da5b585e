//! The server's configuration: flags and `CLOAKROOM_*` variables.

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
/// Every flag can also be set by the environment variable shown beside it.
#[derive(Clone, Debug, Parser)]
#[command(name = "cloakroom", version)]
pub struct Config {
    /// Address and port to listen on; may be repeated (in the variable, separate values by commas) [default:
    /// `127.0.0.1:8080` and `[::1]:8080`; with --tls-self-signed, port 8443 on all addresses]
    #[arg(long, env = "CLOAKROOM_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',')]
    pub listen: Vec<SocketAddr>,

    /// Origin under which browsers reach the server, such as `https://chat.example.org`; without it, the server answers
    /// only to localhost and IP addresses
    #[arg(long, env = "CLOAKROOM_PUBLIC_ORIGIN", value_name = "ORIGIN")]
    pub public_origin: Option<PublicOrigin>,

    /// Serve TLS with a self-made certificate for this machine's names and local network addresses; the server keeps it
    /// in the state folder
    #[arg(long, env = "CLOAKROOM_TLS_SELF_SIGNED", value_parser = FalseyValueParser::new(), conflicts_with_all = ["tls_cert", "tls_key"])]
    pub tls_self_signed: bool,

    /// Serve TLS with the certificate chain in this PEM file; the server reloads the file when it changes
    #[arg(long, env = "CLOAKROOM_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key of that certificate
    #[arg(long, env = "CLOAKROOM_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Address or network of a proxy whose X-Forwarded-For the server trusts, such as 127.0.0.1 or 10.0.0.0/8; may be
    /// repeated
    #[arg(long, env = "CLOAKROOM_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,

    /// Folder for state that survives a restart, or `none` to keep nothing [default: `$STATE_DIRECTORY`, or the folder
    /// cloakroom in `$XDG_STATE_HOME` or `~/.local/state`]
    #[arg(long, env = "CLOAKROOM_STATE", value_name = "FOLDER|none", global = true)]
    pub state: Option<StateChoice>,

    /// Gate for creating rooms: open (everyone), token (access tokens), people (accounts with one-time codes), or email
    /// (codes by e-mail)
    #[arg(long, env = "CLOAKROOM_GATE_CREATE", value_name = "GATE", default_value = "open", value_parser = gate)]
    pub gate_create: Gate,

    /// Gate for joining rooms, in addition to the room's password: open, token, people, or email
    #[arg(long, env = "CLOAKROOM_GATE_JOIN", value_name = "GATE", default_value = "open", value_parser = gate)]
    pub gate_join: Gate,

    /// Mail server for one-time codes: `smtps://HOST[:PORT]`, `smtp://HOST[:PORT]` with STARTTLS, or
    /// `smtp+plain://localhost[:PORT]`
    #[arg(long, env = "CLOAKROOM_SMTP", value_name = "URL")]
    pub smtp: Option<SmtpServer>,

    /// User name at the mail server
    #[arg(long, env = "CLOAKROOM_SMTP_USER", value_name = "NAME")]
    pub smtp_user: Option<String>,

    /// File with the password for the mail server; without it, the server reads the password from the variable
    /// CLOAKROOM_SMTP_PASSWORD
    #[arg(long, env = "CLOAKROOM_SMTP_PASSWORD_FILE", value_name = "PATH")]
    pub smtp_password_file: Option<PathBuf>,

    /// Sender of the mailed codes, such as `Chat <chat@example.org>`
    #[arg(long, env = "CLOAKROOM_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<Mailbox>,

    /// Seconds for which an address is locked out after five wrong passwords for one room or account, or five wrong
    /// tokens
    #[arg(long, env = "CLOAKROOM_LOCKOUT", value_name = "SECONDS", default_value = "660", value_parser = seconds)]
    pub lockout: Duration,

    /// Maximum members in one room (1 to 256: a commit for more members would not fit into a frame)
    #[arg(long, env = "CLOAKROOM_MAX_MEMBERS", value_name = "MEMBERS", default_value_t = limits::MEMBERS, value_parser = between(1, limits::MEMBERS))]
    pub max_members: usize,

    /// Maximum rooms at a time
    #[arg(long, env = "CLOAKROOM_MAX_ROOMS", value_name = "ROOMS", default_value_t = limits::ROOMS, value_parser = at_least(1))]
    pub max_rooms: usize,

    /// Maximum connections at a time
    #[arg(long, env = "CLOAKROOM_MAX_CONNECTIONS", value_name = "CONNECTIONS", default_value_t = limits::CONNECTIONS, value_parser = at_least(1))]
    pub max_connections: usize,

    /// Maximum connections at a time from one address; behind a trusted proxy, this counts WebSockets only
    #[arg(long, env = "CLOAKROOM_MAX_CONNECTIONS_PER_ADDRESS", value_name = "CONNECTIONS", default_value_t = limits::CONNECTIONS_PER_ADDRESS, value_parser = at_least(1))]
    pub max_connections_per_address: usize,

    /// Maximum bytes in one frame from a client (at least 1048576, so that every commit fits)
    #[arg(long, env = "CLOAKROOM_MAX_FRAME_BYTES", value_name = "BYTES", default_value_t = limits::FRAME_BYTES, value_parser = at_least(limits::FRAME_BYTES))]
    pub max_frame_bytes: usize,

    /// Maximum bytes queued for one member; a member that reads too slowly and exceeds this is disconnected (at least
    /// 65536)
    #[arg(long, env = "CLOAKROOM_MAX_QUEUE_BYTES", value_name = "BYTES", default_value_t = limits::QUEUE_BYTES, value_parser = at_least(65_536))]
    pub max_queue_bytes: usize,

    /// Maximum bytes queued for all members together (at least 1048576); above half of this, members with more than an
    /// equal share of the other half are disconnected
    #[arg(long, env = "CLOAKROOM_MAX_TOTAL_QUEUE_BYTES", value_name = "BYTES", default_value_t = limits::TOTAL_QUEUE_BYTES, value_parser = at_least(1_048_576))]
    pub max_total_queue_bytes: usize,

    /// Maximum frames per second read from one member; after a pause, a burst of two seconds' worth is allowed
    #[arg(long, env = "CLOAKROOM_MAX_FRAMES_PER_SECOND", value_name = "FRAMES", default_value_t = rate(limits::FRAMES_PER_SECOND))]
    pub max_frames_per_second: NonZeroU32,

    /// Maximum bytes per second read from one member; after a pause, a burst of two seconds' worth is allowed
    #[arg(long, env = "CLOAKROOM_MAX_BYTES_PER_SECOND", value_name = "BYTES", default_value_t = rate(limits::BYTES_PER_SECOND))]
    pub max_bytes_per_second: NonZeroU32,

    /// Maximum bytes of one room's replay buffer, which holds recent sealed messages for members that reconnect (0:
    /// none)
    #[arg(long, env = "CLOAKROOM_MAX_REPLAY_BYTES", value_name = "BYTES", default_value_t = limits::REPLAY_BYTES)]
    pub max_replay_bytes: usize,

    /// Maximum bytes of all replay buffers together (at least 1048576). Above this, each room's replay buffer is
    /// trimmed to half the limit divided by the number of rooms
    #[arg(long, env = "CLOAKROOM_MAX_TOTAL_REPLAY_BYTES", value_name = "BYTES", default_value_t = limits::TOTAL_REPLAY_BYTES, value_parser = at_least(1_048_576))]
    pub max_total_replay_bytes: usize,

    /// Maximum bytes in the body of one API request (at least 4096, so that every valid request fits)
    #[arg(long, env = "CLOAKROOM_MAX_DOOR_BYTES", value_name = "BYTES", default_value_t = limits::DOOR_BYTES, value_parser = at_least(4096))]
    pub max_door_bytes: usize,

    /// Maximum rooms created per minute from one address
    #[arg(long, env = "CLOAKROOM_CREATES_PER_MINUTE", value_name = "ROOMS", default_value_t = rate(limits::CREATES_PER_MINUTE))]
    pub creates_per_minute: NonZeroU32,

    /// Maximum attempts to join per minute from one address
    #[arg(long, env = "CLOAKROOM_JOINS_PER_MINUTE", value_name = "ATTEMPTS", default_value_t = rate(limits::JOINS_PER_MINUTE))]
    pub joins_per_minute: NonZeroU32,

    /// Grace period in seconds: how long a disconnected member keeps its place in the room
    #[arg(long, env = "CLOAKROOM_GRACE", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub grace: Duration,

    /// Log level: error, warn, info, debug, trace, or a filter such as cloakroom=debug
    #[arg(long, env = "CLOAKROOM_LOG", value_name = "LEVEL", default_value = "info", value_parser = filter)]
    pub log: Targets,
}

impl Config {
    /// Returns the server's name in e-mails and authenticator apps: the host of its public origin, or "Cloakroom".
    #[must_use]
    pub fn site(&self) -> String {
        let host = self.public_origin.as_ref().and_then(|origin| origin.as_str().split_once("://"));
        host.map_or_else(|| "Cloakroom".to_owned(), |(_, host)| host.to_owned())
    }

    /// True when the server sends Strict-Transport-Security. It does not with a self-made certificate: people could not
    /// click through the warning about a renewed one.
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
        _ => Err("expected open, token, people or email".to_owned()),
    }
}

fn rate(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
}

fn at_least(least: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<usize>() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("expected a whole number of at least {least}")),
    }
}

fn between(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<usize>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to {most}")),
    }
}

fn filter(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|error| format!("expected error, warn, info, debug, trace, or a filter: {error}"))
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "expected an address such as 127.0.0.1, or a network such as 10.0.0.0/8".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("expected a whole number of seconds, at least 1".to_owned()),
    }
}

/// An origin as browsers send it: scheme and host in lower case, without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin(String);

impl PublicOrigin {
    /// Returns the origin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when browsers offer Web Crypto on this origin's pages: with HTTPS, or on localhost.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        let host = self.0.strip_prefix("http://").unwrap_or_default();
        self.is_https()
            || ["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .any(|local| host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
    }

    /// True when browsers reach the server over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for PublicOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("expected an origin such as https://chat.example.org, without a path; got {text:?}");
        let lower = text.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or_else(invalid)?;
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(invalid()),
        };
        let host = host.strip_suffix(default_port).unwrap_or(host);
        let authority = host.parse::<Authority>().map_err(|_| invalid())?;
        if authority.host().is_empty() || host.contains('@') || host.ends_with(':') {
            return Err(invalid());
        }
        Ok(Self(format!("{scheme}://{host}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_flag_has_a_variable_and_a_help_text() {
        let command = Config::command();
        command.clone().debug_assert();
        for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let long = arg.get_long().unwrap();
            let variable = format!("CLOAKROOM_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(variable.as_str()), "--{long}");
            assert!(arg.get_help().is_some(), "--{long} has a help text");
        }
    }

    #[test]
    fn defaults_equal_the_protocol_limits() {
        let config = Config::parse_from(["cloakroom"]);
        assert_eq!(config.grace, limits::GRACE);
        assert_eq!(config.lockout, limits::LOCKOUT);
        assert_eq!(config.max_replay_bytes, limits::REPLAY_BYTES);
        assert_eq!(config.creates_per_minute.get(), limits::CREATES_PER_MINUTE);
    }

    #[test]
    fn trusted_proxies_are_addresses_or_networks() {
        assert_eq!(network("127.0.0.1"), network("127.0.0.1/32"));
        assert_eq!(network("2001:db8::/32").unwrap().prefix_len(), 32);
        assert!(network("localhost").unwrap_err().starts_with("expected an address"));
    }

    #[test]
    fn https_and_localhost_origins_are_secure() {
        let is_secure = |text: &str| text.parse::<PublicOrigin>().unwrap().is_secure();
        assert!(
            is_secure("https://chat.example.org") && is_secure("http://localhost:8080") && is_secure("http://[::1]")
        );
        assert!(!is_secure("http://chat.example.org") && !is_secure("http://localhost.example.org"));
    }

    #[test]
    fn origins_are_normalised_or_refused() {
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
