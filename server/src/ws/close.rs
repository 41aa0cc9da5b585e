//! Why a connection ends (RFC 6455, section 7.4).

use std::str;

/// The content of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// The close code. Reserved codes are never sent.
    pub code: u16,
    /// Text for people; may be empty.
    pub reason: &'a str,
}

/// A protocol violation by the peer. The connection must be closed with [`Fault::number`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are not valid frames, or the frames are in an invalid order.
    Protocol,
    /// A text message or a close reason is not UTF-8.
    NotUtf8,
    /// A message exceeds the size limit.
    TooBig,
}

impl Fault {
    /// Returns the close code.
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
    /// Parses a close frame's payload, which may be empty.
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
    fn reserved_close_codes_are_refused() {
        let parse = |code: u16| Close::parse(&code.to_be_bytes()).map(|close| close.map(|close| close.code));
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(parse(code), Ok(Some(code)));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert_eq!(parse(code), Err(Fault::Protocol), "{code}");
        }
    }

    #[test]
    fn close_payloads_parse_or_fail() {
        assert_eq!(Close::parse(b""), Ok(None));
        assert_eq!(Close::parse(&[3]), Err(Fault::Protocol));
        assert_eq!(Close::parse(b"\x03\xe8bye"), Ok(Some(Close { code: 1000, reason: "bye" })));
        assert_eq!(Close::parse(b"\x03\xe8\xff"), Err(Fault::NotUtf8));
    }
}
