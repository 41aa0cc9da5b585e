//! Writes frames to a stream, many in one write.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::{MAX_COPIED_BYTES, Opcode, head};

/// Maximum pieces in one vectored write.
const PIECES: usize = 16;

/// The bytes of frames that are waiting to be written, without IO.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The first bytes, in order.
    pieces: VecDeque<Bytes>,
    /// The bytes after the pieces: heads and small payloads.
    copied: BytesMut,
}

impl Outgoing {
    /// Adds a whole message.
    pub fn push(&mut self, opcode: Opcode, payload: &Bytes) {
        let (head, length) = head::encode(opcode, payload.len());
        let head = head.get(..length).unwrap_or_default();
        if payload.len() <= MAX_COPIED_BYTES {
            self.copied.reserve(head.len() + payload.len());
            self.copied.put_slice(head);
            self.copied.put_slice(payload);
        } else {
            self.copied.put_slice(head);
            self.pieces.push_back(self.copied.split().freeze());
            self.pieces.push_back(payload.clone());
        }
    }

    /// Moves all bytes of `other` to the end.
    pub fn append(&mut self, other: &mut Self) {
        if !other.pieces.is_empty() {
            if !self.copied.is_empty() {
                self.pieces.push_back(self.copied.split().freeze());
            }
            self.pieces.append(&mut other.pieces);
        }
        self.copied.put_slice(&other.copied);
        *other = Self::default();
    }

    /// Adds a close frame, which must be the last frame.
    pub fn push_close(&mut self, code: Option<u16>) {
        let payload = code.map_or_else(Bytes::new, |code| Bytes::copy_from_slice(&code.to_be_bytes()));
        self.push(Opcode::Close, &payload);
    }

    /// True when there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.copied.is_empty()
    }

    /// Writes everything with repeated calls of `write`, which returns how many bytes it accepted. When `write` is
    /// pending, the rest stays.
    ///
    /// # Errors
    /// Those of `write`; [`io::ErrorKind::WriteZero`] if it accepts nothing.
    pub fn poll_write(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let last = (!self.copied.is_empty()).then_some(&*self.copied);
            let parts = self.pieces.iter().map(|piece| &**piece).chain(last);
            let mut count = 0;
            for (slice, part) in slices.iter_mut().zip(parts) {
                *slice = IoSlice::new(part);
                count += 1;
            }
            let written = ready!(write(slices.get(..count).unwrap_or_default()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Removes the first `count` bytes, which have been written. Returns by how much `count` exceeds the bytes here.
    pub fn written(&mut self, mut count: usize) -> usize {
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return 0;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
        let copied = count.min(self.copied.len());
        self.copied.advance(copied);
        count - copied
    }
}

/// The write half of a connection.
pub struct Writer<W> {
    stream: W,
    /// The bytes to write.
    pub outgoing: Outgoing,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Returns a writer to this stream.
    pub fn new(stream: W) -> Self {
        Self { stream, outgoing: Outgoing::default() }
    }

    /// Writes everything. When this future is dropped early, the rest stays to be written.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn flush(&mut self) -> io::Result<()> {
        let Self { stream, outgoing } = self;
        poll_fn(|context| {
            outgoing.poll_write(|parts| match parts {
                [part] => Pin::new(&mut *stream).poll_write(context, part),
                parts => Pin::new(&mut *stream).poll_write_vectored(context, parts),
            })
        })
        .await?;
        // Frees the buffers: an idle connection keeps none.
        mem::take(outgoing);
        poll_fn(|context| Pin::new(&mut *stream).poll_flush(context)).await
    }

    /// Shuts down the write side of the stream.
    pub async fn shut(&mut self) {
        let _ = poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small deterministic generator.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }
    }

    fn push(outgoing: &mut Outgoing, expected: &mut Vec<u8>, random: &mut Random) {
        let length = [0, 1, 125, 126, 300, 4096, 4097, 70_000][random.below(8)];
        let payload = Bytes::from(vec![random.below(256) as u8; length]);
        let (head, used) = head::encode(Opcode::Binary, length);
        expected.extend(&head[..used]);
        expected.extend(&payload);
        outgoing.push(Opcode::Binary, &payload);
    }

    #[test]
    fn all_bytes_are_written_in_order_in_any_pieces() {
        let mut random = Random(1);
        for _ in 0..200 {
            let (mut outgoing, mut expected, mut written) = (Outgoing::default(), Vec::new(), Vec::<u8>::new());
            while !outgoing.is_empty() || random.below(4) > 0 {
                for _ in 0..random.below(30) {
                    push(&mut outgoing, &mut expected, &mut random);
                }
                let mut other = Outgoing::default();
                for _ in 0..random.below(3) {
                    push(&mut other, &mut expected, &mut random);
                }
                outgoing.append(&mut other);
                assert!(other.is_empty());
                let mut calls = random.below(20);
                let _ = outgoing.poll_write(|parts| {
                    if calls == 0 {
                        return Poll::Pending;
                    }
                    calls -= 1;
                    let all = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<_>>();
                    let count = 1 + random.below(all.len());
                    written.extend(&all[..count]);
                    Poll::Ready(Ok(count))
                });
            }
            assert!(written == expected);
        }
    }

    #[test]
    fn a_write_that_accepts_nothing_is_an_error() {
        let mut outgoing = Outgoing::default();
        outgoing.push(Opcode::Ping, &Bytes::new());
        let Poll::Ready(Err(error)) = outgoing.poll_write(|_| Poll::Ready(Ok(0))) else { panic!("an error") };
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
