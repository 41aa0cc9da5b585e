//! A native client: the real client core over a real socket. It does for tests what `session.js` does in the browser.

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Duration, Instant, sleep_until},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use web_crypto::{
    content::Content,
    group::{Forgery, Me},
    passphrase::safety_words,
    picture::Media,
    session::{Input, Intent, Output, Picture, Session},
    stretch::{stretch, stretch_safety},
};
use wire::{ClientFrame, Counter, MemberId};

use crate::within;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A seed for a session, from the system.
#[must_use]
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    seed
}

/// Milliseconds of the system's monotonic clock.
#[must_use]
pub fn now() -> u64 {
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    START.elapsed().as_millis().try_into().unwrap()
}

/// A person with a client. The client runs in its own task, because members let newcomers in even when they are silent.
pub struct Person {
    commands: mpsc::UnboundedSender<(Command, oneshot::Sender<()>)>,
    shown: mpsc::UnboundedReceiver<Value>,
    client: AbortHandle,
    /// The body of the last farewell. Adversaries in tests use its token and ids.
    pub farewell: Value,
}

/// An action of the person, or an event on its network.
enum Command {
    Say(String),
    SendPicture(Shot),
    CancelPicture(u32),
    SendContent(Counter, Content),
    Leave,
    Safety,
    Network(bool),
    LoseConnection,
    AdmitUnnamed(MemberId, String),
}

/// A picture to send, with metadata that may be false.
#[derive(Clone, Debug)]
pub struct Shot {
    pub number: u32,
    pub media: Media,
    pub width: u16,
    pub height: u16,
    pub alt: String,
    pub bytes: Vec<u8>,
}

/// An input of the client's loop.
enum Event {
    Command(Option<(Command, oneshot::Sender<()>)>),
    Message(Option<Message>),
    Woken,
}

impl Drop for Person {
    /// Ends the client as a crash does, without a WebSocket close.
    fn drop(&mut self) {
        self.client.abort();
    }
}

impl Person {
    /// Enters a room. Returns when the person is connected and in the group, or returns the refusal.
    pub async fn enter(base: &str, intent: Intent, room: &str, user: &str, password: &str) -> Result<Self, Value> {
        let mut person = Self::set_out(base, intent, room, user, password, false);
        let is_answer = |view: &Value| view["type"] == "refused" || view["state"] == "connected";
        let view = person.wait("admission or a refusal", is_answer).await;
        if view["type"] == "refused" { Err(view) } else { Ok(person) }
    }

    /// Joins a room and its group, and sends no message, not even the one that announces a member.
    pub async fn join_silently(base: &str, room: &str, user: &str, password: &str) -> Self {
        let mut person = Self::set_out(base, Intent::Join, room, user, password, true);
        person.wait("admission", |view| view["state"] == "connected").await;
        person
    }

    /// Starts to enter a room, and returns at once.
    pub fn set_out(base: &str, intent: Intent, room: &str, user: &str, password: &str, silent: bool) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let (show, shown) = mpsc::unbounded_channel();
        let client = Client {
            session: Session::new(intent, room, user, "", seed().into()),
            base: base.to_owned(),
            password: password.to_owned(),
            socket: None,
            wake: None,
            silent,
            show,
        };
        let client = tokio::spawn(client.run(receiver)).abort_handle();
        Self { commands, shown, client, farewell: Value::Null }
    }

    /// Makes a room.
    pub async fn create(base: &str, room: &str, user: &str, password: &str) -> Result<Self, Value> {
        Self::enter(base, Intent::Create, room, user, password).await
    }

    /// Joins a room.
    pub async fn join(base: &str, room: &str, user: &str, password: &str) -> Result<Self, Value> {
        Self::enter(base, Intent::Join, room, user, password).await
    }

    /// Sends a text.
    pub async fn say(&mut self, text: &str) {
        self.request(Command::Say(text.to_owned())).await;
    }

    /// Sends a picture.
    pub async fn shows(&mut self, shot: &Shot) {
        self.request(Command::SendPicture(shot.clone())).await;
    }

    /// Cancels a picture that is being sent.
    pub async fn cancels(&mut self, number: u32) {
        self.request(Command::CancelPicture(number)).await;
    }

    /// Seals content under this counter and sends it, without the checks of the session.
    pub async fn sends_content(&mut self, counter: u64, content: &Content) {
        self.request(Command::SendContent(Counter(counter), content.clone())).await;
    }

    /// Adds a member with this id and name to the group by a commit frame that does not name it. The person is alone in
    /// the group, so no other member can refuse the commit.
    pub async fn admits_unnamed_member(&mut self, id: u32, name: &str) {
        self.request(Command::AdmitUnnamed(MemberId(id), name.to_owned())).await;
        self.sees("keys").await;
    }

    /// Waits for a complete picture, and returns its media type, its width and height, and its bytes.
    pub async fn sees_picture(&mut self) -> (String, [u64; 2], Vec<u8>) {
        let view = self.sees("picture_came").await;
        let size = ["width", "height"].map(|side| view[side].as_u64().unwrap());
        let bytes = Base64::decode_vec(view["bytes"].as_str().unwrap()).unwrap();
        (view["media"].as_str().unwrap().to_owned(), size, bytes)
    }

    /// Returns the safety words of the present keys.
    pub async fn safety_words(&mut self) -> String {
        self.request(Command::Safety).await;
        self.sees("safety").await["words"].as_str().unwrap().to_owned()
    }

    /// Leaves the room.
    pub async fn leave(&mut self) {
        self.request(Command::Leave).await;
    }

    /// Drops the connection without a WebSocket close, as happens in a tunnel.
    pub async fn lose_connection(&mut self) {
        self.request(Command::LoseConnection).await;
    }

    /// Tells the client that the network is there or gone, as an operating system does.
    pub async fn network(&mut self, there: bool) {
        self.request(Command::Network(there)).await;
    }

    /// Returns when the client has carried out the command, so a person can be dropped right after `leave`.
    async fn request(&self, command: Command) {
        let (done, is_done) = oneshot::channel();
        self.commands.send((command, done)).unwrap();
        is_done.await.unwrap();
    }

    /// Waits for an event that fits, and returns it. Earlier events are dropped.
    pub async fn wait(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        within(what, async {
            loop {
                let view = self.shown.recv().await.unwrap_or_else(|| panic!("the client ended before: {what}"));
                if view["type"] == "farewell" {
                    self.farewell = view["body"].clone();
                }
                if fits(&view) {
                    return view;
                }
            }
        })
        .await
    }

    /// Waits for an event of this type.
    pub async fn sees(&mut self, kind: &str) -> Value {
        self.wait(kind, |view| view["type"] == kind).await
    }

    /// Waits for a message from another member, and returns that member's name and the text.
    pub async fn hears(&mut self) -> (String, String) {
        let view = self.wait("a message", |view| view["type"] == "message" && view["mine"] == false).await;
        (view["name"].as_str().unwrap().to_owned(), view["text"].as_str().unwrap().to_owned())
    }

    /// Waits until this client shows exactly these people, in this order.
    pub async fn sees_people(&mut self, names: &[&str]) {
        let fits = |view: &Value| {
            view["people"].as_array().is_some_and(|people| people.iter().map(|person| &person["name"]).eq(names))
        };
        self.wait(&format!("people: {names:?}"), fits).await;
    }
}

/// The client's task.
struct Client {
    session: Session,
    base: String,
    password: String,
    socket: Option<Socket>,
    wake: Option<Instant>,
    /// True if the client drops every message that it would send.
    silent: bool,
    show: mpsc::UnboundedSender<Value>,
}

impl Client {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<(Command, oneshot::Sender<()>)>) {
        self.drain().await;
        let far_future = Duration::from_secs(3600);
        loop {
            let event = tokio::select! {
                command = commands.recv() => Event::Command(command),
                message = next(&mut self.socket) => Event::Message(message),
                () = sleep_until(self.wake.unwrap_or_else(|| Instant::now() + far_future)) => Event::Woken,
            };
            match event {
                Event::Command(None) => return,
                Event::Command(Some((command, done))) => {
                    self.carry_out(command).await;
                    // The person may be gone.
                    let _ = done.send(());
                }
                Event::Woken => {
                    self.wake = None;
                    self.input(Input::Woken).await;
                }
                Event::Message(Some(Message::Binary(bytes))) => self.input(Input::Received(&bytes)).await,
                Event::Message(Some(Message::Close(frame))) => {
                    self.socket = None;
                    self.input(Input::Closed(frame.map_or(1005, |frame| frame.code.into()))).await;
                }
                Event::Message(Some(_)) => {}
                Event::Message(None) => {
                    self.socket = None;
                    self.input(Input::Closed(1006)).await;
                }
            }
        }
    }

    async fn carry_out(&mut self, command: Command) {
        match command {
            Command::Say(text) => self.input(Input::Say(&text)).await,
            Command::SendPicture(Shot { number, media, width, height, alt, bytes }) => {
                let picture = Picture { number, media: media.number(), width, height, alt: &alt, bytes: &bytes };
                self.input(Input::Picture(picture)).await;
            }
            Command::CancelPicture(number) => self.input(Input::Cancel(number)).await,
            Command::SendContent(counter, content) => {
                let observed = self.session.observe().expect("the client is in the room");
                let group = observed.group.expect("the client is in the group");
                let sealed = group.seal(observed.me, &content.to_padded(counter)).unwrap();
                let frame = ClientFrame::Message { epoch: group.epoch(), counter, sealed: &sealed }.to_bytes();
                self.socket.as_mut().expect("the client is connected").send(Message::binary(frame)).await.unwrap();
            }
            Command::AdmitUnnamed(id, name) => {
                let observed = self.session.observe().expect("the client is in the room");
                let group = observed.group.expect("the client is in the group");
                let ghost = Me::new(id, name.parse().unwrap(), [0; 32].into(), seed().into());
                let forgery = Forgery::Unnamed(ghost.key_package().unwrap());
                let epoch = group.epoch();
                let commit = group.forge(observed.me, &[], observed.gone, &forgery).unwrap().commit;
                let (admitted, removed) = (vec![], vec![]);
                let frame = ClientFrame::Commit { epoch, admitted, removed, commit: &commit, welcome: b"" }.to_bytes();
                self.socket.as_mut().expect("the client is connected").send(Message::binary(frame)).await.unwrap();
            }
            Command::Leave => self.input(Input::Leave).await,
            Command::Safety => self.input(Input::Safety).await,
            Command::Network(there) => self.input(Input::Network(there)).await,
            Command::LoseConnection => {
                self.socket = None;
                self.input(Input::Closed(1006)).await;
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
                    let request = reqwest::Client::new()
                        .post(format!("http://{}{path}", self.base))
                        .header("content-type", "application/json")
                        .body(body.to_vec());
                    match request.send().await {
                        Ok(answer) => {
                            let status = answer.status().as_u16();
                            let body = answer.bytes().await.unwrap();
                            self.session.handle(Input::Answered { status, body: &body }, now());
                        }
                        Err(_) => self.session.handle(Input::Unanswered, now()),
                    }
                }
                Output::Stretch(room, salt) => match stretch(&self.password, &room, &salt) {
                    Ok(stretched) => self.session.handle(Input::Stretched(stretched), now()),
                    Err(error) => {
                        self.session.handle(Input::NotStretched(error.code(), &error.to_string()), now());
                    }
                },
                Output::Connect => match connect_async(format!("ws://{}/api/socket", self.base)).await {
                    Ok((socket, _)) => {
                        self.socket = Some(socket);
                        self.session.handle(Input::Opened, now());
                    }
                    Err(_) => self.session.handle(Input::Closed(1006), now()),
                },
                Output::Send(frame) => {
                    if self.silent && matches!(ClientFrame::parse(&frame), Ok(ClientFrame::Message { .. })) {
                        continue;
                    }
                    if let Some(socket) = &mut self.socket {
                        // The read half reports a lost connection.
                        let _ = socket.send(Message::binary(frame)).await;
                    }
                }
                Output::Disconnect => {
                    if let Some(mut socket) = self.socket.take() {
                        let _ = socket.close(None).await;
                    }
                }
                Output::Farewell(_, body) => {
                    let body = serde_json::from_slice::<Value>(&body).unwrap();
                    self.shows(json!({ "type": "farewell", "body": body }));
                }
                Output::Safety(of) => {
                    let stretched = stretch_safety(of.as_slice().try_into().unwrap()).unwrap();
                    let words = safety_words(stretched.as_bytes()).unwrap();
                    self.shows(json!({ "type": "safety", "words": words }));
                }
                Output::Picture { id, picture, offer, bytes } => {
                    let (media, width, height) = (offer.media.name(), offer.width, offer.height);
                    let bytes = Base64::encode_string(&bytes);
                    self.shows(json!({ "type": "picture_came", "id": id, "picture": picture, "media": media,
                        "width": width, "height": height, "bytes": bytes }));
                }
                Output::Debug(line) => {
                    if std::env::var_os("SESSION_DEBUG").is_some() {
                        eprintln!("{line}");
                    }
                }
                Output::Wake(ms) => self.wake = Some(Instant::now() + Duration::from_millis(ms)),
                Output::Show(view) => self.shows(serde_json::to_value(&view).unwrap()),
            }
        }
    }

    fn shows(&self, view: Value) {
        // The person may be gone.
        let _ = self.show.send(view);
    }
}

/// Waits for the next message, or for ever if there is no socket.
async fn next(socket: &mut Option<Socket>) -> Option<Message> {
    match socket {
        Some(socket) => socket.next().await.and_then(Result::ok),
        None => std::future::pending().await,
    }
}
