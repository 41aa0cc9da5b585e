//! What comes in: a hello, and then frames, no more of them than one may send.

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

/// Who is not read for longer than this is not silent.
const PAUSE: Duration = Duration::from_secs(1);

/// What comes in, and what that needs.
pub(super) struct Incoming<'s, R> {
    reader: &'s mut Reader<R>,
    limits: InputLimits,
    /// Whether its peer has sent more than it may.
    wait: bool,
    /// Bytes of a message that is not here in whole.
    kept: usize,
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
        Self { reader, limits, wait: false, kept: 0, outbox, last_received }
    }

    /// Waits for a hello, takes the member's place, and then takes frames in until the connection ends.
    pub(super) fn read(
        &mut self,
        taken: &mut Option<Box<dyn Seat>>,
        app: &App,
        address: &Address,
    ) -> impl Future<Output = EndReason> {
        async move {
            // What is needed once only is kept apart, so that the task does not keep place for it.
            let seat = match Box::pin(self.come_in(app, *address)).await {
                Ok(seat) => &**taken.insert(seat),
                Err(reason) => return reason,
            };
            self.reader.limit(app.config.max_frame_bytes);
            // Only a hello holds secrets.
            self.reader.wipes(false);
            let outbox = self.outbox;
            loop {
                if let ControlFlow::Break(reason) = self.next(|bytes, now| take(bytes, seat, outbox, now)).await {
                    return reason;
                }
                if let Some(caught_up) = seat.handed_over() {
                    caught_up.await;
                    // Who is not listened to is not silent.
                    self.last_received.set(Instant::now());
                }
            }
        }
    }

    async fn come_in(&mut self, app: &App, address: Address) -> Result<Box<dyn Seat>, EndReason> {
        let outbox = self.outbox.clone();
        let Greeting { room_id, claim, attempt, seq } = tokio::select! {
            greeting = self.greeting(app, address) => greeting?,
            () = sleep(limits::HELLO_WITHIN) => return Err(CloseCode::NoHello.into()),
            () = app.stopping.cancelled() => return Err(CloseCode::Stopping.into()),
        };
        Ok(app.store.connect(room_id, claim, attempt, seq, outbox, Instant::now()).await?)
    }

    async fn greeting(&mut self, app: &App, address: Address) -> Result<Greeting, EndReason> {
        loop {
            let greeting = self.next(|bytes, _| match ClientFrame::parse(bytes) {
                Ok(ClientFrame::Hello(hello)) => ControlFlow::Break(Greeting::of(&hello, app, address)),
                Ok(_) => ControlFlow::Break(Err(CloseCode::NoHello.into())),
                Err(error) => ControlFlow::Break(Err(misread(error).into())),
            });
            if let ControlFlow::Break(greeting) = greeting.await {
                return greeting;
            }
        }
    }

    /// Reads once, when it may, and hands on each message. What the connection itself needs is seen to here.
    fn next<T: From<EndReason>>(
        &mut self,
        mut take: impl FnMut(&[u8], Instant) -> ControlFlow<T>,
    ) -> impl Future<Output = ControlFlow<T>> {
        async move {
            if mem::take(&mut self.wait)
                && let Err(code) = Box::pin(pause(&self.limits, self.last_received)).await
            {
                return ControlFlow::Break(EndReason::from(code).into());
            }
            let Self { reader, limits, outbox, .. } = self;
            let mut heard_at = None;
            let read = reader.read(|event| {
                let now = *heard_at.get_or_insert_with(Instant::now);
                let too_many = limits.frame(now);
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
                    ControlFlow::Break(enough) => ControlFlow::Break(Some(enough)),
                    // What came along with too much waits as if it had not been read.
                    ControlFlow::Continue(()) if too_many => ControlFlow::Break(None),
                    ControlFlow::Continue(()) => ControlFlow::Continue(()),
                }
            });
            let read = read.await;
            let now = heard_at.unwrap_or_else(Instant::now);
            // Whatever came: the end of a connection is a word of its peer, too.
            self.last_received.set(now);
            match read {
                Ok((_, ControlFlow::Break(Some(enough)))) => ControlFlow::Break(enough),
                Ok((bytes, ControlFlow::Break(None) | ControlFlow::Continue(()))) => {
                    if self.reader.has_caught_up() {
                        self.limits.caught_up();
                    }
                    self.limits.bytes(bytes, now);
                    self.wait = self.limits.is_overdrawn(now);
                    if mem::replace(&mut self.kept, self.reader.buffered_bytes()) != self.kept {
                        self.outbox.set_incoming_bytes(self.kept);
                    }
                    ControlFlow::Continue(())
                }
                Err(end) => ControlFlow::Break(EndReason::from(end).into()),
            }
        }
    }
}

/// Waits until this peer may send more. TCP makes it wait too. It cannot be told from one who is gone for as long as
/// what it has sent before is not read, and so not for long.
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
        // Who is not listened to is not silent.
        last_received.set(Instant::now());
    }
}

/// What a hello says, with hashes in place of its secrets: those are not kept while the member's place is waited for.
struct Greeting {
    room_id: RoomId,
    claim: Claim,
    attempt: u32,
    seq: Seq,
}

impl Greeting {
    fn of(hello: &Hello, app: &App, address: Address) -> Result<Self, EndReason> {
        // A verifier in a hello is an attempt at the password like one at the door.
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

/// Takes a member's frame.
fn take(bytes: &[u8], seat: &dyn Seat, outbox: &Outbox, now: Instant) -> ControlFlow<EndReason> {
    match ClientFrame::parse(bytes) {
        Ok(ClientFrame::Leave) => ControlFlow::Break(CloseCode::Left.into()),
        Ok(frame) => match seat.take(&frame, now) {
            Ok(()) => ControlFlow::Continue(()),
            // What comes from one who is put out is refused, but that is not why.
            Err(code) => ControlFlow::Break(outbox.close(code).into()),
        },
        Err(error) => ControlFlow::Break(misread(error).into()),
    }
}

fn misread(error: FrameError) -> CloseCode {
    match error {
        FrameError::Version(_) => CloseCode::UnknownVersion,
        FrameError::Malformed => CloseCode::Malformed,
    }
}
