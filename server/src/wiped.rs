//! Wipes what secrets came in, where it is not ours.

use bytes::{Bytes, BytesMut};
use zeroize::Zeroize;

/// Wipes bytes that nobody else holds. Where HTTP still holds the buffer that they are in, it is wiped before HTTP reads
/// into it again ([`Watched`](crate::watched::Watched)).
pub(crate) fn wipe(bytes: Bytes) {
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

/// Wipes all of the buffer that these bytes are the unread end of: what was read before lies in front of them.
pub(crate) fn wipe_buffer(rest: Bytes) {
    let Ok(mut buffer) = rest.try_into_mut() else { return };
    buffer.as_mut().zeroize();
    buffer.clear();
    reclaim(&mut buffer);
    buffer.resize(buffer.capacity(), 0);
}

/// Has an empty buffer begin where its memory does. How much memory that is can only be tried: a buffer that is asked
/// for more than it has says no, and one that has so much behind what was read stays where it is.
fn reclaim(buffer: &mut BytesMut) {
    for shift in (8..=20).rev() {
        if buffer.try_reclaim(1 << shift) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    /// A buffer as HTTP leaves it, after a head and a body were taken from it.
    fn used(capacity: usize, taken: usize) -> (BytesMut, Vec<Bytes>) {
        let mut buffer = BytesMut::with_capacity(0);
        buffer.reserve(capacity);
        buffer.extend_from_slice(&vec![b's'; taken]);
        let parts = [taken / 2, taken - taken / 2].map(|count| buffer.split_to(count).freeze());
        (buffer, parts.into())
    }

    #[test]
    fn the_front_of_a_buffer_is_reclaimed() {
        for (capacity, taken) in [(8192, 10), (8192, 400), (8192, 8192), (16384, 9000), (8192, 4097)] {
            let (buffer, parts) = used(capacity, taken);
            drop(parts);
            let mut buffer = buffer.freeze().try_into_mut().unwrap();
            reclaim(&mut buffer);
            assert_eq!(buffer.capacity(), capacity, "{taken} of it were read");
        }
    }

    #[test]
    fn bytes_that_others_hold_are_left() {
        let (buffer, parts) = used(8192, 400);
        wipe(parts[0].clone());
        wipe_buffer(buffer.freeze());
        assert!(parts.iter().all(|part| part.iter().all(|byte| *byte == b's')));
        let mut read = parts[0].clone();
        read.advance(3);
        wipe(read);
        assert_eq!(parts[0][3], b's');
    }
}
