//! From the form to the socket.

use serde_json::{Value, json};
use wire::{MemberId, Seq, Token, door};

use super::{super::*, scene::*};

#[test]
fn the_way_in() {
    let scene = Scene::new(Intent::Join);
    assert_eq!(scene.posted, [(door::SALT, json!({ "room": "Book club" }))]);
    let mut scene = Scene::greeting();
    let verifier = secret().verifier(&"Book club".parse().unwrap()).to_text();
    assert_eq!(scene.posted[1], (door::JOIN, json!({ "room": "Book club", "user": "Bo", "verifier": verifier })));
    assert_eq!(scene.connects, 1);
    let hello = scene.hellos().remove(0);
    assert_eq!((hello.room_id, hello.member_id, hello.seq, hello.verifier), (ROOM, MemberId(ME), Seq(0), None));
    assert_eq!(scene.each("progress", "stage"), ["deriving", "entering", "connecting"]);
    assert_eq!(scene.take("admitted"), [json!({ "type": "admitted", "room": "Book club", "user": "Bo" })]);
    let token = Token::from([5; 32]).to_text();
    let farewell = json!({ "room_id": ROOM, "member_id": ME, "token": token });
    assert_eq!(scene.farewell, Some((door::LEAVE, farewell)));
}

#[test]
fn a_creator_insists_on_its_own_room_id() {
    let token = Token::from([5; 32]).to_text();
    for honest in [true, false] {
        let mut scene = Scene::new(Intent::Create);
        scene.answer(200, &json!({ "salt": Token::from([1; 32]).to_text(), "build": "b" }));
        scene.input(Input::Stretched(stretched()));
        let (path, body) = scene.posted.last().unwrap().clone();
        assert_eq!(path, door::CREATE);
        assert_ne!(body["room_id"], json!(ROOM));
        let room_id = if honest { body["room_id"].clone() } else { json!(ROOM) };
        scene.answer(200, &json!({ "room_id": room_id, "member_id": 1, "token": token }));
        assert_eq!(scene.connects, usize::from(honest));
        assert_eq!(scene.each("refused", "code"), if honest { vec![] } else { vec![json!("internal")] });
    }
}

#[test]
fn a_pass_is_shown_at_the_door() {
    for with in [true, false] {
        let mut scene = Scene::new(Intent::Join);
        if with {
            scene.session.bring(Pass::from_text("abc".to_owned().into()).unwrap());
        }
        scene.answer(200, &json!({ "salt": Token::from([1; 32]).to_text(), "build": "b" }));
        scene.input(Input::Stretched(stretched()));
        let (path, body) = scene.posted.last().unwrap();
        let pass = body.get("pass").cloned();
        assert_eq!((*path, pass), (door::JOIN, with.then(|| json!("abc"))));
    }
}

#[test]
fn what_the_door_says_reaches_the_right_field() {
    for (refusal, field, wait) in [
        (Refusal::UserNameTaken, json!("user"), Value::Null),
        (Refusal::WrongCredentials, json!("password"), Value::Null),
        (Refusal::RoomNameTaken, json!("room"), Value::Null),
        (Refusal::PassWanted, Value::Null, Value::Null),
        (Refusal::TooManyRequests, Value::Null, json!(3)),
        (Refusal::LockedOut, Value::Null, json!(660)),
    ] {
        let mut scene = Scene::new(Intent::Join);
        let said = json!({ "error": refusal.code(), "message": "other words", "retry_after": wait });
        scene.answer(refusal.status(), &said);
        let refused = scene.take("refused").remove(0);
        let (code, words) = (refusal.code(), refusal.words());
        assert_eq!(refused, json!({ "type": "refused", "code": code, "words": words, "field": field, "wait": wait }));
    }
    // A proxy's page, and a salt that is none.
    for (status, body) in [(502, "<html>"), (200, "{}"), (404, "")] {
        let mut scene = Scene::new(Intent::Join);
        scene.input(Input::Answered { status, body: body.as_bytes() });
        assert_eq!(scene.each("refused", "code"), ["internal"], "{status}");
    }
}

#[test]
fn names_that_are_none_go_nowhere() {
    for (room, user, code) in [("", "Bo", "bad_room_name"), ("Book club", ".", "bad_user_name")] {
        let mut scene = Scene::new(Intent::Join);
        scene.session = Session::new(Intent::Join, room, user, "", seed_of(0));
        scene.posted.clear();
        scene.input(Input::Answered { status: 200, body: b"{}" });
        assert_eq!(scene.each("refused", "code"), [code]);
        assert!(scene.posted.is_empty());
    }
}

#[test]
fn a_page_of_another_build_is_told_to_reload() {
    let mut scene = Scene::new(Intent::Join);
    scene.session = Session::new(Intent::Join, "Book club", "Bo", "mine", seed_of(0));
    scene.answer(200, &json!({ "salt": Token::from([1; 32]).to_text(), "build": "another" }));
    assert_eq!(scene.each("refused", "code"), ["stale"]);
}

#[test]
fn the_way_in_can_fail_and_be_left() {
    let mut scene = Scene::new(Intent::Join);
    scene.input(Input::Unanswered);
    assert_eq!(scene.each("refused", "code"), ["unreachable"]);
    let mut scene = Scene::new(Intent::Join);
    scene.input(Input::NotStretched("no_memory", "words"));
    assert_eq!(scene.take("refused")[0]["field"], "password");
    let mut scene = Scene::new(Intent::Join);
    scene.input(Input::Leave);
    assert_eq!(scene.each("ended", "code"), ["left"]);
    scene.input(Input::Stretched(stretched()));
    assert_eq!(scene.posted.len(), 1, "nothing after the end");
}
