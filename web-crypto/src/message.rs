//! The message layer: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, RFC 8439) under the key that
//! all members share. Whoever is in the room could seal as another member: THREATS says so.

use chacha20poly1305::{Key as AeadKey, KeyInit, Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut};
use wire::{Counter, MemberId, VERSION};
use zeroize::Zeroizing;

use crate::keys::Key;

const NONCE: usize = 24;
const TAG: usize = 16;

/// A message that does not open: forged, altered, or of another room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message does not open")]
pub struct Unopened;

/// Seals and opens.
pub struct MessageKey(XChaCha20Poly1305);

impl MessageKey {
    /// From message_key; the key is wiped.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self(XChaCha20Poly1305::new(&AeadKey::from(*key.as_bytes())))
    }

    /// sealed = nonce (24 random bytes) ‖ AEAD(message_key, nonce, aad, padded) with aad = version u8 ‖ sender u32 ‖ counter u64
    ///
    /// # Errors
    /// When `padded` is longer than the cipher takes (256 GiB).
    pub fn seal(
        &self,
        nonce: [u8; NONCE],
        sender: MemberId,
        counter: Counter,
        padded: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        let mut sealed = Vec::with_capacity(NONCE + padded.len() + TAG);
        sealed.extend(nonce);
        sealed.extend(padded);
        let (_, text) = sealed.split_at_mut(NONCE);
        let tag = self
            .0
            .encrypt_inout_detached(&XNonce::from(nonce), &aad(sender, counter), text.into())
            .map_err(|_| Unopened)?;
        sealed.extend(tag);
        Ok(sealed)
    }

    /// Opens what [`MessageKey::seal`] sealed for the same sender and counter.
    ///
    /// # Errors
    /// When it does not open.
    pub fn open(&self, sender: MemberId, counter: Counter, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(Unopened)?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(Unopened)?;
        let mut padded = Zeroizing::new(text.to_vec());
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &aad(sender, counter),
                padded.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| Unopened)?;
        Ok(padded)
    }
}

fn aad(sender: MemberId, counter: Counter) -> [u8; 13] {
    let mut aad = [VERSION; 13];
    let (_, rest) = aad.split_at_mut(1);
    let (sender_part, counter_part) = rest.split_at_mut(4);
    sender_part.copy_from_slice(&sender.0.to_be_bytes());
    counter_part.copy_from_slice(&counter.0.to_be_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stretched, keys::RoomSecret};
    use wire::RoomId;

    fn key(seed: u8) -> MessageKey {
        MessageKey::new(RoomSecret::extract(b"", Stretched::from([seed; 32])).message_key(RoomId([7; 16])))
    }

    #[test]
    fn opens_only_what_was_sealed() {
        let (sender, counter) = (MemberId(3), Counter(9));
        let sealed = key(1).seal([5; 24], sender, counter, b"hello").unwrap();
        assert_eq!(sealed.len(), 24 + 5 + 16);
        assert_eq!(key(1).open(sender, counter, &sealed).unwrap().as_slice(), b"hello");
        assert_eq!(key(2).open(sender, counter, &sealed), Err(Unopened));
        assert_eq!(key(1).open(MemberId(4), counter, &sealed), Err(Unopened));
        assert_eq!(key(1).open(sender, Counter(10), &sealed), Err(Unopened));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(key(1).open(sender, counter, &altered), Err(Unopened), "byte {at}");
            assert_eq!(key(1).open(sender, counter, &sealed[..at]), Err(Unopened), "cut at {at}");
        }
    }
}
