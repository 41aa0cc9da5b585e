//! Codes by e-mail: who may have one, which is good, and sending it.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::authentication::Credentials,
};
use lru::LruCache;
use subtle::ConstantTimeEq as _;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use wire::{Refusal, limits};
use zeroize::Zeroizing;

use super::people::random_digits;
use crate::{StateError, StateFolder, refuse::Refused};

/// The file's name in the state folder.
pub(super) const FILE: &str = "emails";
/// Digits of a code.
const DIGITS: usize = 6;
/// Mailboxes that are remembered; of more, those that were quiet the longest are forgotten.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
/// How long the counting of mails goes back.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long one step of SMTP may take.
const SMTP_WITHIN: Duration = Duration::from_secs(5);
/// Conversations with the mail server at one time.
const AT_A_TIME: usize = 8;
/// When a mail is tried again that the mail server could not take for the moment.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

/// A mailbox in lower case, as lists and counts know it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct MailboxName(String);

impl MailboxName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailboxName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        // A name that SMTP cannot carry without an extension would never get its mail.
        if text.len() > limits::MAILBOX_BYTES || !text.is_ascii() || text.parse::<Address>().is_err() {
            return Err(Refusal::BadMailbox);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Who may have a code: one address or one domain in each line of a file.
#[derive(Default)]
pub(super) struct Allowed(Vec<String>);

impl Allowed {
    pub(super) fn read(folder: &StateFolder) -> Result<Self, StateError> {
        let Some(bytes) = folder.read(FILE)? else { return Ok(Self::default()) };
        Self::parse(&bytes).map_err(|fault| StateError::Content(folder.path(FILE), fault))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        let lines =
            text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let entries = lines.map(|(at, line)| {
            let domain = line.strip_prefix('@').unwrap_or(line);
            let whole = if domain.contains('@') { domain.to_owned() } else { format!("x@{domain}") };
            match whole.parse::<MailboxName>() {
                Ok(_) => Ok(domain.to_ascii_lowercase()),
                Err(_) => Err(format!("line {}: wants an address or a domain such as example.org", at + 1)),
            }
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, mailbox: &MailboxName) -> bool {
        let domain = mailbox.0.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.0.iter().any(|entry| *entry == mailbox.0 || entry == domain)
    }
}

struct Code {
    digits: Zeroizing<String>,
    until: Instant,
}

#[derive(Default)]
struct Sent {
    /// When mails went there, the oldest first.
    at: VecDeque<Instant>,
    code: Option<Code>,
}

impl Sent {
    /// Whether another mail may go there; forgets those of more than an hour ago.
    fn check(&mut self, now: Instant) -> Result<(), Refused> {
        self.at.retain(|at| now.saturating_duration_since(*at) < HOUR);
        match self.at.front().filter(|_| self.at.len() >= limits::MAILS_PER_HOUR) {
            None => Ok(()),
            Some(first) => Err(Refused::until(Refusal::TooManyMails, (*first + HOUR).saturating_duration_since(now))),
        }
    }
}

/// What a code that someone shows is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The one that was sent; it is good no more.
    Right,
    /// Another than the one that was sent.
    Wrong,
    /// None was sent, or it is no longer good.
    Unasked,
}

/// Codes that are under way.
pub(super) struct Codes(Mutex<LruCache<MailboxName, Sent>>);

impl Default for Codes {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Codes {
    /// Whether another mail may go to this mailbox now.
    pub(super) fn check(&self, mailbox: &MailboxName, now: Instant) -> Result<(), Refused> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.peek_mut(mailbox).map_or(Ok(()), |sent| sent.check(now))
    }

    /// A new code for a mailbox; older ones end. A mailbox that is not on the list is counted alike.
    pub(super) fn draw(&self, mailbox: &MailboxName, now: Instant) -> Result<Zeroizing<String>, Refused> {
        let digits = random_digits(DIGITS).map_err(|_| Refusal::Internal)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = all.get_or_insert_mut(mailbox.clone(), Sent::default);
        sent.check(now)?;
        sent.at.push_back(now);
        sent.code = Some(Code { digits: digits.clone(), until: now + limits::MAILED_CODE_LASTS });
        Ok(digits)
    }

    /// Compares a code with the mailbox's, and ends it if it is right.
    pub(super) fn spend(&self, mailbox: &MailboxName, shown: &str, now: Instant) -> Shown {
        let mut digits = Zeroizing::new(String::with_capacity(shown.len()));
        digits.extend(shown.chars().filter(|c| !c.is_whitespace()));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sent) = all.peek_mut(mailbox) else { return Shown::Unasked };
        let Some(code) = sent.code.as_ref().filter(|code| now < code.until) else { return Shown::Unasked };
        if !bool::from(code.digits.as_bytes().ct_eq(digits.as_bytes())) {
            return Shown::Wrong;
        }
        sent.code = None;
        Shown::Right
    }
}

/// The mail server, as a flag names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// TLS from the start (RFC 8314, section 3.3).
    Tls,
    /// STARTTLS, or nothing.
    StartTls,
    /// None: to this machine only.
    Plain,
}

impl FromStr for SmtpServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wants =
            || "wants smtps://HOST[:PORT] (TLS), smtp://HOST[:PORT] (STARTTLS), or smtp+plain://localhost[:PORT]";
        let (scheme, rest) = text.split_once("://").ok_or_else(wants)?;
        let (scheme, usual) = match scheme {
            "smtps" => (Scheme::Tls, 465),
            "smtp" => (Scheme::StartTls, 587),
            "smtp+plain" => (Scheme::Plain, 25),
            _ => return Err(wants().to_owned()),
        };
        let authority = rest.trim_end_matches('/').parse::<axum::http::uri::Authority>().map_err(|_| wants())?;
        if authority.as_str().contains('@') {
            return Err("takes no password: see --smtp-user".to_owned());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if host.is_empty() || (scheme == Scheme::Plain && !is_here) {
            return Err(wants().to_owned());
        }
        Ok(Self { scheme, host, port: authority.port_u16().unwrap_or(usual) })
    }
}

/// Sends codes.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// What the server calls itself in a mail.
    site: String,
    conversations: Arc<Semaphore>,
}

impl Mailer {
    pub(super) fn new(
        server: &SmtpServer,
        credentials: Option<(String, Zeroizing<String>)>,
        from: Mailbox,
        site: String,
    ) -> Result<Self, lettre::transport::smtp::Error> {
        let host = &server.host;
        let builder = match server.scheme {
            Scheme::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host)?,
            Scheme::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host)?,
            Scheme::Plain => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host),
        };
        let mut builder = builder.port(server.port).timeout(Some(SMTP_WITHIN));
        if let Some((user, password)) = credentials {
            builder = builder.credentials(Credentials::new(user, password.to_string()));
        }
        Ok(Self { transport: builder.build(), from, site, conversations: Arc::new(Semaphore::new(AT_A_TIME)) })
    }

    /// Whether mails can be sent. Asked for each request, whether its mailbox is on the list or not, so that both take
    /// the same time.
    pub(super) async fn is_up(&self) -> bool {
        let Ok(Ok(_place)) = timeout(SMTP_WITHIN, self.conversations.acquire()).await else { return false };
        match self.transport.test_connection().await {
            Ok(true) => true,
            Ok(false) => {
                tracing::warn!("the mail server does not answer as it should");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the mail server cannot be reached");
                false
            }
        }
    }

    /// Sends a code, and does not wait for the end of it.
    pub(super) fn send(self: &Arc<Self>, mailbox: &MailboxName, digits: &str) {
        let message = match self.message(mailbox, digits) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, "a mail could not be written");
                return;
            }
        };
        let mailer = Arc::clone(self);
        tokio::spawn(async move {
            let mut again = AGAIN_AFTER.into_iter();
            loop {
                let Ok(place) = mailer.conversations.acquire().await else { return };
                let sent = mailer.transport.send(message.clone()).await;
                drop(place);
                let Err(error) = sent else { return };
                // Its own words could name the mailbox.
                let code = error.status().map(|code| code.to_string());
                match again.next().filter(|_| !error.is_permanent()) {
                    Some(wait) => {
                        tracing::warn!(code, "a mail was not taken; it is sent again");
                        sleep(wait).await;
                    }
                    None => {
                        tracing::warn!(code, "a mail was not taken");
                        return;
                    }
                }
            }
        });
    }

    fn message(&self, mailbox: &MailboxName, digits: &str) -> Result<Message, lettre::error::Error> {
        let to = mailbox.0.parse::<Address>().map_err(|_| lettre::error::Error::EmailMissingAt)?;
        let (site, minutes) = (&self.site, limits::MAILED_CODE_LASTS.as_secs() / 60);
        let code = digits.split_at_checked(DIGITS / 2).map_or(digits.to_owned(), |(one, two)| format!("{one} {two}"));
        let ignore = "If you did not ask for it, someone typed your address by mistake. You need not do anything.";
        let text = format!(
            "Your one-time code for {site}:\n\n    {code}\n\nIt is good for {minutes} minutes, once. {ignore}\n"
        );
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><body style=\"font-family: sans-serif; line-height: 1.5\">\n\
             <p>Your one-time code for {}:</p>\n<p style=\"font-size: 1.75em\"><strong>{code}</strong></p>\n\
             <p>It is good for {minutes} minutes, once. {ignore}</p>\n</body></html>\n",
            escape(site)
        );
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(format!("Your code for {site}"))
            .multipart(MultiPart::alternative_plain_html(text, html))
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> MailboxName {
        text.parse().unwrap()
    }

    #[test]
    fn mailboxes() {
        assert_eq!(mailbox(" Ana@Example.ORG").as_str(), "ana@example.org");
        for text in [
            "",
            "ana",
            "ana@",
            "@example.org",
            "ana@example.org\r\nBcc: eve@evil.example",
            "ana@example.org, eve@evil.example",
            "Ana <ana@example.org>",
            "ana\u{0}@example.org",
            "änä@example.org",
            &format!("{}@example.org", "a".repeat(300)),
        ] {
            assert!(text.parse::<MailboxName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_list_has_addresses_and_domains() {
        let list = Allowed::parse(b"# ours\nAna@example.org\n\n@example.net\nexample.com\n").unwrap();
        for text in ["ana@example.org", "bo@example.net", "BO@EXAMPLE.COM"] {
            assert!(list.has(&mailbox(text)), "{text}");
        }
        for text in ["bo@example.org", "bo@sub.example.net", "bo@notexample.com"] {
            assert!(!list.has(&mailbox(text)), "{text}");
        }
        assert!(Allowed::parse(b"a\nx y\n").err().unwrap().starts_with("line 2: "));
    }

    #[test]
    fn a_code_is_good_once_and_for_ten_minutes() {
        let (codes, now, ana) = (Codes::default(), Instant::now(), mailbox("ana@example.org"));
        let first = codes.draw(&ana, now).unwrap();
        assert_eq!(codes.spend(&mailbox("bo@example.org"), &first, now), Shown::Unasked, "it is hers");
        let second = codes.draw(&ana, now).unwrap();
        assert!(first == second || codes.spend(&ana, &first, now) == Shown::Wrong, "an older one");
        assert_eq!(codes.spend(&ana, &format!("{} {}", &second[..3], &second[3..]), now), Shown::Right);
        assert_eq!(codes.spend(&ana, &second, now), Shown::Unasked, "it was used");
        let third = codes.draw(&ana, now).unwrap();
        assert_eq!(codes.spend(&ana, &third, now + limits::MAILED_CODE_LASTS), Shown::Unasked);
    }

    #[test]
    fn three_mails_an_hour() {
        let (codes, now, ana) = (Codes::default(), Instant::now(), mailbox("ana@example.org"));
        let at = |minutes: u64| now + Duration::from_secs(60 * minutes);
        for minute in [0, 10, 20] {
            assert!(codes.check(&ana, at(minute)).is_ok() && codes.draw(&ana, at(minute)).is_ok());
        }
        assert!(codes.check(&ana, at(59)).is_err());
        assert!(codes.draw(&ana, at(59)).is_err());
        assert!(codes.draw(&mailbox("bo@example.org"), at(59)).is_ok());
        assert!(codes.draw(&ana, at(60)).is_ok());
        assert!(codes.draw(&ana, at(61)).is_err());
    }

    #[test]
    fn mail_servers() {
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

    #[test]
    fn a_mail_has_both_parts_and_no_room() {
        let from = "Chat <chat@example.org>".parse().unwrap();
        let server = "smtp+plain://localhost".parse().unwrap();
        let mailer = Mailer::new(&server, None, from, "chat.example.org".into()).unwrap();
        let mail =
            String::from_utf8(mailer.message(&mailbox("ana@example.org"), "123456").unwrap().formatted()).unwrap();
        for part in ["To: ana@example.org\r\n", "text/plain", "text/html", "123 456", "10 minutes", "chat.example.org"]
        {
            assert!(mail.contains(part), "{part} is missing in {mail}");
        }
    }
}
