//! A member with a native client. Its password is stretched once for the whole room, because hundreds fill a room.

use std::{sync::LazyLock, time::Duration};

use futures_util::{SinkExt, StreamExt};
use support::within;
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use web_crypto::{
    Stretched,
    session::{Connection, Input, Intent, Output, Session, View},
    stretch::stretch,
};
use wire::{RoomName, door::SaltAnswer, limits};
use zeroize::Zeroizing;

/// The data that a room's members share.
#[derive(Clone)]
pub struct Room {
    /// `127.0.0.1` and the port.
    pub address: String,
    pub name: String,
    pub password: &'static str,
    /// The stretched password.
    pub stretched: [u8; 32],
    /// How long stretching took.
    pub stretching: Duration,
    http: reqwest::Client,
}

impl Room {
    /// Stretches the password for a room of this name, which need not exist yet.
    pub async fn new(address: &str, name: &str) -> Self {
        let password = "correct horse battery";
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}/api/salt");
        let answer = http.post(url).json(&serde_json::json!({ "room": name })).send().await.unwrap();
        let answer: SaltAnswer = answer.json().await.unwrap();
        let began = Instant::now();
        let stretched = stretch(password, &name.parse::<RoomName>().unwrap(), &answer.salt).unwrap();
        let stretched = *stretched.as_bytes();
        Self {
            address: address.to_owned(),
            name: name.to_owned(),
            password,
            stretched,
            stretching: began.elapsed(),
            http,
        }
    }

    /// Creates the room with this many members, admitted in batches of one commit. Creates no room for zero members.
    pub async fn fill(&self, people: usize) -> Vec<Member> {
        let mut members = Vec::with_capacity(people);
        while members.len() < people {
            // The first member creates the room.
            let many = if members.is_empty() { 1 } else { limits::KNOCKS_PER_COMMIT.min(people - members.len()) };
            let first = members.len();
            let next = first..first + many;
            members.extend(next.map(|number| Member::set_out(self, &format!("user {number}"), number == 0)));
            for member in &mut members[first..] {
                member.comes_in().await;
            }
        }
        members
    }
}

/// A member of a room. Dropping it closes the connection without a leave.
pub struct Member {
    says: UnboundedSender<String>,
    views: UnboundedReceiver<View>,
    client: AbortHandle,
}

impl Member {
    /// Starts to create or join the room.
    pub fn set_out(room: &Room, name: &str, makes: bool) -> Self {
        let (says, said) = unbounded_channel();
        let (show, views) = unbounded_channel();
        let intent = if makes { Intent::Create } else { Intent::Join };
        let session = Session::new(intent, &room.name, name, "", seed());
        let client = Client { session, room: room.clone(), socket: None, wake: None, show };
        Self { says, views, client: tokio::spawn(client.run(said)).abort_handle() }
    }

    /// Waits until this member is in the group.
    pub async fn comes_in(&mut self) {
        self.sees("the way in", |view| matches!(view, View::Connection { state: Connection::Connected, .. })).await;
    }

    /// True while the member's session runs, as it must during a measurement.
    pub fn is_there(&self) -> bool {
        !self.client.is_finished()
    }

    /// Sends a text.
    pub fn say(&self, text: &str) {
        self.says.send(text.to_owned()).unwrap();
    }

    /// Waits until the client shows a matching view.
    pub async fn sees(&mut self, what: &str, mut fits: impl FnMut(&View) -> bool) {
        within(what, async {
            loop {
                let view = self.views.recv().await.expect("the client is running");
                assert!(!matches!(view, View::Refused { .. } | View::Ended { .. }), "{view:?}");
                if fits(&view) {
                    return;
                }
            }
        })
        .await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.client.abort();
    }
}

fn seed() -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).unwrap();
    seed
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u64
}

struct Client {
    session: Session,
    room: Room,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    wake: Option<Instant>,
    show: UnboundedSender<View>,
}

impl Client {
    async fn run(mut self, mut said: UnboundedReceiver<String>) {
        self.drain().await;
        loop {
            let far = Instant::now() + Duration::from_secs(3600);
            let socket = &mut self.socket;
            let message = async {
                match socket {
                    Some(socket) => socket.next().await.and_then(Result::ok),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                text = said.recv() => match text {
                    Some(text) => self.input(Input::Say(&text)).await,
                    None => return,
                },
                message = message => match message {
                    Some(Message::Binary(bytes)) => self.input(Input::Received(&bytes)).await,
                    Some(Message::Ping(_) | Message::Pong(_)) => {}
                    other => panic!("the socket of a member ended: {other:?}"),
                },
                () = sleep_until(self.wake.unwrap_or(far)) => {
                    self.wake = None;
                    self.input(Input::Woken).await;
                }
            }
        }
    }

    async fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, now());
        self.drain().await;
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Post(path, body) => {
                    let url = format!("http://{}{path}", self.room.address);
                    let request = self.room.http.post(url).header("content-type", "application/json");
                    let answer = request.body(body.to_vec()).send().await.unwrap();
                    let (status, body) = (answer.status().as_u16(), answer.bytes().await.unwrap());
                    self.session.handle(Input::Answered { status, body: &body }, now());
                }
                Output::Stretch(..) => {
                    self.session.handle(Input::Stretched(Stretched::from(self.room.stretched)), now());
                }
                Output::Connect => {
                    let (socket, _) = connect_async(format!("ws://{}/api/socket", self.room.address)).await.unwrap();
                    self.socket = Some(socket);
                    self.session.handle(Input::Opened, now());
                }
                Output::Send(frame) => {
                    if let Some(socket) = &mut self.socket {
                        socket.send(Message::binary(frame)).await.unwrap();
                    }
                }
                Output::Wake(ms) => self.wake = Some(Instant::now() + Duration::from_millis(ms)),
                // Fails when nobody waits for views.
                Output::Show(view) => drop(self.show.send(view)),
                Output::Disconnect
                | Output::Debug(_)
                | Output::Farewell(..)
                | Output::Safety(_)
                | Output::Picture { .. } => {}
            }
        }
    }
}
