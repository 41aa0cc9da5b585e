//! One socket: a hello, then frames both ways until one side is done.

mod out;
mod watch;

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, split},
    time::{sleep, timeout},
};
use uuid::Uuid;
use wire::{ClientFrame, CloseCode, FrameError, Hello, Refusal, ServerFrame, limits};

use crate::{
    Address, Budget, Outbox, TokenHash,
    listen::Place,
    log::Seat,
    refuse::Refused,
    room::Claim,
    routes::App,
    throttle::Throttle,
    watched::{Heard, Watched},
    ws::{self, End, Event, Fault, HandshakeError, Reader, Writer},
};

/// Bytes in a first message, which is a hello: who has not said it yet is to cost little.
const HELLO_BYTES: usize = 256;
/// How long a peer may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// Who is not read for longer than this is not silent.
const PAUSE: Duration = Duration::from_secs(1);

/// What browsers close a socket with when its page goes (RFC 6455, section 7.4.1).
const GOING_AWAY: u16 = 1001;

/// Why a connection is over.
#[derive(Clone, Copy)]
enum Over {
    /// The server says so, for this reason.
    Ours(CloseCode),
    /// The peer said so, with this number, and is to be answered with it (RFC 6455, section 5.5.1).
    Theirs(Option<u16>),
    /// Nobody is there any more.
    Gone,
}

impl From<CloseCode> for Over {
    fn from(code: CloseCode) -> Self {
        Self::Ours(code)
    }
}

impl From<Over> for Result<Hello, Over> {
    fn from(over: Over) -> Self {
        Err(over)
    }
}

impl From<End> for Over {
    fn from(end: End) -> Self {
        match end {
            End::Gone => Self::Gone,
            End::Fault(Fault::Protocol) => CloseCode::ProtocolError.into(),
            End::Fault(Fault::NotUtf8) => CloseCode::NotUtf8.into(),
            End::Fault(Fault::TooBig) => CloseCode::TooBig.into(),
        }
    }
}

pub(crate) async fn upgrade(
    State(app): State<App>,
    address: Address,
    Extension(mut place): Extension<Place>,
    Extension(heard): Extension<Heard>,
    mut request: Request,
) -> Response {
    let (response, upgrade) = match ws::accept(&mut request) {
        Ok(accepted) => accepted,
        Err(HandshakeError::Malformed) => return Refused::from(Refusal::Malformed).into_response(),
        Err(HandshakeError::Version) => return Refused::from(Refusal::WebSocketVersion).into_response(),
    };
    if let Err(refusal) = place.enter(&app.crowd, address) {
        return Refused::from(refusal).into_response();
    }
    let sockets = app.sockets.clone();
    sockets.spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            open(upgraded, app, address, heard).await;
        }
        drop(place);
    });
    response.map(|()| Body::empty())
}

/// Takes the stream back from HTTP, without what HTTP needed to read it.
async fn open(upgraded: Upgraded, app: App, address: Address, heard: Heard) {
    let watched = upgraded.downcast::<TokioIo<Watched>>().map(|Parts { io, read_buf, .. }| {
        // A copy: while one of its bytes is held, the whole of HTTP's buffer is.
        (io.into_inner(), read_buf.to_vec())
    });
    match watched {
        Ok((stream, before)) => serve(stream, before, app, address, heard).await,
        Err(upgraded) => serve(TokioIo::new(upgraded), Vec::new(), app, address, heard).await,
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite, before: Vec<u8>, app: App, address: Address, heard: Heard) {
    // A connection is logged by an id of its own: names, rooms and tokens stay out of logs.
    let id = Uuid::new_v4();
    tracing::debug!(%id, "socket open");
    let (reading, writing) = split(stream);
    let mut connection = Connection {
        reader: Reader::new(reading, before, HELLO_BYTES),
        throttle: Throttle::new(app.config.max_frames_per_second, app.config.max_bytes_per_second, Instant::now()),
        // One who comes back is sent all that it missed at once; one who is let in, a frame as large as a commit's.
        outbox: Outbox::new(
            app.config.max_queue_bytes,
            app.config.max_replay_bytes.saturating_add(2 * app.config.max_frame_bytes),
            &app.queues,
        ),
        heard,
    };
    let mut writer = Writer::new(writing);
    let mut seat = None;
    let (outbox, heard) = (connection.outbox.clone(), connection.heard.clone());
    let over = tokio::select! {
        biased;
        // First, so that one who sends without end is written to all the same.
        over = out::write(&mut writer, &outbox) => over,
        over = connection.read(&mut seat, &app, address) => over,
        code = watch::watch(&heard, &outbox) => code.into(),
    };
    let code = match over {
        Over::Ours(code) => Some(code),
        // The browser is closing the page: it may not have come to sending the farewell itself.
        Over::Theirs(Some(GOING_AWAY)) => Some(CloseCode::Left),
        Over::Theirs(_) | Over::Gone => None,
    };
    if let Some(seat) = seat {
        if code == Some(CloseCode::Left) {
            seat.leave(Instant::now());
        } else {
            seat.disconnect(heard.last(), Instant::now());
        }
    }
    tracing::debug!(%id, code = code.map(CloseCode::number), "socket closed");
    let _ = timeout(CLOSE_WITHIN, out::close(&mut connection.reader, &mut writer, over)).await;
}

/// What comes in, and what that needs.
struct Connection<R> {
    reader: Reader<R>,
    throttle: Throttle,
    outbox: Outbox,
    heard: Heard,
}

impl<R: AsyncRead + Unpin> Connection<R> {
    /// Waits for a hello, takes the member's place, and then takes frames in until the connection ends.
    async fn read(&mut self, seat: &mut Option<Box<dyn Seat>>, app: &App, address: Address) -> Over {
        let hello = tokio::select! {
            hello = self.hello() => hello,
            () = sleep(limits::HELLO_WITHIN) => Err(CloseCode::NoHello.into()),
            () = app.stopping.cancelled() => Err(CloseCode::Stopping.into()),
        };
        let hello = match hello {
            Ok(hello) => hello,
            Err(over) => return over,
        };
        let seat = match greet(hello, app, address, &self.outbox).await {
            Ok(taken) => &**seat.insert(taken),
            Err(code) => return code.into(),
        };
        self.reader.limit(app.config.max_frame_bytes);
        let outbox = self.outbox.clone();
        loop {
            if let ControlFlow::Break(over) = self.next(|bytes| take(bytes, seat, &outbox)).await {
                return over;
            }
        }
    }

    async fn hello(&mut self) -> Result<Hello, Over> {
        loop {
            let hello = self.next(|bytes| match ClientFrame::parse(bytes) {
                Ok(ClientFrame::Hello(hello)) => ControlFlow::Break(Ok(hello)),
                Ok(_) => ControlFlow::Break(Err(CloseCode::NoHello.into())),
                Err(error) => ControlFlow::Break(Err(misread(error).into())),
            });
            if let ControlFlow::Break(hello) = hello.await {
                return hello;
            }
        }
    }

    /// Reads once, when it may, and hands on each message. What the connection itself needs is seen to here.
    async fn next<T: From<Over>>(&mut self, mut take: impl FnMut(&[u8]) -> ControlFlow<T>) -> ControlFlow<T> {
        let Self { reader, throttle, outbox, heard } = self;
        pause(throttle, heard).await;
        let mut frames = 0;
        let read = reader.read(|event| {
            frames += 1;
            match event {
                Event::Binary(bytes) => take(bytes),
                Event::Ping(payload) => {
                    outbox.pong(payload);
                    ControlFlow::Continue(())
                }
                Event::Pong(_) => ControlFlow::Continue(()),
                Event::Text(_) => ControlFlow::Break(Over::from(CloseCode::Malformed).into()),
                Event::Close(close) => ControlFlow::Break(Over::Theirs(close.map(|close| close.code)).into()),
            }
        });
        match read.await {
            Ok(ControlFlow::Continue(bytes)) => {
                throttle.take(frames, bytes, Instant::now());
                ControlFlow::Continue(())
            }
            Ok(ControlFlow::Break(enough)) => ControlFlow::Break(enough),
            Err(end) => ControlFlow::Break(Over::from(end).into()),
        }
    }
}

/// Waits until this peer may send more. TCP makes it wait too.
async fn pause(throttle: &Throttle, heard: &Heard) {
    loop {
        let wait = throttle.wait(Instant::now());
        if wait.is_zero() {
            return;
        }
        sleep(wait.min(PAUSE)).await;
        // Who is not listened to is not silent.
        heard.now();
    }
}

/// Takes the member's place.
async fn greet(hello: Hello, app: &App, address: Address, outbox: &Outbox) -> Result<Box<dyn Seat>, CloseCode> {
    // A verifier in a hello is an attempt at the password like one at the door.
    if hello.verifier.is_some() && app.joins.check(address).is_err() {
        return Err(CloseCode::AddressChanged);
    }
    let claim = Claim {
        member_id: hello.member_id,
        token: TokenHash::from(&hello.token),
        address,
        hash: hello.verifier.as_ref().map(|verifier| app.secret.second_hash(verifier)),
    };
    app.log.follow(hello.room_id, claim, hello.seq, outbox.clone(), Instant::now()).await
}

/// Takes a member's frame.
fn take(bytes: &[u8], seat: &dyn Seat, outbox: &Outbox) -> ControlFlow<Over> {
    match ClientFrame::parse(bytes) {
        Ok(ClientFrame::Ping) => {
            outbox.push(ServerFrame::Pong.to_bytes().into(), Budget::Talk);
            ControlFlow::Continue(())
        }
        Ok(ClientFrame::Leave) => ControlFlow::Break(CloseCode::Left.into()),
        Ok(frame) => match seat.take(&frame, Instant::now()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(code) => ControlFlow::Break(code.into()),
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
