//! A native client: the real core, driven over a real socket. The test's counterpart of `session.js`.

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
    session::{Env, Input, Intent, Output, Picture, Session},
    stretch::{stretch, stretch_safety},
};
use wire::{ClientFrame, Counter, MemberId};

use crate::within;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The system's clock and entropy.
pub struct System;

impl Env for System {
    fn now(&self) -> u64 {
        static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
        START.elapsed().as_millis().try_into().unwrap()
    }

    fn random(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

/// Someone at a client, which goes on by itself: those in a room have to let others in while they say nothing.
pub struct Person {
    wishes: mpsc::UnboundedSender<(Wish, oneshot::Sender<()>)>,
    shown: mpsc::UnboundedReceiver<Value>,
    client: AbortHandle,
    /// The last `admitted`, whose token and numbers adversaries borrow.
    pub admitted: Value,
}

/// What a person does, or what befalls it.
enum Wish {
    Say(String),
    Show(Shot),
    Cancel(u32),
    Put(Counter, Content),
    Leave,
    Safety,
    Network(bool),
    LoseConnection,
    Haunt(MemberId, String),
}

/// A picture, and what is said of it, true or not.
#[derive(Clone, Debug)]
pub struct Shot {
    pub number: u32,
    pub media: Media,
    pub width: u16,
    pub height: u16,
    pub alt: String,
    pub bytes: Vec<u8>,
}

/// What came of one step.
enum Event {
    Wish(Option<(Wish, oneshot::Sender<()>)>),
    Message(Option<Message>),
    Woken,
}

impl Drop for Person {
    /// The socket goes as it does with a crash: no farewell.
    fn drop(&mut self) {
        self.client.abort();
    }
}

impl Person {
    /// Sets out; returns once the person is in the group, or with what the door said.
    pub async fn enter(base: &str, intent: Intent, room: &str, user: &str, password: &str) -> Result<Self, Value> {
        let mut person = Self::set_out(base, intent, room, user, password, false);
        let came = |view: &Value| view["type"] == "refused" || view["state"] == "connected";
        let view = person.wait("the door's answer", came).await;
        if view["type"] == "refused" { Err(view) } else { Ok(person) }
    }

    /// Joins a room, follows its group, and never sends a message: not even that it is here.
    pub async fn join_silently(base: &str, room: &str, user: &str, password: &str) -> Self {
        let mut person = Self::set_out(base, Intent::Join, room, user, password, true);
        person.wait("being let in", |view| view["state"] == "connected").await;
        person
    }

    /// Sets out, and returns at once.
    pub fn set_out(base: &str, intent: Intent, room: &str, user: &str, password: &str, silent: bool) -> Self {
        let (wishes, wished) = mpsc::unbounded_channel();
        let (show, shown) = mpsc::unbounded_channel();
        let client = Client {
            session: Session::new(intent, room, user, "", &mut System),
            base: base.to_owned(),
            password: password.to_owned(),
            socket: None,
            wake: None,
            silent,
            show,
        };
        let client = tokio::spawn(client.run(wished)).abort_handle();
        Self { wishes, shown, client, admitted: Value::Null }
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
        self.wish(Wish::Say(text.to_owned())).await;
    }

    /// Sends a picture.
    pub async fn shows(&mut self, shot: &Shot) {
        self.wish(Wish::Show(shot.clone())).await;
    }

    /// Does not want a picture sent any more.
    pub async fn cancels(&mut self, number: u32) {
        self.wish(Wish::Cancel(number)).await;
    }

    /// Seals this under this counter and sends it, past the session that would keep to the rules.
    pub async fn puts(&mut self, counter: u64, content: &Content) {
        self.wish(Wish::Put(Counter(counter), content.clone())).await;
    }

    /// Lets a member of this number and name into the group by a commit that names nobody. Alone in the group, nobody
    /// is there to refuse it.
    pub async fn haunts(&mut self, id: u32, name: &str) {
        self.wish(Wish::Haunt(MemberId(id), name.to_owned())).await;
        self.sees("keys").await;
    }

    /// Waits for a whole picture: its media type, its size, and its bytes.
    pub async fn sees_picture(&mut self) -> (String, [u64; 2], Vec<u8>) {
        let view = self.sees("picture_came").await;
        let size = ["width", "height"].map(|side| view[side].as_u64().unwrap());
        let bytes = Base64::decode_vec(view["bytes"].as_str().unwrap()).unwrap();
        (view["media"].as_str().unwrap().to_owned(), size, bytes)
    }

    /// Asks for the safety words of the present keys.
    pub async fn safety_words(&mut self) -> String {
        self.wish(Wish::Safety).await;
        self.sees("safety").await["words"].as_str().unwrap().to_owned()
    }

    /// Leaves the room.
    pub async fn leave(&mut self) {
        self.wish(Wish::Leave).await;
    }

    /// Breaks the connection as a tunnel does: no farewell.
    pub async fn lose_connection(&mut self) {
        self.wish(Wish::LoseConnection).await;
    }

    /// The network is back, says the system.
    pub async fn network(&mut self, there: bool) {
        self.wish(Wish::Network(there)).await;
    }

    /// Returns when it has been done: who is dropped after leaving has left.
    async fn wish(&self, wish: Wish) {
        let (done, is_done) = oneshot::channel();
        self.wishes.send((wish, done)).unwrap();
        is_done.await.unwrap();
    }

    /// Waits until something is shown that fits, and returns it. What is shown before is dropped.
    pub async fn wait(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        within(what, async {
            loop {
                let view = self.shown.recv().await.unwrap_or_else(|| panic!("the client has stopped before: {what}"));
                if view["type"] == "admitted" {
                    self.admitted = view.clone();
                }
                if fits(&view) {
                    return view;
                }
            }
        })
        .await
    }

    /// Waits for something of this type.
    pub async fn sees(&mut self, kind: &str) -> Value {
        self.wait(kind, |view| view["type"] == kind).await
    }

    /// Waits for a message of someone else: who, and what.
    pub async fn hears(&mut self) -> (String, String) {
        let view = self.wait("a message", |view| view["type"] == "message" && view["mine"] == false).await;
        (view["name"].as_str().unwrap().to_owned(), view["text"].as_str().unwrap().to_owned())
    }

    /// Waits until these are in the group, as far as this person has seen.
    pub async fn sees_people(&mut self, names: &[&str]) {
        let fits = |view: &Value| {
            view["people"].as_array().is_some_and(|people| people.iter().map(|person| &person["name"]).eq(names))
        };
        self.wait(&format!("people: {names:?}"), fits).await;
    }
}

/// The client itself.
struct Client {
    session: Session,
    base: String,
    password: String,
    socket: Option<Socket>,
    wake: Option<Instant>,
    /// It sends no message.
    silent: bool,
    show: mpsc::UnboundedSender<Value>,
}

impl Client {
    async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<(Wish, oneshot::Sender<()>)>) {
        self.drain().await;
        let far = Duration::from_secs(3600);
        loop {
            let event = tokio::select! {
                wish = wishes.recv() => Event::Wish(wish),
                message = next(&mut self.socket) => Event::Message(message),
                () = sleep_until(self.wake.unwrap_or_else(|| Instant::now() + far)) => Event::Woken,
            };
            match event {
                Event::Wish(None) => return,
                Event::Wish(Some((wish, done))) => {
                    self.carry_out(wish).await;
                    // Nobody may be waiting any more.
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

    async fn carry_out(&mut self, wish: Wish) {
        match wish {
            Wish::Say(text) => self.input(Input::Say(&text)).await,
            Wish::Show(Shot { number, media, width, height, alt, bytes }) => {
                let picture = Picture { number, media: media.number(), width, height, alt: &alt, bytes: &bytes };
                self.input(Input::Picture(picture)).await;
            }
            Wish::Cancel(number) => self.input(Input::Cancel(number)).await,
            Wish::Put(counter, content) => {
                let observed = self.session.observe().expect("one is in the room");
                let group = observed.group.expect("and in the group");
                let sealed = group.seal(observed.me, &content.to_padded(counter)).unwrap();
                let frame = ClientFrame::Message { epoch: group.epoch(), counter, sealed: &sealed }.to_bytes();
                self.socket.as_mut().expect("one is connected").send(Message::binary(frame)).await.unwrap();
            }
            Wish::Haunt(id, name) => {
                let observed = self.session.observe().expect("one is in the room");
                let group = observed.group.expect("and in the group");
                let mut seed = [0; 32];
                System.random(&mut seed);
                let ghost = Me::new(id, name.parse().unwrap(), [0; 32].into(), seed.into());
                let forgery = Forgery::Unnamed(ghost.key_package().unwrap());
                let epoch = group.epoch();
                let commit = group.forge(observed.me, &[], observed.gone, &forgery).unwrap().commit;
                let (admitted, removed) = (vec![], vec![]);
                let frame = ClientFrame::Commit { epoch, admitted, removed, commit: &commit, welcome: b"" }.to_bytes();
                self.socket.as_mut().expect("one is connected").send(Message::binary(frame)).await.unwrap();
            }
            Wish::Leave => self.input(Input::Leave).await,
            Wish::Safety => self.input(Input::Safety).await,
            Wish::Network(there) => self.input(Input::Network(there)).await,
            Wish::LoseConnection => {
                self.socket = None;
                self.input(Input::Closed(1006)).await;
            }
        }
    }

    async fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, &mut System);
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
                            self.session.handle(Input::Answered { status, body: &body }, &mut System);
                        }
                        Err(_) => self.session.handle(Input::Unanswered, &mut System),
                    }
                }
                Output::Stretch(room, salt) => match stretch(&self.password, &room, &salt) {
                    Ok(stretched) => self.session.handle(Input::Stretched(stretched), &mut System),
                    Err(error) => {
                        self.session.handle(Input::NotStretched(error.code(), &error.to_string()), &mut System);
                    }
                },
                Output::Connect => match connect_async(format!("ws://{}/api/socket", self.base)).await {
                    Ok((socket, _)) => {
                        self.socket = Some(socket);
                        self.session.handle(Input::Opened, &mut System);
                    }
                    Err(_) => self.session.handle(Input::Closed(1006), &mut System),
                },
                Output::Send(frame) => {
                    if self.silent && matches!(ClientFrame::parse(&frame), Ok(ClientFrame::Message { .. })) {
                        continue;
                    }
                    if let Some(socket) = &mut self.socket {
                        // A connection that is lost says so when it is read.
                        let _ = socket.send(Message::binary(frame)).await;
                    }
                }
                Output::Disconnect => {
                    if let Some(mut socket) = self.socket.take() {
                        let _ = socket.close(None).await;
                    }
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
                Output::Wake(ms) => self.wake = Some(Instant::now() + Duration::from_millis(ms)),
                Output::Show(view) => self.shows(serde_json::to_value(&view).unwrap()),
            }
        }
    }

    fn shows(&self, view: Value) {
        // Nobody may be looking any more.
        let _ = self.show.send(view);
    }
}

/// The next message; never, without a socket.
async fn next(socket: &mut Option<Socket>) -> Option<Message> {
    match socket {
        Some(socket) => socket.next().await.and_then(Result::ok),
        None => std::future::pending().await,
    }
}
