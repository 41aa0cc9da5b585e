//! The URL of a mail server.

use std::str::FromStr;

/// A mail server, as `--smtp` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    pub(crate) scheme: Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// TLS from the start (RFC 8314, section 3.3).
    Tls,
    /// STARTTLS, required.
    StartTls,
    /// No encryption, for a mail server on this machine only.
    Plain,
}

impl FromStr for SmtpServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            || "expected smtps://HOST[:PORT] (TLS), smtp://HOST[:PORT] (STARTTLS), or smtp+plain://localhost[:PORT]";
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let (scheme, default_port) = match scheme {
            "smtps" => (Scheme::Tls, 465),
            "smtp" => (Scheme::StartTls, 587),
            "smtp+plain" => (Scheme::Plain, 25),
            _ => return Err(invalid().to_owned()),
        };
        let authority = rest.trim_end_matches('/').parse::<axum::http::uri::Authority>().map_err(|_| invalid())?;
        if authority.as_str().contains('@') {
            return Err("user and password do not belong in the URL: see --smtp-user".to_owned());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if host.is_empty() || (scheme == Scheme::Plain && !is_local) {
            return Err(invalid().to_owned());
        }
        Ok(Self { scheme, host, port: authority.port_u16().unwrap_or(default_port) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_server_urls_are_parsed_or_refused() {
        let server = |text: &str| text.parse::<SmtpServer>();
        let of = |scheme, host: &str, port| Ok(SmtpServer { scheme, host: host.into(), port });
        assert_eq!(server("smtps://mail.example.org"), of(Scheme::Tls, "mail.example.org", 465));
        assert_eq!(server("smtp://mail.example.org:2525/"), of(Scheme::StartTls, "mail.example.org", 2525));
        assert_eq!(server("smtp+plain://[::1]:25"), of(Scheme::Plain, "::1", 25));
        for text in ["mail.example.org", "http://x", "smtp://", "smtp+plain://mail.example.org", "smtps://ana:pw@x"] {
            assert!(server(text).is_err(), "{text}");
        }
        assert!(!server("smtps://ana:hunter2@x").unwrap_err().contains("hunter2"));
    }
}
