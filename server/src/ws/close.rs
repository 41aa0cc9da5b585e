//! Why a connection ends (RFC 6455, section 7.4).

use std::str;

/// What a close frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// One of the codes that may be sent.
    pub code: u16,
    /// For people, or for nobody.
    pub reason: &'a str,
}

/// What a peer did that no peer may do: the connection is to be closed with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// These bytes are no frames, or not in this order.
    Protocol,
    /// A text, or the reason of a close, is not UTF-8.
    NotUtf8,
    /// A message is longer than it may be.
    TooBig,
}

impl Fault {
    /// The number for the close frame.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

impl<'a> Close<'a> {
    /// Reads a close frame's payload, which may be empty.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, Fault> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            return if payload.is_empty() { Ok(None) } else { Err(Fault::Protocol) };
        };
        let code = u16::from_be_bytes(*code);
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(Fault::Protocol);
        }
        let reason = str::from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
        Ok(Some(Self { code, reason }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent() {
        let parse = |code: u16| Close::parse(&code.to_be_bytes()).map(|close| close.map(|close| close.code));
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(parse(code), Ok(Some(code)));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert_eq!(parse(code), Err(Fault::Protocol), "{code}");
        }
    }

    #[test]
    fn payloads() {
        assert_eq!(Close::parse(b""), Ok(None));
        assert_eq!(Close::parse(&[3]), Err(Fault::Protocol));
        assert_eq!(Close::parse(b"\x03\xe8bye"), Ok(Some(Close { code: 1000, reason: "bye" })));
        assert_eq!(Close::parse(b"\x03\xe8\xff"), Err(Fault::NotUtf8));
    }
}
