//! One socket: a hello, then frames both ways until one side is done.

mod flush;
mod incoming;
mod out;
mod watch;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
pub(crate) use flush::flush;
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use incoming::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite, split},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;
use watch::Heard;
use wire::{CloseCode, Hello, Refusal};

use crate::{
    Address, Outbox,
    half::SharedHalf,
    listen::Place,
    refuse::Refused,
    routes::App,
    watched::Watched,
    ws::{self, End, Fault, HandshakeError, Reader, Writer},
};

/// Bytes in a first message, which is a hello: who has not said it yet is to cost little.
const HELLO_BYTES: usize = 256;
/// How long a peer may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

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
            open(upgraded, Caller { app, address, _place: place });
        }
    });
    response.map(|()| Body::empty())
}

/// Who opened a socket, and where.
struct Caller {
    app: App,
    address: Address,
    _place: Place,
}

/// Takes the stream back from HTTP, without what HTTP needed to read it, and goes on in a task that is no larger than it
/// has to be: most of the time it only waits.
fn open(upgraded: Upgraded, caller: Caller) {
    let sockets = caller.app.sockets.clone();
    let watched = upgraded.downcast::<TokioIo<Watched<TcpStream>>>().map(|Parts { io, read_buf, .. }| {
        // A copy: while one of its bytes is held, the whole of HTTP's buffer is.
        (io.into_inner(), read_buf.to_vec())
    });
    match watched {
        Ok((stream, before)) => {
            let (reading, writing) = stream.split();
            let outbox = outbox(&caller.app, Some(writing.half()));
            sockets.spawn(serve(Reader::new(reading, before, HELLO_BYTES), Writer::new(writing), outbox, caller));
        }
        Err(upgraded) => {
            let (reading, writing) = split(TokioIo::new(upgraded));
            let outbox = outbox(&caller.app, None);
            sockets.spawn(serve(Reader::new(reading, Vec::new(), HELLO_BYTES), Writer::new(writing), outbox, caller));
        }
    }
}

/// One socket from hello to close. Its parts come into the task as they are: a part that is an argument of an `async fn`
/// takes place in it twice.
fn serve(
    mut reader: Reader<impl AsyncRead + Unpin>,
    mut writer: Writer<impl AsyncWrite + Unpin>,
    outbox: Outbox,
    caller: Caller,
) -> impl Future<Output = ()> {
    // A connection is logged by an id of its own: names, rooms and tokens stay out of logs.
    let id = Uuid::new_v4();
    let heard = Heard::new();
    async move {
        let Caller { app, address, _place } = &caller;
        tracing::debug!(%id, "socket open");
        let mut incoming = Incoming::new(&mut reader, &outbox, &heard, &app.config);
        let mut seat = None;
        let over = tokio::select! {
            biased;
            // First, so that one who sends without end is written to all the same.
            over = out::write(&mut writer, &outbox) => over,
            over = incoming.read(&mut seat, app, *address) => over,
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
        let _ = timeout(CLOSE_WITHIN, out::close(&mut reader, &mut writer, &outbox, over)).await;
    }
}

fn outbox(app: &App, half: Option<SharedHalf>) -> Outbox {
    let talk = app.config.max_queue_bytes;
    // One who comes back is sent all that it missed at once; one who is let in, a frame as large as a commit's.
    let group = app.config.max_replay_bytes.saturating_add(2 * app.config.max_frame_bytes);
    match half {
        Some(half) => Outbox::with_half(talk, group, &app.queues, half, Arc::clone(&app.dirty)),
        None => Outbox::new(talk, group, &app.queues),
    }
}
