//! Padding, so that a message's size tells little: Padmé (Nikitin et al., PETS 2019, section 4),
//! at least [`MIN`] bytes, marked as in ISO/IEC 7816-4: `0x80`, then zeros.

/// The smallest padded length, in bytes.
pub const MIN: usize = 256;

/// Padmé: the next length whose low bits are zero, for at most 12 % more.
fn padme(length: usize) -> usize {
    let length = length.max(MIN);
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - kept)) - 1;
    (length + mask) & !mask
}

/// Pads in place.
pub fn pad(bytes: &mut Vec<u8>) {
    let padded = padme(bytes.len() + 1);
    bytes.push(0x80);
    bytes.resize(padded, 0);
}

/// The content, or nothing if the padding is not what [`pad`] writes.
#[must_use]
pub fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().rposition(|byte| *byte != 0)?;
    let (content, mark) = bytes.split_at_checked(end)?;
    (mark.first() == Some(&0x80) && bytes.len() == padme(content.len() + 1)).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padme_lengths() {
        // Lengths worked out by hand from the paper's definition.
        for (length, padded) in [(0, 256), (256, 256), (257, 272), (1000, 1024), (1025, 1088), (100_000, 100_352)] {
            assert_eq!(padme(length), padded, "{length}");
        }
    }

    #[test]
    fn comes_back() {
        for length in (0..600).chain([4095, 4096, 65_535]) {
            let content = (0..length).map(|i| (i % 3) as u8 * 0x40).collect::<Vec<_>>();
            let mut bytes = content.clone();
            pad(&mut bytes);
            assert!(bytes.len() >= MIN && bytes.len() - length <= 1 + MIN.max(length / 8));
            assert_eq!(unpad(&bytes), Some(content.as_slice()));
        }
    }

    #[test]
    fn other_padding_is_refused() {
        let mut long = vec![0x80];
        long.resize(512, 0);
        for bytes in [&[][..], &[0; 256], &[1; 256], &[0x80], &long] {
            assert_eq!(unpad(bytes), None);
        }
    }
}
