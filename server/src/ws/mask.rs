//! The mask over payloads from clients (RFC 6455, section 5.3).

/// A masking key, rotated so that it begins with the next byte.
#[derive(Clone, Copy)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    pub(super) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// Removes the mask, eight bytes at a time. A payload may come in pieces of any length.
    pub(super) fn unmask(&mut self, bytes: &mut [u8]) {
        let Self([a, b, c, d]) = *self;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = bytes.as_chunks_mut();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.0.iter().cycle()) {
            *byte ^= key;
        }
        self.0.rotate_left(rest.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_unmasks_alike_in_any_pieces() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let plain = (0..=255).cycle().take(1000).collect::<Vec<u8>>();
        let masked = plain.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect::<Vec<u8>>();
        for piece in (1..40).chain([1000]) {
            let mut mask = Mask::new(key);
            let mut bytes = masked.clone();
            bytes.chunks_mut(piece).for_each(|chunk| mask.unmask(chunk));
            assert!(bytes == plain, "in pieces of {piece}");
        }
    }
}
