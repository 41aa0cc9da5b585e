//! Wipes secrets in buffers that HTTP owns.

use bytes::{Bytes, BytesMut};
use zeroize::Zeroize;

/// Wipes bytes that nothing else references. If HTTP still holds their buffer,
/// [`StallTimeout`](crate::stream::StallTimeout) wipes it before HTTP reads into it again.
pub(crate) fn wipe(bytes: Bytes) {
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

/// Wipes the whole buffer whose unread end these bytes are, including the bytes that were read before.
pub(crate) fn wipe_buffer(rest: Bytes) {
    let Ok(mut buffer) = rest.try_into_mut() else { return };
    buffer.as_mut().zeroize();
    buffer.clear();
    reclaim(&mut buffer);
    buffer.resize(buffer.capacity(), 0);
}

/// Moves an empty buffer to the start of its memory. `BytesMut` does not tell how much memory it has, so this tries
/// decreasing sizes: a size beyond the memory fails, and one that fits behind the read bytes does not move the buffer.
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

    /// A buffer in the state in which HTTP leaves it, after a head and a body were split off.
    fn used(capacity: usize, taken: usize) -> (BytesMut, Vec<Bytes>) {
        let mut buffer = BytesMut::with_capacity(0);
        buffer.reserve(capacity);
        buffer.extend_from_slice(&vec![b's'; taken]);
        let parts = [taken / 2, taken - taken / 2].map(|count| buffer.split_to(count).freeze());
        (buffer, parts.into())
    }

    #[test]
    fn front_of_the_buffer_is_reclaimed() {
        for (capacity, taken) in [(8192, 10), (8192, 400), (8192, 8192), (16384, 9000), (8192, 4097)] {
            let (buffer, parts) = used(capacity, taken);
            drop(parts);
            let mut buffer = buffer.freeze().try_into_mut().unwrap();
            reclaim(&mut buffer);
            assert_eq!(buffer.capacity(), capacity, "after reading {taken} bytes");
        }
    }

    #[test]
    fn shared_bytes_are_not_wiped() {
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
