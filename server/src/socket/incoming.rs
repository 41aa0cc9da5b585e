//! Reads a hello and then frames, no faster than the input limits allow.

use std::{
    mem,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tokio::{io::AsyncRead, time::sleep};
use wire::{ClientFrame, CloseCode, FrameError, Hello, RoomId, Seq, limits};

use super::{EndReason, silence::LastReceived};
use room::{Address, Claim, TokenHash};

use crate::{
    Config, Outbox,
    app::App,
    input_limits::InputLimits,
    store::Seat,
    ws::{Event, Reader},
};

/// Maximum time between two updates of [`LastReceived`] while the reader waits.
const PAUSE: Duration = Duration::from_secs(1);

/// The reading side of a socket.
pub(super) struct Incoming<'s, R> {
    reader: &'s mut Reader<R>,
    limits: InputLimits,
    /// True when the peer has exceeded a limit: the next read waits first.
    is_overdrawn: bool,
    /// Buffered bytes of an incomplete message, as last reported to the outbox.
    buffered: usize,
    outbox: &'s Outbox,
    last_received: &'s LastReceived,
}

impl<'s, R: AsyncRead + Unpin> Incoming<'s, R> {
    pub(super) fn new(
        reader: &'s mut Reader<R>,
        outbox: &'s Outbox,
        last_received: &'s LastReceived,
        config: &Config,
    ) -> Self {
        let limits = InputLimits::new(config.max_frames_per_second, config.max_bytes_per_second, Instant::now());
        Self { reader, limits, is_overdrawn: false, buffered: 0, outbox, last_received }
    }

    /// Waits for a hello, connects the member, and then hands its frames to the room until the connection ends.
    pub(super) fn read(
        &mut self,
        seat: &mut Option<Seat>,
        app: &App,
        address: &Address,
    ) -> impl Future<Output = EndReason> {
        async move {
            // Boxed, so that the task does not reserve memory for it after the hello.
            let seat = match Box::pin(self.connect_member(app, *address)).await {
                Ok(connected) => &*seat.insert(connected),
                Err(reason) => return reason,
            };
            self.reader.limit(app.config.max_frame_bytes);
            // Only a hello contains secrets.
            self.reader.wipes(false);
            let outbox = self.outbox;
            loop {
                if let ControlFlow::Break(reason) =
                    self.read_messages(|bytes, now| take(bytes, seat, outbox, now)).await
                {
                    return reason;
                }
                if let Some(caught_up) = seat.after_batch() {
                    caught_up.await;
                    // A peer that the server did not read is not silent.
                    self.last_received.set(Instant::now());
                }
            }
        }
    }

    async fn connect_member(&mut self, app: &App, address: Address) -> Result<Seat, EndReason> {
        let outbox = self.outbox.clone();
        let HashedHello { room_id, claim, attempt, seq } = tokio::select! {
            hello = self.read_hello(app, address) => hello?,
            () = sleep(limits::HELLO_TIMEOUT) => return Err(CloseCode::NoHello.into()),
            () = app.stopping.cancelled() => return Err(CloseCode::Stopping.into()),
        };
        Ok(app.store.connect(room_id, claim, attempt, seq, outbox, Instant::now())?)
    }

    async fn read_hello(&mut self, app: &App, address: Address) -> Result<HashedHello, EndReason> {
        loop {
            let hello = self.read_messages(|bytes, _| match ClientFrame::parse(bytes) {
                Ok(ClientFrame::Hello(hello)) => ControlFlow::Break(HashedHello::new(&hello, app, address)),
                Ok(_) => ControlFlow::Break(Err(CloseCode::NoHello.into())),
                Err(error) => ControlFlow::Break(Err(close_code(error).into())),
            });
            if let ControlFlow::Break(hello) = hello.await {
                return hello;
            }
        }
    }

    /// Reads once, after waiting for the input limits, and passes each message to `take`. Handles pings and closes
    /// itself.
    fn read_messages<T: From<EndReason>>(
        &mut self,
        mut take: impl FnMut(&[u8], Instant) -> ControlFlow<T>,
    ) -> impl Future<Output = ControlFlow<T>> {
        async move {
            if mem::take(&mut self.is_overdrawn)
                && let Err(code) = Box::pin(pause(&self.limits, self.last_received)).await
            {
                return ControlFlow::Break(EndReason::from(code).into());
            }
            let Self { reader, limits, outbox, .. } = self;
            let mut received_at = None;
            let read = reader.read(|event| {
                let now = *received_at.get_or_insert_with(Instant::now);
                let is_over_limit = limits.frame(now);
                let taken = match event {
                    Event::Binary(bytes) => take(bytes, now),
                    Event::Ping(payload) => {
                        outbox.pong(payload);
                        ControlFlow::Continue(())
                    }
                    Event::Pong(_) => ControlFlow::Continue(()),
                    Event::Text(_) => ControlFlow::Break(EndReason::from(CloseCode::Malformed).into()),
                    Event::Close(close) => ControlFlow::Break(EndReason::ByPeer(close.map(|close| close.code)).into()),
                };
                match taken {
                    ControlFlow::Break(result) => ControlFlow::Break(Some(result)),
                    // The reader keeps the frames after this one until the limits allow them.
                    ControlFlow::Continue(()) if is_over_limit => ControlFlow::Break(None),
                    ControlFlow::Continue(()) => ControlFlow::Continue(()),
                }
            });
            let read = read.await;
            let now = received_at.unwrap_or_else(Instant::now);
            // Also after a failed read: the end of a connection is a sign of its peer too.
            self.last_received.set(now);
            match read {
                Ok((_, ControlFlow::Break(Some(result)))) => ControlFlow::Break(result),
                Ok((bytes, ControlFlow::Break(None) | ControlFlow::Continue(()))) => {
                    if self.reader.has_caught_up() {
                        self.limits.caught_up();
                    }
                    self.limits.bytes(bytes, now);
                    self.is_overdrawn = self.limits.is_overdrawn(now);
                    if mem::replace(&mut self.buffered, self.reader.buffered_bytes()) != self.buffered {
                        self.outbox.set_incoming_bytes(self.buffered);
                    }
                    ControlFlow::Continue(())
                }
                Err(end) => ControlFlow::Break(EndReason::from(end).into()),
            }
        }
    }
}

/// Waits until the input limits allow another read. TCP backpressure makes the peer wait too. The server cannot tell
/// such a peer from one that is gone, so it disconnects a peer that stays over the limit.
async fn pause(limits: &InputLimits, last_received: &LastReceived) -> Result<(), CloseCode> {
    loop {
        let now = Instant::now();
        let wait = limits.wait(now);
        if wait.is_zero() {
            return Ok(());
        }
        if limits.is_behind(now) {
            return Err(CloseCode::Silent);
        }
        sleep(wait.min(PAUSE)).await;
        // A peer that the server does not read is not silent.
        last_received.set(Instant::now());
    }
}

/// A hello with its secrets replaced by hashes, so that the secrets do not stay in memory while the store connects the
/// member.
struct HashedHello {
    room_id: RoomId,
    claim: Claim,
    attempt: u32,
    seq: Seq,
}

impl HashedHello {
    fn new(hello: &Hello, app: &App, address: Address) -> Result<Self, EndReason> {
        // A verifier in a hello is a guess at the password, and limited like a join.
        if hello.verifier.is_some() && app.joins.check(address).is_err() {
            return Err(CloseCode::AddressChanged.into());
        }
        let claim = Claim {
            member_id: hello.member_id,
            token: TokenHash::from(&hello.token),
            address,
            hash: hello.verifier.as_ref().map(|verifier| app.secret.second_hash(verifier)),
        };
        Ok(Self { room_id: hello.room_id, claim, attempt: hello.attempt, seq: hello.seq })
    }
}

/// Hands a member's frame to the room.
fn take(bytes: &[u8], seat: &Seat, outbox: &Outbox, now: Instant) -> ControlFlow<EndReason> {
    match ClientFrame::parse(bytes) {
        Ok(ClientFrame::Leave) => ControlFlow::Break(CloseCode::Left.into()),
        Ok(frame) => match seat.take(&frame, now) {
            Ok(()) => ControlFlow::Continue(()),
            // If the room has closed the connection already, that close code is the reason and not this refusal.
            Err(code) => ControlFlow::Break(outbox.close(code).into()),
        },
        Err(error) => ControlFlow::Break(close_code(error).into()),
    }
}

fn close_code(error: FrameError) -> CloseCode {
    match error {
        FrameError::Version(_) => CloseCode::UnknownVersion,
        FrameError::Malformed => CloseCode::Malformed,
    }
}
