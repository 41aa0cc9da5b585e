//! One socket: a hello, then frames both ways until one side is done.

use std::time::{Duration, Instant};

use axum::{
    extract::{
        Extension, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tungstenite::{Error as WsError, error::CapacityError};
use uuid::Uuid;
use wire::{ClientFrame, CloseCode, FrameError, Refusal, ServerFrame, limits};

use crate::{
    Address, Budget, Outbox, TokenHash, listen::Place, log::Seat, refuse::Refused, room::Claim, routes::App,
    watched::Heard,
};

/// More makes every read cost more: the buffer is cleared each time.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What is gathered for one write. Four times as much and the largest frame is where it ends: answers to a
/// peer's pings pile up there, and one that pings without reading is to fill no more.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// How long a peer may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What browsers close a socket with when its page goes (RFC 6455, section 7.4.1).
const GOING_AWAY: u16 = 1001;

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

pub(crate) async fn upgrade(
    State(app): State<App>,
    address: Address,
    Extension(mut place): Extension<Place>,
    Extension(heard): Extension<Heard>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else { return Refused::from(Refusal::Malformed).into_response() };
    if let Err(refusal) = place.enter(&app.crowd, address) {
        return Refused::from(refusal).into_response();
    }
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(4 * WRITE_BUFFER_BYTES + app.config.max_frame_bytes)
        .max_message_size(app.config.max_frame_bytes)
        .max_frame_size(app.config.max_frame_bytes)
        .on_upgrade(move |socket| {
            let sockets = app.sockets.clone();
            sockets.track_future(async move {
                serve(socket, app, address, heard).await;
                drop(place);
            })
        })
}

async fn serve(socket: WebSocket, app: App, address: Address, heard: Heard) {
    // A connection is logged by an id of its own: names, rooms and tokens stay out of logs.
    let id = Uuid::new_v4();
    tracing::debug!(%id, "socket open");
    let (mut sink, mut stream) = socket.split();
    let code = match greet(&mut stream, &app, address).await {
        Ok((seat, outbox)) => {
            let code = tokio::select! {
                code = read(&mut stream, seat.as_ref(), &outbox) => code,
                code = write(&mut sink, &outbox) => code,
                code = silence(&heard) => Some(code),
            };
            if code == Some(CloseCode::Left) {
                seat.leave(Instant::now());
            } else {
                seat.disconnect(heard.last(), Instant::now());
            }
            code
        }
        Err(code) => code,
    };
    tracing::debug!(%id, code = code.map(CloseCode::number), "socket closed");
    match code {
        Some(code) => close(&mut sink, &mut stream, code).await,
        // The peer's own close is answered, if it was one (RFC 6455, section 5.5.1).
        None => drop(timeout(CLOSE_WITHIN, sink.close()).await),
    }
}

/// Waits for the hello and takes the member's place. No code: the peer is gone already.
async fn greet(stream: &mut Stream, app: &App, address: Address) -> Result<(Box<dyn Seat>, Outbox), Option<CloseCode>> {
    let bytes = tokio::select! {
        frame = next(stream) => frame?,
        () = sleep(limits::HELLO_WITHIN) => return Err(Some(CloseCode::NoHello)),
        () = app.stopping.cancelled() => return Err(Some(CloseCode::Stopping)),
    };
    let hello = match ClientFrame::parse(&bytes) {
        Ok(ClientFrame::Hello(hello)) => hello,
        Ok(_) => return Err(Some(CloseCode::NoHello)),
        Err(error) => return Err(Some(misread(error))),
    };
    // A verifier in a hello is an attempt at the password like one at the door.
    if hello.verifier.is_some() && app.joins.check(address).is_err() {
        return Err(Some(CloseCode::AddressChanged));
    }
    let claim = Claim {
        member_id: hello.member_id,
        token: TokenHash::from(&hello.token),
        address,
        hash: hello.verifier.as_ref().map(|verifier| app.secret.second_hash(verifier)),
    };
    // One who comes back is sent all that it missed at once; one who is let in, a frame as large as a commit's.
    let group = app.config.max_replay_bytes.saturating_add(2 * app.config.max_frame_bytes);
    let outbox = Outbox::new(app.config.max_queue_bytes, group);
    let now = Instant::now();
    let seat = app.log.follow(hello.room_id, claim, hello.seq, outbox.clone(), now).await.map_err(Some)?;
    Ok((seat, outbox))
}

/// Waits until not a byte has come in for too long.
async fn silence(heard: &Heard) -> CloseCode {
    loop {
        let until = heard.last() + limits::SILENCE;
        if until <= Instant::now() {
            return CloseCode::Silent;
        }
        sleep_until(until.into()).await;
    }
}

/// Takes frames in until the connection ends; says why, if the server is to say it.
async fn read(stream: &mut Stream, seat: &dyn Seat, outbox: &Outbox) -> Option<CloseCode> {
    loop {
        let bytes = match sort(stream.next().await) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(code) => return code,
        };
        match ClientFrame::parse(&bytes) {
            Ok(ClientFrame::Ping) => outbox.push(ServerFrame::Pong.to_bytes().into(), Budget::Talk),
            Ok(ClientFrame::Leave) => return Some(CloseCode::Left),
            Ok(frame) => {
                if let Err(code) = seat.take(&frame, Instant::now()) {
                    return Some(code);
                }
            }
            Err(error) => return Some(misread(error)),
        }
    }
}

/// Writes what the outbox holds, many frames to a flush, and asks now and then whether the peer is there.
async fn write(sink: &mut Sink, outbox: &Outbox) -> Option<CloseCode> {
    let mut ping = interval(limits::PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let batch = tokio::select! {
            batch = outbox.next() => Some(batch),
            _ = ping.tick() => None,
        };
        let closed = batch.as_ref().and_then(|batch| batch.closed);
        let writing = async {
            match batch {
                Some(batch) => {
                    for frame in batch.frames {
                        sink.feed(Message::Binary(frame)).await?;
                    }
                }
                None => sink.feed(Message::Ping(Bytes::new())).await?,
            }
            sink.flush().await
        };
        let ended = tokio::select! {
            written = writing => match written {
                Ok(()) => closed,
                Err(_) => return None,
            },
            // One who is cut off while a write waits for it is not waited for.
            CloseCode::TooSlow = outbox.closed() => Some(CloseCode::TooSlow),
        };
        if ended.is_some() {
            return ended;
        }
    }
}

/// The next binary message.
async fn next(stream: &mut Stream) -> Result<Bytes, Option<CloseCode>> {
    loop {
        if let Some(bytes) = sort(stream.next().await)? {
            return Ok(bytes);
        }
    }
}

/// A binary message, or nothing where the WebSocket layer has dealt with it, or why it is over.
fn sort(message: Option<Result<Message, axum::Error>>) -> Result<Option<Bytes>, Option<CloseCode>> {
    match message {
        Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Text(_))) => Err(Some(CloseCode::Malformed)),
        // The browser is closing the page: it may not have come to sending the farewell itself.
        Some(Ok(Message::Close(Some(frame)))) if frame.code == GOING_AWAY => Err(Some(CloseCode::Left)),
        Some(Ok(Message::Close(_))) | None => Err(None),
        Some(Err(error)) => Err(match error.into_inner().downcast_ref::<WsError>() {
            Some(WsError::Capacity(CapacityError::MessageTooLong { .. })) => Some(CloseCode::TooBig),
            Some(WsError::Utf8(_)) => Some(CloseCode::NotUtf8),
            Some(WsError::Protocol(_)) => Some(CloseCode::ProtocolError),
            _ => None,
        }),
    }
}

fn misread(error: FrameError) -> CloseCode {
    match error {
        FrameError::Version(_) => CloseCode::UnknownVersion,
        FrameError::Malformed => CloseCode::Malformed,
    }
}

/// Says why, then waits for the answer. Where none can be read any more, since what came last was no frame, it
/// waits all the same: to drop a connection with unread bytes resets it, and the reason might not arrive.
async fn close(sink: &mut Sink, stream: &mut Stream, code: CloseCode) {
    let frame = CloseFrame { code: code.number(), reason: "".into() };
    let closing = async {
        if sink.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        while let Some(Ok(_)) = stream.next().await {}
        if matches!(code, CloseCode::ProtocolError | CloseCode::NotUtf8 | CloseCode::TooBig) {
            std::future::pending().await
        }
    };
    let _ = timeout(CLOSE_WITHIN, closing).await;
}
