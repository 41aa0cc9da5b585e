//! The server's side of one session, without IO.
//!
//! ```text
//! server.handle(Input::Bytes(bytes))?;
//! while let Some(output) = server.poll() { … }
//! ```
//!
//! No command ends with a line feed, and packets mean nothing: the phase alone says what the next byte belongs to. One
//! thing it cannot say. A dot at a line's beginning ends the message, unless the next byte is a dot too, and a client
//! that has sent the last dot waits for the answer. So while [`Server::may_be_over`], the driver waits a short time for
//! the next byte; if none comes, it hands in [`Input::Quiet`].

use std::{collections::VecDeque, sync::Arc};

use thiserror::Error;

use super::{
    Keys, TextError,
    expected::{Expected, Unexpected},
    text::Text,
    words,
};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Bytes came, any number of them.
    Bytes(&'a [u8]),
    /// No byte has come for a while.
    Quiet,
    /// No byte will come.
    End,
}

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this, in one write.
    Send(Vec<u8>),
    /// Close the connection: the client has quit.
    Close,
}

/// Why a session ended before the client had quit.
#[derive(Debug, Error)]
pub enum Error {
    /// Something else came than a command that may come.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
    /// A message is not ASCII, or too long.
    #[error("message {message}, {error}")]
    Text {
        /// Which one, from 1.
        message: usize,
        /// What is wrong with it.
        error: TextError,
    },
    /// There are more messages than keys.
    #[error("no key is left for message {message}: add keys to the file", message = used + 1)]
    NoKeyLeft {
        /// How many keys there were.
        used: usize,
    },
    /// The client closed the connection.
    #[error("the client closed the connection; expected {expected}")]
    Closed {
        /// What it should have sent.
        expected: String,
    },
}

/// How many messages a client has judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// With `PASS`.
    pub passed: usize,
    /// With `FAIL`.
    pub failed: usize,
}

/// A session with one client, from its first byte. After an error, or after [`Output::Close`], it is over.
pub struct Server {
    keys: Arc<Keys>,
    used: usize,
    tally: Tally,
    phase: Phase,
    out: VecDeque<Output>,
}

enum Phase {
    Command(Expected<Command>),
    Text(Text),
    Over,
}

#[derive(Clone, Copy)]
enum Command {
    Hello,
    Data,
    Pass,
    Fail,
    Quit,
}

const GREETING: &[(&str, Command)] = &[(words::HELLO, Command::Hello)];
const REQUEST: &[(&str, Command)] = &[(words::DATA, Command::Data), (words::QUIT, Command::Quit)];
const VERDICT: &[(&str, Command)] = &[(words::PASS, Command::Pass), (words::FAIL, Command::Fail)];

impl Server {
    /// Begins a session, which uses the keys from the first one on.
    #[must_use]
    pub fn new(keys: Arc<Keys>) -> Self {
        let phase = Phase::Command(Expected::new(GREETING));
        Self { keys, used: 0, tally: Tally::default(), phase, out: VecDeque::new() }
    }

    /// Takes what happened. What there is to do is in [`Server::poll`], after an error too.
    ///
    /// # Errors
    /// When the session is over before the client has quit.
    pub fn handle(&mut self, input: Input<'_>) -> Result<(), Error> {
        match input {
            Input::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    bytes = self.read(bytes)?;
                }
                Ok(())
            }
            Input::Quiet if self.may_be_over() => self.sign(),
            Input::Quiet => Ok(()),
            Input::End => {
                if self.may_be_over() {
                    self.sign()?;
                }
                if matches!(self.phase, Phase::Over) {
                    Ok(())
                } else {
                    Err(Error::Closed { expected: self.expected() })
                }
            }
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The message is over if no byte follows.
    #[must_use]
    pub fn may_be_over(&self) -> bool {
        matches!(&self.phase, Phase::Text(text) if text.may_be_over())
    }

    /// What the client has to send next, for people.
    #[must_use]
    pub fn expected(&self) -> String {
        match &self.phase {
            Phase::Command(expected) => expected.to_string(),
            Phase::Text(_) => "the rest of a message".to_owned(),
            Phase::Over => "nothing".to_owned(),
        }
    }

    /// What the client has said of the messages so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Reads until the phase changes, and returns what is left.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        match &mut self.phase {
            Phase::Command(expected) => {
                let Some((letter, rest)) = bytes.split_first() else { return Ok(bytes) };
                if let Some(command) = expected.push(*letter)? {
                    self.obey(command);
                }
                Ok(rest)
            }
            Phase::Text(text) => {
                let message = self.used + 1;
                match text.read(bytes).map_err(|error| Error::Text { message, error })? {
                    Some(rest) => self.sign().map(|()| rest),
                    None => Ok(&[]),
                }
            }
            Phase::Over => Ok(&[]),
        }
    }

    fn obey(&mut self, command: Command) {
        self.phase = match command {
            Command::Hello => self.wait_for_request(),
            Command::Data => Phase::Text(Text::new()),
            Command::Pass => {
                self.tally.passed += 1;
                self.wait_for_request()
            }
            Command::Fail => {
                self.tally.failed += 1;
                self.wait_for_request()
            }
            Command::Quit => {
                self.out.push_back(Output::Close);
                Phase::Over
            }
        };
    }

    fn wait_for_request(&mut self) -> Phase {
        self.send(words::OK);
        Phase::Command(Expected::new(REQUEST))
    }

    /// The message is over. Only now does a missing key end the session: all that the client has sent is read, so the
    /// connection closes in order and the client sees everything that was sent before.
    fn sign(&mut self) -> Result<(), Error> {
        if let Phase::Text(text) = std::mem::replace(&mut self.phase, Phase::Command(Expected::new(VERDICT))) {
            let key = self.keys.get(self.used).ok_or(Error::NoKeyLeft { used: self.used })?;
            self.used += 1;
            let signature = text.sign(key);
            self.send(words::SIG);
            self.send(&signature.to_string());
        }
        Ok(())
    }

    fn send(&mut self, text: &str) {
        self.out.push_back(Output::Send(text.into()));
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn server(keys: &str) -> Server {
        Server::new(Arc::new(Keys::parse(keys.as_bytes()).unwrap()))
    }

    fn said(server: &mut Server) -> String {
        let mut said = String::new();
        while let Some(output) = server.poll() {
            match output {
                Output::Send(bytes) => said += str::from_utf8(&bytes).unwrap(),
                Output::Close => said += "(closed)",
            }
        }
        said
    }

    fn signed(text: &str) -> String {
        let hash = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("270 SIG{hash}")
    }

    /// What a client sends before it waits, and the answer.
    fn session() -> Vec<(&'static str, String)> {
        vec![
            ("HELLO", "260 OK".into()),
            ("DATAhello\n.", signed("helloone")),
            ("PASS", "260 OK".into()),
            ("DATA..\n..PASS\nQUIT\n...x\n.", signed("..PASSQUIT..xtwo")),
            ("FAIL", "260 OK".into()),
            ("DATA.", signed("three")),
            ("PASS", "260 OK".into()),
            ("QUIT", "(closed)".into()),
        ]
    }

    const TALLY: Tally = Tally { passed: 2, failed: 1 };

    #[test]
    fn every_row_is_answered_when_it_is_cut_anywhere() {
        for cut in 0..30 {
            let mut server = server("one\ntwo\nthree");
            for (row, answer) in session() {
                let (one, two) = row.as_bytes().split_at(cut.min(row.len()));
                server.handle(Input::Bytes(one)).unwrap();
                server.handle(Input::Bytes(two)).unwrap();
                // The client waits now.
                server.handle(Input::Quiet).unwrap();
                assert_eq!(said(&mut server), answer, "{row:?} cut at {cut}");
            }
            assert_eq!(server.tally(), TALLY);
        }
    }

    #[test]
    fn every_row_is_answered_when_each_byte_comes_alone() {
        let mut server = server("one\ntwo\nthree");
        for (row, answer) in session() {
            for byte in row.as_bytes() {
                assert_eq!(said(&mut server), "", "{row:?} is not over");
                server.handle(Input::Bytes(&[*byte])).unwrap();
            }
            server.handle(Input::Quiet).unwrap();
            assert_eq!(said(&mut server), answer, "{row:?}");
        }
        assert_eq!(server.tally(), TALLY);
    }

    #[test]
    fn a_client_that_waits_for_nothing_is_answered_in_order_at_every_cut() {
        let (rows, answers): (Vec<_>, Vec<_>) = session().into_iter().unzip();
        let (rows, answers) = (rows.concat(), answers.concat());
        for cut in 0..=rows.len() {
            let mut server = server("one\ntwo\nthree");
            let (one, two) = rows.as_bytes().split_at(cut);
            server.handle(Input::Bytes(one)).unwrap();
            server.handle(Input::Bytes(two)).unwrap();
            assert_eq!(said(&mut server), answers, "cut at {cut}");
            server.handle(Input::End).unwrap();
        }
    }

    #[test]
    fn quiet_means_something_behind_a_dot_only() {
        let session = "HELLODATAone.\n..two\n.";
        for length in 0..session.len() {
            let mut server = server("key");
            server.handle(Input::Bytes(&session.as_bytes()[..length])).unwrap();
            said(&mut server);
            let is_dot = session[..length].ends_with("\n.");
            assert_eq!(server.may_be_over(), is_dot, "{:?}", &session[..length]);
            if !is_dot {
                server.handle(Input::Quiet).unwrap();
                assert_eq!(said(&mut server), "");
                server.handle(Input::Bytes(&session.as_bytes()[length..])).unwrap();
                server.handle(Input::Quiet).unwrap();
                assert!(said(&mut server).ends_with(&signed("one..twokey")[7..]), "{:?}", &session[..length]);
            }
        }
    }

    #[test]
    fn a_client_that_sends_no_more_gets_its_last_answer() {
        let mut server = server("key");
        server.handle(Input::Bytes(b"HELLODATAone\n.")).unwrap();
        let error = server.handle(Input::End).unwrap_err().to_string();
        assert_eq!(said(&mut server), format!("260 OK{}", signed("onekey")));
        assert_eq!(error, "the client closed the connection; expected PASS or FAIL");
    }

    #[test]
    fn keys_that_run_out_end_the_session_after_the_message() {
        let mut server = server("key");
        server.handle(Input::Bytes(b"HELLODATAone\n.PASSDATAtwo\n")).unwrap();
        said(&mut server);
        let error = server.handle(Input::Bytes(b".PASS")).unwrap_err();
        assert!(matches!(error, Error::NoKeyLeft { used: 1 }));
        assert!(error.to_string().contains("message 2"), "{error}");
        assert_eq!(said(&mut server), "");
    }

    #[test]
    fn errors_name_what_was_expected_and_where() {
        for (sent, error) in [
            ("HALLO", "expected HELLO, got \"HA\""),
            ("HELLO\n", "expected DATA or QUIT, got \"\\n\""),
            ("HELLOPASS", "expected DATA or QUIT, got \"P\""),
            ("HELLODATA\n.DATA", "expected PASS or FAIL, got \"D\""),
            ("HELLODATA\n.PASSDATAa\nbé", "message 2, line 2, column 2: not ASCII"),
        ] {
            for cut in 0..sent.len() {
                let mut server = server("one\ntwo");
                let (one, two) = sent.as_bytes().split_at(cut);
                let handled = server.handle(Input::Bytes(one)).and_then(|()| server.handle(Input::Bytes(two)));
                assert_eq!(handled.unwrap_err().to_string(), error, "{sent:?} cut at {cut}");
            }
        }
        for (sent, expected) in [("", "HELLO"), ("HELLO", "DATA or QUIT"), ("HELLODATAa\n", "the rest of a message")] {
            let mut server = server("one");
            server.handle(Input::Bytes(sent.as_bytes())).unwrap();
            let error = server.handle(Input::End).unwrap_err().to_string();
            assert_eq!(error, format!("the client closed the connection; expected {expected}"));
        }
    }
}
