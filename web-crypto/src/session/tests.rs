//! The session against a server that the test plays, honest or not.

use serde_json::{Value, json};
use wire::{
    ClientFrame, CloseCode, Counter, Departure, MemberId, Person, RoomId, Seq, ServerFrame, Token, Welcome, limits,
};

use super::*;
use crate::message::MessageKey;

/// A clock that the test moves, and entropy that counts.
struct Bench {
    now: u64,
    seed: u8,
}

impl Env for Bench {
    fn now(&self) -> u64 {
        self.now
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.seed = self.seed.wrapping_add(1);
        bytes.fill(self.seed);
    }
}

struct Scene {
    session: Session,
    env: Bench,
    shown: Vec<Value>,
    sent: Vec<Vec<u8>>,
    posted: Vec<(&'static str, Value)>,
    connects: usize,
    disconnects: usize,
    wake: Option<u64>,
}

const ROOM: RoomId = RoomId([7; 16]);
const ME: u32 = 2;
const ANA: u32 = 1;

impl Scene {
    fn new(intent: Intent) -> Self {
        let mut env = Bench { now: 1_000_000, seed: 0 };
        let session = Session::new(intent, "Book club", "Bo", "", &mut env);
        let (shown, sent, posted) = (Vec::new(), Vec::new(), Vec::new());
        let mut scene = Self { session, env, shown, sent, posted, connects: 0, disconnects: 0, wake: None };
        scene.drain();
        scene
    }

    /// In the room, with Ana, whose last counter was 3.
    fn inside() -> Self {
        let mut scene = Self::new(Intent::Join);
        scene.answer(200, &json!({ "salt": Token::from([1; 32]).to_text(), "build": "b" }));
        scene.input(Input::Stretched(Stretched::from([9; 32])));
        let token = Token::from([5; 32]).to_text();
        scene.answer(200, &json!({ "room_id": ROOM, "member_id": ME, "token": token }));
        scene.input(Input::Opened);
        scene.welcome(10, 3, 0);
        scene
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, &mut self.env);
        self.drain();
    }

    fn answer(&mut self, status: u16, body: &Value) {
        self.input(Input::Answered { status, body: body.to_string().as_bytes() });
    }

    fn frame(&mut self, frame: ServerFrame<'_>) {
        self.input(Input::Received(&frame.to_bytes()));
    }

    /// A welcome with both in the room.
    fn welcome(&mut self, seq: u64, ana: u64, me: u64) {
        let person = |id, name: &str, counter| Person {
            member_id: MemberId(id),
            name: name.parse().unwrap(),
            counter: Counter(counter),
            connected: true,
        };
        let people = vec![person(ANA, "Ana", ana), person(ME, "Bo", me)];
        self.frame(ServerFrame::Welcome(Welcome { seq: Seq(seq), people }));
    }

    /// A message from Ana as she would seal it.
    fn ana_sends(&mut self, seq: u64, counter: u64, padded: &[u8]) {
        let sealed = key().seal([counter as u8; 24], MemberId(ANA), Counter(counter), padded).unwrap();
        self.message(seq, ANA, counter, &sealed);
    }

    fn message(&mut self, seq: u64, sender: u32, counter: u64, sealed: &[u8]) {
        let (seq, sender, counter) = (Seq(seq), MemberId(sender), Counter(counter));
        self.frame(ServerFrame::Message { seq, sender, counter, sealed });
    }

    /// Lets the time pass that the session asked for.
    fn wake(&mut self) {
        self.env.now += self.wake.take().expect("the session waits for a time");
        self.input(Input::Woken);
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Post(path, body) => self.posted.push((path, serde_json::from_slice(&body).unwrap())),
                Output::Stretch(..) => {}
                Output::Connect => self.connects += 1,
                Output::Send(frame) => self.sent.push(frame),
                Output::Disconnect => self.disconnects += 1,
                Output::Wake(ms) => self.wake = Some(ms),
                Output::Show(view) => self.shown.push(serde_json::to_value(view).unwrap()),
            }
        }
    }

    /// What was shown of this type since the last look.
    fn take(&mut self, kind: &str) -> Vec<Value> {
        let (taken, rest) = core::mem::take(&mut self.shown).into_iter().partition(|view| view["type"] == kind);
        self.shown = rest;
        taken
    }

    fn messages_sent(&mut self) -> Vec<(Counter, Vec<u8>)> {
        let frames = core::mem::take(&mut self.sent);
        let message = |bytes: &Vec<u8>| match ClientFrame::parse(bytes).unwrap() {
            ClientFrame::Message { counter, sealed } => Some((counter, sealed.to_vec())),
            _ => None,
        };
        frames.iter().filter_map(message).collect()
    }
}

fn key() -> MessageKey {
    MessageKey::new(RoomSecret::extract(b"", Stretched::from([9; 32])).message_key(ROOM))
}

fn text(text: &str) -> Zeroizing<Vec<u8>> {
    crate::content::Content::text(text).unwrap().to_padded()
}

#[test]
fn the_way_in() {
    let scene = Scene::new(Intent::Join);
    assert_eq!(scene.posted, [(door::SALT, json!({ "room": "Book club" }))]);
    let scene = Scene::inside();
    let (path, body) = scene.posted.last().unwrap();
    let verifier = RoomSecret::extract(b"", Stretched::from([9; 32])).verifier(&"Book club".parse().unwrap());
    assert_eq!(
        (*path, body),
        (door::JOIN, &json!({ "room": "Book club", "user": "Bo", "verifier": verifier.to_text() }))
    );
    assert_eq!(scene.connects, 1);
    let ClientFrame::Hello(hello) = ClientFrame::parse(&scene.sent[0]).unwrap() else { panic!("a hello first") };
    assert_eq!((hello.room_id, hello.member_id, hello.verifier), (ROOM, MemberId(ME), None));
}

#[test]
fn a_creator_insists_on_its_own_room_id() {
    let mut scene = Scene::new(Intent::Create);
    scene.answer(200, &json!({ "salt": Token::from([1; 32]).to_text(), "build": "b" }));
    scene.input(Input::Stretched(Stretched::from([9; 32])));
    let (path, body) = scene.posted.last().unwrap().clone();
    assert_eq!(path, door::CREATE);
    let token = Token::from([5; 32]).to_text();
    assert_ne!(body["room_id"], json!(ROOM));
    scene.answer(200, &json!({ "room_id": ROOM, "member_id": 1, "token": token }));
    assert_eq!(scene.take("refused")[0]["code"], "internal");
    assert_eq!(scene.connects, 0);
}

#[test]
fn what_the_door_says_reaches_the_right_field() {
    for (refusal, field) in [
        (Refusal::UserNameTaken, json!("user")),
        (Refusal::WrongCredentials, json!("password")),
        (Refusal::RoomNameTaken, json!("room")),
        (Refusal::TooManyRequests, Value::Null),
    ] {
        let mut scene = Scene::new(Intent::Join);
        scene.answer(refusal.status(), &json!({ "error": refusal.code(), "message": "other words" }));
        let refused = scene.take("refused").remove(0);
        assert_eq!(
            refused,
            json!({ "type": "refused", "code": refusal.code(), "words": refusal.words(), "field": field })
        );
    }
    // A proxy's page, and a salt that is none.
    for (status, body) in [(502, "<html>"), (200, "{}"), (404, "")] {
        let mut scene = Scene::new(Intent::Join);
        scene.input(Input::Answered { status, body: body.as_bytes() });
        assert_eq!(scene.take("refused")[0]["code"], "internal", "{status}");
    }
}

#[test]
fn what_does_not_open_is_never_shown_as_text() {
    let mut scene = Scene::inside();
    scene.message(11, ANA, 4, b"plain words");
    let sealed = key().seal([1; 24], MemberId(ME), Counter(5), &text("as if by Ana")).unwrap();
    scene.message(12, ANA, 5, &sealed);
    let mut kind = b"\x01\x77later".to_vec();
    crate::padding::pad(&mut kind);
    scene.ana_sends(13, 6, &kind);
    let mut not_utf8 = b"\x01\x01\xff".to_vec();
    crate::padding::pad(&mut not_utf8);
    scene.ana_sends(14, 7, &not_utf8);
    scene.ana_sends(15, 8, b"no padding");
    let why = scene.take("unreadable").iter().map(|view| view["why"].clone()).collect::<Vec<_>>();
    assert_eq!(why, ["sealed", "sealed", "kind", "sealed", "sealed"]);
    scene.ana_sends(16, 9, &text("fine"));
    let heard = scene.take("message");
    assert_eq!((heard.len(), &heard[0]["text"], &heard[0]["name"]), (1, &json!("fine"), &json!("Ana")));
    assert!(scene.take("missed").is_empty(), "what was unreadable is not missing too");
    assert_eq!(scene.disconnects, 0);
}

#[test]
fn gaps_and_replays_are_shown() {
    let mut scene = Scene::inside();
    scene.ana_sends(11, 4, &text("four"));
    scene.ana_sends(12, 7, &text("seven"));
    scene.ana_sends(13, 7, &text("seven"));
    scene.ana_sends(14, 5, &text("five"));
    let missed = scene.take("missed");
    assert_eq!((missed.len(), &missed[0]["count"]), (1, &json!(2)));
    let why = scene.take("unreadable").iter().map(|view| view["why"].clone()).collect::<Vec<_>>();
    assert_eq!(why, ["replayed", "replayed"]);
    assert_eq!(scene.take("message").len(), 2);
}

#[test]
fn who_leaves_leaves_no_message_unnoticed() {
    let mut scene = Scene::inside();
    let counter = Counter(5);
    scene.frame(ServerFrame::Left { seq: Seq(11), member_id: MemberId(ANA), departure: Departure::Lost, counter });
    assert_eq!(scene.take("missed")[0]["count"], 2);
    assert_eq!(scene.take("left")[0]["lost"], true);
}

#[test]
fn a_server_out_of_order_is_not_followed() {
    let person = |name: &str| name.parse::<UserName>().unwrap();
    let sealed = key().seal([1; 24], MemberId(ME), Counter(1), &text("x")).unwrap();
    let frames: Vec<(&str, ServerFrame<'_>)> = vec![
        ("a hole", ServerFrame::Presence { seq: Seq(12), member_id: MemberId(ANA), connected: false }),
        ("a repetition", ServerFrame::Presence { seq: Seq(10), member_id: MemberId(ANA), connected: false }),
        (
            "a stranger's message",
            ServerFrame::Message { seq: Seq(11), sender: MemberId(9), counter: Counter(1), sealed: b"x" },
        ),
        (
            "one's own",
            ServerFrame::Message { seq: Seq(11), sender: MemberId(ME), counter: Counter(1), sealed: &sealed },
        ),
        ("a second Ana", ServerFrame::Entered { seq: Seq(11), member_id: MemberId(ANA), name: person("Ana") }),
        (
            "a stranger leaves",
            ServerFrame::Left { seq: Seq(11), member_id: MemberId(9), departure: Departure::Left, counter: Counter(3) },
        ),
        ("a second welcome", ServerFrame::Welcome(Welcome { seq: Seq(11), people: vec![] })),
    ];
    for (what, frame) in frames {
        let mut scene = Scene::inside();
        scene.frame(frame);
        assert_eq!(scene.disconnects, 1, "{what}");
        assert_eq!(scene.take("connection").last().unwrap()["state"], "waiting", "{what}");
        assert!(scene.take("message").is_empty() && scene.take("entered").is_empty(), "{what}");
    }
    // Who left does not come back under its number, with its messages, by one frame or by a welcome; nor does
    // anybody get another name.
    let left =
        ServerFrame::Left { seq: Seq(11), member_id: MemberId(ANA), departure: Departure::Left, counter: Counter(3) };
    let mut scene = Scene::inside();
    scene.frame(left.clone());
    scene.frame(ServerFrame::Entered { seq: Seq(12), member_id: MemberId(ANA), name: person("Ana") });
    assert_eq!(scene.disconnects, 1);
    let mut scene = Scene::inside();
    scene.frame(left);
    scene.input(Input::Closed(1006));
    scene.wake();
    scene.welcome(20, 3, 0);
    assert_eq!(scene.disconnects, 1);
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    scene.wake();
    let known =
        |id, name: &str| Person { member_id: MemberId(id), name: person(name), counter: Counter(3), connected: true };
    let people = vec![known(ANA, "Anna"), known(ME, "Bo")];
    scene.frame(ServerFrame::Welcome(Welcome { seq: Seq(20), people }));
    assert_eq!(scene.disconnects, 1);

    let mut scene = Scene::inside();
    scene.input(Input::Received(b"\x01\xffgarbage"));
    assert_eq!(scene.disconnects, 1);
    scene.input(Input::Received(b"\x02"));
    assert_eq!(scene.take("ended")[0]["words"], CloseCode::UnknownVersion.words());
}

#[test]
fn what_was_not_accepted_goes_out_again_sealed_anew() {
    let mut scene = Scene::inside();
    scene.input(Input::Say("one"));
    scene.input(Input::Say("two"));
    let first = scene.messages_sent();
    assert_eq!(first.iter().map(|(counter, _)| counter.0).collect::<Vec<_>>(), [1, 2]);
    scene.frame(ServerFrame::Accepted { seq: Seq(11), counter: Counter(1) });
    assert_eq!(scene.take("accepted")[0]["counter"], 1);

    scene.input(Input::Closed(1006));
    scene.input(Input::Say("three"));
    assert!(scene.messages_sent().is_empty());
    scene.wake();
    scene.input(Input::Opened);
    scene.welcome(20, 5, 1);
    let again = scene.messages_sent();
    assert_eq!(again.iter().map(|(counter, _)| counter.0).collect::<Vec<_>>(), [2, 3]);
    assert_ne!(again[0].1, first[1].1, "another nonce");
    assert_eq!(scene.take("missed")[0]["count"], 2, "Ana's fourth and fifth");
    // The welcome can say that a message was taken whose answer was lost.
    scene.input(Input::Closed(1006));
    scene.wake();
    scene.input(Input::Opened);
    scene.welcome(22, 5, 3);
    assert!(scene.messages_sent().is_empty());
    assert_eq!(scene.take("accepted").len(), 2);
}

#[test]
fn texts_out_of_bounds_are_handed_back() {
    let mut scene = Scene::inside();
    for text in [String::new(), "x".repeat(limits::TEXT_CHARS + 1)] {
        scene.input(Input::Say(&text));
        let rejected = scene.take("rejected").remove(0);
        assert_eq!(rejected["text"], json!(text));
        assert_eq!(rejected["words"], "A message has 1 to 10,000 characters. Shorten it, or send it in parts.");
    }
    scene.input(Input::Closed(1006));
    for _ in 0..limits::UNSENT_MESSAGES {
        scene.input(Input::Say("x"));
    }
    assert!(scene.take("rejected").is_empty());
    scene.input(Input::Say("one too many"));
    let rejected = scene.take("rejected").remove(0);
    assert_eq!(rejected["words"], "Too many messages are waiting to be sent. Wait until the connection is back.");
}

#[test]
fn waits_grow_with_jitter_and_the_network_shortens_them() {
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    let mut full = 500;
    for _ in 0..8 {
        let wait = scene.take("connection").last().unwrap()["retry_in_ms"].as_u64().unwrap();
        assert!(wait >= full / 2 && wait <= full, "{wait} of {full}");
        full = (full * 2).min(15_000);
        scene.wake();
        scene.input(Input::Closed(1006));
    }
    let connects = scene.connects;
    scene.input(Input::Network(false));
    assert_eq!(scene.connects, connects);
    scene.input(Input::Network(true));
    assert_eq!(scene.connects, connects + 1, "at once");
    scene.input(Input::Network(true));
    assert_eq!(scene.connects, connects + 1, "one attempt at a time");
}

#[test]
fn silence_ends_a_connection_and_doubt_ends_it_sooner() {
    let mut scene = Scene::inside();
    let started = scene.env.now;
    while scene.disconnects == 0 {
        scene.wake();
    }
    assert_eq!(scene.env.now - started, 30_000);
    assert!(scene.sent.iter().any(|frame| *frame == ClientFrame::Ping.to_bytes()), "it asked before");

    let mut scene = Scene::inside();
    scene.sent.clear();
    scene.input(Input::Network(false));
    assert_eq!(scene.sent, [ClientFrame::Ping.to_bytes()]);
    scene.env.now += 1000;
    scene.frame(ServerFrame::Pong);
    scene.wake();
    assert_eq!(scene.disconnects, 0, "it answered");
    scene.input(Input::Network(false));
    scene.wake();
    assert_eq!(scene.disconnects, 1);
}

#[test]
fn close_codes() {
    for code in CloseCode::ALL {
        let mut scene = Scene::inside();
        scene.input(Input::Closed(code.number()));
        assert_eq!(scene.take("ended").len(), usize::from(!code.reconnect()), "{code:?}");
        scene.sent.clear();
        if code.reconnect() {
            scene.wake();
            scene.input(Input::Opened);
            let ClientFrame::Hello(hello) = ClientFrame::parse(&scene.sent[0]).unwrap() else { panic!("a hello") };
            assert_eq!(hello.verifier.is_some(), *code == CloseCode::AddressChanged, "{code:?}");
        }
    }
}

#[test]
fn leaving_goes_by_socket_or_by_door() {
    let mut scene = Scene::inside();
    scene.input(Input::Leave);
    assert_eq!(scene.sent.last().unwrap(), &ClientFrame::Leave.to_bytes());
    assert_eq!(scene.take("ended")[0]["code"], "left");
    let mut scene = Scene::inside();
    scene.input(Input::Closed(1006));
    scene.input(Input::Leave);
    let (path, body) = scene.posted.last().unwrap();
    let token = Token::from([5; 32]).to_text();
    assert_eq!((*path, body), (door::LEAVE, &json!({ "room_id": ROOM, "member_id": ME, "token": token })));
}

/// Whatever comes in whichever order: nothing panics, and after the end nothing happens.
#[test]
fn any_order_of_inputs() {
    let welcome = ServerFrame::Welcome(Welcome { seq: Seq(1), people: vec![] }).to_bytes();
    for first in 0..12 {
        for second in 0..12 {
            let mut scene = if first % 2 == 0 { Scene::inside() } else { Scene::new(Intent::Join) };
            for which in [first, second, second, first] {
                scene.input(match which {
                    0 => Input::Stretched(Stretched::from([9; 32])),
                    1 => Input::NotStretched("code", "words"),
                    2 => Input::Answered { status: 200, body: b"{}" },
                    3 => Input::Unanswered,
                    4 => Input::Opened,
                    5 => Input::Received(&welcome),
                    6 => Input::Closed(1006),
                    7 => Input::Woken,
                    8 => Input::Say("x"),
                    9 => Input::Leave,
                    10 => Input::Network(true),
                    _ => Input::Received(b""),
                });
            }
        }
    }
}
