//! What the tests share: a clock that the test moves, and a server that it plays.

use serde_json::{Value, json};
use wire::{
    ClientFrame, Counter, Departure, Epoch, MemberId, Person, RoomId, Seq, ServerFrame, Standing, Token, Welcome,
};
use zeroize::Zeroizing;

use super::super::*;
pub(super) use super::other::Other;
use crate::{content::Content, group::Commit};

pub(super) const ROOM: RoomId = RoomId([7; 16]);
pub(super) const ANA: u32 = 1;
/// Bo, whose session it is.
pub(super) const ME: u32 = 2;
pub(super) const CY: u32 = 3;

pub(super) fn seed_of(byte: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([byte; 32])
}

pub(super) fn stretched() -> Stretched {
    Stretched::from([9; 32])
}

pub(super) fn secret() -> RoomSecret {
    RoomSecret::extract(b"", stretched())
}

pub(super) fn epoch(generation: u32, number: u64) -> Epoch {
    Epoch { generation, number }
}

pub(super) fn person(id: u32, counter: u64) -> Person {
    Person { member_id: MemberId(id), counter: Counter(counter), connected: true, in_group: true }
}

/// Someone who has said something and is not in the group.
pub(super) fn outsider(id: u32, counter: u64) -> Person {
    Person { in_group: false, ..person(id, counter) }
}

pub(super) fn text(counter: u64, text: &str) -> Zeroizing<Vec<u8>> {
    Content::text(text).unwrap().to_padded(Counter(counter))
}

/// A content made by hand: version and kind, the counter, the body; padded.
pub(super) fn content(head: [u8; 2], counter: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = [&head[..], &counter.to_be_bytes(), body].concat();
    crate::padding::pad(&mut bytes);
    bytes
}

/// A commit that the session sent.
pub(super) struct Sent {
    pub(super) epoch: Epoch,
    pub(super) admitted: Vec<MemberId>,
    pub(super) removed: Vec<MemberId>,
    pub(super) commit: Vec<u8>,
    pub(super) welcome: Vec<u8>,
}

pub(super) struct Scene {
    pub(super) session: Session,
    pub(super) now: u64,
    pub(super) shown: Vec<Value>,
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) posted: Vec<(&'static str, Value)>,
    pub(super) farewell: Option<(&'static str, Value)>,
    pub(super) safety: Vec<Vec<u8>>,
    pub(super) debug: Vec<String>,
    /// Whole pictures, to be shown.
    pub(super) pictures: Vec<(u32, u64, Vec<u8>)>,
    pub(super) connects: usize,
    pub(super) disconnects: usize,
    pub(super) wake: Option<u64>,
    /// The number of the room's last event.
    pub(super) seq: u64,
    pub(super) ana: Other,
}

impl Scene {
    /// At the form's end.
    pub(super) fn new(intent: Intent) -> Self {
        Self::seeded(intent, 0)
    }

    /// The same, with randomness from a seed of this byte.
    pub(super) fn seeded(intent: Intent, seed: u8) -> Self {
        let session = Session::new(intent, "Book club", "Bo", "", seed_of(seed));
        let (shown, sent, posted, safety, debug, pictures) = Default::default();
        let (farewell, connects, disconnects, wake, seq) = Default::default();
        let ana = Other::new(ANA, "Ana");
        let mut scene = Self {
            session,
            now: 1_000_000,
            shown,
            sent,
            posted,
            farewell,
            safety,
            debug,
            pictures,
            connects,
            disconnects,
            wake,
            seq,
            ana,
        };
        scene.drain();
        scene
    }

    /// The door has admitted Bo and the socket is open: the client waits for the welcome. Ana has said three things before.
    pub(super) fn greeting() -> Self {
        Self::new(Intent::Join).admitted()
    }

    /// [`Scene::greeting`], from here.
    pub(super) fn admitted(mut self) -> Self {
        let scene = &mut self;
        scene.answer(200, &json!({ "salt": Token::from([1; 32]).to_text(), "build": "b" }));
        scene.input(Input::Stretched(stretched()));
        let token = Token::from([5; 32]).to_text();
        scene.answer(200, &json!({ "room_id": ROOM, "member_id": ME, "token": token }));
        scene.input(Input::Opened);
        scene.ana.found(0);
        scene.ana.counter = 3;
        scene.seq = 4;
        self
    }

    /// Before the group's door, with a knock sent.
    pub(super) fn outside() -> Self {
        let mut scene = Self::greeting();
        scene.welcome(Standing::Outside, 0);
        scene
    }

    /// In the group with Ana, and known to be: the next event has [`Scene::seq`] 7, the next message counter 2.
    pub(super) fn inside() -> Self {
        let mut scene = Self::outside();
        scene.ana_lets_in();
        let (_, _, here) = scene.messages_sent().pop().unwrap();
        assert_eq!(scene.ana.open(&here), (ME, 1, None));
        scene.accept(1);
        scene.shown.clear();
        scene
    }

    /// In the group with Ana and Cy, who has said that he is there.
    pub(super) fn with_cy() -> (Self, Other) {
        let mut scene = Self::inside();
        let mut cy = scene.cy_comes();
        cy.counter = 1;
        let here = cy.seal(&Content::Here.to_padded(Counter(1)));
        scene.ana.open(&here);
        scene.message(CY, 1, &here);
        scene.shown.clear();
        (scene, cy)
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        self.drain();
    }

    pub(super) fn answer(&mut self, status: u16, body: &Value) {
        self.input(Input::Answered { status, body: body.to_string().as_bytes() });
    }

    pub(super) fn frame(&mut self, frame: ServerFrame<'_>) {
        self.input(Input::Received(&frame.to_bytes()));
    }

    /// What has a place in the order: the next one.
    pub(super) fn event<'a>(&mut self, make: impl FnOnce(Seq) -> ServerFrame<'a>) {
        self.seq += 1;
        self.frame(make(Seq(self.seq)));
    }

    /// Welcomes in the epoch that Ana is in.
    pub(super) fn welcome(&mut self, standing: Standing, counter: u64) {
        let (seq, epoch) = (Seq(self.seq), self.ana.epoch());
        self.frame(ServerFrame::Welcome(Welcome { seq, epoch, standing, counter: Counter(counter) }));
    }

    /// Loses the connection and opens another, up to the hello.
    pub(super) fn reopen(&mut self) {
        self.input(Input::Closed(1006));
        self.wake();
        self.input(Input::Opened);
    }

    /// Ana answers the last knock; the server says that Bo is in.
    pub(super) fn ana_lets_in(&mut self) {
        self.ana_lets_in_before(&[]);
    }

    /// The same, while these are there and outside.
    pub(super) fn ana_lets_in_before(&mut self, outside: &[(u32, u64)]) {
        let (_, knock) = self.knocks().pop().expect("a knock");
        let commit = self.ana.commit(&[(ME, &knock)], &[]);
        self.ana.confirm();
        let outside = outside.iter().map(|(id, counter)| outsider(*id, *counter));
        let people = [person(ANA, self.ana.counter), person(ME, 0)].into_iter().chain(outside).collect();
        let epoch = self.ana.epoch();
        self.event(|seq| ServerFrame::LetIn { seq, epoch, people, welcome: &commit.welcome });
    }

    /// Ana lets Cy in, and Bo hears of it.
    pub(super) fn cy_comes(&mut self) -> Other {
        let mut cy = Other::new(CY, "Cy");
        let knock = cy.knock(self.ana.epoch().generation);
        let welcome = self.ana_commits(&[(CY, &knock)], &[]);
        cy.join(self.ana.epoch(), &welcome);
        cy
    }

    /// Ana commits, and Bo hears of it. The Welcome.
    pub(super) fn ana_commits(&mut self, knocks: &[(u32, &[u8])], gone: &[u32]) -> Vec<u8> {
        let epoch = self.ana.epoch();
        let Commit { admitted, removed, commit, welcome } = self.ana.commit(knocks, gone);
        self.ana.confirm();
        let author = MemberId(ANA);
        self.event(|seq| ServerFrame::Commit { seq, author, epoch, admitted, removed, commit: &commit });
        welcome
    }

    /// The server takes a commit of Bo's, and Ana follows it.
    pub(super) fn take_commit(&mut self, sent: &Sent, gone: &[u32]) {
        self.ana.follow(ME, sent, gone).unwrap();
        let epoch = sent.epoch;
        self.event(|seq| ServerFrame::Committed { seq, epoch });
    }

    pub(super) fn ana_says(&mut self, said: &str) {
        self.ana.counter += 1;
        let counter = self.ana.counter;
        self.ana_sends(counter, &text(counter, said));
    }

    /// Ana seals this, and the server hands it on under this counter.
    pub(super) fn ana_sends(&mut self, counter: u64, padded: &[u8]) {
        let sealed = self.ana.seal(padded);
        self.message(ANA, counter, &sealed);
    }

    pub(super) fn message(&mut self, sender: u32, counter: u64, sealed: &[u8]) {
        self.event(|seq| ServerFrame::Message { seq, sender: MemberId(sender), counter: Counter(counter), sealed });
    }

    pub(super) fn accept(&mut self, counter: u64) {
        self.event(|seq| ServerFrame::Accepted { seq, counter: Counter(counter) });
    }

    pub(super) fn leaves(&mut self, id: u32, counter: u64) {
        let (member_id, counter) = (MemberId(id), Counter(counter));
        self.event(|seq| ServerFrame::Left { seq, member_id, departure: Departure::Left, counter });
    }

    pub(super) fn duty(&mut self, commits: u32, knocks: &[(u32, &[u8])]) {
        let knocks = knocks.iter().map(|(id, sealed)| (MemberId(*id), *sealed)).collect();
        self.frame(ServerFrame::Duty { epoch: self.ana.epoch(), commits, knocks });
    }

    /// Lets the time pass that the session asked for.
    pub(super) fn wake(&mut self) {
        self.now += self.wake.take().expect("the session waits for a time");
        self.input(Input::Woken);
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Post(path, body) => self.posted.push((path, serde_json::from_slice(&body).unwrap())),
                Output::Farewell(path, body) => {
                    self.farewell = Some((path, serde_json::from_slice(&body).unwrap()));
                }
                Output::Stretch(..) => {}
                Output::Debug(line) => self.debug.push(line),
                Output::Connect => self.connects += 1,
                Output::Send(frame) => {
                    assert!(ClientFrame::parse(&frame).is_ok(), "a frame that the server refuses");
                    self.sent.push(frame);
                }
                Output::Disconnect => self.disconnects += 1,
                Output::Wake(ms) => self.wake = Some(ms),
                Output::Safety(bytes) => self.safety.push(bytes.to_vec()),
                Output::Picture { id, picture, bytes, .. } => self.pictures.push((id.0, picture, bytes.to_vec())),
                Output::Show(view) => self.shown.push(serde_json::to_value(view).unwrap()),
            }
        }
    }

    /// What was shown of this type since the last look.
    pub(super) fn take(&mut self, kind: &str) -> Vec<Value> {
        let (taken, rest) = core::mem::take(&mut self.shown).into_iter().partition(|view| view["type"] == kind);
        self.shown = rest;
        taken
    }

    /// One member of each view of this type since the last look.
    pub(super) fn each(&mut self, kind: &str, member: &str) -> Vec<Value> {
        self.take(kind).into_iter().map(|view| view[member].clone()).collect()
    }

    /// The names of those shown last as being in the room.
    pub(super) fn people(&mut self) -> Vec<String> {
        let people = self.take("people").pop().expect("a list of people");
        people["people"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The words and the state of the connection, as shown last.
    pub(super) fn connection(&mut self) -> (String, String) {
        let last = self.take("connection").pop().expect("a state of the connection");
        (last["state"].as_str().unwrap().to_owned(), last["words"].as_str().unwrap().to_owned())
    }

    fn pick<T>(&mut self, wanted: impl Fn(ClientFrame<'_>) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        self.sent.retain(|bytes| match wanted(ClientFrame::parse(bytes).unwrap()) {
            Some(one) => {
                picked.push(one);
                false
            }
            None => true,
        });
        picked
    }

    pub(super) fn hellos(&mut self) -> Vec<wire::Hello> {
        self.pick(|frame| if let ClientFrame::Hello(hello) = frame { Some(hello) } else { None })
    }

    pub(super) fn knocks(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.pick(|frame| match frame {
            ClientFrame::Knock { generation, sealed } => Some((generation, sealed.to_vec())),
            _ => None,
        })
    }

    pub(super) fn messages_sent(&mut self) -> Vec<(Epoch, u64, Vec<u8>)> {
        self.pick(|frame| match frame {
            ClientFrame::Message { epoch, counter, sealed } => Some((epoch, counter.0, sealed.to_vec())),
            _ => None,
        })
    }

    /// The counters of the messages sent since the last look.
    pub(super) fn counters_sent(&mut self) -> Vec<u64> {
        self.messages_sent().into_iter().map(|(_, counter, _)| counter).collect()
    }

    pub(super) fn commits_sent(&mut self) -> Vec<Sent> {
        self.pick(|frame| match frame {
            ClientFrame::Commit { epoch, admitted, removed, commit, welcome } => {
                Some(Sent { epoch, admitted, removed, commit: commit.to_vec(), welcome: welcome.to_vec() })
            }
            _ => None,
        })
    }

    pub(super) fn declined(&mut self) -> Vec<u32> {
        let passes =
            self.pick(|frame| if let ClientFrame::Decline { members, .. } = frame { Some(members) } else { None });
        passes.concat().into_iter().map(|id| id.0).collect()
    }

    pub(super) fn stuck(&mut self) -> Vec<Epoch> {
        self.pick(|frame| if let ClientFrame::Stuck { epoch } = frame { Some(epoch) } else { None })
    }
}
