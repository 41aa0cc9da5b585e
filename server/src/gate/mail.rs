//! Mailed codes: the list of mailboxes, valid codes, and sending.

use std::{
    collections::VecDeque,
    str::FromStr,
    sync::{Mutex, PoisonError},
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
use crate::{
    StateError, StateFolder,
    refuse::Refused,
    smtp_server::{Scheme, SmtpServer},
};

/// The file's name in the state folder.
pub(crate) const FILE: &str = "emails";
/// Digits in a code.
const DIGITS: usize = 6;
/// Mailboxes to remember. While all of them are less than an hour old, no other mailbox gets a code.
const REMEMBERED: usize = 20_000;
/// The window for counting mails to a mailbox.
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long one step of SMTP may take.
const SMTP_WITHIN: Duration = Duration::from_secs(5);
/// Concurrent SMTP connections for availability checks, and as many again for sending. Separate limits, because
/// otherwise the time of a check would reveal whether mails are being sent.
const SMTP_CONNECTIONS: usize = 8;
/// The waits before retries after a temporary failure.
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

/// A mailbox in lower case.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MailboxName(String);

impl MailboxName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key for counting mails and codes: the mailbox without a `+tag`, which leads to the same mailbox.
    fn count_key(&self) -> String {
        match self.0.split_once('@') {
            Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
            None => self.0.clone(),
        }
    }
}

impl FromStr for MailboxName {
    type Err = Refusal;

    /// Accepts a dot-atom (RFC 5322, section 3.2.3) and a domain, in ASCII. Quoted local parts are rare and easily
    /// misread, so they are refused.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@".contains(c);
        if text.len() > limits::MAILBOX_BYTES || !text.chars().all(is_atom) || text.parse::<Address>().is_err() {
            return Err(Refusal::BadMailbox);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// The mailboxes that may get a code: a file with one address or domain per line.
#[derive(Default)]
pub(crate) struct MailboxList(Vec<String>);

impl MailboxList {
    pub(crate) fn read(folder: &StateFolder) -> Result<Self, StateError> {
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
                Err(_) => Err(format!("line {}: expected an address, or a domain such as example.org", at + 1)),
            }
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn has(&self, mailbox: &MailboxName) -> bool {
        let domain = mailbox.0.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.0.iter().any(|entry| *entry == mailbox.0 || entry == domain)
    }
}

struct Code {
    digits: Zeroizing<String>,
    until: Instant,
}

/// The mails to one mailbox.
#[derive(Default)]
struct Sent {
    /// The times of recent mails, oldest first.
    at: VecDeque<Instant>,
    code: Option<Code>,
    /// Wrong codes shown while a code was valid, and the time of the last one.
    wrong: u32,
    last_wrong: Option<Instant>,
}

impl Sent {
    fn forget(&mut self, now: Instant) {
        self.at.retain(|at| now.saturating_duration_since(*at) < HOUR);
        if self.last_wrong.is_some_and(|last| now.saturating_duration_since(last) >= limits::LOCKOUT) {
            (self.wrong, self.last_wrong) = (0, None);
        }
    }

    /// Checks that another mail may be sent to this mailbox.
    fn check(&mut self, now: Instant) -> Result<(), Refused> {
        self.forget(now);
        match self.at.front().filter(|_| self.at.len() >= limits::MAILS_PER_HOUR) {
            None => Ok(()),
            Some(first) => {
                Err(Refused::retry_after(Refusal::TooManyMails, (*first + HOUR).saturating_duration_since(now)))
            }
        }
    }
}

/// The mailed codes, by mailbox.
pub(crate) struct Codes(Mutex<LruCache<String, Sent>>);

impl Default for Codes {
    fn default() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl Codes {
    /// Checks that another mail may be sent to this mailbox now.
    pub(crate) fn check(&self, mailbox: &MailboxName, now: Instant) -> Result<(), Refused> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.peek_mut(&mailbox.count_key()).map_or(Ok(()), |sent| sent.check(now))
    }

    /// Draws a new code for a mailbox, which replaces older ones. Unlisted mailboxes are counted alike.
    pub(crate) fn draw(&self, mailbox: &MailboxName, now: Instant) -> Result<Zeroizing<String>, Refused> {
        let digits = random_digits(DIGITS).map_err(|_| Refusal::Internal)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Evicts only mailboxes whose hour is over. Otherwise an evicted mailbox could get more mails than allowed.
        let is_expired = |sent: &Sent| sent.at.back().is_none_or(|at| now.saturating_duration_since(*at) >= HOUR);
        while all.len() >= REMEMBERED && all.peek_lru().is_some_and(|(_, sent)| is_expired(sent)) {
            all.pop_lru();
        }
        let mailbox = mailbox.count_key();
        if all.len() >= REMEMBERED && !all.contains(&mailbox) {
            tracing::warn!("mailed codes refused: too many mailboxes within an hour");
            return Err(Refusal::MailDown.into());
        }
        let sent = all.get_or_insert_mut(mailbox, Sent::default);
        sent.check(now)?;
        sent.at.push_back(now);
        sent.code = Some(Code { digits: digits.clone(), until: now + limits::MAILED_CODE_LIFETIME });
        Ok(digits)
    }

    /// Returns true for the mailbox's valid code, and uses it up. Wrong codes count while a code is valid, from all
    /// networks together, because six digits allow for few guesses.
    pub(crate) fn spend(&self, mailbox: &MailboxName, shown: &str, now: Instant) -> Result<bool, Refused> {
        let mut digits = Zeroizing::new(String::with_capacity(shown.len()));
        digits.extend(shown.chars().filter(|c| !c.is_whitespace()));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sent) = all.peek_mut(&mailbox.count_key()) else { return Ok(false) };
        sent.forget(now);
        if let Some(last) = sent.last_wrong.filter(|_| sent.wrong >= limits::GUESSES) {
            let wait = (last + limits::LOCKOUT).saturating_duration_since(now);
            return Err(Refused::retry_after(Refusal::LockedOut, wait));
        }
        let Some(code) = sent.code.as_ref().filter(|code| now < code.until) else { return Ok(false) };
        let is_right = bool::from(code.digits.as_bytes().ct_eq(digits.as_bytes()));
        if is_right {
            sent.code = None;
        } else {
            sent.wrong += 1;
            sent.last_wrong = Some(now);
        }
        Ok(is_right)
    }
}

/// Sends codes.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// The server's name in mails.
    site: String,
    check_permits: Semaphore,
    send_permits: Semaphore,
}

impl Mailer {
    pub(crate) fn new(
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
        let [check_permits, send_permits] = [(); 2].map(|()| Semaphore::new(SMTP_CONNECTIONS));
        Ok(Self { transport: builder.build(), from, site, check_permits, send_permits })
    }

    /// Returns true when the mail server answers. Called for every request, so that listed and unlisted mailboxes take
    /// the same time.
    pub(crate) async fn is_up(&self) -> bool {
        let Ok(Ok(_permit)) = timeout(SMTP_WITHIN, self.check_permits.acquire()).await else { return false };
        match self.transport.test_connection().await {
            Ok(true) => true,
            Ok(false) => {
                tracing::warn!("mail server refused the connection check");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "mail server cannot be reached");
                false
            }
        }
    }

    /// Sends a code, and retries after temporary failures.
    pub(crate) async fn send(&self, mailbox: &MailboxName, digits: &str) {
        let message = match self.message(mailbox, digits) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, "mail could not be composed");
                return;
            }
        };
        let mut waits = RETRY_AFTER.into_iter();
        loop {
            let Ok(permit) = self.send_permits.acquire().await else { return };
            let sent = self.transport.send(message.clone()).await;
            drop(permit);
            let Err(error) = sent else { return };
            // Logs only the code, because the error's text could name the mailbox.
            let code = error.status().map(|code| code.to_string());
            match waits.next().filter(|_| !error.is_permanent()) {
                Some(wait) => {
                    tracing::warn!(code, "mail not accepted; retrying");
                    sleep(wait).await;
                }
                None => {
                    tracing::warn!(code, "mail not accepted");
                    return;
                }
            }
        }
    }

    fn message(&self, mailbox: &MailboxName, digits: &str) -> Result<Message, lettre::error::Error> {
        let to = mailbox.0.parse::<Address>().map_err(|_| lettre::error::Error::EmailMissingAt)?;
        let (site, minutes) = (&self.site, limits::MAILED_CODE_LIFETIME.as_secs() / 60);
        let code = digits.split_at_checked(DIGITS / 2).map_or(digits.to_owned(), |(one, two)| format!("{one} {two}"));
        let ignore = "If you did not ask for it, someone typed your address by mistake, and you can ignore this mail.";
        let text =
            format!("Your one-time code for {site}:\n\n    {code}\n\nIt works once, for {minutes} minutes. {ignore}\n");
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><body style=\"font-family: sans-serif; line-height: 1.5\">\n\
             <p>Your one-time code for {}:</p>\n<p style=\"font-size: 1.75em\"><strong>{code}</strong></p>\n\
             <p>It works once, for {minutes} minutes. {ignore}</p>\n</body></html>\n",
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
    fn mailboxes_are_parsed_or_refused() {
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
            "\"a b\"@example.org",
            "ana@[127.0.0.1]",
            &format!("{}@example.org", "a".repeat(300)),
        ] {
            assert!(text.parse::<MailboxName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn list_matches_addresses_and_whole_domains() {
        let list = MailboxList::parse(b"# ours\nAna@example.org\n\n@example.net\nexample.com\n").unwrap();
        for text in ["ana@example.org", "bo@example.net", "BO@EXAMPLE.COM"] {
            assert!(list.has(&mailbox(text)), "{text}");
        }
        for text in ["bo@example.org", "bo@sub.example.net", "bo@notexample.com"] {
            assert!(!list.has(&mailbox(text)), "{text}");
        }
        assert!(MailboxList::parse(b"a\nx y\n").err().unwrap().starts_with("line 2: "));
    }

    #[test]
    fn codes_work_once_within_ten_minutes() {
        let (codes, now, ana) = (Codes::default(), Instant::now(), mailbox("ana@example.org"));
        let first = codes.draw(&ana, now).unwrap();
        let spend = |mailbox: &MailboxName, code: &str, now| codes.spend(mailbox, code, now).ok();
        assert_eq!(spend(&mailbox("bo@example.org"), &first, now), Some(false), "another mailbox");
        let second = codes.draw(&ana, now).unwrap();
        assert!(first == second || spend(&ana, &first, now) == Some(false), "an older one");
        assert_eq!(spend(&ana, &format!("{} {}", &second[..3], &second[3..]), now), Some(true));
        assert_eq!(spend(&ana, &second, now), Some(false), "it was used");
        let third = codes.draw(&ana, now).unwrap();
        assert_eq!(spend(&ana, &third, now + limits::MAILED_CODE_LIFETIME), Some(false));
    }

    #[test]
    fn five_wrong_codes_lock_a_mailbox_with_a_valid_code() {
        let (codes, now, ana) = (Codes::default(), Instant::now(), mailbox("ana@example.org"));
        for _ in 0..9 {
            assert_eq!(codes.spend(&ana, "x", now).ok(), Some(false), "no code is valid yet");
        }
        let first = codes.draw(&ana, now).unwrap();
        for _ in 0..limits::GUESSES {
            assert_eq!(codes.spend(&ana, "x", now).ok(), Some(false));
        }
        assert!(codes.spend(&ana, &first, now).is_err());
        let second = codes.draw(&mailbox("ana+chat@example.org"), now).unwrap();
        assert!(codes.spend(&ana, &second, now).is_err(), "a new code does not reset the count");
        let later = now + limits::LOCKOUT;
        let third = codes.draw(&ana, later).unwrap();
        assert_eq!(codes.spend(&ana, &third, later).ok(), Some(true));
        assert!(codes.draw(&ana, later).is_err(), "three mails were sent within the hour");
    }

    #[test]
    fn full_table_keeps_recent_mailboxes() {
        let (codes, now, ana) = (Codes::default(), Instant::now(), mailbox("ana@example.org"));
        let code = codes.draw(&ana, now).unwrap();
        let others = (0..REMEMBERED).map(|n| mailbox(&format!("x{n}@example.org")));
        let refused = others.filter(|other| codes.draw(other, now).is_err()).count();
        assert_eq!(refused, 1, "the table is full for new mailboxes");
        assert!(codes.draw(&ana, now).is_ok(), "known mailboxes still get codes");
        assert_eq!(codes.spend(&ana, &code, now + HOUR).ok(), Some(false));
        assert!(codes.draw(&mailbox("bo@example.org"), now + HOUR).is_ok(), "an hour later there is room");
    }

    #[test]
    fn mailbox_gets_three_mails_an_hour() {
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
    fn mail_has_a_text_and_an_html_part() {
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
