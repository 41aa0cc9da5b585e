//! Frames to a stream, many to a write.

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

use super::{COPIED_BYTES, Opcode, head};

/// Pieces in one write.
const PIECES: usize = 16;

/// Frames as the bytes that are to be written, without IO.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// In this order.
    pieces: VecDeque<Bytes>,
    /// What comes after them: heads and small payloads.
    copied: BytesMut,
}

impl Outgoing {
    /// Adds a whole message.
    pub fn push(&mut self, opcode: Opcode, payload: &Bytes) {
        let (head, length) = head::of(opcode, payload.len());
        let head = head.get(..length).unwrap_or_default();
        if payload.len() <= COPIED_BYTES {
            self.copied.reserve(head.len() + payload.len());
            self.copied.put_slice(head);
            self.copied.put_slice(payload);
        } else {
            self.copied.put_slice(head);
            self.pieces.push_back(self.copied.split().freeze());
            self.pieces.push_back(payload.clone());
        }
    }

    /// Adds all that the other has, and leaves it empty.
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

    /// Adds a close frame; nothing may come after it.
    pub fn push_close(&mut self, code: Option<u16>) {
        let payload = code.map_or_else(Bytes::new, |code| Bytes::copy_from_slice(&code.to_be_bytes()));
        self.push(Opcode::Close, &payload);
    }

    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.copied.is_empty()
    }

    /// Writes everything, by a call that takes some of what it is given, and says how much. What is left when that
    /// call cannot go on is still to be written.
    ///
    /// # Errors
    /// Those of the call; [`io::ErrorKind::WriteZero`] if it takes nothing.
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

    /// So many bytes are written: of this, and how many are left of something else.
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

/// The writing half of a connection.
pub struct Writer<W> {
    stream: W,
    /// What is to be written.
    pub outgoing: Outgoing,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes to this stream.
    pub fn new(stream: W) -> Self {
        Self { stream, outgoing: Outgoing::default() }
    }

    /// Writes everything. If this is given up half way, what is left is still to be written.
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
        // An idle connection keeps nothing.
        mem::take(outgoing);
        poll_fn(|context| Pin::new(&mut *stream).poll_flush(context)).await
    }

    /// Says to the peer that nothing more comes.
    pub async fn shut(&mut self) {
        let _ = poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little noise, the same in every run.
    struct Noise(u64);

    impl Noise {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }
    }

    fn push(outgoing: &mut Outgoing, expected: &mut Vec<u8>, noise: &mut Noise) {
        let length = [0, 1, 125, 126, 300, 4096, 4097, 70_000][noise.below(8)];
        let payload = Bytes::from(vec![noise.below(256) as u8; length]);
        let (head, used) = head::of(Opcode::Binary, length);
        expected.extend(&head[..used]);
        expected.extend(&payload);
        outgoing.push(Opcode::Binary, &payload);
    }

    #[test]
    fn all_of_it_goes_out_in_order_in_whatever_pieces() {
        let mut noise = Noise(1);
        for _ in 0..200 {
            let (mut outgoing, mut expected, mut written) = (Outgoing::default(), Vec::new(), Vec::<u8>::new());
            while !outgoing.is_empty() || noise.below(4) > 0 {
                for _ in 0..noise.below(30) {
                    push(&mut outgoing, &mut expected, &mut noise);
                }
                let mut other = Outgoing::default();
                for _ in 0..noise.below(3) {
                    push(&mut other, &mut expected, &mut noise);
                }
                outgoing.append(&mut other);
                assert!(other.is_empty());
                let mut calls = noise.below(20);
                let _ = outgoing.poll_write(|parts| {
                    if calls == 0 {
                        return Poll::Pending;
                    }
                    calls -= 1;
                    let all = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<_>>();
                    let count = 1 + noise.below(all.len());
                    written.extend(&all[..count]);
                    Poll::Ready(Ok(count))
                });
            }
            assert!(written == expected);
        }
    }

    #[test]
    fn what_takes_nothing_is_an_error() {
        let mut outgoing = Outgoing::default();
        outgoing.push(Opcode::Ping, &Bytes::new());
        let Poll::Ready(Err(error)) = outgoing.poll_write(|_| Poll::Ready(Ok(0))) else { panic!("an error") };
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
