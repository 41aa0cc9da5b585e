//! Frames to a stream, many to a write.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    mem,
    pin::Pin,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::{Opcode, head};

/// A payload of more than this is written from where it lies; to copy a smaller one costs less than to part a write.
const COPIED_BYTES: usize = 4 * 1024;
/// Pieces in one write.
const PIECES: usize = 16;

/// The writing half of a connection.
pub struct Writer<W> {
    stream: W,
    /// To be written, in this order.
    pieces: VecDeque<Bytes>,
    /// What comes after them: heads and small payloads.
    copied: BytesMut,
    waiting: usize,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes to this stream.
    pub fn new(stream: W) -> Self {
        Self { stream, pieces: VecDeque::new(), copied: BytesMut::new(), waiting: 0 }
    }

    /// Makes place for what is to come, so that it does not have to be found bit by bit.
    pub fn reserve(&mut self, bytes: usize) {
        self.copied.reserve(bytes);
    }

    /// Adds a whole message to what is to be written.
    pub fn push(&mut self, opcode: Opcode, payload: Bytes) {
        head::put(opcode, payload.len(), |part| self.copied.put_slice(part));
        self.waiting += payload.len();
        if payload.len() <= COPIED_BYTES {
            self.copied.put_slice(&payload);
        } else {
            self.pieces.push_back(self.copied.split().freeze());
            self.pieces.push_back(payload);
        }
    }

    /// Adds a close frame; nothing may come after it.
    pub fn push_close(&mut self, code: Option<u16>) {
        let payload = code.map_or_else(Bytes::new, |code| Bytes::copy_from_slice(&code.to_be_bytes()));
        self.push(Opcode::Close, payload);
    }

    /// How many bytes wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Writes everything. If this is given up half way, what is left is still to be written.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.copied.is_empty() {
            self.pieces.push_back(mem::take(&mut self.copied).freeze());
        }
        while !self.pieces.is_empty() {
            let written = poll_fn(|context| {
                if let (1, Some(piece)) = (self.pieces.len(), self.pieces.front()) {
                    return Pin::new(&mut self.stream).poll_write(context, piece);
                }
                let mut slices = [IoSlice::new(&[]); PIECES];
                let mut count = 0;
                for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
                let slices = slices.get(..count).unwrap_or_default();
                Pin::new(&mut self.stream).poll_write_vectored(context, slices)
            });
            let written = written.await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written(written);
        }
        // An idle connection keeps nothing.
        (self.pieces, self.waiting) = (VecDeque::new(), 0);
        poll_fn(|context| Pin::new(&mut self.stream).poll_flush(context)).await
    }

    fn written(&mut self, mut count: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }

    /// Says to the peer that nothing more comes.
    pub async fn shut(&mut self) {
        let _ = poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await;
    }
}
