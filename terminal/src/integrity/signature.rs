//! What the protocol calls a signature.

use std::fmt;

use base16ct::{HexDisplay, mixed};
use subtle::ConstantTimeEq;

/// SHA-256(all lines without line ends ‖ key), written as 64 hexadecimal digits. A plain hash, and no signature.
#[derive(Clone, Copy, Debug)]
pub struct Signature([u8; Signature::BYTES]);

impl Signature {
    const BYTES: usize = 32;
    /// How many digits one has.
    pub const DIGITS: usize = 2 * Self::BYTES;

    /// From its digits, in either case.
    #[must_use]
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        let decoded = mixed::decode(digits, &mut bytes).ok()?;
        (decoded.len() == Self::BYTES).then_some(Self(bytes))
    }

    /// Compares in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<[u8; 32]> for Signature {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}", HexDisplay(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_either_case_and_written_in_lower_case() {
        let digits = "0123456789abcdef".repeat(4);
        for read in [digits.clone(), digits.to_uppercase()] {
            assert_eq!(Signature::from_digits(read.as_bytes()).unwrap().to_string(), digits);
        }
    }

    #[test]
    fn only_64_digits_are_a_signature() {
        for digits in ["", "00", &"0".repeat(62), &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert!(Signature::from_digits(digits.as_bytes()).is_none(), "{digits}");
        }
    }

    #[test]
    fn each_bit_counts() {
        let one = Signature([0; 32]);
        assert!(one.is(&one));
        for bit in 0..256 {
            let mut bytes = [0; 32];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!one.is(&Signature(bytes)), "bit {bit}");
        }
    }
}
