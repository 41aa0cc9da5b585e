//! Reads events from a stream.

use std::{
    future::poll_fn,
    io,
    mem::{self, MaybeUninit},
    ops::ControlFlow,
    pin::Pin,
    task::{Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use zeroize::{Zeroize, Zeroizing};

use super::{Event, Fault, Parser};

/// Bytes per read. The buffer is on the stack, so that an idle connection has none.
const READ_BYTES: usize = 4 * 1024;

/// Why no more events follow.
#[derive(Debug)]
pub enum End {
    /// The stream ended, with or without a close.
    Gone,
    /// The peer violated the protocol.
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The read half of a connection.
pub struct Reader<R> {
    stream: R,
    parser: Parser,
    /// Bytes that were read but not parsed yet.
    before: Zeroizing<Vec<u8>>,
    caught_up: bool,
    wipes: bool,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Returns a reader with this limit on messages. `before` holds bytes that were already read from the stream.
    pub fn new(stream: R, before: impl Into<Zeroizing<Vec<u8>>>, limit: usize) -> Self {
        Self { stream, parser: Parser::new(limit), before: before.into(), caught_up: false, wipes: false }
    }

    /// Sets whether the bytes of an event are wiped after `take` has seen it. Off by default.
    pub fn wipes(&mut self, wipes: bool) {
        self.wipes = wipes;
        self.parser.wipes(wipes);
    }

    /// Sets the limit on messages, from the next frame on.
    pub fn limit(&mut self, bytes: usize) {
        self.parser.limit(bytes);
    }

    /// See [`Parser::buffered_bytes`].
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.parser.buffered_bytes()
    }

    /// True when a read has found no bytes since the last call. All that the peer had sent by then has been read.
    pub fn has_caught_up(&mut self) -> bool {
        mem::take(&mut self.caught_up)
    }

    /// Waits for bytes and passes their events to `take` until it breaks. Returns the number of bytes consumed and the
    /// last result of `take`. Bytes after the last event stay for the next call.
    ///
    /// # Errors
    /// See [`End`].
    #[expect(clippy::manual_async_fn, reason = "an `async fn` stores its arguments twice, and there are many readers")]
    pub fn read<T>(
        &mut self,
        mut take: impl FnMut(Event<'_>) -> ControlFlow<T>,
    ) -> impl Future<Output = Result<(usize, ControlFlow<T>), End>> {
        async move {
            let Self { stream, parser, before, caught_up, wipes } = self;
            if !before.is_empty() {
                let mut bytes = mem::take(before);
                return pass_events(parser, before, &mut bytes, &mut take);
            }
            if let Some(mut buffer) = parser.direct_buffer() {
                let count = stream.read_buf(&mut buffer).await?;
                if count == 0 {
                    return Err(End::Gone);
                }
                parser.finish_direct_read(count)?;
                let (_, enough) = pass_events(parser, before, &mut [], &mut take)?;
                return Ok((count, enough));
            }
            poll_fn(|context| {
                let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
                let mut buffer = ReadBuf::uninit(&mut space);
                let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
                *caught_up |= read.is_pending();
                ready!(read)?;
                let bytes = buffer.filled_mut();
                if bytes.is_empty() {
                    return Poll::Ready(Err(End::Gone));
                }
                let passed = pass_events(parser, before, bytes, &mut take);
                if *wipes {
                    buffer.filled_mut().zeroize();
                }
                Poll::Ready(passed)
            })
            .await
        }
    }

    /// See [`drain`].
    pub async fn drain(&mut self) {
        (self.before, self.parser) = (Zeroizing::default(), Parser::new(0));
        drain(&mut self.stream).await;
    }
}

/// Reads and ignores everything until the stream ends. A socket that is closed with unread bytes resets the connection,
/// and the last bytes written may be lost.
pub async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    poll_fn(|context| {
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        loop {
            let mut buffer = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    })
    .await;
}

fn pass_events<T>(
    parser: &mut Parser,
    rest: &mut Vec<u8>,
    mut bytes: &mut [u8],
    take: &mut impl FnMut(Event<'_>) -> ControlFlow<T>,
) -> Result<(usize, ControlFlow<T>), End> {
    let count = bytes.len();
    while let Some(event) = parser.next(&mut bytes)? {
        let enough = take(event);
        if enough.is_break() {
            parser.release();
            rest.extend_from_slice(bytes);
            return Ok((count - bytes.len(), enough));
        }
    }
    Ok((count, ControlFlow::Continue(())))
}
