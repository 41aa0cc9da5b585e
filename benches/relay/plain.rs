//! A straightforward relay with axum: two tasks per socket, a broadcast channel per room, and defaults for the rest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    routing::get,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpListener, sync::broadcast};
use wire::{ClientFrame, Counter, Epoch, MemberId, RoomId, Seq, ServerFrame, Standing, Welcome};

/// Maximum queued messages per room.
const WAITING: usize = 1024;

type Rooms = Arc<Mutex<HashMap<RoomId, Arc<Room>>>>;

struct Room {
    seq: Mutex<Seq>,
    said: broadcast::Sender<Said>,
}

#[derive(Clone)]
struct Said {
    by: MemberId,
    /// The frame for the others, and the frame for the sender.
    frame: Bytes,
    own: Bytes,
}

/// Serves until the process is killed.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let rooms = Rooms::default();
        let router = Router::new().route(wire::door::SOCKET, get(upgrade)).with_state(rooms);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        eprintln!("listening on {}", listener.local_addr().unwrap());
        axum::serve(listener, router).await.unwrap();
    });
}

async fn upgrade(State(rooms): State<Rooms>, upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(|socket| async move {
        // Any error ends the socket.
        let _ = talk(socket, rooms).await;
    })
}

async fn talk(socket: WebSocket, rooms: Rooms) -> Option<()> {
    let (mut sink, mut stream) = socket.split();
    let Message::Binary(hello) = stream.next().await?.ok()? else { return None };
    let ClientFrame::Hello(hello) = ClientFrame::parse(&hello).ok()? else { return None };
    let room = Arc::clone(
        rooms
            .lock()
            .unwrap()
            .entry(hello.room_id)
            .or_insert_with(|| Arc::new(Room { seq: Mutex::new(Seq(0)), said: broadcast::Sender::new(WAITING) })),
    );
    let me = hello.member_id;
    let (seq, mut heard) = {
        let seq = room.seq.lock().unwrap();
        (*seq, room.said.subscribe())
    };
    let welcome = Welcome { seq, epoch: Epoch::default(), standing: Standing::Inside, counter: Counter(0) };
    sink.send(Message::Binary(ServerFrame::Welcome(welcome).to_bytes().into())).await.ok()?;
    tokio::spawn(async move {
        while let Ok(said) = heard.recv().await {
            let frame = if said.by == me { said.own } else { said.frame };
            if sink.send(Message::Binary(frame)).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(bytes) = message else { continue };
        let Ok(ClientFrame::Message { counter, sealed, .. }) = ClientFrame::parse(&bytes) else { continue };
        let mut last = room.seq.lock().unwrap();
        *last = last.next();
        let seq = *last;
        let frame = ServerFrame::Message { seq, sender: me, counter, sealed }.to_bytes().into();
        let own = ServerFrame::Accepted { seq, counter }.to_bytes().into();
        let _ = room.said.send(Said { by: me, frame, own });
    }
    Some(())
}
