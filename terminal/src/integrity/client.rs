//! The client's side of one session, without IO.
//!
//! ```text
//! client.handle(Input::Bytes(bytes))?;
//! while let Some(output) = client.poll() { … }
//! ```

use std::{collections::VecDeque, slice};

use thiserror::Error;

use super::{
    Message, Signature,
    expected::{Expected, Unexpected},
    words,
};

/// A message and the signature that the server has to make of it.
pub struct Case {
    /// The message.
    pub message: Message,
    /// The signature.
    pub expected: Signature,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Bytes came, any number of them.
    Bytes(&'a [u8]),
    /// No byte will come.
    End,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Send this, in one write.
    Send(Vec<u8>),
    /// Tell what became of the next message.
    Judge(Judgement),
    /// Close the connection: all messages are judged.
    Close,
}

/// What the server made of a message.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// What it had to make of it.
    pub expected: Signature,
    /// What it made of it.
    pub received: Signature,
}

impl Judgement {
    /// The signature is the expected one.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.received.is(&self.expected)
    }

    /// `PASS` or `FAIL`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.passes() { words::PASS } else { words::FAIL }
    }
}

/// Why a session ended before all messages were judged.
#[derive(Debug, Error)]
pub enum Error {
    /// The server sent something else than the reply that was due.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
    /// The server sent something else than a digit in a signature.
    #[error("expected a signature of {} hexadecimal digits, got \"{}\"", Signature::DIGITS, got.escape_ascii())]
    NotDigits {
        /// What it sent.
        got: Vec<u8>,
    },
    /// The server closed the connection.
    #[error("the server closed the connection; expected {expected}")]
    Closed {
        /// What it should have sent.
        expected: String,
    },
}

/// A session with a server. After an error, or after [`Output::Close`], it is over.
pub struct Client<'a> {
    /// Those that are still to be sent.
    cases: slice::Iter<'a, Case>,
    phase: Phase,
    out: VecDeque<Output>,
}

/// What comes next from the server. The signature is the one that it should send.
enum Phase {
    Ok(Expected<()>),
    Sig(Expected<()>, Signature),
    Digits(Vec<u8>, Signature),
    Over,
}

const OK: &[(&str, ())] = &[(words::OK, ())];
const SIG: &[(&str, ())] = &[(words::SIG, ())];

impl<'a> Client<'a> {
    /// Begins a session, in which the server gets these messages in turn.
    #[must_use]
    pub fn new(cases: &'a [Case]) -> Self {
        let out = VecDeque::from([Output::Send(words::HELLO.into())]);
        Self { cases: cases.iter(), phase: Phase::Ok(Expected::new(OK)), out }
    }

    /// Takes what happened. What there is to do is in [`Client::poll`], after an error too.
    ///
    /// # Errors
    /// When the session is over before all messages are judged.
    pub fn handle(&mut self, input: Input<'_>) -> Result<(), Error> {
        match (input, &self.phase) {
            (Input::Bytes(bytes), _) => bytes.iter().try_for_each(|byte| self.read(*byte)),
            (Input::End, Phase::Over) => Ok(()),
            (Input::End, _) => Err(Error::Closed { expected: self.expected() }),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// What the server has to send next, for people.
    #[must_use]
    pub fn expected(&self) -> String {
        match &self.phase {
            Phase::Ok(expected) | Phase::Sig(expected, _) => expected.to_string(),
            Phase::Digits(..) => format!("the {} digits of a signature", Signature::DIGITS),
            Phase::Over => "nothing".to_owned(),
        }
    }

    fn read(&mut self, byte: u8) -> Result<(), Error> {
        match &mut self.phase {
            Phase::Ok(expected) => {
                if expected.push(byte)?.is_some() {
                    self.go_on();
                }
            }
            Phase::Sig(word, expected) => {
                if word.push(byte)?.is_some() {
                    self.phase = Phase::Digits(Vec::with_capacity(Signature::DIGITS), *expected);
                }
            }
            Phase::Digits(digits, expected) => {
                digits.push(byte);
                if !byte.is_ascii_hexdigit() {
                    return Err(Error::NotDigits { got: digits.clone() });
                }
                if let Some(received) = Signature::from_digits(digits) {
                    let judgement = Judgement { expected: *expected, received };
                    self.judge(judgement);
                }
            }
            Phase::Over => {}
        }
        Ok(())
    }

    /// Sends the next message, or quits. Old servers read packets: each row of the protocol's table is a write.
    fn go_on(&mut self) {
        match self.cases.next() {
            Some(case) => {
                self.send(words::DATA);
                self.out.push_back(Output::Send(case.message.to_wire()));
                self.phase = Phase::Sig(Expected::new(SIG), case.expected);
            }
            None => {
                self.send(words::QUIT);
                self.out.push_back(Output::Close);
                self.phase = Phase::Over;
            }
        }
    }

    fn judge(&mut self, judgement: Judgement) {
        self.out.push_back(Output::Judge(judgement));
        self.send(judgement.word());
        self.phase = Phase::Ok(Expected::new(OK));
    }

    fn send(&mut self, word: &str) {
        self.out.push_back(Output::Send(word.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::Messages;

    fn cases() -> Vec<Case> {
        let messages = Messages::parse(b"5\nhello\n2\n.x\n").unwrap().messages;
        let expected = [[0xaa; 32], [0xbb; 32]].map(Signature::from);
        messages.into_iter().zip(expected).map(|(message, expected)| Case { message, expected }).collect()
    }

    fn done(client: &mut Client<'_>) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(output) = client.poll() {
            done.push(match output {
                Output::Send(bytes) => String::from_utf8(bytes).unwrap(),
                Output::Judge(judgement) => format!("({})", judgement.word()),
                Output::Close => "(closed)".into(),
            });
        }
        done
    }

    /// A reply, and what the client does then.
    fn session() -> Vec<(String, Vec<&'static str>)> {
        vec![
            ("".into(), vec!["HELLO"]),
            ("260 OK".into(), vec!["DATA", "hello\n."]),
            (format!("270 SIG{}", "aA".repeat(32)), vec!["(PASS)", "PASS"]),
            ("260 OK".into(), vec!["DATA", "..x\n."]),
            (format!("270 SIG{}", "0b".repeat(32)), vec!["(FAIL)", "FAIL"]),
            ("260 OK".into(), vec!["QUIT", "(closed)"]),
        ]
    }

    #[test]
    fn every_reply_is_understood_when_it_is_cut_anywhere() {
        let cases = cases();
        for cut in 0..72 {
            let mut client = Client::new(&cases);
            for (reply, then) in session() {
                let (one, two) = reply.as_bytes().split_at(cut.min(reply.len()));
                client.handle(Input::Bytes(one)).unwrap();
                client.handle(Input::Bytes(two)).unwrap();
                assert_eq!(done(&mut client), then, "{reply:?} cut at {cut}");
            }
            client.handle(Input::End).unwrap();
        }
    }

    #[test]
    fn nothing_is_done_before_a_reply_is_there() {
        let cases = cases();
        let mut client = Client::new(&cases);
        for (reply, then) in session() {
            for byte in reply.as_bytes() {
                assert!(done(&mut client).is_empty(), "{reply:?} is not over");
                client.handle(Input::Bytes(&[*byte])).unwrap();
            }
            assert_eq!(done(&mut client), then, "{reply:?}");
        }
    }

    #[test]
    fn replies_that_come_joined_are_taken_in_order_at_every_cut() {
        let cases = cases();
        let (replies, then): (Vec<_>, Vec<_>) = session().into_iter().unzip();
        let (replies, then) = (replies.concat(), then.concat());
        for cut in 0..=replies.len() {
            let mut client = Client::new(&cases);
            client.handle(Input::Bytes(&replies.as_bytes()[..cut])).unwrap();
            client.handle(Input::Bytes(&replies.as_bytes()[cut..])).unwrap();
            assert_eq!(done(&mut client), then, "cut at {cut}");
        }
    }

    #[test]
    fn errors_name_what_was_expected() {
        let cases = cases();
        for (sent, error) in [
            ("500", "expected 260 OK, got \"5\""),
            ("260 OK\n", "expected 270 SIG, got \"\\n\""),
            ("260 OK270 SIG\n", "expected a signature of 64 hexadecimal digits, got \"\\n\""),
            ("260 OK270 SIG0é", "expected a signature of 64 hexadecimal digits, got \"0\\xc3\""),
        ] {
            let mut client = Client::new(&cases);
            assert_eq!(client.handle(Input::Bytes(sent.as_bytes())).unwrap_err().to_string(), error);
        }
        for (sent, expected) in
            [("260 O", "260 OK"), ("260 OK", "270 SIG"), ("260 OK270 SIG0", "the 64 digits of a signature")]
        {
            let mut client = Client::new(&cases);
            client.handle(Input::Bytes(sent.as_bytes())).unwrap();
            let error = client.handle(Input::End).unwrap_err().to_string();
            assert_eq!(error, format!("the server closed the connection; expected {expected}"));
        }
    }
}
